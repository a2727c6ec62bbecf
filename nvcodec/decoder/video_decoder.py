"""Frames of a .nvst file by index or by time, after torchcodec's ``VideoDecoder``."""

from __future__ import annotations

import bisect
import math
import operator
import os
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from nvcodec.bitstream import Limits, NvstReader, WindowContent
from nvcodec.bitstream.source import Readable, is_file_object
from nvcodec.decoder.device import resolve_device
from nvcodec.decoder.frames import Frame, FrameBatch
from nvcodec.decoder.reconstruction import ChunkReconstructor
from nvcodec.decoder.stream_metadata import stream_metadata
from nvcodec.errors import ConfigError


@dataclass(frozen=True)
class _ChunkPlace:
    window_idx: int
    chunk_idx: int
    first_frame: int


class VideoDecoder:
    """Random access to the frames of a .nvst file: torchcodec's names and meanings, and as few surprises.

    Reads only the blocks that the asked frames need; keeps the last chunk's network. Safe to hand to other processes
    (``torch.utils.data.DataLoader`` workers): each opens the file for itself. Only a file object cannot be handed on.

    Args:
        source: path, ``http://`` or other address, bytes or uint8 tensor, or seekable binary file object (which stays
            open).
        dimension_order: ``NCHW`` or ``NHWC``, the order of the returned tensors.
        device: ``cpu``, ``cuda``, ``cuda:N``, or ``auto`` for CUDA if there is one; None: PyTorch's default. Frames are
            made there and stay there.
        seek_mode: ``exact`` or ``approximate``, which are the same here: a file's index costs no scan.
        output_dtype: ``torch.uint8``; ``torch.float32`` for 0..1 without rounding to 8 bits; ``auto`` for float32 if
            the video has more than 8 bits.
        fast: in bfloat16 where the device is faster with it; samples then differ a little (spec clause 13, "fast").
        limits: what a file may ask for; None for the defaults.

    Attributes:
        metadata: what the file says of its video.

    Raises:
        InputError: the file cannot be read.
        BitstreamError: the file is refused.
        ConfigError: a decoder that reads from a file object was handed to another process.
        DeviceError: the device is missing.
        IndexError: a frame that is not there, or one at a time that is not, was asked for.
        ValueError: a range of time that is not within the video was asked for; an argument is none of its choices.
    """

    def __init__(
        self,
        source: Readable | Tensor,
        *,
        dimension_order: Literal["NCHW", "NHWC"] = "NCHW",
        device: str | torch.device | None = None,
        seek_mode: Literal["exact", "approximate"] = "exact",
        output_dtype: torch.dtype | Literal["auto"] = torch.uint8,
        fast: bool = False,
        limits: Limits | None = None,
    ) -> None:
        _require_choice("dimension_order", dimension_order, ("NCHW", "NHWC"))
        _require_choice("seek_mode", seek_mode, ("exact", "approximate"))
        _require_choice("output_dtype", output_dtype, (torch.uint8, torch.float32, "auto"))
        self._source: Readable = source.numpy().tobytes() if isinstance(source, Tensor) else source
        self._limits = limits
        self._is_channels_last = dimension_order == "NHWC"
        self._device = str(torch.get_default_device() if device is None else device)
        resolve_device(self._device)  # a missing device is refused here; each process resolves the name for itself
        self._fast = fast
        self._forget()
        reader = self._reader_here()
        self.metadata = stream_metadata(reader)
        self._time_base = reader.header.time_base
        self._format = reader.header.format
        if output_dtype == "auto":
            output_dtype = torch.float32 if self._format.bit_depth > 8 else torch.uint8
        self._dtype = output_dtype
        self._chunks = [
            _ChunkPlace(window_idx, chunk_idx, chunk.first_frame)
            for window_idx, window in enumerate(reader.windows)
            for chunk_idx, chunk in enumerate(window.chunks)
        ]
        self._chunk_pts = [chunk.first_pts for chunk in reader.index.chunks]

    def __len__(self) -> int:
        """Number of frames."""
        return self.metadata.num_frames

    def __iter__(self) -> Iterator[Tensor]:
        """Frames from first to last, as ``decoder[i]`` gives them."""
        for frame_idx in range(len(self)):
            yield self.get_frame_at(frame_idx).data

    def __getitem__(self, key: int | slice) -> Tensor:
        """``decoder[i]`` is one frame (C, H, W), ``decoder[a:b:c]`` is (N, C, H, W)."""
        if isinstance(key, slice):
            return self.get_frames_at(range(*key.indices(len(self)))).data
        return self.get_frame_at(key).data

    def get_frame_at(self, index: int) -> Frame:
        """The frame at ``index``; negative counts from the end."""
        frames = self.get_frames_at([index])
        return Frame(frames.data[0], float(frames.pts_seconds[0]), float(frames.duration_seconds[0]))

    def get_frames_at(self, indices: Sequence[int] | Tensor) -> FrameBatch:
        """The frames at ``indices``, a sequence or tensor (N,), in that order; negative counts from the end."""
        positions = [self._checked_index(operator.index(index)) for index in indices]
        data = torch.empty((len(positions), *self._frame_shape()), dtype=self._dtype, device=self._device_here())
        pts = torch.empty(len(positions), dtype=torch.float64, device="cpu")
        durations = torch.empty(len(positions), dtype=torch.float64, device="cpu")
        for rows in self._rows_by_chunk(positions):
            chunk = self._chunk_of(positions[rows[0]])
            first_frame = self._place_of(positions[rows[0]]).first_frame
            for row in rows:
                position = positions[row] - first_frame
                data[row] = self._pixels(chunk, position)
                pts[row] = float(int(chunk.chunk.pts[position]) * self._time_base)
                durations[row] = float(int(chunk.chunk.durations[position]) * self._time_base)
        return FrameBatch(data, pts, durations)

    def get_frames_in_range(self, start: int, stop: int, step: int = 1) -> FrameBatch:
        """The frames of ``decoder[start:stop:step]``."""
        return self.get_frames_at(range(*slice(start, stop, step).indices(len(self))))

    def get_frame_played_at(self, seconds: float) -> Frame:
        """The frame shown at ``seconds``, ``begin_stream_seconds <= seconds < end_stream_seconds``."""
        return self.get_frame_at(self._index_played_at(seconds))

    def get_frames_played_at(self, seconds: Sequence[float] | Tensor) -> FrameBatch:
        """The frames shown at each of ``seconds``, a sequence or tensor (N,)."""
        return self.get_frames_at([self._index_played_at(float(moment)) for moment in seconds])

    def get_frames_played_in_range(
        self, start_seconds: float, stop_seconds: float, fps: float | None = None
    ) -> FrameBatch:
        """The frames shown at any time of ``start_seconds <= t < stop_seconds``.

        With ``fps``, the frames shown at ``start_seconds + i / fps`` instead, as often as that rounds to within the
        range; their times are those, not the video's own.
        """
        begin, end = self.metadata.begin_stream_seconds, self.metadata.end_stream_seconds
        if not start_seconds <= stop_seconds:
            raise ValueError(f"the range {start_seconds}..{stop_seconds} s is backwards")
        for seconds, is_inside in ((start_seconds, begin <= start_seconds < end), (stop_seconds, stop_seconds <= end)):
            if not is_inside:
                raise ValueError(self._outside(seconds))
        if fps is not None:
            return self._resampled(start_seconds, stop_seconds, fps)
        if start_seconds == stop_seconds:
            return self.get_frames_at([])
        last = len(self) - 1
        if stop_seconds < end:
            last = self._index_played_at(stop_seconds)
            # The frame that starts at the very end of the range is not shown within it.
            last -= int(self._pts_seconds(last) >= stop_seconds)
        return self.get_frames_at(range(self._index_played_at(start_seconds), last + 1))

    def get_all_frames(self, fps: float | None = None) -> FrameBatch:
        """All frames, or with ``fps`` those shown at that rate, as :meth:`get_frames_played_in_range` has it."""
        if fps is None:
            return self.get_frames_at(range(len(self)))
        begin, end = self.metadata.begin_stream_seconds, self.metadata.end_stream_seconds
        return self.get_frames_played_in_range(begin, end, fps)

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
        return (height, width, 3) if self._is_channels_last else (3, height, width)

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
        chunk = ChunkReconstructor(window, content, self._format, self._device_here(), fast=self._fast)
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

    def _device_here(self) -> torch.device:
        return resolve_device(self._device)

    def _require_shareable(self) -> None:
        if is_file_object(self._source):
            raise ConfigError("a file object cannot be read by another process; open a path, an address or bytes")

    def _pixels(self, chunk: ChunkReconstructor, position: int) -> Tensor:
        rgb = chunk.to_rgb(chunk.output(position))[0].clamp(0, 1).expand(3, -1, -1)
        if self._dtype == torch.uint8:
            rgb = (rgb * 255 + 0.5).to(torch.uint8)
        return rgb.permute(1, 2, 0) if self._is_channels_last else rgb

    def _resampled(self, start_seconds: float, stop_seconds: float, fps: float) -> FrameBatch:
        if not 0 < fps < math.inf:
            raise ValueError(f"fps is {fps}, it must be positive")
        count = math.floor((stop_seconds - start_seconds) * fps + 0.5)
        times = start_seconds + torch.arange(count, dtype=torch.float64, device="cpu") / fps
        return FrameBatch(self.get_frames_played_at(times).data, times, torch.full_like(times, 1 / fps))

    def _pts_seconds(self, frame_idx: int) -> float:
        chunk = self._chunk_of(frame_idx).chunk
        return float(int(chunk.pts[frame_idx - self._place_of(frame_idx).first_frame]) * self._time_base)

    def _index_played_at(self, seconds: float) -> int:
        if not self.metadata.begin_stream_seconds <= seconds < self.metadata.end_stream_seconds:
            raise IndexError(self._outside(seconds))
        # Times are compared as the floats that pts_seconds reports, so a reported time finds its own frame.
        place = self._chunks[
            bisect.bisect_right(self._chunk_pts, seconds, key=lambda pts: float(pts * self._time_base)) - 1
        ]
        pts = self._chunk_of(place.first_frame).chunk.pts
        return place.first_frame + bisect.bisect_right(pts, seconds, key=lambda p: float(int(p) * self._time_base)) - 1

    def _outside(self, seconds: float) -> str:
        begin, end = self.metadata.begin_stream_seconds, self.metadata.end_stream_seconds
        return f"{seconds} s is outside the video, which lasts from {begin} s to {end} s"


def _require_choice(name: str, value: object, choices: Sequence[object]) -> None:
    if value not in choices:
        raise ValueError(f"{name} is {value!r}, allowed are {', '.join(map(str, choices))}")
