"""How far a training is."""

from __future__ import annotations

import pytest

from nvcodec.training import course
from nvcodec.training.course import LEAST_ITERATIONS, StepCourse, TimeCourse


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A list of one number, the time in seconds."""
    now = [100.0]
    monkeypatch.setattr(course.time, "monotonic", lambda: now[0])
    return now


def test_steps_are_counted() -> None:
    steps = StepCourse(8)
    assert [steps.fraction(done) for done in (0, 2, 8)] == [0, 0.25, 1]
    assert [steps.iterations_left(done) for done in (0, 2, 8)] == [8, 6, 0]


def test_time_passes_whatever_is_done(clock: list[float]) -> None:
    timed = TimeCourse(10)
    assert timed.fraction(0) == 0
    clock[0] += 2.5
    assert timed.fraction(50) == 0.25
    assert timed.iterations_left(50) == 150
    clock[0] += 7.5
    assert timed.fraction(60) == 1
    assert timed.iterations_left(60) == 0


@pytest.mark.parametrize("seconds", [0.0, -3.0, 1e-3])
def test_there_are_some_iterations_however_little_time_there_is(clock: list[float], seconds: float) -> None:
    timed = TimeCourse(seconds)
    clock[0] += 5
    fractions = [timed.fraction(done) for done in range(LEAST_ITERATIONS + 1)]
    assert fractions == pytest.approx([done / LEAST_ITERATIONS for done in range(LEAST_ITERATIONS + 1)])
    assert timed.iterations_left(0) == LEAST_ITERATIONS
