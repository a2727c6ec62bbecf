"""What an encode makes of the time that it may take."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.sizing import window_kappa, window_network
from nvcodec.errors import ConfigError
from nvcodec.networks import build_network
from nvcodec.sharing.windows import WindowPlan, split_evenly
from nvcodec.training.chunk_frames import ChunkFrames
from nvcodec.training.fit import seconds_per_epoch
from nvcodec.training.processes import ALONE, Processes
from nvcodec.training.window_model import WindowModel
from nvcodec.video.format import VideoFormat
from nvcodec.video.frame import Frame
from nvcodec.video.source import VideoSource

# What an encode may take beyond its time before it is worth a word.
TOLERANCE = 1.05
BY_EFFORT = ("draft", "fast", "medium", "slow", "placebo")
# A network is better trained for a part of its preset's time than the next smaller one for all of the time.
ENOUGH = 0.5


class TimeBudget:
    """The time of an encode, which begins now, shared out over its windows by their frames."""

    def __init__(self, seconds: float, num_frames: int | None, name: str) -> None:
        """Begin.

        Args:
            seconds: for everything.
            num_frames: of the source, or a guess; None where there is none.
            name: of the source.

        Raises:
            ConfigError: there is none.
        """
        if num_frames is None:
            raise ConfigError(f"{name} does not say how long it is, which says what each window may take", "max-time")
        self._seconds = seconds
        self._num_frames = num_frames
        self._start = time.monotonic()

    def window_seconds(self, num_frames: int, num_before: int, num_at_once: int = 1) -> float:
        """What the encode of a window that begins now may take.

        Args:
            num_frames: of the window.
            num_before: frames before it.
            num_at_once: windows that are encoded at the same time.
        """
        share = num_at_once * num_frames / max(self._num_frames - num_before, num_frames)
        return self.seconds_left * min(share, 1.0)

    @property
    def seconds_left(self) -> float:
        """Of all that there were; 0 if they are over."""
        return max(0.0, self._seconds - self._elapsed())

    def warnings(self) -> list[str]:
        """What there is to say if the encode ends now."""
        elapsed = self._elapsed()
        if elapsed <= TOLERANCE * self._seconds:
            return []
        return [f"the encode took {elapsed:.1f} s, more than the {self._seconds:.1f} s that it was given"]

    def _elapsed(self) -> float:
        return time.monotonic() - self._start


def suitable_preset(
    config: EncoderConfig,
    video: VideoSource,
    plan: WindowPlan,
    device: torch.device,
    processes: Processes = ALONE,
    num_at_once: int = 1,
) -> str:
    """The preset of most effort that the time is enough for; the one of least effort if it is enough for none.

    So many windows are encoded at once. Each preset is measured on a batch of noise until one takes too long.
    """
    assert config.max_time_s is not None
    about_frames = max(1, video.about_frames or 0)
    num_frames = min(about_frames, plan.capacity)
    num_rounds = max(1.0, about_frames / num_frames / num_at_once)
    chunks = _noise(video.format, split_evenly(num_frames, plan), device)
    best = BY_EFFORT[0]
    for name in BY_EFFORT[1:]:
        seconds = num_rounds * _training_seconds(replace(config, preset=name), video.format, chunks, device, processes)
        if ENOUGH * seconds > config.max_time_s:
            break
        best = name
    return best


def _training_seconds(
    config: EncoderConfig,
    video_format: VideoFormat,
    chunks: Sequence[ChunkFrames],
    device: torch.device,
    processes: Processes,
) -> float:
    """What a window takes without a texture whose chunks share all of a network of the size that they would have."""
    preset, lengths = config.resolved_preset(), [len(chunk) for chunk in chunks]
    spec = window_network(config, video_format, lengths, window_kappa(config, video_format, lengths))
    model = WindowModel(
        build_network(spec),
        lengths,
        generator=torch.Generator().manual_seed(0),
        device=device,
        encoder_width=preset.encoder_width,
    )
    model.share(torch.ones(spec.num_parameters, dtype=torch.bool))
    return seconds_per_epoch(model, chunks, preset.recipe, processes) * preset.recipe.num_epochs(lengths)


def _noise(video_format: VideoFormat, lengths: Sequence[int], device: torch.device) -> list[ChunkFrames]:
    """Chunks that show one frame of noise all the time, which is in memory once."""
    rng = np.random.default_rng(0)
    planes = tuple(
        rng.integers(0, 2**video_format.bit_depth, video_format.plane_shape(idx)).astype(video_format.dtype)
        for idx in range(video_format.num_planes)
    )
    one = ChunkFrames.of([Frame(planes, 0, 1)], video_format, device)
    return [
        ChunkFrames(video_format, tuple(plane.expand(length, -1, -1) for plane in one.planes)) for length in lengths
    ]
