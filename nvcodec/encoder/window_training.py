"""The training of one window, towards the bits or the quality that the user asks for."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from nvcodec.bitstream import ChunkContent, NvstWriter, StreamHeader, WindowContent
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.metadata import file_metadata
from nvcodec.encoder.quantization import QuantizedParameters, QuantizedWindow, trained_symbols
from nvcodec.encoder.sizing import target_bits
from nvcodec.encoder.window_encoding import WindowJob, window_content
from nvcodec.errors import ConfigError
from nvcodec.training.course import Course, StepCourse, TimeCourse
from nvcodec.training.fit import FitProgress, fit, seconds_per_epoch
from nvcodec.training.processes import Processes
from nvcodec.training.quality import luma_psnr
from nvcodec.training.state import TrainingState
from nvcodec.training.steering import RateGoal

# A training that misses its aim by more goes on, a few times, for a part of its iterations, but not too few, as if it
# were so far.
BITS_TOLERANCE = 0.015
PSNR_TOLERANCE = 0.17
MOST_ROUNDS = 3
ROUND_LENGTH = 0.15
ROUND_START = 0.8
LEAST_ROUND = 100
# By which a result may miss an aim before that counts as out of reach.
BITS_REFUSED = 0.1
PSNR_REFUSED = 0.2
# Least bits of a window, relative to those that it takes beside its symbols.
LEAST_BITS = 1.1
# dB that e times the bits bring: 2.5 for twice of them.
DB_PER_LOG_BITS = 3.6
# How fast lmbda falls with more bits, in logarithms: faster than it would in a long training, since rounds are short.
LMBDA_SLOPE = 2.0
# What misses its quality by more dB is trained anew, with more bits or fewer, but not by more than this factor at once.
MOST_MISSED = 0.6
MOST_FACTOR = 4.0
MOST_TRAININGS = 4
# Of a factor that processes tell each other.
PRECISION = 10**6
# Least part of its bits that a round is taken to leave.
LEAST_LEFT = 0.7


@dataclass(frozen=True)
class _Result:
    """What a training has come to.

    Attributes:
        symbol_bits: of the window in the file, beside those that it takes anyway.
        psnr: mean luma PSNR of its frames in dB; None where that is not the goal.
    """

    symbol_bits: float
    psnr: float | None


class _Best:
    """The nearest result to an aim, what was coded then, and the highest PSNR of any, in dB."""

    def __init__(self, job: WindowJob, result: _Result, goal: RateGoal, config: EncoderConfig) -> None:
        assert job.model.coding is not None
        self._coding = job.model.coding
        self._goal, self._config = goal, config
        self._best = self._last = result
        self.highest_psnr = result.psnr or 0.0
        self._copy = self._coding.copy()

    def keep(self, result: _Result) -> None:
        """Take the copy of what is coded now, if it is nearer."""
        self._last = result
        self.highest_psnr = max(self.highest_psnr, result.psnr or 0.0)
        if _miss(result, self._goal, self._config) < _miss(self._best, self._goal, self._config):
            self._best, self._copy = result, self._coding.copy()

    def go_back(self) -> _Result:
        """Code the best again."""
        if self._best is not self._last:
            self._coding.go_back(self._copy)
        return self._best


def epoch_seconds(job: WindowJob, config: EncoderConfig, processes: Processes) -> float:
    """Time that an epoch of the training is going to take, measured on one batch."""
    return seconds_per_epoch(job.model, job.chunks, config.resolved_preset().recipe, processes)


def num_epochs(job: WindowJob, config: EncoderConfig) -> int:
    """Epochs that the preset trains the window."""
    return config.resolved_preset().recipe.num_epochs(job.chunk_lengths)


def train(
    job: WindowJob,
    config: EncoderConfig,
    stream: StreamHeader,
    processes: Processes,
    on_progress: Callable[[FitProgress], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
    seconds: float | None = None,
    resumed: TrainingState | None = None,
    offer_state: Callable[[Callable[[], TrainingState]], None] = lambda make_state: None,
    *,
    may_begin_anew: bool = False,
) -> float:
    """Train the window's networks by partial joint training (paper, section 3.2).

    It lasts so many ``seconds``, or the preset's epochs and somewhat longer where that misses the bits or the quality
    that the user asks for. Of what comes after the epochs no states are offered: it is short.

    Returns:
        1; where it ``may_begin_anew``, and misses a quality by far, how many times the bits it should have.

    Raises:
        ConfigError: those are out of reach.
    """
    recipe = config.resolved_preset().recipe
    goal = None if recipe.rate is None else rate_goal(job, config, stream)

    def train_for(
        course: Course | None,
        goal: RateGoal | None,
        resumed: TrainingState | None = None,
        offer_state: Callable[[Callable[[], TrainingState]], None] = lambda make_state: None,
    ) -> float | None:
        return fit(
            job.model,
            job.chunks,
            recipe,
            generator=job.generator,
            goal=goal,
            course=course,
            processes=processes,
            resumed=resumed,
            on_progress=on_progress,
            offer_state=offer_state,
            should_stop=should_stop,
        )

    begun = 0.0 if resumed is None else resumed.fraction
    lmbda = train_for(None if seconds is None else TimeCourse(seconds, begun), goal, resumed, offer_state)
    if goal is None or lmbda is None or goal.lmbda is not None or job.config.bpp is None:
        return 1.0
    if config.max_time_s is None:
        iterations = recipe.num_epochs(job.chunk_lengths) * recipe.num_iterations(job.chunk_lengths)
        length = min(iterations, max(LEAST_ROUND, math.ceil(ROUND_LENGTH * iterations)))
        course = StepCourse(length, ROUND_START)
        result = _result(job, config, stream, goal)
        factor = _factor_anew(result, config) if may_begin_anew and not should_stop() else 1.0
        factor = processes.first_says(round(PRECISION * factor), job.model.device) / PRECISION
        if factor != 1:
            return factor
        left = 1.0  # of the bits that a round begins with
        best = _Best(job, result, goal, config)
        for _ in range(MOST_ROUNDS):
            is_done = _is_met(result, goal, config) or should_stop()
            factor = 0.0 if is_done else _factor(result, goal, config)
            symbol_bits = processes.first_says(round(result.symbol_bits * factor / left), job.model.device)
            if not symbol_bits:
                break
            _scale_steps(job, config, stream, goal.fixed_bits + symbol_bits)
            lmbda *= (symbol_bits * left / result.symbol_bits) ** -LMBDA_SLOPE
            train_for(course, replace(goal, lmbda=lmbda))
            result = _result(job, config, stream, goal)
            left = math.sqrt(min(max(result.symbol_bits / symbol_bits, LEAST_LEFT), 1 / LEAST_LEFT))
            best.keep(result)
        result = best.go_back()
        if not processes.first_says(should_stop(), job.model.device):
            _require_reached(result, best.highest_psnr, goal, config)
    return 1.0


def with_bits(settings: EncoderConfig, factor: float) -> EncoderConfig:
    """The settings of a window with so many times the bits."""
    assert settings.bpp is not None
    return replace(settings, bpp=settings.bpp * factor)


def rate_goal(job: WindowJob, config: EncoderConfig, stream: StreamHeader) -> RateGoal:
    """What the training should come to, the bits included that its symbols have no part in.

    Raises:
        ConfigError: the bits do not suffice for those.
    """
    num_shared = int(job.model.mask.sum())
    fixed_bits = _bits_of_zeros(job, config, stream, num_shared)
    stored = (num_shared, job.sharing.num_textures)
    bits = target_bits(job.config, stream.format, job.spec, job.chunk_lengths, *stored, fixed_bits)
    is_size_asked = job.config.lmbda is None and config.psnr is None
    if is_size_asked and bits <= LEAST_BITS * fixed_bits:
        raise _out_of_reach(config, LEAST_BITS * fixed_bits / bits)
    return RateGoal(bits, job.config.lmbda, fixed_bits)


def _bits_of_zeros(job: WindowJob, config: EncoderConfig, stream: StreamHeader, num_shared: int) -> int:
    """Bits of the window if its symbols are all zero and so take none."""
    own = np.zeros(job.spec.num_parameters - num_shared, np.int32)
    parameters = QuantizedParameters(
        (0,) * len(job.spec.layout), np.zeros(num_shared, np.int32), (own,) * len(job.chunks)
    )
    embeddings = [(0, np.zeros((length, *job.spec.embedding_shape), np.int32)) for length in job.chunk_lengths]
    quantized = QuantizedWindow(parameters, tuple(embeddings) if job.spec.has_embedding else ())
    return _file_bits(job, config, stream, quantized)


def _file_bits(job: WindowJob, config: EncoderConfig, stream: StreamHeader, quantized: QuantizedWindow) -> int:
    """Bits that a file grows by with a window; those of the file itself are the first window's."""
    alone = replace(job, window_idx=0, first_frame=0)
    num_bytes = _file_bytes(stream, config, window_content(alone, quantized))
    return 8 * (num_bytes if job.window_idx == 0 else num_bytes - _file_bytes(stream, config, None))


def _file_bytes(
    stream: StreamHeader, config: EncoderConfig, window: tuple[WindowContent, tuple[ChunkContent, ...]] | None
) -> int:
    file = io.BytesIO()
    writer = NvstWriter(file, stream)
    writer.write_metadata(file_metadata(config))
    if window is not None:
        writer.write_window(*window)
    writer.finish(is_complete=True)
    return file.tell()


def trained_bits(job: WindowJob, config: EncoderConfig, stream: StreamHeader) -> int:
    """Bits of a window in the file, as its training has left it."""
    assert job.model.coding is not None
    return _file_bits(job, config, stream, trained_symbols(job.model.coding))


def _result(job: WindowJob, config: EncoderConfig, stream: StreamHeader, goal: RateGoal) -> _Result:
    psnr = None if config.psnr is None else luma_psnr(job.model, job.chunks, range(len(job.chunks)))
    return _Result(max(trained_bits(job, config, stream) - goal.fixed_bits, 1.0), psnr)


def _is_met(result: _Result, goal: RateGoal, config: EncoderConfig) -> bool:
    return _miss(result, goal, config) <= (BITS_TOLERANCE if config.psnr is None else PSNR_TOLERANCE)


def _miss(result: _Result, goal: RateGoal, config: EncoderConfig) -> float:
    """How far a result is from the aim: dB, or a fraction of the bits."""
    if config.psnr is not None and result.psnr is not None:
        return abs(result.psnr - config.psnr)
    return abs((result.symbol_bits + goal.fixed_bits) / goal.bits - 1)


def _factor(result: _Result, goal: RateGoal, config: EncoderConfig) -> float:
    """How many times a result's bits would bring it to the goal."""
    if config.psnr is None or result.psnr is None:
        return (goal.bits - goal.fixed_bits) / result.symbol_bits
    return math.exp((config.psnr - result.psnr) / DB_PER_LOG_BITS)


def _factor_anew(result: _Result, config: EncoderConfig) -> float:
    """How many times the bits a training anew should have; 1 where it is not worth it."""
    if config.psnr is None or result.psnr is None or abs(config.psnr - result.psnr) <= MOST_MISSED:
        return 1.0
    return min(max(math.exp((config.psnr - result.psnr) / DB_PER_LOG_BITS), 1 / MOST_FACTOR), MOST_FACTOR)


def _scale_steps(job: WindowJob, config: EncoderConfig, stream: StreamHeader, bits: float) -> None:
    """Make the steps of a window larger or smaller so that it takes so many bits in the file."""
    coding = job.model.coding
    assert coding is not None
    steps = (0,) * len(job.spec.layout)

    def count() -> Tensor:
        shared, own, embeddings = coding.integers()
        quantized = QuantizedWindow(
            QuantizedParameters(steps, shared, tuple(own)), tuple((0, symbols) for symbols in embeddings)
        )
        return torch.tensor(_file_bits(job, config, stream, quantized))

    coding.release_steps()
    coding.scale_steps(bits, count)
    coding.fix_steps()


def _require_reached(result: _Result, highest_psnr: float, goal: RateGoal, config: EncoderConfig) -> None:
    """Refuse what takes fewer bits than there can be, or more quality than any round came to.

    Raises:
        ConfigError: its place is the setting, and its reason names the nearest that is possible.
    """
    if config.psnr is not None and result.psnr is not None:
        if highest_psnr < config.psnr - PSNR_REFUSED:
            nearest = math.floor(10 * highest_psnr) / 10
            raise ConfigError(f"{config.psnr:g} dB are out of reach; these settings come to {nearest:g} dB", "psnr")
    elif result.symbol_bits + goal.fixed_bits > (1 + BITS_REFUSED) * goal.bits:
        raise _out_of_reach(config, (result.symbol_bits + goal.fixed_bits) / goal.bits)


def _out_of_reach(config: EncoderConfig, factor: float) -> ConfigError:
    """The refusal of a size, so many times of which is possible."""
    if config.bitrate is not None:
        nearest = f"{math.ceil(config.bitrate * factor / 100) * 100}"
        return ConfigError(f"{config.bitrate:g} bits per second are too few; {nearest} are possible", "bitrate")
    if config.target_bytes is not None:
        nearest = f"{math.ceil(config.target_bytes * factor)}"
        return ConfigError(f"{config.target_bytes} bytes are too few; {nearest} are possible", "target-size")
    bpp = config.bpp if config.bpp is not None else config.resolved_preset().bpp
    nearest = f"{math.ceil(bpp * factor * 1e4) / 1e4:g}"
    return ConfigError(f"{bpp:g} bits per pixel are too few; {nearest} are possible", "bpp")
