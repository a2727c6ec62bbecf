"""What ``nvenc --json`` told of a training."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path

from nvcodec.errors import InputError

MAX_POINTS = 400
"""Of a window; a longer training is thinned evenly."""
MAX_ITERATION = 10**9


@dataclass(frozen=True)
class TrainingPoint:
    """A training after some iteration: PSNR in dB of its batches, and bits per pixel where it quantises."""

    iteration: int
    psnr: float
    bpp: float | None


@dataclass
class TrainingCurve:
    """The training of one window."""

    window_idx: int
    points: list[TrainingPoint] = field(default_factory=list)
    _stride: int = 1
    _num_seen: int = 0

    def add(self, point: TrainingPoint) -> None:
        """Add a point, unless there are many."""
        if self._num_seen % self._stride == 0:
            self.points.append(point)
        self._num_seen += 1
        if len(self.points) > MAX_POINTS:
            self.points, self._stride = self.points[::2], 2 * self._stride


def read_training_log(path: Path) -> list[TrainingCurve]:
    """The curves of the windows, in order.

    A window that is told twice, as where an encode was resumed and its output appended, is the later one.

    Raises:
        InputError: the file cannot be read, or is not what ``nvenc --json`` prints.
    """
    curves: dict[int, TrainingCurve] = {}
    try:
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    _add_event(curves, line, f"{path}: line {number}")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", str(path)) from error
    except UnicodeDecodeError as error:
        raise InputError("is not text, as nvenc --json prints it", str(path)) from error
    return [curves[window_idx] for window_idx in sorted(curves)]


def _add_event(curves: dict[int, TrainingCurve], line: str, place: str) -> None:
    try:
        event = json.loads(line)
        if event["event"] == "progress" and event["stage"] == "plan":
            window_idx = int(event["window_idx"])
            curves[window_idx] = TrainingCurve(window_idx)
        elif event["event"] == "progress" and event["stage"] == "train":
            bpp = None if event["bpp"] is None else _finite(event["bpp"])
            iteration = int(event["iteration"])
            if not 0 <= iteration <= MAX_ITERATION:
                raise ValueError(f"iteration {iteration}")
            curves[int(event["window_idx"])].add(TrainingPoint(iteration, _finite(event["psnr"]), bpp))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError("is not an event as nvenc --json prints it", place) from error


def _finite(value: object) -> float:
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{value} is no finite number")
    return float(value)
