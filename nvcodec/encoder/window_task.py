"""The encode of one window, which knows of no other: what it takes, what it tells meanwhile, and what comes out."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Protocol

import torch

from nvcodec.bitstream import ChunkContent, StreamHeader, WindowContent
from nvcodec.decoder.device import memory_errors_reported, prepare_device
from nvcodec.encoder import state_file
from nvcodec.encoder.aim import Attempts
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.memory import PeakMemory, peak_memory
from nvcodec.encoder.metadata import file_metadata
from nvcodec.encoder.pilot import with_guessed_bpp
from nvcodec.encoder.progress import EncodeProgress, Stage
from nvcodec.encoder.state_file import BITS, Identity, StateSaver, bits_of_state, frames_digest, parse_state
from nvcodec.encoder.window_encoding import (
    WindowFrames,
    WindowJob,
    choose_mask,
    prepare_window,
    quantize_window,
)
from nvcodec.encoder.window_training import epoch_seconds, num_epochs, train, with_bits
from nvcodec.errors import TrainingError
from nvcodec.training.fit import FitProgress
from nvcodec.training.processes import ALONE, Processes
from nvcodec.training.state import TrainingState


@dataclass(frozen=True)
class WindowTask:
    """Everything that the encode of a window depends on.

    Attributes:
        window_idx, first_frame: its place in the video.
        frames: the window.
        stream: header of the file.
        config: settings of the video.
        settings: of the window, its share of the video's bits among them.
        budget_s: time that it may take; None: as long as its epochs take.
        state: of its training, where an earlier one was broken off.
        state_interval_s: least time between the states that are told.
    """

    window_idx: int
    first_frame: int
    frames: WindowFrames
    stream: StreamHeader
    config: EncoderConfig
    settings: EncoderConfig
    budget_s: float | None = None
    state: bytes | None = None
    state_interval_s: float = field(default_factory=lambda: state_file.INTERVAL_S)


@dataclass(frozen=True)
class CodedWindow:
    """The integers of a window's blocks."""

    content: WindowContent
    chunks: tuple[ChunkContent, ...]


class WindowListener(Protocol):
    """Who wants to know how far windows are, and says when to stop."""

    def told(self, state: EncodeProgress) -> None:
        """How far a window is; of the file nothing is said, and the time left is that of the window."""

    def state_made(self, window_idx: int, state: bytes) -> None:
        """From here on the training of a window could go on later."""

    def warned(self, reason: str) -> None:
        """Something odd that stops nothing."""

    def should_stop(self) -> bool:
        """Whether trainings are to end now."""


def encode_window(task: WindowTask, listener: WindowListener, processes: Processes = ALONE) -> CodedWindow:
    """Encode a window on this machine, on the device that the settings name.

    Raises:
        DeviceError: the device is missing or its memory is too small.
        TrainingError: the training diverged.
    """
    start = time.monotonic()
    config = task.config
    device = prepare_device(config.device, config.threads, deterministic=config.deterministic)
    with memory_errors_reported(f"window {task.window_idx}"):
        frames = task.frames.to(device)
        settings = _sized(task, frames, device, listener, processes)
        attempts = Attempts()
        while True:
            job = prepare_window(frames, task.window_idx, task.first_frame, task.stream, settings, device)
            factor = _train(job, task, start, listener, processes, attempts=attempts)
            if factor == 1:
                break
            settings = with_bits(settings, factor)
        return CodedWindow(*quantize_window(job, config))


def _sized(
    task: WindowTask, frames: WindowFrames, device: torch.device, listener: WindowListener, processes: Processes
) -> EncoderConfig:
    """The settings of a window with the bits that it wants for its quality: those of a training that was broken off."""
    bits = None if task.state is None else bits_of_state(task.state)
    if bits is not None and (task.config.psnr is not None or task.config.quality is not None):
        return replace(task.settings, bpp=bits)
    return with_guessed_bpp(
        frames,
        task.window_idx,
        task.first_frame,
        task.stream,
        task.settings,
        device,
        processes,
        seconds=task.budget_s,
        on_progress=lambda job, state: listener.told(_training_progress(job, state, Stage.PILOT)),
        should_stop=listener.should_stop,
    )


def _train(
    job: WindowJob,
    task: WindowTask,
    start: float,
    listener: WindowListener,
    processes: Processes,
    *,
    attempts: Attempts,
) -> float:
    """Train a window whose encode began at ``start``; returns what :func:`train` does."""
    config = task.config
    resumed = None if task.state is None else _resumed(task.state, job, config, listener)
    begun = 0.0 if resumed is None else resumed.fraction
    epoch_s = epoch_seconds(job, config, processes)
    # About as much as an epoch takes is left for writing, reading back and measuring the window.
    end = None if task.budget_s is None else start + task.budget_s - epoch_s
    epochs = num_epochs(job, config) if end is None else max(1, round((end - time.monotonic()) / epoch_s))
    planned = _progress(job, Stage.PLAN, epochs, begun, epochs * epoch_s * (1 - begun))
    listener.told(replace(planned, memory=_memory(job, config)))
    listener.told(replace(planned, stage=Stage.MASK))
    if resumed is None:
        choose_mask(job, config, processes)
    else:
        job.model.share(resumed.mask)
    saver = StateSaver(
        lambda: _identity(job, config),
        lambda state: listener.state_made(task.window_idx, state),
        task.state_interval_s,
    )
    return train(
        job,
        config,
        task.stream,
        processes,
        lambda state: listener.told(_training_progress(job, state)),
        listener.should_stop,
        None if end is None else end - time.monotonic(),
        resumed,
        saver.offer,
        attempts=attempts,
    )


def _resumed(data: bytes, job: WindowJob, config: EncoderConfig, listener: WindowListener) -> TrainingState | None:
    """The state in these bytes, if it is of this window."""
    try:
        return parse_state(data, _identity(job, config))
    except TrainingError as error:
        listener.warned(f"window {job.window_idx} begins anew, its training state is of no use: {error.reason}")
        return None


def _identity(job: WindowJob, config: EncoderConfig) -> Identity:
    """What has to be the same for a training to go on. The device and its threads need not, but for the same bytes."""
    return {
        **file_metadata(config),
        "PyTorch": torch.__version__,
        "preset": repr(config.resolved_preset()),
        "place": [job.window_idx, job.first_frame, *job.chunk_lengths],
        "network": repr(job.spec),
        BITS: job.config.bpp,
        "source": frames_digest(job.chunks),
    }


def _memory(job: WindowJob, config: EncoderConfig) -> PeakMemory:
    batch_size = config.resolved_preset().recipe.batch_size
    num_shared = int(job.model.mask.sum())
    return peak_memory(job.spec, job.chunk_lengths, job.chunks[0].format, batch_size, num_shared)


def _training_progress(job: WindowJob, state: FitProgress, stage: Stage = Stage.TRAIN) -> EncodeProgress:
    planned = _progress(job, stage, state.num_epochs, state.fraction, state.seconds_left)
    return replace(planned, epoch=state.epoch, iteration=state.iteration, psnr=state.psnr, bpp=state.bpp)


def _progress(job: WindowJob, stage: Stage, epochs: int, fraction: float, seconds_left: float) -> EncodeProgress:
    return EncodeProgress(
        stage=stage,
        window_idx=job.window_idx,
        first_frame=job.first_frame,
        num_frames=sum(job.chunk_lengths),
        num_chunks=len(job.chunks),
        num_parameters=job.spec.num_parameters,
        macs_per_frame=job.spec.macs_per_frame,
        num_epochs=epochs,
        window_fraction=fraction,
        seconds_left=seconds_left,
    )
