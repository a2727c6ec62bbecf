"""How long the rest of an encode is going to take."""

from __future__ import annotations

import time
from collections.abc import Sequence

from nvcodec.training.recipe import Recipe


class TimeLeft:
    """An estimate that is measured on the windows that are done, with all that belongs to them.

    Windows are compared by their work: the frames that their training sees, times the multiply-accumulates of each.
    Where scenes are short, each has as many iterations as a long one, so frames alone would mislead. The windows that
    are not read yet are taken to be as long as those that are.

    Args:
        recipe: how windows are trained.
        plan: how they are cut.
        num_frames: of the source, or a guess; None: the estimates are for the window at work alone.
    """

    def __init__(self, recipe: Recipe, num_frames: int | None) -> None:
        self._recipe = recipe
        self._num_frames = num_frames
        self._since = time.monotonic()
        self._seconds_done = 0.0
        self._work_done = 0.0
        self._num_chunks = 0
        self._frames_read = 0
        self._work = 0.0
        self._work_behind = 0.0
        self._seconds_expected = 0.0

    def take_over(self, chunk_lengths: Sequence[int]) -> None:
        """Count a window that took no training."""
        self._num_chunks += len(chunk_lengths)
        self._frames_read += sum(chunk_lengths)
        self._since = time.monotonic()

    def begin_window(self, chunk_lengths: Sequence[int], macs_per_frame: int) -> None:
        """Go on to the next window, with chunks of so many frames."""
        self._num_chunks += len(chunk_lengths)
        self._frames_read += sum(chunk_lengths)
        self._work = self._frames_seen(chunk_lengths) * macs_per_frame
        self._work_behind = self._frames_seen_behind() * macs_per_frame

    def end_window(self) -> None:
        """Count the window at work as done."""
        now = time.monotonic()
        self._seconds_done += now - self._since
        self._work_done += self._work
        self._since, self._work, self._seconds_expected = now, 0.0, 0.0

    def seconds(self, fraction: float, training_seconds: float) -> float:
        """The estimate.

        Args:
            fraction: of the window's training that is done, 0..1.
            training_seconds: that the rest of its training takes, as it says; used for the first window.
        """
        left = self._work * (1 - fraction) + self._work_behind
        if self._work_done:
            elapsed = time.monotonic() - self._since
            return left * (self._seconds_done + elapsed) / (self._work_done + self._work * fraction)
        if fraction < 1:
            self._seconds_expected = training_seconds / (1 - fraction)
        return left / self._work * self._seconds_expected if self._work else 0.0

    def _frames_seen(self, chunk_lengths: Sequence[int]) -> int:
        """Frames that a window's training sees, each as often as it does."""
        recipe = self._recipe
        iterations = recipe.num_epochs(chunk_lengths) * recipe.num_iterations(chunk_lengths)
        return iterations * recipe.batch_size * len(chunk_lengths)

    def _frames_seen_behind(self) -> float:
        """The same for all windows behind the one at work."""
        num_frames = max(0, (self._num_frames or 0) - self._frames_read)
        if not num_frames:
            return 0.0
        length = min(num_frames, max(1, round(self._frames_read / self._num_chunks)))
        return num_frames / length * self._frames_seen([length])
