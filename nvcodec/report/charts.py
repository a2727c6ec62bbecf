"""Lines over an axis, laid out as the numbers that an SVG needs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 960
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 12, 26
PLOT_WIDTH = WIDTH - LEFT - RIGHT
NUM_TICKS = 7
MAX_POINTS = 1200
"""Of a line; of a longer one each point is the least of several."""

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Line:
    """A line to draw: its points by rising x, its name, and the class that colours it."""

    name: str
    style: str
    points: Points


@dataclass(frozen=True)
class Tick:
    """A label and where it stands, in the picture's units."""

    at: float
    label: str


@dataclass(frozen=True)
class Path:
    """A line as an SVG has it."""

    name: str
    style: str
    points: str


@dataclass(frozen=True)
class Chart:
    """A chart of ``WIDTH`` x ``height`` units, the plot ``LEFT`` from its left side, ``TOP`` from above."""

    title: str
    height: int
    paths: tuple[Path, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


@dataclass(frozen=True)
class Scale:
    """Where values stand on the horizontal axis."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """The place of a value, in the picture's units."""
        return round(LEFT + (value - self.low) / ((self.high - self.low) or 1) * PLOT_WIDTH, 2)

    def ticks(self) -> tuple[Tick, ...]:
        """Round values within the scale."""
        return tuple(Tick(self.at(value), label) for value, label in round_values(self.low, self.high))


def chart(title: str, lines: Sequence[Line], scale: Scale, height: int = 190) -> Chart:
    """Lay out lines over a common axis; the other axis fits them."""
    values = [y for line in lines for _, y in line.points]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    margin = (high - low) * 0.06 or max(abs(high), 1e-6) * 0.01
    low, high = low - margin, high + margin
    plot_height = height - TOP - BOTTOM

    def y_at(value: float) -> float:
        return round(TOP + (high - value) / (high - low) * plot_height, 2)

    paths = [
        Path(line.name, line.style, " ".join(f"{scale.at(x)},{y_at(y)}" for x, y in thinned(line.points)))
        for line in lines
    ]
    y_ticks = tuple(Tick(y_at(value), label) for value, label in round_values(low, high))
    return Chart(title, height, tuple(paths), scale.ticks(), y_ticks)


def thinned(points: Points) -> Points:
    """The points, or of several neighbours the least."""
    group = math.ceil(len(points) / MAX_POINTS)
    if group <= 1:
        return points
    return [min(points[start : start + group], key=lambda point: point[1]) for start in range(0, len(points), group)]


def round_values(low: float, high: float) -> list[tuple[float, str]]:
    """Some round values within a range, with their labels."""
    if not high > low:
        return [(low, f"{low:g}")]
    rough = (high - low) / NUM_TICKS
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [(count * step, f"{count * step:,.{digits}f}") for count in range(first, last + 1)]
