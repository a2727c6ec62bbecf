"""Partial joint training of a window (paper, section 3.2, Algorithm 1)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nvcodec.bitstream.network_spec import NetworkSpec
from nvcodec.training.chunk_frames import ChunkFrames
from nvcodec.training.losses import Loss, distortion
from nvcodec.training.rate_term import RateRecipe, RateTerm
from nvcodec.training.schedule import learning_rate_multiplier
from nvcodec.training.steering import RateGoal
from nvcodec.training.subnormals import subnormals_as_zero
from nvcodec.training.window_model import WindowModel

LOSS_MEMORY = 0.9


@dataclass(frozen=True)
class Recipe:
    """How a window is trained.

    Attributes:
        epochs: passes over the frames of the window.
        min_iterations: more epochs are made of a window whose chunks are short, until there are this many iterations.
        batch_size: frames of each chunk in one iteration.
        learning_rate: peak learning rate of Adam.
        beta1, beta2: Adam's decay rates.
        warmup_ratio: fraction of the training that warms up.
        loss: distortion to minimise.
        output_floor: least derivative of the output activation while training, see ``floored_output``.
        full_rate_fan_in: layers with more inputs per output than this learn slower in proportion, since all inputs add
            to one output's change; None: all layers learn at the full rate.
        rate: how the training takes the rate into account; None: it does not.
    """

    epochs: int
    min_iterations: int = 0
    batch_size: int = 1
    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    warmup_ratio: float = 0.1
    loss: Loss = Loss.L2
    output_floor: float = 0.0
    full_rate_fan_in: int | None = None
    rate: RateRecipe | None = None

    def num_iterations(self, chunk_lengths: Sequence[int]) -> int:
        """Iterations of one epoch: the longest chunk's whole batches, as the originals drop the last."""
        return max(1, max(chunk_lengths) // self.batch_size)

    def num_epochs(self, chunk_lengths: Sequence[int]) -> int:
        """Epochs of a window with such chunks."""
        return max(self.epochs, math.ceil(self.min_iterations / self.num_iterations(chunk_lengths)))


@dataclass(frozen=True)
class FitProgress:
    """State of the training after an iteration.

    Attributes:
        epoch: current epoch, from 0; equals ``num_epochs`` when training is over.
        num_epochs: epochs in all.
        fraction: fraction of the training that is done, 0..1.
        psnr: PSNR in dB of the mean squared error over the last epoch's batches, of RGB values or (VAST) of samples.
        seconds_left: estimate from the speed so far.
        bpp: estimate of the window's bits per pixel; None while nothing is quantised.
    """

    epoch: int
    num_epochs: int
    fraction: float
    psnr: float
    seconds_left: float
    bpp: float | None = None


def joint_loss(
    model: WindowModel, chunks: Sequence[ChunkFrames], chunk_idx: int, frame_idx: Tensor, recipe: Recipe
) -> tuple[Tensor, Tensor]:
    """Loss of one chunk's batch, weighted by the chunk's frames relative to the window's longest chunk (Eq. 1).

    Returns:
        The loss (a scalar to differentiate), and the mean squared error of the batch (a scalar without gradient).
    """
    chunk = chunks[chunk_idx]
    targets = chunk.targets(frame_idx, model.spec.backbone)
    inputs = model.inputs(chunk_idx, frame_idx, targets)
    height, width = targets.shape[2:]
    reconstruction = model.reconstruct(model.theta(chunk_idx), inputs, height, width, recipe.output_floor)
    value = distortion(reconstruction, targets, recipe.loss)
    weight = len(chunk) / max(len(other) for other in chunks)
    mse = value.detach() if recipe.loss is Loss.L2 else torch.mean((reconstruction.detach() - targets) ** 2)
    return value * weight, mse


@subnormals_as_zero()
def fit(
    model: WindowModel,
    chunks: Sequence[ChunkFrames],
    recipe: Recipe,
    *,
    generator: torch.Generator,
    goal: RateGoal | None = None,
    on_progress: Callable[[FitProgress], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Train all chunks of a window together, in place.

    One iteration takes one batch from every chunk. A shorter chunk repeats frames and is weighted by its length.

    Args:
        model: the window's networks and parameters; its mask says what is shared.
        chunks: the source frames, one entry per chunk of the model.
        recipe: how long, how fast, towards what.
        generator: shuffles the frames (on the CPU, so that the order does not depend on the device).
        goal: what the rate should come to; needed where the recipe has a rate.
        on_progress: called after every iteration.
        should_stop: asked after every iteration; training ends early, in a usable state, once it is true.
    """
    groups = [{"params": some, "peak": recipe.learning_rate} for some in (model.vectors(), model.embedded()) if some]
    optimizer = torch.optim.Adam(groups, betas=(recipe.beta1, recipe.beta2), fused=True)
    relative_rates = None
    if recipe.full_rate_fan_in is not None:
        relative_rates = _relative_rates(model.spec, recipe.full_rate_fan_in).to(model.device)
    chunk_lengths = [len(chunk) for chunk in chunks]
    iterations = recipe.num_iterations(chunk_lengths)
    num_epochs = recipe.num_epochs(chunk_lengths)
    total = num_epochs * iterations
    batches = [_batches(len(chunk), recipe.batch_size, iterations, generator) for chunk in chunks]
    mse_sum, mse_count = torch.zeros((), device=model.device), 0
    sum_of_weights = sum(chunk_lengths) / max(chunk_lengths)
    frame_loss = torch.zeros((), device=model.device)
    rate: RateTerm | None = None
    start = time.monotonic()
    for step in range(total):
        if recipe.rate is not None and goal is not None and step == recipe.rate.first_step(total):
            rate = RateTerm(
                model,
                chunks,
                recipe.rate,
                goal,
                distortion=frame_loss,
                num_iterations=total,
                generator=generator,
            )
            _replace_inputs(optimizer, rate.parameter_groups(recipe.learning_rate))
        if rate is not None:
            rate.begin_iteration(step)
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * learning_rate_multiplier(step / total, recipe.warmup_ratio)
        optimizer.zero_grad()
        losses = torch.zeros((), device=model.device)
        for chunk_idx, batch in enumerate(batches):
            loss, mse = joint_loss(model, chunks, chunk_idx, next(batch).to(model.device), recipe)
            losses = losses + loss.detach()
            if rate is not None:
                loss = loss + rate.of_chunk(chunk_idx)
            loss.backward()  # type: ignore[no-untyped-call]
            mse_sum, mse_count = mse_sum + mse, mse_count + 1
        if rate is not None:
            rate.of_shared().backward()  # type: ignore[no-untyped-call]
        _step(optimizer, model.vectors(), relative_rates)
        frame_loss = torch.lerp(losses / sum_of_weights, frame_loss, LOSS_MEMORY if step else 0.0)
        done = step + 1
        elapsed = time.monotonic() - start
        on_progress(
            FitProgress(
                epoch=done // iterations,
                num_epochs=num_epochs,
                fraction=done / total,
                psnr=-10 * math.log10(max(mse_sum.item() / mse_count, 1e-10)),
                seconds_left=elapsed / done * (total - done),
                bpp=None if rate is None else rate.bpp,
            )
        )
        if done % iterations == 0:
            mse_sum, mse_count = torch.zeros((), device=model.device), 0
        if should_stop():
            return


def seconds_per_epoch(model: WindowModel, chunks: Sequence[ChunkFrames], recipe: Recipe) -> float:
    """Measure one batch of the first chunk (after one to warm up), changing nothing, and extrapolate to an epoch."""
    frame_idx = torch.arange(min(recipe.batch_size, len(chunks[0])), device=model.device)
    elapsed = 0.0
    for _ in range(2):
        start = time.monotonic()
        loss, _ = joint_loss(model, chunks, 0, frame_idx, recipe)
        torch.autograd.grad(loss, [model.shared, model.own[0]])
        elapsed = time.monotonic() - start
    return elapsed * recipe.num_iterations([len(chunk) for chunk in chunks]) * len(chunks)


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
    with torch.no_grad():
        before = [vector.clone() for vector in vectors]
        optimizer.step()
        for vector, start in zip(vectors, before, strict=True):
            vector.copy_(torch.lerp(start, vector, relative_rates))


def _batches(num_frames: int, batch_size: int, iterations: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Endless batches (batch_size,) of frame positions; every epoch reshuffles, a shorter chunk repeats within it."""
    while True:
        order = torch.randperm(num_frames, generator=generator)
        needed = iterations * batch_size
        while len(order) < needed:
            order = torch.cat([order, torch.randperm(num_frames, generator=generator)])
        yield from torch.split(order[:needed], batch_size)
