"""What results say about how many bits an aim takes."""

from __future__ import annotations

import math

import pytest

from nvcodec.encoder.aim import CHEAPER_ABOVE, DB_PER_LOG_BITS, MOST_FACTOR, MOST_TRAININGS, Aim, Attempts, Result

SIZE = Aim(symbol_bits=900.0, fixed_bits=100.0, psnr=None)
QUALITY = Aim(symbol_bits=900.0, fixed_bits=100.0, psnr=30.0)


@pytest.mark.parametrize(
    ("aim", "bits", "psnr", "is_met"),
    [
        (SIZE, 900, None, True),
        (SIZE, 880, None, True),
        (SIZE, 870, None, False),
        (SIZE, 945, None, True),
        (SIZE, 955, None, False),
        (QUALITY, 1, 30.0, True),
        (QUALITY, 1, 29.9, False),
        (QUALITY, 1, 30.7, True),
        (QUALITY, 1, 30.9, False),
    ],
)
def test_what_can_be_trimmed_is_met(aim: Aim, bits: float, psnr: float | None, is_met: bool) -> None:
    assert aim.is_met(Result(bits, psnr)) == is_met


def test_above_is_nearer_than_below() -> None:
    assert QUALITY.miss(Result(1, 30.4)) == pytest.approx(0.4 / CHEAPER_ABOVE)
    assert QUALITY.miss(Result(1, 29.6)) == pytest.approx(0.4)
    assert SIZE.miss(Result(1000, None)) < SIZE.miss(Result(800, None))


def test_a_size_is_a_matter_of_proportion() -> None:
    assert SIZE.factor([Result(5.0, None), Result(450.0, None)]) == pytest.approx(2)


def test_a_quality_follows_the_logarithm_of_the_bits() -> None:
    lower, higher = (QUALITY.factor([Result(1000.0, psnr)]) for psnr in (28.0, 29.0))
    assert lower / higher == pytest.approx(math.exp(1 / DB_PER_LOG_BITS))
    assert higher > 1


@pytest.mark.parametrize("last_is_above", [True, False])
def test_between_two_results_lies_what_is_tried_next(last_is_above: bool) -> None:
    results = [Result(1000.0, 27.0), Result(4000.0, 32.0)]
    ordered = results if last_is_above else results[::-1]
    assert 2000 < QUALITY.factor(ordered) * ordered[-1].symbol_bits < 3500


def test_where_quality_falls_at_once_the_interval_still_shrinks() -> None:
    """A cliff: below 1900 bits nothing is shown. Interpolation alone would creep."""
    results = [Result(4000.0, 30.9), Result(1000.0, 20.0)]
    for _ in range(8):
        bits = QUALITY.factor(results) * results[-1].symbol_bits
        results.append(Result(bits, 20.0 if bits < 1900 else 30 + (bits - 1900) / 2000))
    assert QUALITY.excess(results[-1]) == pytest.approx(0.2, abs=0.4)


def test_results_that_contradict_each_other_are_no_interval() -> None:
    factor = QUALITY.factor([Result(3000.0, 29.0), Result(1000.0, 31.0)])
    assert factor == pytest.approx(math.exp(-0.8 / DB_PER_LOG_BITS))


@pytest.mark.parametrize(("psnr", "begins_anew"), [(29.0, True), (29.8, False), (30.7, False), (32.0, True)])
def test_a_training_far_off_is_begun_anew(psnr: float, begins_anew: bool) -> None:
    factor = Attempts().factor(QUALITY, Result(1000.0, psnr))
    assert (factor != 1) == begins_anew
    assert (factor > 1) == (psnr == 29.0)


def test_a_size_is_never_trained_for_anew() -> None:
    assert Attempts().factor(SIZE, Result(10.0, None)) == 1


def test_attempts_end_and_do_not_jump() -> None:
    attempts = Attempts()
    factors = [attempts.factor(QUALITY, Result(1000.0, 10.0)) for _ in range(MOST_TRAININGS)]
    assert factors == [MOST_FACTOR] * (MOST_TRAININGS - 1) + [1]


def test_attempts_learn_from_all_before() -> None:
    attempts = Attempts()
    first = attempts.factor(QUALITY, Result(4000.0, 33.0))
    assert first < 1
    assert attempts.factor(QUALITY, Result(1000.0, 25.0)) < 4
