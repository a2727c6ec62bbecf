"""What is coded while it is trained: rounding, steps, and bits that are those of the file."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from nvcodec.bitstream import step_size
from nvcodec.bitstream.embeddings import pack_embeddings
from nvcodec.bitstream.network_spec import Backbone
from nvcodec.bitstream.payloads import tensor_counts
from nvcodec.bitstream.sections import pack_section
from nvcodec.errors import TrainingError
from nvcodec.training.coding import Coding, embedding_counts, in_coded_order
from nvcodec.training.window_model import WindowModel
from nvcodec.video.format import VideoFormat
from tests import encodes

LENGTHS = (5, 3)


def begun(backbone: Backbone = Backbone.HNERV, kappa: float = 0.5) -> tuple[WindowModel, Coding]:
    model = encodes.window_model(encodes.tiny_spec(backbone), LENGTHS)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameters in model.vectors():
            parameters += 0.05 * torch.randn(parameters.shape, generator=generator)
    model.share(torch.rand(model.spec.num_parameters, generator=generator) < kappa)
    chunks = [encodes.chunk_frames(VideoFormat(32, 24), length, first=7 * idx) for idx, length in enumerate(LENGTHS)]
    return model, model.begin_coding(chunks, 0.25)


def step_of_each(model: WindowModel, steps: Tensor) -> Tensor:
    sizes = torch.tensor([tensor.size for tensor in model.spec.layout])
    return torch.repeat_interleave(steps.detach(), sizes)


def unquantised(model: WindowModel, chunk_idx: int) -> Tensor:
    return torch.where(model.mask, model.shared, model.own[chunk_idx]).detach()


def final_steps(coding: Coding) -> Tensor:
    return torch.tensor([step_size(idx) for idx in coding.step_idx])


@pytest.mark.parametrize("backbone", list(Backbone))
def test_rounded_parameters_are_exactly_what_a_decoder_makes_of_the_integers(backbone: Backbone) -> None:
    model, coding = begun(backbone)
    coding.fix_steps()
    assert coding.has_fixed_steps
    shared, own, embeddings = coding.integers()
    steps = step_of_each(model, final_steps(coding))
    for chunk_idx in range(2):
        symbols = torch.empty(model.spec.num_parameters)
        symbols[model.mask] = torch.from_numpy(shared).float()
        symbols[~model.mask] = torch.from_numpy(own[chunk_idx]).float()
        assert torch.equal(model.theta(chunk_idx), symbols * steps)
        assert ((symbols * steps - unquantised(model, chunk_idx)).abs() <= 0.5001 * steps).all()
    for chunk_idx, symbols_of_chunk in enumerate(embeddings):
        frames = torch.arange(LENGTHS[chunk_idx])
        step = step_size(coding.embedding_step_idx[chunk_idx])
        expected = torch.from_numpy(symbols_of_chunk).float() * step
        assert torch.equal(model.inputs(chunk_idx, frames, torch.empty(0)), expected)


def test_fixing_keeps_the_steps_within_a_sixteenth_and_lets_them_alone() -> None:
    _, coding = begun()
    steps = torch.exp2(coding.log_steps).tolist()
    assert len(coding.steps()) == 2
    coding.fix_steps()
    assert coding.steps() == []
    assert [step_size(idx) for idx in coding.step_idx] == pytest.approx(steps, rel=0.07)
    first = coding.step_idx
    coding.fix_steps()
    assert coding.step_idx == first


@pytest.mark.parametrize("has_fixed_steps", [False, True])
def test_gradients_reach_values_and_steps(has_fixed_steps: bool) -> None:
    model, coding = begun()
    if has_fixed_steps:
        coding.fix_steps()
    frames = torch.tensor([1])
    loss = (model.theta(0) ** 2).sum() + (model.inputs(0, frames, torch.empty(0)) ** 2).sum()
    loss.backward()
    embeddings = coding.embeddings[0].grad
    assert model.own[0].grad is not None
    assert model.shared.grad is not None
    assert embeddings is not None
    assert model.own[0].grad[~model.mask].count_nonzero() > 0
    assert not model.own[0].grad[model.mask].any()
    assert model.shared.grad[model.mask].count_nonzero() > 0
    assert embeddings[1].any()
    assert not embeddings[0].any()
    for steps in (coding.log_steps, coding.log_embedding_steps):
        assert (steps.grad is not None) == (not has_fixed_steps)


@pytest.mark.parametrize("kappa", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("backbone", [Backbone.HNERV, Backbone.NERV])
def test_the_bits_are_those_of_the_sections(backbone: Backbone, kappa: float) -> None:
    model, coding = begun(backbone, kappa)
    coding.fix_steps()
    shared, own, embeddings = coding.integers()
    mask = model.mask.numpy()

    def coded(symbols: np.ndarray, chosen: np.ndarray) -> int:
        counts = tensor_counts(model.spec, chosen)
        return 8 * len(pack_section(np.split(symbols, np.cumsum(counts)[:-1])))

    header_bits = 8 * 60
    expected = coded(shared, mask) + sum(coded(symbols, ~mask) for symbols in own)
    expected += 8 * sum(len(pack_embeddings(symbols)) for symbols in embeddings)
    assert coding.rounded_bits().item() == pytest.approx(expected, rel=0.02, abs=5 * header_bits)
    with torch.no_grad():  # the same where nothing is left to round
        for values in (model.shared, *model.own):
            values.copy_(torch.round(values / (steps := step_of_each(model, final_steps(coding)))) * steps)
        for values, idx in zip(coding.embeddings, coding.embedding_step_idx, strict=True):
            values.copy_(torch.round(values / step_size(idx)) * step_size(idx))
    assert coding.bits().item() == pytest.approx(coding.rounded_bits().item(), rel=1e-3)


def test_what_is_rounded_to_zero_is_pulled_towards_it_from_either_side() -> None:
    model, coding = begun(kappa=1.0)
    coding.fix_steps()
    with torch.no_grad():
        away = torch.empty(model.spec.num_parameters).uniform_(-0.4, 0.4)
        model.shared.copy_(away * step_of_each(model, final_steps(coding)))
    coding.refit()
    coding.bits().backward()
    assert not model.theta(0).any()
    assert model.shared.grad is not None
    has_bits = model.shared.grad != 0  # not where all symbols of a tensor are zero
    assert has_bits.any()
    assert torch.equal(torch.sign(model.shared.grad)[has_bits], torch.sign(away)[has_bits])


@pytest.mark.parametrize("kappa", [0.0, 0.5, 1.0])
def test_everything_that_is_coded_has_a_part_in_the_bits_and_nothing_else(kappa: float) -> None:
    model, coding = begun(kappa=kappa)
    coding.bits().backward()
    for values in (*coding.embeddings, *coding.steps()):
        assert values.grad is not None
        assert values.grad.any()
    for values, is_coded in ((model.shared, model.mask), *((own, ~model.mask) for own in model.own)):
        has_gradient = torch.zeros_like(is_coded) if values.grad is None else values.grad != 0
        assert has_gradient.any() == is_coded.any()
        assert not (has_gradient & ~is_coded).any()


def test_larger_steps_take_fewer_bits() -> None:
    _, coding = begun()
    before = coding.rounded_bits().item()
    with torch.no_grad():
        coding.log_steps += 1
    coding.refit()
    assert coding.rounded_bits().item() < 0.9 * before
    coding.bits().backward()
    assert coding.log_steps.grad is not None
    assert (coding.log_steps.grad < 0).float().mean() > 0.9


@pytest.mark.parametrize("backbone", [Backbone.NERV, Backbone.VAST])
@pytest.mark.parametrize("ratio", [0.4, 1.0, 1.3])
def test_steps_are_scaled_alike_to_suit_a_number_of_bits(backbone: Backbone, ratio: float) -> None:
    _, coding = begun(backbone)
    before = torch.cat([steps.detach().clone() for steps in coding.steps()])
    goal = ratio * coding.rounded_bits().item()
    coding.scale_steps(goal, coding.rounded_bits)
    assert coding.rounded_bits().item() == pytest.approx(goal, rel=0.02)
    octaves = torch.cat([steps.detach() for steps in coding.steps()]) - before
    assert octaves.std() < 1e-5
    assert (octaves.mean() > 0.2) == (ratio < 1)


@pytest.mark.parametrize("ratio", [0.5, 0.9, 1.01, 1.4])
def test_fixed_steps_are_shifted_together_to_the_nearest_bits(ratio: float) -> None:
    _, coding = begun()
    coding.fix_steps()
    before = (*coding.step_idx, *coding.embedding_step_idx)
    aim = ratio * coding.rounded_bits().item()
    coding.shift_steps(aim, lambda: count(coding))
    (shift,) = {now - then for now, then in zip((*coding.step_idx, *coding.embedding_step_idx), before, strict=True)}
    assert (shift > 0) == (ratio < 1)
    miss = abs(math.log(count(coding) / aim))
    for other in (shift - 1, shift + 1):
        if (other > 0) == (shift > 0) and other:
            coding.take_steps([idx + other for idx in before])
            assert abs(math.log(count(coding) / aim)) > miss - 0.02


def count(coding: Coding) -> float:
    coding.refit()
    return coding.rounded_bits().item()


@pytest.mark.parametrize("backbone", [Backbone.NERV, Backbone.VAST])
def test_what_was_coded_can_be_gone_back_to(backbone: Backbone) -> None:
    _, coding = begun(backbone)
    coding.fix_steps()
    shared, own, embeddings = coding.integers()
    before, copy = [shared, *own, *embeddings], coding.copy()
    coding.shift_steps(0.5 * coding.rounded_bits().item(), lambda: coding.rounded_bits().item())
    assert coding.step_idx != copy.step_idx[: len(coding.step_idx)]
    coding.go_back(copy)
    shared, own, embeddings = coding.integers()
    for now, then in zip([shared, *own, *embeddings], before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_embeddings_are_in_the_order_of_their_groups() -> None:
    symbols = torch.from_numpy(np.random.default_rng(0).integers(-9, 9, (4, 3, 2, 5)))
    first, *channels = torch.split(in_coded_order(symbols), embedding_counts(symbols))
    assert torch.equal(first, symbols[0].flatten())
    for channel_idx, differences in enumerate(channels):
        assert torch.equal(differences, symbols.diff(dim=0)[:, channel_idx].flatten())


def test_the_encoders_are_gone_and_embeddings_begin_as_theirs() -> None:
    model, coding = begun()
    assert model.encoders == []
    assert [tuple(values.shape) for values in coding.embeddings] == [(n, *model.spec.embedding_shape) for n in LENGTHS]
    step = torch.exp2(coding.log_embedding_steps)[0].item()
    moved = model.inputs(0, torch.arange(5), torch.empty(0)) - coding.embeddings[0]
    assert moved.abs().max().item() <= 0.5001 * step


@pytest.mark.parametrize("what", ["values", "steps"])
def test_a_training_that_diverged_is_told(what: str) -> None:
    model, coding = begun()
    with torch.no_grad():
        (model.own[0] if what == "values" else coding.log_steps).fill_(torch.nan)
    with pytest.raises(TrainingError, match="diverged"):
        coding.fix_steps()


def test_symbols_stay_within_the_format() -> None:
    model, coding = begun(kappa=0.0)
    coding.fix_steps()
    with torch.no_grad():
        model.own[0][0] = 1e6
        coding.embeddings[0][0] = -1e6
    _, own, embeddings = coding.integers()
    assert own[0][0] == 32767
    assert embeddings[0].min() == -16383
