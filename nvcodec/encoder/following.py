"""The encode in processes that help to train, and write nothing."""

from __future__ import annotations

import itertools
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import torch

from nvcodec.bitstream import StreamHeader
from nvcodec.decoder.device import prepare_device
from nvcodec.encoder.aim import Attempts
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.memory import windows_ahead
from nvcodec.encoder.pilot import with_guessed_bpp
from nvcodec.encoder.targets import Targets
from nvcodec.encoder.time_budget import BY_EFFORT
from nvcodec.encoder.window_encoding import WindowFrames, choose_mask, prepare_window
from nvcodec.encoder.window_training import train, with_bits
from nvcodec.training.processes import Processes
from nvcodec.video.source import VideoSource, open_source

NOTHING_TO_DO = -1
"""Said instead of the number of windows that are taken over, where the file is complete."""


def train_along(source: str | Path | VideoSource, config: EncoderConfig, processes: Processes) -> None:
    """Train what the first process, in ``encode``, encodes: the same source with the same settings.

    Args:
        source: path of the video, or an opened source; each process reads its own.
        config: settings.
        processes: that train together, of which this is not the first.

    Raises:
        ConfigError: a setting is out of range.
        InputError: the source cannot be read.
        DeviceError: the device is missing or its memory is too small.
    """
    config.validate()
    device = prepare_device(config.device, config.threads, deterministic=config.deterministic)
    with ExitStack() as stack:
        video = source if isinstance(source, VideoSource) else stack.enter_context(open_source(source))
        if config.max_time_s is not None:
            config = hear_preset(config, processes, device)
        num_taken_over = processes.first_says(0, device)
        if num_taken_over == NOTHING_TO_DO:
            return
        header = StreamHeader(video.format, video.time_base, video.num_frames or 0)
        targets = Targets.of(config, video)
        windows = stack.enter_context(windows_ahead(config, video))
        first_frame = sum(len(window.frames) for _, window in zip(range(num_taken_over), windows, strict=False))
        for window_idx in itertools.count(num_taken_over):
            window = next(windows, None) if processes.first_says(0, device) else None
            if window is None:
                return
            frames = WindowFrames.of(window, video.format, device)
            del window
            settings = targets.of_window(first_frame, sum(frames.chunk_lengths))
            place = (window_idx, first_frame, header)
            settings = with_guessed_bpp(frames, *place, settings, device, processes)
            attempts = Attempts()
            while True:
                job = prepare_window(frames, *place, settings, device)
                choose_mask(job, config, processes)
                factor = train(job, config, header, processes, attempts=attempts)
                if factor == 1:
                    break
                settings = with_bits(settings, factor)
            first_frame += sum(job.chunk_lengths)
            del frames, job


def say_preset(config: EncoderConfig, processes: Processes, device: torch.device) -> None:
    """Tell the others, as the first, the preset that suits the time."""
    processes.first_says(BY_EFFORT.index(config.preset) if config.preset in BY_EFFORT else len(BY_EFFORT), device)


def hear_preset(config: EncoderConfig, processes: Processes, device: torch.device) -> EncoderConfig:
    """The settings with the preset that the first process tells; one that has no place there was named by the user."""
    said = processes.first_says(0, device)
    return config if said == len(BY_EFFORT) else replace(config, preset=BY_EFFORT[said])
