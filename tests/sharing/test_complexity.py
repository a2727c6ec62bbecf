"""What frames are worth in bits."""

from __future__ import annotations

import numpy as np
import pytest

from nvcodec.sharing.complexity import EXPONENT, LEAST_DIFFERENCE, frame_costs
from nvcodec.video.frame import Frame
from tests.clips import make_flat_frames


def noise(size: tuple[int, int], amplitude: int, seed: int) -> Frame:
    luma = 128 + np.random.default_rng(seed).integers(-amplitude, amplitude + 1, size)
    return Frame((luma.astype(np.uint8),), 0, 1)


def test_what_stands_still_costs_less_than_what_is_new() -> None:
    still = noise((64, 64), 40, seed=0)
    first, *later = frame_costs([still] * 3)
    assert later == [pytest.approx(first / 2**EXPONENT)] * 2


def test_flat_frames_cost_the_least_whatever_their_level() -> None:
    assert list(frame_costs(make_flat_frames([10, 200]))) == [pytest.approx(LEAST_DIFFERENCE**EXPONENT)] * 2


def test_twice_the_difference_costs_less_than_twice() -> None:
    costs = [next(frame_costs([noise((64, 64), amplitude, seed=1)])) for amplitude in (20, 40)]
    assert costs[1] / costs[0] == pytest.approx(2**EXPONENT, rel=0.03)


def test_a_frame_of_a_new_scene_is_told_from_itself() -> None:
    scenes = [noise((64, 64), 100, seed=2), noise((64, 64), 10, seed=3)]
    alone = next(frame_costs(scenes[1:]))
    assert list(frame_costs(scenes))[1] == pytest.approx(alone)


@pytest.mark.parametrize("size", [(1, 1), (9, 7), (3, 1000), (121, 161)])
def test_any_size(size: tuple[int, int]) -> None:
    costs = list(frame_costs([noise(size, 30, seed) for seed in range(2)]))
    assert len(costs) == 2
    assert all(np.isfinite(costs))


def test_ten_bits_count_like_eight() -> None:
    eight = noise((32, 32), 30, seed=4)
    ten = Frame((eight.planes[0].astype(np.uint16) * 4,), 0, 1)
    assert next(frame_costs([ten], 10)) == pytest.approx(next(frame_costs([eight])), rel=0.01)
