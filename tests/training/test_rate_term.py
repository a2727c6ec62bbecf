"""Training of a window with its rate in the loss."""

from __future__ import annotations

import pytest
import torch

from nvcodec.bitstream.network_spec import Backbone
from nvcodec.training.fit import FitProgress, fit
from nvcodec.training.processes import ALONE
from nvcodec.training.rate_term import RateTerm
from nvcodec.training.recipe import RateRecipe, Recipe
from nvcodec.training.steering import RateGoal
from nvcodec.training.window_model import WindowModel
from nvcodec.video.format import VideoFormat
from tests import encodes

FORMAT, LENGTHS = VideoFormat(32, 24), (4, 3)
NUM_PIXELS = 32 * 24 * 7
RECIPE = Recipe(epochs=40, learning_rate=1e-2, beta2=0.95, rate=RateRecipe())


def trained(
    goal: RateGoal, backbone: Backbone = Backbone.HNERV, recipe: Recipe = RECIPE, num_iterations: int | None = None
) -> tuple[WindowModel, list[FitProgress]]:
    states: list[FitProgress] = []
    model = encodes.window_model(encodes.tiny_spec(backbone), LENGTHS)
    model.share(torch.arange(model.spec.num_parameters) % 2 == 0)
    chunks = [encodes.chunk_frames(FORMAT, length, first=7 * idx) for idx, length in enumerate(LENGTHS)]
    generator = torch.Generator().manual_seed(1)
    fit(
        model,
        chunks,
        recipe,
        generator=generator,
        goal=goal,
        on_progress=states.append,
        should_stop=lambda: len(states) == num_iterations,
    )
    return model, states


def test_the_rate_is_told_from_the_start_of_the_coding_on() -> None:
    model, states = trained(RateGoal(bits=40_000.0))
    assert [state.bpp is None for state in states] == [True] * 80 + [False] * 80
    assert model.coding is not None
    assert model.coding.has_fixed_steps
    assert states[-1].bpp == pytest.approx(model.coding.rounded_bits().item() / NUM_PIXELS, rel=0.02)


def test_lmbda_weighs_bits_per_pixel_as_often_as_there_are_frames_relative_to_the_longest_chunk() -> None:
    model = encodes.window_model(encodes.tiny_spec(Backbone.HNERV), LENGTHS)
    chunks = [encodes.chunk_frames(FORMAT, length, first=7 * idx) for idx, length in enumerate(LENGTHS)]
    goal = RateGoal(bits=1.0, lmbda=0.3)
    rate = RateTerm(
        model, chunks, RateRecipe(), goal, distortion=torch.tensor(0.01), num_iterations=1000, processes=ALONE
    )
    rate.begin_iteration(0.5, 1.0)
    assert model.coding is not None
    assert rate.loss().item() == pytest.approx(0.3 * 7 / 4 * model.coding.bits().item() / NUM_PIXELS)


@pytest.mark.parametrize("backbone", [Backbone.HNERV, Backbone.NERV])
def test_a_larger_lmbda_takes_fewer_bits(backbone: Backbone) -> None:
    rates, qualities = [], []
    for lmbda in (1e-6, 1e-2):
        _, states = trained(RateGoal(bits=1.0, lmbda=lmbda), backbone)
        rates.append(states[-1].bpp)
        qualities.append(states[-1].psnr)
    assert rates[1] < 0.85 * rates[0]
    assert qualities[1] < qualities[0]


def test_the_bits_come_near_to_the_goal() -> None:
    num_parameters = encodes.tiny_spec(Backbone.NERV).num_parameters * 3 / 2
    goal = RateGoal(bits=4.2 * num_parameters, fixed_bits=1000)
    recipe = Recipe(epochs=100, learning_rate=1e-2, beta2=0.95, rate=RateRecipe())
    _, states = trained(goal, Backbone.NERV, recipe)
    assert states[-1].bpp == pytest.approx(goal.bits / NUM_PIXELS, rel=0.05)


def test_the_same_seed_gives_the_same_integers() -> None:
    results = []
    for _ in range(2):
        model, _ = trained(RateGoal(bits=40_000.0), recipe=Recipe(epochs=4, learning_rate=1e-2, rate=RateRecipe()))
        assert model.coding is not None
        shared, own, embeddings = model.coding.integers()
        results.append([array.tobytes() for array in (shared, *own, *embeddings)])
    assert results[0] == results[1]


def test_without_a_rate_in_the_recipe_nothing_is_quantised() -> None:
    model, states = trained(RateGoal(bits=40_000.0), recipe=Recipe(epochs=2))
    assert model.coding is None
    assert all(state.bpp is None for state in states)


@pytest.mark.parametrize(
    ("num_iterations", "is_coding", "has_fixed_steps"), [(79, False, False), (90, True, False), (140, True, True)]
)
def test_a_stop_leaves_the_phase_that_was_reached(num_iterations: int, is_coding: bool, has_fixed_steps: bool) -> None:
    model, states = trained(RateGoal(bits=40_000.0), num_iterations=num_iterations)
    assert len(states) == num_iterations
    assert (model.coding is not None) == is_coding
    assert bool(model.coding and model.coding.has_fixed_steps) == has_fixed_steps
