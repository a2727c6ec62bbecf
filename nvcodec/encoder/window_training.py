"""The training of one window, towards the bits or the quality that the user asks for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from nvcodec.bitstream import StreamHeader
from nvcodec.encoder.aim import Aim, Attempts, Result
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.sizing import target_bits
from nvcodec.encoder.window_bits import bits_of_zeros, trained_bits
from nvcodec.encoder.window_encoding import WindowJob
from nvcodec.errors import ConfigError
from nvcodec.training.coding import Coding
from nvcodec.training.course import Course, StepCourse, TimeCourse
from nvcodec.training.fit import FitProgress, fit, seconds_per_epoch
from nvcodec.training.processes import Processes
from nvcodec.training.quality import luma_psnr
from nvcodec.training.state import TrainingState
from nvcodec.training.steering import RateGoal
from nvcodec.training.trimming import trim

# A training that falls short of its aim goes on, a few times, for a part of its iterations, but not too few, as if it
# were so far.
MOST_ROUNDS = 3
ROUND_LENGTH = 0.15
ROUND_START = 0.8
LEAST_ROUND = 100
# Where bits are the aim, a training aims at so many times of them, since its own count is a little more than the file's
# and what is above can be trimmed, while a round for what is missing costs more quality than a few percent of the bits.
TRAINED_ABOVE = 1.02
# By which a result may miss an aim before that counts as out of reach.
BITS_REFUSED = 0.1
PSNR_REFUSED = 0.2
# Least bits of a window, relative to those that it takes beside its symbols.
LEAST_BITS = 1.1
# How fast lmbda falls with more bits, in logarithms: faster than it would in a long training, since rounds are short.
LMBDA_SLOPE = 2.0
# Of a factor that processes tell each other.
PRECISION = 10**6
# Which part of a change of the bits a round leaves, in logarithms, at least and at most as far as the next one minds.
RESPONSES = (0.25, 1.5)


class _Best:
    """The nearest result to an aim, what was coded then, and the highest PSNR of any, in dB."""

    def __init__(self, coding: Coding, result: Result, aim: Aim) -> None:
        self._coding, self._aim = coding, aim
        self._best = self._last = result
        self.highest_psnr = result.psnr or 0.0
        self._copy = coding.copy()

    def keep(self, result: Result) -> None:
        """Take the copy of what is coded now, if it is nearer."""
        self._last = result
        self.highest_psnr = max(self.highest_psnr, result.psnr or 0.0)
        if self._aim.miss(result) < self._aim.miss(self._best):
            self._best, self._copy = result, self._coding.copy()

    def go_back(self) -> Result:
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
    attempts: Attempts | None = None,
) -> float:
    """Train the window's networks by partial joint training (paper, section 3.2).

    It lasts so many ``seconds``, or the preset's epochs and somewhat longer where that misses the bits or the quality
    that the user asks for. Of what comes after the epochs no states are offered: it is short.

    Args:
        job: the window.
        config: settings of the video.
        stream: header of the file.
        processes: that train together.
        on_progress: called after every iteration.
        should_stop: asked after every iteration.
        seconds: that it may last.
        resumed: where it goes on.
        offer_state: told now and then how to make a state.
        attempts: earlier trainings of the window, after which another may come; None: this is the only one.

    Returns:
        1; where another attempt is to come, how many times the bits it should have.

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
    course = None if seconds is None else TimeCourse(seconds, begun)
    has_no_aim = job.config.bpp is None or config.max_time_s is not None
    if goal is None or goal.lmbda is not None or has_no_aim:
        train_for(course, goal, resumed, offer_state)
        return 1.0
    above = 1.0 if config.psnr is not None else TRAINED_ABOVE
    lmbda = train_for(course, replace(goal, bits=goal.bits * above), resumed, offer_state)
    if lmbda is None:
        return 1.0
    aim = Aim(goal.bits - goal.fixed_bits, goal.fixed_bits, config.psnr)
    result = _result(job, config, stream, goal)
    factor = 1.0 if attempts is None or should_stop() else attempts.factor(aim, result)
    factor = processes.first_says(round(PRECISION * factor), job.model.device) / PRECISION
    if factor != 1:
        return factor

    def train_round(symbol_bits: float, lmbda: float) -> Result:
        assert job.model.coding is not None
        job.model.coding.shift_steps(goal.fixed_bits + symbol_bits, lambda: trained_bits(job, config, stream))
        iterations = recipe.num_epochs(job.chunk_lengths) * recipe.num_iterations(job.chunk_lengths)
        length = min(iterations, max(LEAST_ROUND, math.ceil(ROUND_LENGTH * iterations)))
        train_for(StepCourse(length, ROUND_START), replace(goal, lmbda=lmbda))
        return _result(job, config, stream, goal)

    result, highest_psnr = _approach(job, aim, result, lmbda, train_round, processes, should_stop)
    if not processes.first_says(should_stop(), job.model.device):
        _require_reached(result, highest_psnr, aim, config)
        if processes.is_first:
            _trim(job, config, stream, goal)
    return 1.0


def _approach(
    job: WindowJob,
    aim: Aim,
    result: Result,
    lmbda: float,
    train_round: Callable[[float, float], Result],
    processes: Processes,
    should_stop: Callable[[], bool],
) -> tuple[Result, float]:
    """Train rounds that begin with more bits and a lower ``lmbda``, or the opposite, until the aim is met or passed.

    Returns:
        What the nearest came to, which is what is coded then; and the highest PSNR of any, in dB.
    """
    assert job.model.coding is not None
    best, results = _Best(job.model.coding, result, aim), [result]
    response = 1.0
    for _ in range(MOST_ROUNDS):
        factor = 0.0 if aim.is_met(result) or should_stop() else aim.factor(results) ** (1 / response)
        symbol_bits = processes.first_says(round(result.symbol_bits * factor), job.model.device)
        if not symbol_bits:
            break
        change = math.log(symbol_bits / result.symbol_bits)
        lmbda *= math.exp(-LMBDA_SLOPE * change)
        before, result = result, train_round(symbol_bits, lmbda)
        if change:
            response = math.log(result.symbol_bits / before.symbol_bits) / change
            response = min(max(response, RESPONSES[0]), RESPONSES[1])
        best.keep(result)
        results.append(result)
    return best.go_back(), best.highest_psnr


def _trim(job: WindowJob, config: EncoderConfig, stream: StreamHeader, goal: RateGoal) -> None:
    """Take away what the window has more than it should: bits, or quality."""
    if config.psnr is None:
        trim(job.model, job.chunks, job.generator, goal.bits, lambda: trained_bits(job, config, stream))
    else:
        trim(job.model, job.chunks, job.generator, config.psnr, lambda: _psnr(job))


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
    fixed_bits = bits_of_zeros(job, config, stream, num_shared)
    stored = (num_shared, job.sharing.num_textures)
    bits = target_bits(job.config, stream.format, job.spec, job.chunk_lengths, *stored, fixed_bits)
    is_size_asked = job.config.lmbda is None and config.psnr is None
    if is_size_asked and bits <= LEAST_BITS * fixed_bits:
        raise _out_of_reach(config, LEAST_BITS * fixed_bits / bits)
    return RateGoal(bits, job.config.lmbda, fixed_bits)


def _psnr(job: WindowJob) -> float:
    return luma_psnr(job.model, job.chunks, range(len(job.chunks)))


def _result(job: WindowJob, config: EncoderConfig, stream: StreamHeader, goal: RateGoal) -> Result:
    symbol_bits = max(trained_bits(job, config, stream) - goal.fixed_bits, 1.0)
    return Result(symbol_bits, None if config.psnr is None else _psnr(job))


def _require_reached(result: Result, highest_psnr: float, aim: Aim, config: EncoderConfig) -> None:
    """Refuse what takes fewer bits than there can be, or more quality than any round came to.

    Raises:
        ConfigError: its place is the setting, and its reason names the nearest that is possible.
    """
    if config.psnr is not None and result.psnr is not None:
        if highest_psnr < config.psnr - PSNR_REFUSED:
            nearest = math.floor(10 * highest_psnr) / 10
            raise ConfigError(f"{config.psnr:g} dB are out of reach; these settings come to {nearest:g} dB", "psnr")
        return
    if aim.excess(result) > BITS_REFUSED:
        raise _out_of_reach(config, 1 + aim.excess(result))


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
