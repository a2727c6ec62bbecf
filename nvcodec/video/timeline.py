"""Times of frames: those of the source, where they can be kept."""

from __future__ import annotations

from fractions import Fraction

MAX_DURATION = 2**32 - 1
"""Units that a frame can last in a file."""


class Evenness:
    """Tells whether frames come at a constant rate, give or take the rounding of times to units."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._shortest: int | None = None
        self._longest = 0

    def add(self, pts: int) -> None:
        """Count the next frame."""
        if self._last is not None:
            step = pts - self._last
            self._shortest = step if self._shortest is None else min(self._shortest, step)
            self._longest = max(self._longest, step)
        self._last = pts

    @property
    def is_even(self) -> bool:
        """False as soon as one step differs from another by more than rounding: a unit, or a twentieth."""
        if self._shortest is None:
            return True
        difference = self._longest - self._shortest
        return self._longest < 2 * self._shortest and (difference <= 1 or 20 * difference <= self._shortest)


class Timeline:
    """Gives every frame a pts greater than the one before, and at most ``MAX_DURATION`` greater.

    Attributes:
        shifts: units by which frames are moved: at first, and after each restart of the clock.
        step: units between frames at the average rate.
        num_moved: frames whose own pts could not be kept.
    """

    def __init__(self, time_base: Fraction, average_rate: Fraction) -> None:
        self.step = 1 / (average_rate * time_base)
        self.num_moved = 0
        self._one_second = 1 / time_base
        self.shifts = [0]
        self._last: int | None = None
        self._anchor = 0
        self._num_since_anchor = 0

    def place(self, pts: int | None) -> int:
        """The pts to use for the next frame: its own, or one made up from the rate where it has none."""
        made_up = self._anchor + round(self._num_since_anchor * self.step)
        placed = made_up if pts is None else pts + self.shifts[-1]
        if self._last is not None and not 0 < placed - self._last <= MAX_DURATION:
            self.num_moved += 1
            if abs(self._last - placed) > self._one_second:
                # The clock was restarted, as where recordings were joined: all that follows moves along.
                self.shifts.append(self.shifts[-1] + self._last + max(1, round(self.step)) - placed)
                placed = self._last + max(1, round(self.step))
            else:
                placed = self._last + 1
        if pts is not None:
            self._anchor, self._num_since_anchor = placed, 0
        self._num_since_anchor += 1
        self._last = placed
        return placed
