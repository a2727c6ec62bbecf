from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvcodec.bitstream import NUM_STEPS, nearest_step_idx, step_idx_for, step_size
from nvcodec.errors import ConfigError


def test_known_steps() -> None:
    assert step_size(0) == 8 * 2.0**-32
    assert step_size(7) == 15 * 2.0**-32
    assert step_size(8) == 16 * 2.0**-32
    assert step_size(255) == 7.5


def test_steps_increase_and_are_exact_in_float32() -> None:
    steps = [step_size(idx) for idx in range(NUM_STEPS)]
    assert all(left < right for left, right in pairwise(steps))
    assert all(float(np.float32(step)) == step for step in steps)


@given(st.floats(0, 7.5))
def test_step_idx_for_is_the_smallest_that_suffices(minimum: float) -> None:
    idx = step_idx_for(minimum)
    assert step_size(idx) >= minimum
    assert idx == 0 or step_size(idx - 1) < minimum


@given(st.integers(0, NUM_STEPS - 1))
def test_step_idx_for_inverts_step_size(idx: int) -> None:
    assert step_idx_for(step_size(idx)) == idx


@pytest.mark.parametrize("minimum", [7.6, math.inf, math.nan])
def test_step_idx_for_refuses(minimum: float) -> None:
    with pytest.raises(ConfigError):
        step_idx_for(minimum)


@pytest.mark.parametrize("idx", [-1, 256])
def test_step_size_refuses(idx: int) -> None:
    with pytest.raises(ConfigError):
        step_size(idx)


@given(st.floats(1e-12, 1e3))
def test_the_nearest_step_is_nearest_in_ratio(step: float) -> None:
    idx = nearest_step_idx(step)
    distances = [abs(math.log(step_size(other) / step)) for other in range(NUM_STEPS)]
    assert distances[idx] == pytest.approx(min(distances), abs=1e-9)


def test_no_step_is_nearest_to_what_is_not_a_number() -> None:
    with pytest.raises(ConfigError):
        nearest_step_idx(math.nan)
