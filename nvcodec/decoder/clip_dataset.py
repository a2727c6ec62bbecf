"""Random clips of many .nvst files, for training."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from nvcodec.addresses import matching, without_secrets
from nvcodec.bitstream import Limits
from nvcodec.decoder.frames import FrameBatch
from nvcodec.decoder.video_decoder import VideoDecoder
from nvcodec.errors import BitstreamError, ConfigError, InputError


class Clip(NamedTuple):
    """A clip of T frames; PyTorch's collation makes one of N clips of it, with N as a first dimension of everything.

    Attributes:
        data: RGB (T, C, H, W) or (T, H, W, C), or what the data set's ``transform`` made of it.
        pts_seconds: when each frame is shown in its video, (T,) float64.
        file_idx: which of the data set's ``files``.
    """

    data: Tensor
    pts_seconds: Tensor
    file_idx: int


class ClipDataset(Dataset[Clip]):
    """Clips at random places of many .nvst files; item ``i`` is of file ``i // num_clips_per_file``.

    Files are opened when a clip of theirs is asked for, by each process for itself, and few stay open. A video that is
    too short for a clip repeats the clip's last frame. Where clips begin, and how frames between are left out, has the
    names of ``torchcodec.samplers``.

    Args:
        sources: a path, an address or a pattern of either (``videos/**/*.nvst``, ``s3://bucket/*.nvst``), or several.
        num_frames_per_clip: T.
        num_indices_between_frames: steps from frame to frame of a clip; 1 for consecutive frames.
        seconds_between_frames: time from frame to frame instead, whatever the rates of the videos.
        num_clips_per_file: items for each file.
        seed: places depend on nothing but this, the epoch (:meth:`set_epoch`) and the item; None: on PyTorch's random
            numbers, other places each time.
        transform: applied to the frames of a clip, such as a crop that lets videos of several sizes be collated.
        dimension_order: ``NCHW`` or ``NHWC``.
        device: as of :class:`VideoDecoder`; workers of a ``DataLoader`` that use CUDA must be spawned.
        output_dtype: as of :class:`VideoDecoder`.
        fast: as of :class:`VideoDecoder`.
        limits: what a file may ask for; None for the defaults.
        max_open_files: in each process; those used last stay open, each with the network of its last chunk.

    Attributes:
        files: paths and addresses of the files, patterns resolved, in order.

    Raises:
        ConfigError: a number is out of range, or there are no sources.
        InputError: a pattern matches nothing; later, a file cannot be read or holds no frame.
        BitstreamError: later: a file is refused.
    """

    def __init__(
        self,
        sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        *,
        num_frames_per_clip: int = 16,
        num_indices_between_frames: int = 1,
        seconds_between_frames: float | None = None,
        num_clips_per_file: int = 1,
        seed: int | None = None,
        transform: Callable[[Tensor], Tensor] | None = None,
        dimension_order: Literal["NCHW", "NHWC"] = "NCHW",
        device: str | torch.device | None = None,
        output_dtype: torch.dtype | Literal["auto"] = torch.uint8,
        fast: bool = False,
        limits: Limits | None = None,
        max_open_files: int = 8,
    ) -> None:
        for name, number in (
            ("num_frames_per_clip", num_frames_per_clip),
            ("num_indices_between_frames", num_indices_between_frames),
            ("num_clips_per_file", num_clips_per_file),
            ("max_open_files", max_open_files),
        ):
            if number < 1:
                raise ConfigError(f"is {number}, it must be 1 or more", name)
        if seconds_between_frames is not None and not seconds_between_frames > 0:
            raise ConfigError(f"is {seconds_between_frames}, it must be positive", "seconds_between_frames")
        if seed is not None and seed < 0:
            raise ConfigError(f"is {seed}, it must not be negative", "seed")
        names = [sources] if isinstance(sources, (str, os.PathLike)) else list(sources)
        if not names:
            raise ConfigError("there are no files", "sources")
        self.files = [file for name in names for file in matching(os.fspath(name))]
        self._num_frames = num_frames_per_clip
        self._step = num_indices_between_frames
        self._seconds = seconds_between_frames
        self._num_clips = num_clips_per_file
        self._seed = seed
        # In shared memory, so that workers that live on from epoch to epoch see it change.
        self._epoch = torch.zeros((), dtype=torch.int64, device="cpu").share_memory_()  # type: ignore[no-untyped-call]
        self._transform = transform
        self._settings: dict[str, Any] = {
            "dimension_order": dimension_order,
            "device": device,
            "output_dtype": output_dtype,
            "fast": fast,
            "limits": limits,
        }
        self._max_open_files = max_open_files
        self._decoders: OrderedDict[int, VideoDecoder] = OrderedDict()

    def __len__(self) -> int:
        """Clips in an epoch."""
        return len(self.files) * self._num_clips

    def __getitem__(self, index: int) -> Clip:
        """A clip at a place that is drawn for it."""
        index = range(len(self))[index]
        file_idx = index // self._num_clips
        name = without_secrets(self.files[file_idx])
        try:
            frames = self._frames(self._decoder(file_idx), self._draw(index), name)
        except BitstreamError as error:
            raise type(error)(error.reason, f"{name}: {error.place}") from error
        data = frames.data if self._transform is None else self._transform(frames.data)
        return Clip(data, frames.pts_seconds, file_idx)

    def set_epoch(self, epoch: int) -> None:
        """Begin an epoch, 0 or greater: with a seed, other places than in all others. Call it before iterating."""
        self._epoch.fill_(epoch)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the open files."""
        return {**self.__dict__, "_decoders": OrderedDict()}

    def _draw(self, index: int) -> float:
        """Where a clip begins among the places it can begin at, 0 to 1."""
        if self._seed is None:
            return float(torch.rand((), dtype=torch.float64, device="cpu"))
        return float(np.random.default_rng((self._seed, int(self._epoch), index)).random())

    def _frames(self, decoder: VideoDecoder, place: float, name: str) -> FrameBatch:
        if not len(decoder):
            raise InputError("holds no frame", name)
        if self._seconds is not None:
            begin, end = decoder.metadata.begin_stream_seconds, decoder.metadata.end_stream_seconds
            start = begin + place * max(0.0, end - begin - (self._num_frames - 1) * self._seconds)
            times = [start + idx * self._seconds for idx in range(self._num_frames)]
            return decoder.get_frames_played_at(_filled([time for time in times if time < end], self._num_frames))
        num_starts = max(1, len(decoder) - (self._num_frames - 1) * self._step)
        indices = range(int(place * num_starts), len(decoder), self._step)[: self._num_frames]
        return decoder.get_frames_at(_filled(list(indices), self._num_frames))

    def _decoder(self, file_idx: int) -> VideoDecoder:
        decoder = self._decoders.pop(file_idx, None) or VideoDecoder(self.files[file_idx], **self._settings)
        self._decoders[file_idx] = decoder
        if len(self._decoders) > self._max_open_files:
            self._decoders.popitem(last=False)
        return decoder


def _filled(places: list[Any], count: int) -> list[Any]:
    """So many places, the last repeated."""
    return places + places[-1:] * (count - len(places))
