"""Partial joint training, proven against networks that are trained apart (paper, Algorithm 1)."""

from __future__ import annotations

import dataclasses
import math
import sys

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from nvcodec.bitstream.network_spec import Backbone
from nvcodec.networks import build_network, time_encoding
from nvcodec.training.chunk_frames import ChunkFrames
from nvcodec.training.fit import TELLING_INTERVAL, FitProgress, fit, seconds_per_epoch
from nvcodec.training.losses import Loss, distortion
from nvcodec.training.rate_term import REFIT_INTERVAL
from nvcodec.training.recipe import RateRecipe, Recipe
from nvcodec.training.steering import RateGoal
from nvcodec.training.window_model import WindowModel
from nvcodec.video.format import VideoFormat
from tests import encodes

FORMAT = VideoFormat(32, 24)
LENGTHS = (4, 2, 4)
ONE_STEP = Recipe(epochs=1, batch_size=4, learning_rate=1e-3)


def make_chunks(lengths: tuple[int, ...] = LENGTHS) -> list[ChunkFrames]:
    return [encodes.chunk_frames(FORMAT, length, first=7 * idx) for idx, length in enumerate(lengths)]


def make_model(backbone: Backbone, kappa: float, lengths: tuple[int, ...] = LENGTHS) -> WindowModel:
    """A window whose chunks have different own parameters, a random part of which is shared."""
    model = encodes.window_model(encodes.tiny_spec(backbone), lengths)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameters in (model.shared, *model.own):
            parameters += 0.02 * torch.randn(parameters.shape, generator=generator)
    model.share(torch.rand(model.spec.num_parameters, generator=generator) < kappa)
    return model


def run_fit(model: WindowModel, chunks: list[ChunkFrames], recipe: Recipe, seed: int = 1, **options) -> None:
    fit(model, chunks, recipe, generator=torch.Generator().manual_seed(seed), **options)


def gradient_alone(model: WindowModel, chunks: list[ChunkFrames], chunk_idx: int, loss: Loss) -> Tensor:
    """Gradient (S,) of one chunk's loss over all its frames, computed with a network that knows of no other chunk."""
    spec, chunk = model.spec, chunks[chunk_idx]
    theta = torch.empty(spec.num_parameters)
    theta[model.mask] = model.shared.detach()[model.mask]
    theta[~model.mask] = model.own[chunk_idx].detach()[~model.mask]
    theta.requires_grad_()
    targets = chunk.targets(torch.arange(len(chunk)), spec.backbone)
    if spec.backbone == Backbone.VAST:
        inputs = model.free_embeddings[chunk_idx].detach()
    elif spec.has_embedding:
        padding = (0, spec.coded_width - FORMAT.width, 0, spec.coded_height - FORMAT.height)
        inputs = model.encoders[chunk_idx](functional.pad(targets, padding, mode="replicate"))
    else:
        inputs = torch.from_numpy(time_encoding(range(len(chunk)), len(chunk), spec))
    frames = build_network(spec)(theta, inputs)[:, :, : targets.shape[2], : targets.shape[3]]
    weight = len(chunk) / max(len(other) for other in chunks)
    (gradient,) = torch.autograd.grad(weight * distortion(frames, targets, loss), [theta])
    return gradient


def assert_close(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-3, atol=2e-5 * expected.abs().max().item())


@pytest.mark.parametrize("kappa", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("loss", list(Loss))
@pytest.mark.parametrize("backbone", [Backbone.HNERV, Backbone.NERV, Backbone.VAST])
def test_a_step_follows_the_sum_of_the_chunks_where_shared_and_the_chunk_alone_elsewhere(
    backbone: Backbone, loss: Loss, kappa: float
) -> None:
    model, chunks = make_model(backbone, kappa), make_chunks()
    alone = [gradient_alone(model, chunks, chunk_idx, loss) for chunk_idx in range(len(chunks))]
    run_fit(model, chunks, dataclasses.replace(ONE_STEP, loss=loss))  # one iteration: its gradients remain
    mask = model.mask
    # What nobody shares has no gradient at all.
    shared_gradient = model.shared.grad if kappa else torch.zeros_like(model.shared)
    assert shared_gradient is not None
    assert kappa or model.shared.grad is None
    assert min(gradient.abs().max() for gradient in alone) > 0
    assert_close(shared_gradient, torch.where(mask, sum(alone), torch.zeros(())))
    for own, gradient in zip(model.own, alone, strict=True):
        assert own.grad is not None
        assert_close(own.grad, torch.where(mask, torch.zeros(()), gradient))
        assert not own.grad[mask].any()
    assert not shared_gradient[~mask].any()


@pytest.mark.parametrize(("most_pixels", "runs"), [(2**21, [3]), (2 * 4 * 32 * 24, [2, 1]), (1, [1, 1, 1])])
@pytest.mark.parametrize("backbone", [Backbone.HNERV, Backbone.VAST])
def test_chunks_that_share_everything_go_through_one_run_as_far_as_memory_allows(
    backbone: Backbone, most_pixels: int, runs: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, chunks = make_model(backbone, 1.0), make_chunks()
    alone = [gradient_alone(model, chunks, chunk_idx, Loss.L2) for chunk_idx in range(len(chunks))]
    batches: list[int] = []
    reconstruct = model.reconstruct

    def counted(theta: Tensor, inputs: Tensor, *sizes: int) -> Tensor:
        batches.append(len(inputs) // ONE_STEP.batch_size)
        return reconstruct(theta, inputs, *sizes)

    monkeypatch.setattr(model, "reconstruct", counted)
    monkeypatch.setattr("nvcodec.training.fit.MOST_PIXELS", most_pixels)
    run_fit(model, chunks, ONE_STEP)
    assert batches == runs
    assert model.shared.grad is not None
    assert_close(model.shared.grad, sum(alone))


@pytest.mark.parametrize("backbone", [Backbone.HNERV, Backbone.NERV, Backbone.VAST])
def test_an_optimiser_step_on_separate_networks_gives_the_same_parameters(backbone: Backbone) -> None:
    """Adam on the summed and on the single gradients, by hand: its first step moves by lr against the gradient."""
    model, chunks = make_model(backbone, 0.5), make_chunks()
    alone = [gradient_alone(model, chunks, chunk_idx, Loss.L2) for chunk_idx in range(len(chunks))]
    before = [model.theta(chunk_idx).detach().clone() for chunk_idx in range(len(chunks))]
    run_fit(model, chunks, ONE_STEP)
    rate = ONE_STEP.learning_rate * 0.1  # the schedule begins at a tenth
    for chunk_idx, start in enumerate(before):
        gradient = torch.where(model.mask, sum(alone), alone[chunk_idx])
        expected = start - rate * gradient / (gradient.abs() + 1e-8)
        is_clear = gradient.abs() > 1e-6  # where rounding cannot turn the direction
        assert is_clear.float().mean() > 0.3
        torch.testing.assert_close(model.theta(chunk_idx)[is_clear], expected[is_clear], rtol=0, atol=rate / 50)


@pytest.mark.parametrize("backbone", list(Backbone))
def test_after_training_shared_positions_are_identical_and_own_ones_differ(backbone: Backbone) -> None:
    lengths = (3, 2)
    model = encodes.window_model(encodes.tiny_spec(backbone), lengths)
    start = model.shared.detach().clone()
    mask = torch.rand(model.spec.num_parameters, generator=torch.Generator().manual_seed(0)) < 0.5
    model.share(mask)
    run_fit(model, make_chunks(lengths), Recipe(epochs=2, learning_rate=1e-2))
    first, second = model.theta(0), model.theta(1)
    assert torch.equal(first[mask], second[mask])
    assert (first[~mask] != second[~mask]).float().mean() > 0.9
    for theta in (first, second):
        assert (theta[mask] != start[mask]).float().mean() > 0.9
        assert (theta[~mask] != start[~mask]).float().mean() > 0.9


class RecordedFrames(ChunkFrames):
    """Remembers which frames were asked for."""

    def targets(self, frame_idx: Tensor, backbone: Backbone) -> Tensor:
        self.__dict__.setdefault("asked", []).extend(frame_idx.tolist())
        return super().targets(frame_idx, backbone)


@pytest.mark.parametrize(
    ("lengths", "batch_size", "counts"),
    [((4, 2), 1, (1, 2)), ((4, 2), 2, (1, 2)), ((6, 3), 3, (1, 2)), ((4,), 1, (1,))],
)
def test_an_epoch_shows_every_frame_and_repeats_those_of_a_shorter_chunk(
    lengths: tuple[int, ...], batch_size: int, counts: tuple[int, ...]
) -> None:
    chunks = [RecordedFrames(chunk.format, chunk.planes) for chunk in make_chunks(lengths)]
    model = make_model(Backbone.NERV, 0.5, lengths)
    run_fit(model, chunks, Recipe(epochs=3, batch_size=batch_size))
    for chunk, count in zip(chunks, counts, strict=True):
        asked = chunk.__dict__["asked"]
        per_epoch = max(lengths)
        assert len(asked) == 3 * per_epoch
        epochs = [asked[start : start + per_epoch] for start in range(0, len(asked), per_epoch)]
        for epoch in epochs:
            assert sorted(epoch) == sorted(list(range(len(chunk))) * count)


def test_frames_are_shuffled_and_an_odd_repetition_is_still_within_one() -> None:
    chunks = [RecordedFrames(chunk.format, chunk.planes) for chunk in make_chunks((8, 3))]
    run_fit(make_model(Backbone.NERV, 0.5, (8, 3)), chunks, Recipe(epochs=2))
    long, short = (chunk.__dict__["asked"] for chunk in chunks)
    assert long[:8] != long[8:]
    assert sorted(long[:8]) == list(range(8))
    assert {short[:8].count(idx) for idx in range(3)} == {2, 3}


def test_the_incomplete_last_batch_is_dropped() -> None:
    assert Recipe(1, batch_size=2).num_iterations((5, 3)) == 2
    assert Recipe(1, batch_size=8).num_iterations((5, 3)) == 1


@pytest.mark.parametrize("backbone", list(Backbone))
def test_the_same_seed_gives_the_same_parameters(backbone: Backbone) -> None:
    results = []
    for order_seed in (1, 1, 2):
        model = make_model(backbone, 0.5, (4, 3))
        run_fit(model, make_chunks((4, 3)), Recipe(epochs=1), seed=order_seed)
        results.append(torch.cat([model.theta(0), model.theta(1)]))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


@pytest.mark.parametrize("loss", list(Loss))
@pytest.mark.parametrize("backbone", [Backbone.HNERV, Backbone.NERV, Backbone.VAST])
def test_learning_reduces_the_error(backbone: Backbone, loss: Loss) -> None:
    states: list[FitProgress] = []
    model = encodes.window_model(encodes.tiny_spec(backbone), (2, 2))
    model.share(torch.arange(model.spec.num_parameters) % 2 == 0)
    recipe = Recipe(epochs=25, learning_rate=1e-2, loss=loss)
    run_fit(model, make_chunks((2, 2)), recipe, on_progress=states.append)
    assert states[-1].psnr > states[0].psnr + 3


def test_progress_counts_iterations_and_epochs() -> None:
    states: list[FitProgress] = []
    run_fit(make_model(Backbone.NERV, 0.5), make_chunks(), Recipe(epochs=2), on_progress=states.append)
    assert [state.epoch for state in states] == [0, 0, 0, 1, 1, 1, 1, 2]
    assert [state.fraction for state in states] == [step / 8 for step in range(1, 9)]
    assert {state.num_epochs for state in states} == {2}
    assert states[-1].seconds_left == 0
    assert all(state.seconds_left > 0 for state in states[:-1])
    assert all(0 < state.psnr < 100 for state in states)


def test_a_stop_ends_training_after_the_iteration() -> None:
    states: list[FitProgress] = []
    model = make_model(Backbone.NERV, 0.5)
    before = model.theta(0).detach().clone()
    stop = lambda: len(states) == 3  # noqa: E731
    run_fit(model, make_chunks(), Recipe(epochs=50), on_progress=states.append, should_stop=stop)
    assert len(states) == 3
    assert not torch.equal(model.theta(0), before)


@pytest.mark.parametrize("backbone", [Backbone.HNERV, Backbone.VAST])
def test_measuring_the_speed_changes_nothing(backbone: Backbone) -> None:
    model, chunks = make_model(backbone, 0.5), make_chunks()
    before = model.theta(0).detach().clone()
    assert seconds_per_epoch(model, chunks, Recipe(epochs=1)) > 0
    assert torch.equal(model.theta(0), before)
    assert all(parameter.grad is None for parameter in (*model.vectors(), *model.embedded()))


def test_wide_layers_learn_slower_in_proportion_to_their_inputs() -> None:
    """With Adam's first step every element moves by the learning rate, so the moves show the relative rates."""
    moved = {}
    for full_rate_fan_in in (None, 9):
        model = make_model(Backbone.HNERV, 0.0)
        before = model.own[0].detach().clone()
        run_fit(model, make_chunks(), Recipe(epochs=1, full_rate_fan_in=full_rate_fan_in), should_stop=lambda: True)
        moved[full_rate_fan_in] = (model.own[0].detach() - before).abs()
    for tensor in model.spec.layout:
        where = slice(tensor.offset, tensor.offset + tensor.size)
        fan_in = 1 if len(tensor.shape) == 1 else math.prod(tensor.shape[1:])
        expected = moved[None][where] * min(1.0, 9 / fan_in)
        torch.testing.assert_close(moved[9][where], expected, rtol=1e-2, atol=1e-7)


def test_subnormal_numbers_are_zero_only_while_training() -> None:
    smallest = sys.float_info.min
    seen: list[float] = []
    model, chunks = make_model(Backbone.NERV, 0.0), make_chunks()
    run_fit(model, chunks, ONE_STEP, on_progress=lambda progress: seen.append(smallest / 2))
    assert seen == [0.0]
    assert smallest / 2 > 0


class ReadingOperations(TorchDispatchMode):
    """Notes when values are read off the device, for which the host has to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.iteration, self.found = 0, set[int]()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if torch.Tag.data_dependent_output in func.tags or func is torch.ops.aten.nonzero.default:
            self.found.add(self.iteration)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("backbone", [Backbone.NERV, Backbone.HNERV, Backbone.VAST])
def test_few_iterations_wait_for_the_device(backbone: Backbone) -> None:
    model, chunks = make_model(backbone, 0.5, (60, 60)), make_chunks((60, 60))
    operations = ReadingOperations()
    bpps: list[float | None] = []

    def on_progress(state: FitProgress) -> None:
        operations.iteration = state.iteration
        bpps.append(state.bpp)

    rate = RateRecipe(start=0.3, fixed_steps=0.8)
    with operations:
        recipe = Recipe(epochs=2, rate=rate)
        run_fit(model, chunks, recipe, goal=RateGoal(bits=20_000.0, lmbda=1e-6), on_progress=on_progress)
    begun = bpps.index(next(bpp for bpp in bpps if bpp is not None))
    told = {iteration for iteration in range(120) if iteration % TELLING_INTERVAL == 0 or iteration in (59, 119)}
    prepared = {begun + count for count in range(0, 120, REFIT_INTERVAL)} | {96}
    assert operations.found - {120} <= told | prepared
    assert told | {begun} <= operations.found
