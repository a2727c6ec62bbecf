"""What a .nvst file says of its video, after torchcodec's ``VideoStreamMetadata``."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from fractions import Fraction

from nvcodec.bitstream import NvstReader


@dataclass(frozen=True, repr=False)
class VideoStreamMetadata:
    """A video stream. The names that torchcodec has mean what they mean there.

    Attributes:
        codec: ``nvst``.
        width: of the frames, in pixels.
        height: of the frames, in pixels.
        pixel_aspect_ratio: width of a pixel relative to its height; None where unknown.
        bit_depth: bits per sample of the source: 8, 10 or 12.
        num_frames: frames in the file.
        average_fps: frames per second.
        begin_stream_seconds: when the first frame is shown.
        end_stream_seconds: when the last frame ends.
        duration_seconds: from the one to the other.
        bit_rate: bits per second of all the file.
        num_windows: windows in the file.
        num_chunks: chunks in the file.
        is_complete: the file has all frames of its source.
    """

    codec: str
    width: int
    height: int
    pixel_aspect_ratio: Fraction | None
    bit_depth: int
    num_frames: int
    average_fps: float
    begin_stream_seconds: float
    end_stream_seconds: float
    duration_seconds: float
    bit_rate: float
    num_windows: int
    num_chunks: int
    is_complete: bool

    def __repr__(self) -> str:
        """One attribute a line, as torchcodec prints it."""
        lines = [f"  {field.name}: {getattr(self, field.name)}" for field in dataclasses.fields(self)]
        return "\n".join([f"{type(self).__name__}:", *lines]) + "\n"


def stream_metadata(reader: NvstReader) -> VideoStreamMetadata:
    """Metadata of an opened file, from its header and its index."""
    header, chunks = reader.header, reader.index.chunks
    begin_pts = chunks[0].first_pts if chunks else 0
    end_pts = chunks[-1].end_pts if chunks else 0
    duration = (end_pts - begin_pts) * Fraction(header.time_base)
    aspect = Fraction(header.format.sample_aspect_num, header.format.sample_aspect_den)
    return VideoStreamMetadata(
        codec="nvst",
        width=header.format.width,
        height=header.format.height,
        pixel_aspect_ratio=aspect or None,
        bit_depth=header.format.bit_depth,
        num_frames=reader.num_frames,
        average_fps=float(reader.num_frames / duration) if duration else 0.0,
        begin_stream_seconds=float(begin_pts * header.time_base),
        end_stream_seconds=float(end_pts * header.time_base),
        duration_seconds=float(duration),
        bit_rate=float(reader.file_bytes * 8 / duration) if duration else 0.0,
        num_windows=len(reader.windows),
        num_chunks=len(chunks),
        is_complete=reader.is_complete,
    )
