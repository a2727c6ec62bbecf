"""Frames of a .nvst file by index or by time, after torchcodec's ``VideoDecoder``."""

from __future__ import annotations

import bisect
import os
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from nvcodec.bitstream import Limits, NvstReader, WindowContent
from nvcodec.bitstream.source import Readable, is_file_object
from nvcodec.decoder.device import resolve_device
from nvcodec.decoder.reconstruction import ChunkReconstructor
from nvcodec.errors import ConfigError


@dataclass(frozen=True)
class DecodedFrame:
    """One frame: ``data`` uint8 RGB (C, H, W) or (H, W, C), and when it is shown, in seconds."""

    data: Tensor
    pts_seconds: float
    duration_seconds: float


@dataclass(frozen=True)
class DecodedFrames:
    """N frames: ``data`` uint8 RGB (N, C, H, W) or (N, H, W, C); ``pts_seconds``, ``duration_seconds`` (N,) float64."""

    data: Tensor
    pts_seconds: Tensor
    duration_seconds: Tensor

    def __len__(self) -> int:
        """N."""
        return int(self.data.shape[0])

    def __getitem__(self, key: int) -> DecodedFrame:
        """One of the frames."""
        return DecodedFrame(self.data[key], float(self.pts_seconds[key]), float(self.duration_seconds[key]))


@dataclass(frozen=True)
class VideoMetadata:
    """What the file says of itself; times in seconds, ``bit_rate`` in bits per second of all the file.

    ``pixel_aspect_ratio`` is the width of a pixel over its height, None if unknown.
    """

    width: int
    height: int
    num_frames: int
    bit_depth: int
    pixel_aspect_ratio: Fraction | None
    average_fps: float
    begin_stream_seconds: float
    end_stream_seconds: float
    duration_seconds: float
    bit_rate: float
    num_windows: int
    num_chunks: int
    is_complete: bool
    codec: str = "nvst"


@dataclass(frozen=True)
class _ChunkPlace:
    window_idx: int
    chunk_idx: int
    first_frame: int


class VideoDecoder:
    """Random access to the frames of a .nvst file.

    Reads only the blocks that the asked frames need; keeps the last chunk's network. Safe to hand to other processes
    (``torch.utils.data.DataLoader`` workers): each opens the file for itself. Only a file object cannot be handed on.

    Args:
        source: path, ``http://`` or other address, bytes, or seekable binary file object (which stays open).
        dimension_order: ``NCHW`` or ``NHWC``, the order of the returned tensors.
        device: ``auto``, ``cpu`` or ``cuda``.
        fast: in bfloat16 where the device is faster with it; samples then differ a little (spec clause 13, "fast").
        limits: what a file may ask for; None for the defaults.

    Raises:
        InputError: the file cannot be read.
        BitstreamError: the file is refused.
        ConfigError: a decoder that reads from a file object was handed to another process.
        DeviceError: the device is missing.
        IndexError: a frame that is not there was asked for.
        ValueError: a time or range outside the video was asked for.
    """

    def __init__(
        self,
        source: Readable,
        *,
        dimension_order: str = "NCHW",
        device: str = "cpu",
        fast: bool = False,
        limits: Limits | None = None,
    ) -> None:
        if dimension_order not in ("NCHW", "NHWC"):
            raise ValueError(f"dimension_order is {dimension_order!r}, allowed are NCHW and NHWC")
        self._source = source
        self._limits = limits
        self._dimension_order = dimension_order
        resolve_device(device)  # a missing device is refused here; each process resolves the name for itself
        self._device = device
        self._fast = fast
        self._forget()
        reader = self._reader_here()
        self.metadata = _metadata(reader)
        self._time_base = reader.header.time_base
        self._format = reader.header.format
        self._chunks = [
            _ChunkPlace(window_idx, chunk_idx, chunk.first_frame)
            for window_idx, window in enumerate(reader.windows)
            for chunk_idx, chunk in enumerate(window.chunks)
        ]
        self._chunk_pts = [chunk.first_pts for window in reader.windows for chunk in window.chunks]

    def __len__(self) -> int:
        """Number of frames."""
        return self.metadata.num_frames

    def __iter__(self) -> Iterator[Tensor]:
        """Frames from first to last, as ``decoder[i]`` gives them."""
        for frame_idx in range(len(self)):
            yield self.get_frame_at(frame_idx).data

    def __getitem__(self, key: int | slice) -> Tensor:
        """``decoder[i]`` is one frame (C, H, W), ``decoder[a:b:c]`` is (N, C, H, W); uint8 RGB."""
        if isinstance(key, slice):
            return self.get_frames_at(range(*key.indices(len(self)))).data
        return self.get_frame_at(key).data

    def get_frame_at(self, index: int) -> DecodedFrame:
        """The frame at ``index``; negative counts from the end."""
        return self.get_frames_at([index])[0]

    def get_frames_at(self, indices: Sequence[int]) -> DecodedFrames:
        """The frames at ``indices``, in that order; negative counts from the end."""
        positions = [self._checked_index(index) for index in indices]
        data = torch.empty((len(positions), *self._frame_shape()), dtype=torch.uint8)
        pts = torch.empty(len(positions), dtype=torch.float64)
        durations = torch.empty(len(positions), dtype=torch.float64)
        for rows in self._rows_by_chunk(positions):
            chunk = self._chunk_of(positions[rows[0]])
            first_frame = self._place_of(positions[rows[0]]).first_frame
            for row in rows:
                position = positions[row] - first_frame
                data[row] = self._uint8(chunk, position)
                pts[row] = float(int(chunk.chunk.pts[position]) * self._time_base)
                durations[row] = float(int(chunk.chunk.durations[position]) * self._time_base)
        return DecodedFrames(data, pts, durations)

    def get_frames_in_range(self, start: int, stop: int, step: int = 1) -> DecodedFrames:
        """The frames ``start``, ``start + step``, … before ``stop``; ``0 <= start <= stop <= len``."""
        if not 0 <= start <= stop <= len(self) or step < 1:
            raise IndexError(f"range {start}:{stop}:{step} does not lie within the {len(self)} frames")
        return self.get_frames_at(range(start, stop, step))

    def get_frame_played_at(self, seconds: float) -> DecodedFrame:
        """The frame shown at ``seconds``, ``begin_stream_seconds <= seconds < end_stream_seconds``."""
        return self.get_frame_at(self._index_played_at(seconds))

    def get_frames_played_at(self, seconds: Sequence[float]) -> DecodedFrames:
        """The frames shown at each of ``seconds``."""
        return self.get_frames_at([self._index_played_at(moment) for moment in seconds])

    def get_frames_played_in_range(self, start_seconds: float, stop_seconds: float) -> DecodedFrames:
        """The frames shown at any time of ``start_seconds <= t < stop_seconds``."""
        if not start_seconds <= stop_seconds:
            raise ValueError(f"the range {start_seconds}..{stop_seconds} s is backwards")
        if start_seconds == stop_seconds:
            return self.get_frames_at([])
        first = self._index_played_at(start_seconds)
        if stop_seconds > self.metadata.end_stream_seconds:
            raise ValueError(self._outside(stop_seconds))
        last = len(self) - 1
        if stop_seconds < self.metadata.end_stream_seconds:
            last = self._index_played_at(stop_seconds)
            # The frame that starts at the very end of the range is not shown within it.
            last -= int(self._pts_seconds(last) >= stop_seconds)
        return self.get_frames_at(range(first, last + 1))

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the open file and the cached network, which belong to this process."""
        self._require_shareable()
        state = dict(self.__dict__)
        for name in ("_owner", "_reader", "_window", "_chunk"):
            state[name] = None
        return state

    def _forget(self) -> None:
        self._owner: int | None = None
        self._reader: NvstReader | None = None
        self._window: tuple[int, WindowContent] | None = None
        self._chunk: tuple[_ChunkPlace, ChunkReconstructor] | None = None

    def _checked_index(self, index: int) -> int:
        if not -len(self) <= index < len(self):
            raise IndexError(f"frame {index} does not exist, there are {len(self)}")
        return index % len(self)

    def _frame_shape(self) -> tuple[int, int, int]:
        height, width = self._format.height, self._format.width
        return (3, height, width) if self._dimension_order == "NCHW" else (height, width, 3)

    def _place_of(self, frame_idx: int) -> _ChunkPlace:
        return self._chunks[bisect.bisect_right(self._chunks, frame_idx, key=lambda place: place.first_frame) - 1]

    def _rows_by_chunk(self, positions: Sequence[int]) -> list[list[int]]:
        """Rows of ``positions`` that lie in the same chunk, so that no chunk loads twice."""
        rows_of: dict[_ChunkPlace, list[int]] = {}
        for row, position in enumerate(positions):
            rows_of.setdefault(self._place_of(position), []).append(row)
        return list(rows_of.values())

    def _chunk_of(self, frame_idx: int) -> ChunkReconstructor:
        reader = self._reader_here()
        place = self._place_of(frame_idx)
        if self._chunk is not None and self._chunk[0] == place:
            return self._chunk[1]
        if self._window is None or self._window[0] != place.window_idx:
            self._window = (place.window_idx, reader.read_window(place.window_idx))
        window = self._window[1]
        content = reader.read_chunk(place.window_idx, place.chunk_idx, window)
        chunk = ChunkReconstructor(window, content, self._format, resolve_device(self._device), fast=self._fast)
        self._chunk = (place, chunk)
        return chunk

    def _reader_here(self) -> NvstReader:
        """This process's reader, opened if there is none yet."""
        # A forked worker shares its parent's file offset or connection, so it must not read through the parent's.
        if self._owner != os.getpid() or self._reader is None:
            if self._owner is not None:
                self._require_shareable()
            self._forget()
            self._reader = NvstReader(self._source, self._limits)
            self._owner = os.getpid()
            weakref.finalize(self, self._reader.close)
        return self._reader

    def _require_shareable(self) -> None:
        if is_file_object(self._source):
            raise ConfigError("a file object cannot be read by another process; open a path, an address or bytes")

    def _uint8(self, chunk: ChunkReconstructor, position: int) -> Tensor:
        values = chunk.to_rgb(chunk.output(position))[0].clamp(0, 1)
        rgb = (values * 255 + 0.5).to(torch.uint8).expand(3, -1, -1).cpu()
        return rgb if self._dimension_order == "NCHW" else rgb.permute(1, 2, 0)

    def _pts_seconds(self, frame_idx: int) -> float:
        chunk = self._chunk_of(frame_idx).chunk
        return float(int(chunk.pts[frame_idx - self._place_of(frame_idx).first_frame]) * self._time_base)

    def _index_played_at(self, seconds: float) -> int:
        if not self.metadata.begin_stream_seconds <= seconds < self.metadata.end_stream_seconds:
            raise ValueError(self._outside(seconds))
        # Times are compared as the floats that pts_seconds reports, so a reported time finds its own frame.
        place = self._chunks[
            bisect.bisect_right(self._chunk_pts, seconds, key=lambda pts: float(pts * self._time_base)) - 1
        ]
        pts = self._chunk_of(place.first_frame).chunk.pts
        return place.first_frame + bisect.bisect_right(pts, seconds, key=lambda p: float(int(p) * self._time_base)) - 1

    def _outside(self, seconds: float) -> str:
        begin, end = self.metadata.begin_stream_seconds, self.metadata.end_stream_seconds
        return f"{seconds} s is outside the video, which lasts from {begin} s to {end} s"


def _metadata(reader: NvstReader) -> VideoMetadata:
    chunks = [chunk for window in reader.windows for chunk in window.chunks]
    begin_pts = chunks[0].first_pts if chunks else 0
    end_pts = chunks[-1].end_pts if chunks else 0
    duration = (end_pts - begin_pts) * Fraction(reader.header.time_base)
    aspect = Fraction(reader.header.format.sample_aspect_num, reader.header.format.sample_aspect_den)
    return VideoMetadata(
        width=reader.header.format.width,
        height=reader.header.format.height,
        num_frames=reader.num_frames,
        bit_depth=reader.header.format.bit_depth,
        pixel_aspect_ratio=aspect or None,
        average_fps=float(reader.num_frames / duration) if duration else 0.0,
        begin_stream_seconds=float(begin_pts * reader.header.time_base),
        end_stream_seconds=float(end_pts * reader.header.time_base),
        duration_seconds=float(duration),
        bit_rate=float(reader.file_bytes * 8 / duration) if duration else 0.0,
        num_windows=len(reader.windows),
        num_chunks=len(chunks),
        is_complete=reader.is_complete,
    )
