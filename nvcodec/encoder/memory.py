"""How much memory an encode takes, and what of a video fits into a bound."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nvcodec.bitstream.network_spec import NetworkSpec
from nvcodec.encoder.config import EncoderConfig
from nvcodec.errors import ConfigError
from nvcodec.prefetch import Prefetch
from nvcodec.sharing.windows import Window, WindowPlan, iter_windows
from nvcodec.training.fit import chunks_at_once
from nvcodec.video.format import VideoFormat
from nvcodec.video.source import VideoSource

# Measured: Python, PyTorch and PyAV with their code, and what a training's first iterations leave behind.
PROGRAM_BYTES = 450 << 20
# Of an element that a layer puts out: its value, what its activation keeps, their gradients, what convolutions copy.
BYTES_PER_ACTIVATION = 22
# Of a sample of a frame in a batch: as it should be, as it is, and the gradient.
BYTES_PER_SAMPLE = 24
# Of a parameter that is stored: its value and gradient, Adam's two moments, its symbol and place in a table.
BYTES_PER_PARAMETER = 140


@dataclass(frozen=True)
class PeakMemory:
    """About how many bytes an encode takes at most, of this window's size. It does not grow with the video.

    Attributes:
        program: the code.
        frames: of a window, and as many of the next, which is read meanwhile.
        training: parameters and activations.
    """

    program: int
    frames: int
    training: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.program + self.frames + self.training


def peak_memory(
    spec: NetworkSpec, chunk_lengths: Sequence[int], video_format: VideoFormat, batch_size: int, num_shared: int
) -> PeakMemory:
    """Of a window.

    Args:
        spec: the network of its chunks.
        chunk_lengths: frames of each.
        video_format: of the frames.
        batch_size: frames of each chunk in an iteration.
        num_shared: K, the parameters that the chunks share.
    """
    num_chunks, shares_all = len(chunk_lengths), num_shared == spec.num_parameters
    num_together = chunks_at_once(video_format, batch_size, num_chunks, shares_all=shares_all) * batch_size
    stored = num_shared + num_chunks * (spec.num_parameters - num_shared)
    activations = BYTES_PER_ACTIVATION * _activations(spec) + BYTES_PER_SAMPLE * math.prod(spec.output_shape)
    return PeakMemory(
        program=PROGRAM_BYTES,
        frames=2 * sum(chunk_lengths) * _frame_bytes(video_format),
        training=BYTES_PER_PARAMETER * stored + num_together * activations,
    )


def window_plan(config: EncoderConfig, video: VideoSource) -> WindowPlan:
    """How the windows of a video are cut: as many frames as the memory bound allows, and the chunk length in frames.

    A chunk that would not fit into the memory becomes shorter.

    Raises:
        ConfigError: a single frame does not fit.
    """
    chunk_frames = config.chunk_frames or max(1, round(config.chunk_s * video.average_rate))
    # A window's frames are held twice: stacked for training, and for a moment as the source gives them, or the next's.
    max_frames = config.max_memory_bytes // (2 * _frame_bytes(video.format))
    if not max_frames:
        needed = 2 * _frame_bytes(video.format)
        raise ConfigError(f"a window of one frame takes {needed} bytes for frames; give that or more", "max-memory")
    return WindowPlan(
        chunk_frames=min(chunk_frames, max_frames),
        max_frames=max_frames,
        fixed_chunks=config.fixed_chunks,
        bit_depth=video.format.bit_depth,
    )


def windows_ahead(config: EncoderConfig, video: VideoSource) -> Prefetch[Window]:
    """The windows of a video, each read while the one before is encoded; to be used as a context.

    Raises:
        ConfigError: a single frame does not fit into the memory.
    """
    is_closing = threading.Event()
    frames = itertools.takewhile(lambda frame: not is_closing.is_set(), video)
    return Prefetch(iter_windows(frames, window_plan(config, video)), is_closing)


def _frame_bytes(video_format: VideoFormat) -> int:
    return video_format.samples_per_frame * np.dtype(video_format.dtype).itemsize


def _activations(spec: NetworkSpec) -> int:
    """Elements that the layers put out for one frame."""
    height, width, elements = spec.base_height, spec.base_width, spec.base_channels * spec.base_height * spec.base_width
    for stage in spec.stages:
        height, width = height * stage.stride, width * stage.stride
        elements += stage.channels * height * width
    return elements
