"""The estimate of the time left, on a clock that the tests turn."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from nvcodec.encoder.time_left import TimeLeft
from nvcodec.training.recipe import Recipe

EPOCHS_RULE = Recipe(epochs=20)
ITERATIONS_RULE = Recipe(epochs=2, min_iterations=2000)
MACS = 1000
SECONDS_PER_FRAME = 0.01
OVERHEAD = 1.1
"""What reading, writing and measuring add to the training."""


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("nvcodec.encoder.time_left.time", clock)
    return clock


def training_seconds(recipe: Recipe, chunk_lengths: Sequence[int]) -> float:
    iterations = recipe.num_epochs(chunk_lengths) * recipe.num_iterations(chunk_lengths)
    return iterations * len(chunk_lengths) * SECONDS_PER_FRAME


def told(recipe: Recipe, windows: Sequence[Sequence[int]], clock: Clock) -> list[tuple[float, float]]:
    """Estimate and truth after each window but the last, then in the middle of each window but the first."""
    left = TimeLeft(recipe, sum(map(sum, windows)))
    whole = [OVERHEAD * training_seconds(recipe, lengths) for lengths in windows]
    after, within = [], []
    for idx, lengths in enumerate(windows):
        left.begin_window(lengths, MACS)
        clock.now += whole[idx] / 2
        estimate = left.seconds(0.5, training_seconds(recipe, lengths) / 2)
        if idx:
            within.append((estimate, whole[idx] / 2 + sum(whole[idx + 1 :])))
        clock.now += whole[idx] / 2
        left.end_window()
        after.append((left.seconds(0.0, 0.0), sum(whole[idx + 1 :])))
    assert after[-1] == (0, 0)
    return after[:-1] + within


@pytest.mark.parametrize("recipe", [EPOCHS_RULE, ITERATIONS_RULE])
@pytest.mark.parametrize(
    "windows",
    [
        [(30, 30)] * 5,
        # Scenes of unlike lengths.
        [(25, 25), (30, 30, 30), (20, 20), (28, 27, 27), (30,), (24, 24)],
        # One long scene, cut by the memory.
        [(30, 30, 30, 30)] * 3 + [(30, 30)],
    ],
)
def test_after_the_first_window_the_estimate_is_within_a_fifth(
    clock: Clock, recipe: Recipe, windows: list[tuple[int, ...]]
) -> None:
    for estimate, truth in told(recipe, windows, clock):
        assert estimate == pytest.approx(truth, rel=0.2)


def test_a_window_that_is_read_counts_by_its_iterations_not_by_its_frames(clock: Clock) -> None:
    """Twice the frames in one chunk take no longer where the recipe has a least number of iterations."""
    left = TimeLeft(ITERATIONS_RULE, 45)
    left.begin_window((15,), MACS)
    clock.now += 20
    left.end_window()
    left.begin_window((30,), MACS)
    assert left.seconds(0.0, 99.0) == pytest.approx(20)


def test_a_larger_network_takes_longer(clock: Clock) -> None:
    left = TimeLeft(EPOCHS_RULE, 60)
    left.begin_window((30,), MACS)
    clock.now += 20
    left.end_window()
    left.begin_window((30,), 3 * MACS)
    assert left.seconds(0.0, 99.0) == pytest.approx(60)


def test_the_first_window_believes_its_training(clock: Clock) -> None:
    left = TimeLeft(EPOCHS_RULE, 90)
    left.begin_window((30,), MACS)
    assert left.seconds(0.0, 10.0) == pytest.approx(30)
    assert left.seconds(0.75, 5.0) == pytest.approx(45)
    assert left.seconds(1.0, 0.0) == pytest.approx(40)


def test_windows_taken_over_took_no_training(clock: Clock) -> None:
    left = TimeLeft(EPOCHS_RULE, 90)
    clock.now += 1000
    left.take_over((30,))
    left.begin_window((30,), MACS)
    assert left.seconds(0.0, 10.0) == pytest.approx(20)
    clock.now += 10
    left.end_window()
    assert left.seconds(0.0, 0.0) == pytest.approx(10)


def test_of_a_source_of_unknown_length_only_the_window_at_work_is_told(clock: Clock) -> None:
    left = TimeLeft(EPOCHS_RULE, None)
    left.begin_window((30,), MACS)
    assert left.seconds(0.5, 10.0) == pytest.approx(10)
