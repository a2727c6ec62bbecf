"""Trainings that are left and gone on with end as if nothing had happened."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from nvcodec.bitstream.network_spec import Backbone
from nvcodec.errors import TrainingError
from nvcodec.training.fit import fit
from nvcodec.training.recipe import RateRecipe, Recipe
from nvcodec.training.state import TrainingState
from nvcodec.training.steering import RateGoal
from nvcodec.training.window_model import WindowModel
from nvcodec.video.format import VideoFormat
from tests import encodes

FORMAT = VideoFormat(32, 24)
LENGTHS = (4, 3)
CASES = {
    "vast, all shared, for its rate": (Backbone.VAST, 1.0, RateRecipe()),
    "hnerv, half shared, for its rate": (Backbone.HNERV, 0.5, RateRecipe()),
    "nerv, nothing shared, for its rate": (Backbone.NERV, 0.0, RateRecipe()),
    "hnerv, half shared": (Backbone.HNERV, 0.5, None),
}


def trained(
    name: str,
    offer_state: Callable[[Callable[[], TrainingState]], None] = lambda make_state: None,
    resumed: TrainingState | None = None,
) -> WindowModel:
    backbone, kappa, rate = CASES[name]
    model = encodes.window_model(encodes.tiny_spec(backbone), LENGTHS)
    size = model.spec.num_parameters
    model.share(torch.arange(size) < round(kappa * size) if resumed is None else resumed.mask)
    chunks = [encodes.chunk_frames(FORMAT, length, first=7 * idx) for idx, length in enumerate(LENGTHS)]
    fit(
        model,
        chunks,
        Recipe(epochs=15, learning_rate=3e-3, beta2=0.95, full_rate_fan_in=20, rate=rate),
        generator=torch.Generator().manual_seed(1),
        goal=RateGoal(bits=20_000.0),
        offer_state=offer_state,
        resumed=resumed,
    )
    return model


def copied(state: TrainingState) -> TrainingState:
    return TrainingState(state.num_done, state.fraction, {name: t.clone() for name, t in state.tensors.items()})


def results(model: WindowModel) -> list[torch.Tensor]:
    tensors = [*model.vectors(), *model.embedded()]
    if model.coding is not None:
        shared, own, embeddings = model.coding.integers()
        symbols = [torch.from_numpy(values) for values in (shared, *own, *embeddings)]
        tensors += [torch.tensor(model.coding.step_idx), torch.tensor(model.coding.embedding_step_idx), *symbols]
    return tensors


@pytest.mark.parametrize("name", CASES)
def test_from_every_kind_of_moment_the_training_ends_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nvcodec.training.rate_term.REFIT_INTERVAL", 10)
    states: list[TrainingState] = []
    whole = results(trained(name, lambda make_state: states.append(copied(make_state()))))
    # Of 60 iterations: the first, the last before symbols are rounded and, where tables are fitted anew, those with
    # steps that are learned and with steps that are fixed.
    moments = [1, 30, 40, 50] if CASES[name][2] is not None else [1, 59]
    by_moment = {state.num_done: state for state in states}
    assert set(moments) <= set(by_moment)
    for moment in moments:
        for one, other in zip(results(trained(name, resumed=by_moment[moment])), whole, strict=True):
            assert torch.equal(one, other), moment


def test_a_state_of_another_training_is_refused() -> None:
    states: list[TrainingState] = []
    trained("hnerv, half shared", lambda make_state: states.append(copied(make_state())))
    tensors = dict(states[0].tensors)
    tensors.pop("mask")
    with pytest.raises(TrainingError, match="mask is missing"):
        trained("hnerv, half shared", resumed=TrainingState(1, 0.1, tensors))
    short = {**states[0].tensors, "exp_avg.0": torch.zeros(1)}
    with pytest.raises(TrainingError, match=r"exp_avg\.0 has another shape"):
        trained("hnerv, half shared", resumed=TrainingState(1, 0.1, short))
