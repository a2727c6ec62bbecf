"""Small valid files, and surgery on them with checksums mended."""

from __future__ import annotations

import dataclasses
import io
import zlib
from collections.abc import Callable
from fractions import Fraction

import numpy as np

from nvcodec.bitstream import (
    ChunkContent,
    MaskGranularity,
    NvstReader,
    NvstWriter,
    StreamHeader,
    WindowContent,
    WindowHeader,
    unit_indices,
)
from nvcodec.bitstream.boxes import pack_box
from nvcodec.bitstream.fields import Cursor, Field, Record
from nvcodec.bitstream.headers import BOX_HEADER, FILE_HEADER, BoxType
from nvcodec.bitstream.network_spec import Backbone, NetworkSpec, Stage
from nvcodec.video.format import VideoFormat
from nvcodec.video.tracks import Chapter, Packet, Track, TrackKind

HNERV = NetworkSpec(Backbone.HNERV, 1, 2, 3, (Stage(2, 1, 2), Stage(2, 3, 2)), 3, embedding_channels=2)
NERV = NetworkSpec(Backbone.NERV, 2, 4, 2, (Stage(2, 3, 2),), 1, pe_levels=3, stem_width=4)
ENERV = NetworkSpec(
    Backbone.ENERV,
    2,
    3,
    4,
    (Stage(2, 3, 5), Stage(2, 3, 2)),
    1,
    pe_levels=2,
    stem_width=3,
    token_width=4,
    modulation_width=3,
    feedforward_width=5,
)
VAST = NetworkSpec(Backbone.VAST, 1, 2, 3, (Stage(2, 3, 2), Stage(1, 1, 2, 2)), 3, num_outputs=6, embedding_channels=2)
TEXTURE = dataclasses.replace(VAST, embedding_channels=4, texture_channels=2, texture_margin=1)
STREAM = StreamHeader(VideoFormat(8, 4), Fraction(1, 25), 0)
AUDIO = Track(TrackKind.AUDIO, "opus", Fraction(1, 48000), b"OpusHead", 48000, "stereo", 312, "deu", "Ton ä", 1)
SUBTITLE = Track(TrackKind.SUBTITLE, "subrip", Fraction(1, 1000), language="eng")
CHAPTERS = (Chapter(-5, 10, "one"), Chapter(10, 10, ""), Chapter(10, 30, "drei ä"))


def make_window(
    window_idx: int = 0,
    first_frame: int = 0,
    lengths: tuple[int, ...] = (2, 1),
    network: NetworkSpec = HNERV,
    granularity: MaskGranularity = MaskGranularity.KERNEL,
    seed: int = 0,
    kappa: float = 0.5,
    spread: float = 3.0,
) -> tuple[WindowContent, list[ChunkContent]]:
    rng = np.random.default_rng(seed)
    num_tensors = len(network.layout)
    units = unit_indices(network, granularity)
    mask = (rng.random(units.max() + 1) < kappa)[units]
    steps = tuple(int(step) for step in rng.integers(0, 256, num_tensors))
    header = WindowHeader(window_idx, first_frame, lengths, network, granularity, steps)
    num_own = int(np.count_nonzero(~mask))
    chunks = []
    for chunk_idx, length in enumerate(lengths):
        start = 10 * first_frame + 10 * sum(lengths[:chunk_idx])
        shifts = tuple(int(shift) for shift in rng.integers(-16, 17, num_tensors))
        embeddings = symbols(rng, (length, *network.embedding_shape), spread) if network.has_embedding else None
        pts = start + 10 * np.arange(length, dtype=np.int64)
        durations = np.full(length, 10, np.int64)
        own = symbols(rng, (num_own,), spread)
        step = 7 if network.has_embedding else 0
        chunks.append(ChunkContent(chunk_idx, pts, durations, shifts, own, step, embeddings))
    return WindowContent(header, mask, symbols(rng, (mask.size - num_own,), spread)), chunks


def symbols(rng: np.random.Generator, shape: tuple[int, ...], spread: float) -> np.ndarray:
    return np.clip(np.rint(rng.normal(0, spread, shape)), -127, 127).astype(np.int32)


def make_file(
    windows: list[tuple[WindowContent, list[ChunkContent]]],
    metadata: dict[str, str] | None = None,
    is_complete: bool = True,
    is_finished: bool = True,
    stream: StreamHeader = STREAM,
) -> bytes:
    file = io.BytesIO()
    writer = NvstWriter(file, stream)
    if metadata is not None:
        writer.write_metadata(metadata)
    for window, chunks in windows:
        writer.write_window(window, chunks)
    if is_finished:
        writer.finish(is_complete)
    return file.getvalue()


def packets_of(window_idx: int) -> list[Packet]:
    start = 1920 * 30 * window_idx
    sound = [Packet(0, start + 960 * idx, 960, bytes([idx, window_idx])) for idx in range(5)]
    return [*sound, Packet(1, 1200 * window_idx, 700, b"text", is_key=False)]


def file_with_tracks(num_windows: int = 2) -> bytes:
    file = io.BytesIO()
    writer = NvstWriter(file, STREAM)
    writer.write_metadata({"title": "x"})
    writer.write_tracks([AUDIO, SUBTITLE], CHAPTERS)
    for window_idx in range(num_windows):
        writer.write_packets(packets_of(window_idx))
        writer.write_window(*make_window(window_idx, 3 * window_idx))
    writer.finish(True)
    return file.getvalue()


def three_windows() -> list[tuple[WindowContent, list[ChunkContent]]]:
    return [make_window(idx, 3 * idx, seed=idx) for idx in range(3)]


def open_bytes(data: bytes) -> NvstReader:
    return NvstReader(io.BytesIO(data))


def read_everything(data: bytes) -> None:
    with open_bytes(data) as reader:
        reader.verify()


def assert_same_window(left: WindowContent, right: WindowContent) -> None:
    assert left.header == right.header
    np.testing.assert_array_equal(left.mask, right.mask)
    np.testing.assert_array_equal(left.shared, right.shared)


def assert_same_chunk(left: ChunkContent, right: ChunkContent) -> None:
    for name in ("chunk_idx", "own_step_shift", "embedding_step_idx"):
        assert getattr(left, name) == getattr(right, name)
    for name in ("pts", "durations", "own", "embeddings"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name))


def box_positions(data: bytes) -> list[tuple[int, int, int]]:
    """(type, offset, total bytes) of every box of a sound file."""
    positions = []
    offset = FILE_HEADER.size
    while offset < len(data):
        values = BOX_HEADER.parse(Cursor(data[offset : offset + BOX_HEADER.size], "test"))
        size = BOX_HEADER.size + values["payload_bytes"]
        positions.append((values["type"], offset, size))
        offset += size
    return positions


def with_payload(data: bytes, box_type: BoxType, edit: Callable[[bytes], bytes], which: int = 0) -> bytes:
    """The file with one payload changed and its checksums mended."""
    _, offset, size = [position for position in box_positions(data) if position[0] == box_type][which]
    payload = edit(data[offset + BOX_HEADER.size : offset + size])
    sequence = int.from_bytes(data[offset + 12 : offset + 16], "little")
    return data[:offset] + pack_box(box_type, sequence, payload) + data[offset + size :]


def field_setter(record: Record, name: str, value: int, skip: int = 0) -> Callable[[bytes], bytes]:
    """An edit that overwrites one field of a record ``skip`` bytes into the payload."""
    start = skip
    for part in record.parts:
        assert isinstance(part, Field), "fields behind an array have no fixed position"
        if part.name == name:
            break
        start += part.dtype.itemsize
    size = part.dtype.itemsize
    coded = value.to_bytes(size, "little", signed=value < 0)
    return lambda payload: payload[:start] + coded + payload[start + size :]


def mend_file_header(data: bytes) -> bytes:
    body = data[: FILE_HEADER.size - 4]
    return body + zlib.crc32(body).to_bytes(4, "little") + data[FILE_HEADER.size :]
