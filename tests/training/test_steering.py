"""lmbda on its way to a rate."""

from __future__ import annotations

import math

import pytest
import torch

from nvcodec.training.steering import MAX_LOG_RANGE, RateGoal, Steering


def steered(
    goal: RateGoal, num_iterations: int, *, octaves: float, does_slow: bool = False
) -> tuple[Steering, list[float]]:
    """A rate that falls by half a bit a symbol with every doubling of lmbda, late: from 4 bits a symbol of 1000.

    Args:
        goal: what to steer to.
        num_iterations: of the steering.
        octaves: how far the first lmbda is from the one that would give 4 bits a symbol.
        does_slow: the rate follows more and more slowly, down to an eighth of its speed. At first it comes nearer to
            its rest by a factor e in 40 iterations.
    """
    steering = Steering(goal, torch.tensor(0.004), 1000, num_iterations)
    right = steering.lmbda.item() * 2.0**octaves
    bits, rates = 4000.0, []
    for idx in range(num_iterations):
        speed = 1 - 7 / 8 * idx / num_iterations if does_slow else 1.0
        rest = max(4000 - 500 * math.log2(steering.lmbda.item() / right), 100)
        bits += (rest - bits) * speed / 40
        steering.measure(torch.tensor(bits))
        steering.update(speed)
        rates.append(bits)
    return steering, rates


@pytest.mark.parametrize("does_slow", [False, True])
@pytest.mark.parametrize("octaves", [-2.0, 0.0, 2.0])
@pytest.mark.parametrize("num_iterations", [400, 1500])
@pytest.mark.parametrize("target", [3500.0, 4300.0])
def test_the_rate_comes_to_its_goal_and_stays_there(
    target: float, num_iterations: int, octaves: float, does_slow: bool
) -> None:
    _, rates = steered(RateGoal(target), num_iterations, octaves=octaves, does_slow=does_slow)
    assert rates[-num_iterations // 4 :] == pytest.approx([target] * (num_iterations // 4), rel=0.03)


def test_fixed_bits_are_part_of_the_goal() -> None:
    steering, rates = steered(RateGoal(4000.0, fixed_bits=500), 1000, octaves=0)
    assert rates[-1] == pytest.approx(3500, rel=0.02)
    assert steering.rate.item() == pytest.approx(4000, rel=0.02)


def test_a_fixed_lmbda_stays() -> None:
    steering, _ = steered(RateGoal(1.0, lmbda=0.02), 50, octaves=0)
    assert steering.lmbda.item() == pytest.approx(0.02)


def test_a_goal_out_of_reach_does_not_drive_lmbda_without_end() -> None:
    first = Steering(RateGoal(1.0), torch.tensor(0.004), 1000, 500).lmbda.item()
    steering, _ = steered(RateGoal(1.0), 500, octaves=0)
    assert math.log(steering.lmbda.item() / first) == pytest.approx(MAX_LOG_RANGE, rel=1e-3)


def test_a_perfect_reconstruction_still_has_a_weight() -> None:
    assert Steering(RateGoal(100.0), torch.tensor(0.0), 1000, 5).lmbda.item() > 0
