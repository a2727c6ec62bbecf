from __future__ import annotations

import math

import pytest

from nvcodec.training.schedule import learning_rate_multiplier


@pytest.mark.parametrize(
    ("progress", "warmup_ratio", "expected"),
    [
        (0.0, 0.1, 0.1),
        (0.05, 0.1, 0.55),
        (0.1, 0.1, 1.0),
        (0.55, 0.1, 0.5),
        (1.0, 0.1, 0.0),
        (0.325, 0.1, 0.5 * (1 + math.cos(math.pi / 4))),
        (0.1, 0.2, 0.55),
        (0.2, 0.2, 1.0),
        (0.6, 0.2, 0.5),
    ],
)
def test_warm_up_then_half_a_cosine(progress: float, warmup_ratio: float, expected: float) -> None:
    assert learning_rate_multiplier(progress, warmup_ratio) == pytest.approx(expected, abs=1e-12)


def test_without_warm_up_it_begins_at_the_peak() -> None:
    assert learning_rate_multiplier(0.0, 0.0) == 1.0


def test_it_rises_and_then_falls_and_stays_within_0_and_1() -> None:
    values = [learning_rate_multiplier(step / 200, 0.25) for step in range(201)]
    assert values[:51] == sorted(values[:51])
    assert values[50:] == sorted(values[50:], reverse=True)
    assert min(values) >= 0
    assert max(values) == 1
