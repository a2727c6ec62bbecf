"""The differentiable rate, held against the bytes of real sections."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from nvcodec.bitstream.sections import pack_section
from nvcodec.training.rate import EDGE_SLOPE, SectionRate
from tests import encodes

SIZES, SCALES = (32, 9000, 64, 4000, 300), (3.0, 4.0, 6.0, 0.6, 2.0)


def drawn(kind: str, seed: int = 0) -> list[np.ndarray]:
    """Groups of symbols of different spread."""
    rng = np.random.default_rng(seed)
    draw = rng.laplace if kind == "laplace" else rng.normal
    return [np.rint(draw(0, scale, size)).astype(np.int32) for size, scale in zip(SIZES, SCALES, strict=True)]


def grouped(groups: list[np.ndarray]) -> tuple[SectionRate, Tensor]:
    rate = SectionRate([group.size for group in groups], encodes.CPU)
    symbols = np.concatenate(groups)
    rate.fit(symbols)
    return rate, torch.from_numpy(symbols.astype(np.float32))


@pytest.mark.parametrize("kind", ["laplace", "normal"])
def test_bits_of_integers_are_those_of_the_section(kind: str) -> None:
    groups = drawn(kind)
    rate, symbols = grouped(groups)
    assert rate.bits(symbols).item() == pytest.approx(8 * len(pack_section(groups)), rel=0.02)


def test_another_fit_follows_the_symbols() -> None:
    rate, _ = grouped(drawn("normal"))
    groups = [2 * group + 3 for group in drawn("normal", seed=1)]
    symbols = torch.from_numpy(np.concatenate(groups).astype(np.float32))
    before = rate.bits(symbols).item()
    rate.fit(np.concatenate(groups))
    after = rate.bits(symbols).item()
    assert after < before
    # Every other symbol has no count, of which only an explicit table knows.
    assert after == pytest.approx(8 * len(pack_section([group // 2 for group in groups])) + symbols.numel(), rel=0.03)


def test_between_integers_bits_are_interpolated() -> None:
    rate, symbols = grouped(drawn("normal"))
    total = {shift: rate.bits(symbols + shift).item() for shift in (0.0, 0.25, 1.0)}
    assert total[0.25] == pytest.approx(0.75 * total[0.0] + 0.25 * total[1.0], rel=1e-5)


@pytest.mark.parametrize("group", [[0, 0, 0, 0], [5, 5], [-1, 0, 0, 1, 0, 0, 2], list(range(-40, 41)) + [0] * 100])
def test_beyond_a_table_bits_rise_on(group: list[int]) -> None:
    rate, _ = grouped([np.array(group, np.int32)])
    low, high = min(group), max(group)
    for edge, outwards in ((low, -1), (high, 1)):
        values = [
            rate.bits(torch.full((len(group),), edge + outwards * distance)).item() / len(group)
            for distance in (0.0, 0.5, 1.0, 2.0, 30.0)
        ]
        slopes = np.diff(values) / [0.5, 0.5, 1, 28]
        assert (slopes >= EDGE_SLOPE * (1 - 1e-4)).all()


def test_gradients_point_to_where_symbols_are_cheaper() -> None:
    rate, symbols = grouped(drawn("laplace"))
    values = symbols.clone().requires_grad_()
    rate.bits(values + 0.3).backward()
    assert values.grad is not None
    large = symbols.abs() > 3
    assert (torch.sign(values.grad) == torch.sign(symbols))[large].float().mean() > 0.99


def test_a_section_without_symbols_takes_nothing() -> None:
    rate, symbols = grouped([np.empty(0, np.int32), np.empty(0, np.int32)])
    assert rate.bits(symbols).item() == 0


def test_empty_groups_do_not_matter() -> None:
    groups = drawn("laplace")
    rate, symbols = grouped(groups)
    with_empty, _ = grouped([np.empty(0, np.int32), *groups[:2], np.empty(0, np.int32), *groups[2:]])
    assert with_empty.bits(symbols).item() == rate.bits(symbols).item()
