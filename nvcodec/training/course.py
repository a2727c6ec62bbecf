"""How far a training is: by its iterations, or by the time that it may take."""

from __future__ import annotations

import time
from typing import Protocol

LEAST_ITERATIONS = 20
"""That a training has, however little time there is for them."""


class Course(Protocol):
    """Where a training is. Everything that changes over it follows from the fraction that is done."""

    def fraction(self, num_done: int) -> float:
        """The fraction that is done after so many iterations, 0..1; the training ends at 1."""

    def iterations_left(self, num_done: int) -> int:
        """How many more there are going to be, as far as can be told."""


class StepCourse:
    """A training of so many iterations, or the last part of one, which begins at a fraction ``start``."""

    def __init__(self, num_iterations: int, start: float = 0.0) -> None:
        self._num_iterations = num_iterations
        self._start = start

    def fraction(self, num_done: int) -> float:
        """The fraction of the iterations, of those before it included."""
        return self._start + (1 - self._start) * (num_done / self._num_iterations)

    def iterations_left(self, num_done: int) -> int:
        """All that are not done."""
        return self._num_iterations - num_done


class TimeCourse:
    """A training that ends when its time is over, which begins now.

    Args:
        seconds: from now to the end.
        begun: fraction of the training that is done already, 0..1.
    """

    def __init__(self, seconds: float, begun: float = 0.0) -> None:
        self._seconds = seconds
        self._begun = begun
        self._start = time.monotonic()

    def fraction(self, num_done: int) -> float:
        """The fraction of the time, but not more than that of the least iterations."""
        elapsed = (time.monotonic() - self._start) / max(self._seconds, 1e-9)
        return min(1.0, self._begun + (1 - self._begun) * elapsed, num_done / LEAST_ITERATIONS)

    def iterations_left(self, num_done: int) -> int:
        """As many as the time that is left takes at the speed so far."""
        fraction = self.fraction(num_done)
        return round(num_done * (1 - fraction) / fraction) if fraction else LEAST_ITERATIONS
