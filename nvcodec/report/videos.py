"""Videos to compare: what PyAV reads and .nvst files, as streams of frames whose times are known beforehand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import torch

from nvcodec.bitstream import Limits, NvstReader
from nvcodec.bitstream.parts import bytes_of_tracks
from nvcodec.decoder.chunks import StoredChunks
from nvcodec.decoder.decoding import decoded_frames
from nvcodec.video.format import VideoFormat
from nvcodec.video.frame import Frame
from nvcodec.video.selection import Selection
from nvcodec.video.size import video_bytes
from nvcodec.video.source import VideoSource, open_source

NVST_SUFFIX = ".nvst"


@dataclass(frozen=True)
class VideoFacts:
    """What is known of a video before it is compared.

    Attributes:
        name: what the user called it.
        format: of its frames.
        times: seconds when its frames begin, increasing.
        duration_s: from the first frame's beginning to the last frame's end.
        num_bytes: without sound, subtitles and attachments; None if unknown.
    """

    name: str
    format: VideoFormat
    times: tuple[float, ...]
    duration_s: float
    num_bytes: int | None


class ComparedVideo(Protocol):
    """A video that can be read from the start as often as needed."""

    @property
    def facts(self) -> VideoFacts:
        """What is known beforehand."""
        ...

    def frames(self) -> Iterator[Frame]:
        """All of its frames, in order."""
        ...


@dataclass(frozen=True)
class SourceVideo:
    """A video that PyAV, or one of our own readers, reads; :func:`open_source_video` makes one.

    Attributes:
        path: see ``open_source``.
        selection: frames wanted.
        crop, deinterlace: as it was encoded, see ``open_source``.
        scale: size to scale to, as "WxH"; None: its own.
        facts: of the frames that are wanted, in that size.
        average_rate: frames per second.
    """

    path: str
    selection: Selection
    crop: str | None
    deinterlace: bool
    scale: str | None
    facts: VideoFacts
    average_rate: Fraction

    def frames(self) -> Iterator[Frame]:
        """All selected frames."""
        with _open(self.path, self.selection, self.crop, self.deinterlace, self.scale) as source:
            yield from source

    def scaled(self, width: int, height: int) -> SourceVideo:
        """The same frames in another size, scaled as ``nvenc --scale`` does."""
        scale = f"{width}x{height}"
        with _open(self.path, self.selection, self.crop, self.deinterlace, scale) as source:
            return replace(self, scale=scale, facts=replace(self.facts, format=source.format))


def open_source_video(
    path: str, selection: Selection | None = None, *, crop: str | None = None, deinterlace: bool = False
) -> SourceVideo:
    """Read a video once, for its times.

    Args:
        path: see ``open_source``.
        selection: frames wanted; None for all.
        crop, deinterlace: as it was encoded, see ``open_source``.

    Raises:
        InputError: it cannot be read, or no frame is selected.
        ConfigError: a range that means nothing.
    """
    selection = selection or Selection()
    with _open(path, selection, crop, deinterlace, None) as source:
        times, end = [], 0
        for frame in source:
            times.append(float(frame.pts * source.time_base))
            end = frame.pts + frame.duration
        duration = float(end * source.time_base) - times[0]
        facts = VideoFacts(path, source.format, tuple(times), duration, video_bytes(path))
        return SourceVideo(path, selection, crop, deinterlace, None, facts, source.average_rate)


def _open(path: str, selection: Selection, crop: str | None, deinterlace: bool, scale: str | None) -> VideoSource:
    return open_source(
        path,
        frames=(selection.first_frame, selection.end_frame),
        start_s=selection.start_s,
        end_s=selection.end_s,
        crop=crop,
        deinterlace=deinterlace,
        scale=scale,
    )


class NvstVideo:
    """A .nvst file.

    Args:
        path: path or address.
        device: where to reconstruct.
        limits: what it may ask for; None for the defaults.

    Raises:
        InputError: it cannot be read.
        BitstreamError: it is refused, or holds no frame.
    """

    def __init__(self, path: str, device: torch.device, limits: Limits | None = None) -> None:
        self._path = path
        self._device = device
        self._limits = limits
        with NvstReader(path, limits) as reader:
            StoredChunks(reader, Selection())
            time_base = reader.header.time_base
            pts = [
                int(value)
                for window_idx, window in enumerate(reader.windows)
                for chunk_idx in range(len(window.chunks))
                for value in reader.chunk_pts(window_idx, chunk_idx)
            ]
            duration = float((reader.windows[-1].chunks[-1].end_pts - pts[0]) * time_base)
            times = tuple(float(value * time_base) for value in pts)
            num_bytes = reader.file_bytes - bytes_of_tracks(reader)
            self.facts = VideoFacts(path, reader.header.format, times, duration, num_bytes)

    def frames(self, selection: Selection | None = None) -> Iterator[Frame]:
        """All frames, or some."""
        with NvstReader(self._path, self._limits) as reader:
            chunks = StoredChunks(reader, selection or Selection())
            yield from decoded_frames(chunks, reader.header.format, self._device, False)


def open_compared(path: str | Path, device: torch.device, limits: Limits | None = None) -> ComparedVideo:
    """Open a .nvst file, which its name ends with, or any other video.

    Raises:
        InputError: it cannot be read.
        BitstreamError: it is refused.
    """
    if str(path).endswith(NVST_SUFFIX):
        return NvstVideo(str(path), device, limits)
    return open_source_video(str(path))
