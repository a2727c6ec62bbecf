"""Curves of several videos over their rate, and how much less rate one needs than another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nvcodec.errors import ConfigError
from nvcodec.metrics.bd_rate import Delta, Point, bjontegaard_delta, similarity_db
from nvcodec.report.comparison import Comparison

METRICS = ("psnr_y", "psnr_rgb", "ms_ssim")
MIN_POINTS = 4


def bd_rates(curves: Mapping[str, Sequence[Comparison]]) -> dict[str, dict[str, Delta | None]]:
    """Bjøntegaard deltas of each curve but the first against the first, by name and metric.

    None where two curves have no quality in common, or one does not rise everywhere.

    Raises:
        ConfigError: there are under two curves, a curve has under four points, a size is unknown, or a package is
            missing.
    """
    if len(curves) < 2:
        raise ConfigError(f"BD-rate compares two curves; there is only {', '.join(curves) or 'none'}")
    for name, points in curves.items():
        if len(points) < MIN_POINTS:
            raise ConfigError(f"BD-rate needs {MIN_POINTS} points of a curve; {name} has {len(points)}")
    anchor, *others = curves
    return {
        name: {
            metric: bjontegaard_delta(_points(curves[anchor], metric), _points(curves[name], metric))
            for metric in METRICS
        }
        for name in others
    }


def _points(comparisons: Sequence[Comparison], metric: str) -> list[Point]:
    """Bits per pixel and quality in dB, by rising rate."""
    points = []
    for comparison in comparisons:
        if comparison.bpp is None:
            raise ConfigError(f"BD-rate needs sizes, and that of {comparison.name} is unknown")
        quality = float(getattr(comparison, metric))
        points.append((comparison.bpp, similarity_db(quality) if metric == "ms_ssim" else quality))
    return sorted(points)
