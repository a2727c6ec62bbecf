"""What a vector is made of: small records from which streams are built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from nvcodec.bitstream import MaskGranularity
from nvcodec.bitstream.network_spec import NetworkSpec
from nvcodec.video.format import ChromaSubsampling, ColorRange, VideoFormat
from tools.vectors.sections import TableMaker, explicit_table

FORMAT = VideoFormat(12, 11, chroma_subsampling=ChromaSubsampling.YUV420, color_range=ColorRange.FULL)


@dataclass(frozen=True)
class WindowRecipe:
    """One window of random symbols.

    Attributes:
        network, granularity, lengths: as in the window header.
        shared_pct: how many percent of the units are shared, by chance; 0 and 100 are exact.
        spread: size of the symbols; from 128 on they are wide.
        is_constant: all shared symbols are ``spread`` and all own ones ``-spread``.
        gain: how much larger than usual the weights of the head are, in eighths of an octave.
        make_table, is_table_shared: of the sections of parameters and embeddings.
        first_pts: of the window's first frame; None: ``gap`` behind the window before.
        gap: units of time between chunks.
        duration: of all frames; 0: random ones.
        time: time_offset and time_length.
        level_idx: as in the window header.
        shifts: smallest and largest own_step_shift.
        embedding_range: largest magnitude of the first frame's embeddings and of the later ones' changes.
        motion: how many times larger than the other channels of the embeddings motion is.
    """

    network: NetworkSpec
    granularity: MaskGranularity = MaskGranularity.KERNEL
    lengths: tuple[int, ...] = (2, 1)
    shared_pct: int = 50
    spread: int = 20
    is_constant: bool = False
    gain: int = 0
    make_table: TableMaker = explicit_table
    is_table_shared: bool = False
    first_pts: int | None = 0
    gap: int = 0
    duration: int = 40
    time: tuple[int, int] = (0, 0)
    level_idx: int = 0
    shifts: tuple[int, int] = (-2, 1)
    embedding_range: tuple[int, int] = (100, 40)
    motion: int = 1


@dataclass(frozen=True)
class StreamRecipe:
    """One file.

    Attributes:
        windows: in order.
        format, time_base, num_source_frames: of the stream header.
        seed: of all random numbers.
        metadata: payload of the meta box, None for no box.
        tracks, chapters: payloads of the trak and the chap box, None for no box.
        packets: payloads of the pkts boxes in front of a window, by its number.
        is_complete: as in the index.
        has_front_index: with an indx box.
        extra: payloads of boxes of type ``note`` by the number of the part before which they stand: 0 for the first
            window, 1 for the second, and so on; the number of windows for INDX.
        extra_types: their types, where others.
        compatible_flags: of the file header.
    """

    windows: tuple[WindowRecipe, ...] = ()
    format: VideoFormat = FORMAT
    time_base: Fraction = Fraction(1, 1000)
    num_source_frames: int = 0
    seed: int = 0
    metadata: bytes | None = None
    tracks: bytes | None = None
    chapters: bytes | None = None
    packets: Mapping[int, tuple[bytes, ...]] = field(default_factory=dict)
    is_complete: bool = True
    has_front_index: bool = False
    extra: Mapping[int, bytes] = field(default_factory=dict)
    extra_types: Mapping[int, bytes] = field(default_factory=dict)
    compatible_flags: int = 0
