"""A short training that tells how many bits a window takes to look as the user asks, before its network is sized."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch

from nvcodec.bitstream import StreamHeader
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.window_bits import trained_bits
from nvcodec.encoder.window_encoding import WindowFrames, WindowJob, choose_mask, prepare_window
from nvcodec.encoder.window_training import rate_goal
from nvcodec.training.course import StepCourse, TimeCourse
from nvcodec.training.fit import FitProgress, fit
from nvcodec.training.processes import Processes

# Part of a training's iterations, and fewest of them.
PILOT_LENGTH = 0.1
LEAST_ITERATIONS = 100
# dB by which so short a training with the same bits is behind.
PILOT_LOSS = 1.5
# More bits than it takes may be given to the network's size: it costs time alone.
MARGIN = 1.2


def with_guessed_bpp(
    frames: WindowFrames,
    window_idx: int,
    first_frame: int,
    stream: StreamHeader,
    config: EncoderConfig,
    device: torch.device,
    processes: Processes,
    *,
    seconds: float | None = None,
    on_progress: Callable[[WindowJob, FitProgress], None] = lambda job, progress: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> EncoderConfig:
    """Settings whose ``bpp`` size a window's network for the quality that they ask for; as they are if for none.

    Args:
        frames: the window.
        window_idx, first_frame: its place in the video.
        stream: header of the file.
        config: settings of the window.
        device: where to train.
        processes: that train together.
        seconds: that the window may take; None: as long as its epochs take.
        on_progress: called after every iteration.
        should_stop: asked after every iteration.
    """
    if config.psnr is None and config.quality is None:
        return config
    preset = config.resolved_preset()
    trial = replace(config, bpp=preset.bpp, psnr=None if config.psnr is None else config.psnr - PILOT_LOSS)
    job = prepare_window(frames, window_idx, first_frame, stream, trial, device)
    choose_mask(job, trial, processes)
    iterations = preset.recipe.num_epochs(job.chunk_lengths) * preset.recipe.num_iterations(job.chunk_lengths)
    steps = StepCourse(min(iterations, max(LEAST_ITERATIONS, math.ceil(PILOT_LENGTH * iterations))))
    fit(
        job.model,
        job.chunks,
        preset.recipe,
        generator=job.generator,
        goal=rate_goal(job, trial, stream),
        course=steps if seconds is None else TimeCourse(PILOT_LENGTH * seconds),
        processes=processes,
        on_progress=lambda state: on_progress(job, state),
        should_stop=should_stop,
    )
    if job.model.coding is None:
        # It was stopped before it knew.
        return replace(config, bpp=preset.bpp)
    num_pixels = sum(job.chunk_lengths) * stream.format.width * stream.format.height
    return replace(config, bpp=MARGIN * processes.first_says(trained_bits(job, config, stream), device) / num_pixels)
