"""Partial joint training of a window (paper, section 3.2, Algorithm 1)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nvcodec.bitstream.network_spec import NetworkSpec
from nvcodec.decoder.precision import reduced_precision
from nvcodec.training.chunk_frames import ChunkFrames
from nvcodec.training.course import Course, StepCourse
from nvcodec.training.losses import Loss, distortion
from nvcodec.training.processes import ALONE, Processes
from nvcodec.training.rate_term import RateTerm
from nvcodec.training.recipe import Recipe
from nvcodec.training.schedule import learning_rate_multiplier
from nvcodec.training.state import TrainingState, optimizer_state, restore_optimizer, taken
from nvcodec.training.steering import RateGoal
from nvcodec.training.subnormals import subnormals_as_zero
from nvcodec.training.window_model import WindowModel
from nvcodec.video.format import VideoFormat

LOSS_MEMORY = 0.9
TELLING_INTERVAL = 8
"""Iterations after which quality and rate are told anew."""
# Of frames whose gradients are computed together: enough for a CPU to be busy, few enough for its memory.
MOST_PIXELS = 2**21


@dataclass(frozen=True)
class FitProgress:
    """State of the training after an iteration.

    Attributes:
        epoch: current epoch, from 0; equals ``num_epochs`` when a training of so many is over.
        num_epochs: epochs in all; as far as can be told where the time decides.
        iteration: iterations done.
        fraction: fraction of the training that is done, 0..1.
        psnr: PSNR in dB of the mean squared error over the epoch's batches, of RGB values or (VAST) of samples; a few
            iterations old, as is ``bpp``.
        seconds_left: estimate from the speed so far.
        bpp: estimate of the window's bits per pixel; None while nothing is quantised.
    """

    epoch: int
    num_epochs: int
    iteration: int
    fraction: float
    psnr: float
    seconds_left: float
    bpp: float | None = None


def joint_loss(
    model: WindowModel, chunks: Sequence[ChunkFrames], batches: Mapping[int, Tensor], recipe: Recipe
) -> tuple[Tensor, Tensor]:
    """Loss of chunks with the same parameters, each weighted by its frames relative to the longest chunk (Eq. 1).

    Args:
        model: the window's networks.
        chunks: the source frames, of all chunks of the window.
        batches: (N,) positions of frames within their chunk, by the chunk's index.
        recipe: which loss, in which precision.

    Returns:
        The loss, the sum over those chunks (a scalar to differentiate), and their mean squared errors (number of
        batches,), without gradient.
    """
    targets = [chunks[chunk_idx].targets(frame_idx, model.spec.backbone) for chunk_idx, frame_idx in batches.items()]
    inputs = [
        model.inputs(chunk_idx, frame_idx, frames)
        for (chunk_idx, frame_idx), frames in zip(batches.items(), targets, strict=True)
    ]
    height, width = targets[0].shape[2:]
    with reduced_precision(model.device, is_wanted=recipe.reduced_precision):
        theta = model.theta(min(batches))
        joined = model.reconstruct(theta, torch.cat(inputs), height, width, recipe.output_floor)
    loss, errors = torch.zeros((), device=model.device), []
    longest = max(len(chunk) for chunk in chunks)
    parts = torch.split(joined, [len(frames) for frames in targets])
    for chunk_idx, of_chunk, frames in zip(batches, parts, targets, strict=True):
        value = distortion(of_chunk, frames, recipe.loss)
        loss = loss + value * (len(chunks[chunk_idx]) / longest)
        errors.append(value.detach() if recipe.loss is Loss.L2 else torch.mean((of_chunk.detach() - frames) ** 2))
    return loss, torch.stack(errors)


@subnormals_as_zero()
def fit(
    model: WindowModel,
    chunks: Sequence[ChunkFrames],
    recipe: Recipe,
    *,
    generator: torch.Generator,
    goal: RateGoal | None = None,
    course: Course | None = None,
    processes: Processes = ALONE,
    resumed: TrainingState | None = None,
    on_progress: Callable[[FitProgress], None] = lambda progress: None,
    offer_state: Callable[[Callable[[], TrainingState]], None] = lambda make_state: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> float | None:
    """Train all chunks of a window together, in place.

    One iteration takes one batch from every chunk. A shorter chunk repeats frames and is weighted by its length. A
    model that is coded already goes on to be.

    Args:
        model: the window's networks and parameters; its mask says what is shared.
        chunks: the source frames, one entry per chunk of the model.
        recipe: how long, how fast, towards what.
        generator: shuffles the frames (on the CPU, so that the order does not depend on the device).
        goal: what the rate should come to; needed where the recipe has a rate.
        course: how far the training is at which iteration; None: so many iterations as the recipe's epochs have.
        processes: that train together; the first one's course and ``should_stop`` are everybody's. Afterwards all have
            the whole model.
        resumed: where a training of the same model, chunks and recipe was, which is continued; not with processes.
        on_progress: called after every iteration; what it is told of time is right in the first process alone.
        offer_state: called where the training could be continued later, with what makes the state that this takes.
            Its tensors are those of the training, which changes them; so it is to be used at once. Not with processes.
        should_stop: asked after every iteration; training ends early, in a usable state, once it is true.

    Returns:
        The weight of the rate, lmbda, that it ended with; None if nothing is quantised.

    Raises:
        TrainingError: the training diverged, or what is to be continued is another one.
    """
    groups = [{"params": some, "peak": recipe.learning_rate} for some in (model.vectors(), model.embedded()) if some]
    optimizer = torch.optim.Adam(groups, betas=(recipe.beta1, recipe.beta2), fused=True)
    relative_rates = None
    if recipe.full_rate_fan_in is not None:
        relative_rates = _relative_rates(model.spec, recipe.full_rate_fan_in).to(model.device)
    chunk_lengths = [len(chunk) for chunk in chunks]
    iterations = recipe.num_iterations(chunk_lengths)
    course = course or StepCourse(recipe.num_epochs(chunk_lengths) * iterations)
    batches = [_batches(len(chunk), recipe.batch_size, iterations, generator) for chunk in chunks]
    joint_groups = _joint_groups(model, chunks, recipe.batch_size, processes.chunks_of(len(chunks)))
    mse_sum, mse_count = torch.zeros((), device=model.device), 0
    sum_of_weights = sum(chunk_lengths) / max(chunk_lengths)
    frame_loss = torch.zeros((), device=model.device)
    rate: RateTerm | None = None
    start = time.monotonic()
    psnr, bpp = 0.0, None
    begun, fraction, wants_stop, is_stopped = 0, course.fraction(0), False, False

    def begin_rate(num_iterations: int) -> RateTerm:
        assert recipe.rate is not None and goal is not None
        term = RateTerm(
            model,
            chunks,
            recipe.rate,
            goal,
            distortion=frame_loss,
            num_iterations=num_iterations,
            processes=processes,
        )
        _replace_inputs(optimizer, term.parameter_groups(recipe.learning_rate))
        return term

    def make_state() -> TrainingState:
        of_rate = {} if rate is None else rate.state()
        tensors = {"mask": model.mask, "frame_loss": frame_loss, **of_rate, **optimizer_state(optimizer)}
        return TrainingState(done, fraction, tensors)

    if resumed is not None:
        begun, fraction = resumed.num_done, resumed.fraction
        for _ in range(begun):
            for of_chunk in batches:
                next(of_chunk)
        frame_loss = taken(resumed.tensors, "frame_loss", torch.float32).to(model.device)
        num_iterations = RateTerm.num_iterations_of(resumed.tensors)
        if num_iterations is not None:
            rate = begin_rate(num_iterations)
            rate.restore(resumed.tensors)
        restore_optimizer(optimizer, resumed.tensors)
    done = begun
    while fraction < 1 and not is_stopped:
        if recipe.rate is not None and goal is not None and rate is None and fraction >= recipe.rate.start:
            iterations_left = processes.first_says(course.iterations_left(done), model.device)
            _take_from_owners(model, processes)
            rate = begin_rate(iterations_left)
        speed = learning_rate_multiplier(fraction, recipe.warmup_ratio)
        if rate is not None:
            rate.begin_iteration(fraction, speed)
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * speed
        optimizer.zero_grad()
        losses, errors_sum = torch.zeros((), device=model.device), torch.zeros((), device=model.device)
        drawn = [next(of_chunk) for of_chunk in batches]
        for together in joint_groups:
            # Without waiting for the device: of so little a copy is made before it is taken over.
            of_group = {chunk_idx: drawn[chunk_idx].to(model.device, non_blocking=True) for chunk_idx in together}
            loss, errors = joint_loss(model, chunks, of_group, recipe)
            losses, errors_sum = losses + loss.detach(), errors_sum + errors.sum()
            loss.backward()  # type: ignore[no-untyped-call]
        if rate is not None:
            rate.loss().backward()  # type: ignore[no-untyped-call]
        done += 1
        fraction = course.fraction(done)
        if processes.count > 1:
            common = [model.shared, *(rate.common() if rate is not None else [])]
            decided = torch.tensor([fraction, float(wants_stop)], device=model.device) * processes.is_first
            processes.add_up([*_gradients(common), losses, errors_sum, decided])
            fraction, is_stopped = decided[0].item(), bool(decided[1])
        mse_sum, mse_count = mse_sum + errors_sum, mse_count + len(chunks)
        _step(optimizer, model.vectors(), relative_rates)
        frame_loss = torch.lerp(losses / sum_of_weights, frame_loss, LOSS_MEMORY if done > 1 else 0.0)
        elapsed = time.monotonic() - start
        if (
            done % TELLING_INTERVAL == 1
            or done == begun + 1
            or done % iterations == 0
            or (rate is not None and bpp is None)
            or fraction >= 1
        ):
            # Only here the host waits for the device.
            psnr = -10 * math.log10(max(mse_sum.item() / mse_count, 1e-10))
            bpp = None if rate is None else rate.bpp
        on_progress(
            FitProgress(
                epoch=done // iterations,
                num_epochs=math.ceil((done + course.iterations_left(done)) / iterations),
                iteration=done,
                fraction=fraction,
                psnr=psnr,
                seconds_left=elapsed / (done - begun) * course.iterations_left(done),
                bpp=bpp,
            )
        )
        if done % iterations == 0:
            mse_sum, mse_count = torch.zeros((), device=model.device), 0
        if processes.count == 1 and fraction < 1 and (rate is None or rate.is_due_to_refit):
            offer_state(make_state)
        wants_stop = should_stop()
        is_stopped = is_stopped or (wants_stop and processes.count == 1)
    _take_from_owners(model, processes)
    return None if rate is None else rate.lmbda


def seconds_per_epoch(
    model: WindowModel, chunks: Sequence[ChunkFrames], recipe: Recipe, processes: Processes = ALONE
) -> float:
    """Measure a batch of the first chunks (after one to warm up), changing nothing, and extrapolate to an epoch."""
    joint_groups = _joint_groups(model, chunks, recipe.batch_size, range(0, len(chunks), processes.count))
    first = {idx: torch.arange(recipe.batch_size, device=model.device) % len(chunks[idx]) for idx in joint_groups[0]}
    elapsed = 0.0
    for _ in range(2):
        start = time.monotonic()
        loss, _ = joint_loss(model, chunks, first, recipe)
        gradients = torch.autograd.grad(loss, [model.shared, model.own[0]], allow_unused=True)
        # Reading a value waits for the device.
        next(gradient for gradient in gradients if gradient is not None).sum().item()
        elapsed = time.monotonic() - start
    return elapsed * recipe.num_iterations([len(chunk) for chunk in chunks]) * len(joint_groups)


def chunks_at_once(video_format: VideoFormat, batch_size: int, num_chunks: int, *, shares_all: bool) -> int:
    """Of how many chunks, of so many, one run of the network does: those that have the same parameters."""
    if not shares_all:
        return 1
    return min(num_chunks, max(1, MOST_PIXELS // (batch_size * video_format.width * video_format.height)))


def _joint_groups(
    model: WindowModel, chunks: Sequence[ChunkFrames], batch_size: int, indices: range
) -> list[list[int]]:
    """Chunks of these indices, together where one run of the network does for them: all have the same parameters."""
    shares_all = bool(model.mask.all())
    size = chunks_at_once(chunks[0].format, batch_size, len(chunks), shares_all=shares_all)
    return [list(indices[start : start + size]) for start in range(0, len(indices), size)]


def _gradients(parameters: Sequence[Tensor]) -> list[Tensor]:
    """Their gradients, zeros where there are none."""
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def _take_from_owners(model: WindowModel, processes: Processes) -> None:
    """Bring together what each process has trained of its chunks."""
    processes.take_from_owners(model.own)
    processes.take_from_owners(model.free_embeddings if model.coding is None else model.coding.embeddings)
    for values in zip(*(encoder.parameters() for encoder in model.encoders), strict=True):
        processes.take_from_owners(values)


def _replace_inputs(optimizer: torch.optim.Optimizer, groups: Sequence[dict[str, Any]]) -> None:
    """Keep the parameters, which are the first group, with their state; learn ``groups`` instead of the rest."""
    for group in optimizer.param_groups[1:]:
        for parameter in group["params"]:
            optimizer.state.pop(parameter, None)
    del optimizer.param_groups[1:]
    for group in groups:
        optimizer.add_param_group(group)


def _relative_rates(spec: NetworkSpec, full_rate_fan_in: int) -> Tensor:
    """Learning rate of each parameter relative to the recipe's, (S,)."""
    rates = torch.ones(spec.num_parameters)
    for tensor in spec.layout:
        if tensor.kind.is_weight:
            fan_in = math.prod(tensor.shape[1:])
            rates[tensor.offset : tensor.offset + tensor.size] = min(1.0, full_rate_fan_in / fan_in)
    return rates


def _step(optimizer: torch.optim.Optimizer, vectors: Sequence[Tensor], relative_rates: Tensor | None) -> None:
    """One step of the optimiser, of which each element of ``vectors``, each (S,), makes its own fraction."""
    if relative_rates is None:
        optimizer.step()
        return
    # Where everything is shared, or nothing, the other vectors are never used.
    used = [vector for vector in vectors if vector.grad is not None]
    with torch.no_grad():
        before = [vector.clone() for vector in used]
        optimizer.step()
        for vector, start in zip(used, before, strict=True):
            vector.copy_(torch.lerp(start, vector, relative_rates))


def _batches(num_frames: int, batch_size: int, iterations: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Endless batches (batch_size,) of frame positions; every epoch reshuffles, a shorter chunk repeats within it."""
    while True:
        order = torch.randperm(num_frames, generator=generator)
        needed = iterations * batch_size
        while len(order) < needed:
            order = torch.cat([order, torch.randperm(num_frames, generator=generator)])
        yield from torch.split(order[:needed], batch_size)
