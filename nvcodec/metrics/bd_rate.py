"""Bjøntegaard deltas: how much less rate, or how much more quality, one curve has than another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from nvcodec.errors import ConfigError

MAX_SIMILARITY_DB = 60.0

Point = tuple[float, float]
"""Rate, in any unit, and quality in dB."""


@dataclass(frozen=True)
class Delta:
    """Bjøntegaard deltas of a curve against the anchor's.

    Attributes:
        rate_pct: BD-rate: rate at equal quality, in percent; negative is better.
        quality_db: BD-PSNR: quality at equal rate in dB, positive is better; None where the rates do not overlap.
        overlap: fraction of the two curves' joint range of qualities over which the BD-rate is taken, 0..1.
    """

    rate_pct: float
    quality_db: float | None
    overlap: float


def similarity_db(similarity: float) -> float:
    """An (MS-)SSIM as -10 log10(1 - similarity), at most 60 dB, in which equal steps look more alike."""
    return min(-10 * math.log10(max(1 - similarity, 1e-9)), MAX_SIMILARITY_DB)


def bjontegaard_delta(anchor: Sequence[Point], curve: Sequence[Point]) -> Delta | None:
    """Deltas by piecewise cubic interpolation (PCHIP) over log rate.

    Args:
        anchor, curve: by rising rate.

    Returns:
        None where the qualities do not overlap, or a curve has under three points or does not rise everywhere.

    Raises:
        ConfigError: the package bjontegaard is not installed.
    """
    try:
        import bjontegaard
    except ImportError as error:
        reason = "BD-rate needs a further package: pip install 'nvcodec[bench]'"
        raise ConfigError(reason, "bjontegaard") from error

    sides = [([rate for rate, _ in points], [quality for _, quality in points]) for points in (anchor, curve)]
    for values in (values for side in sides for values in side):
        if len(values) < 3 or any(later <= value for value, later in pairwise(values)):
            return None
    overlap = _overlap(sides[0][1], sides[1][1])
    if overlap <= 0:
        return None
    arguments = (*sides[0], *sides[1])
    # The package warns of small overlaps; here they are told beside the figure.
    options = {"method": "pchip", "require_matching_points": False, "min_overlap": 0}
    rate_pct = float(bjontegaard.bd_rate(*arguments, **options))
    rates_overlap = _overlap(sides[0][0], sides[1][0]) > 0
    quality_db = float(bjontegaard.bd_psnr(*arguments, **options)) if rates_overlap else None
    return Delta(rate_pct, quality_db, overlap)


def _overlap(one: Sequence[float], other: Sequence[float]) -> float:
    """Common part of two rising ranges as a fraction of both together; negative where there is none."""
    common = min(one[-1], other[-1]) - max(one[0], other[0])
    return common / (max(one[-1], other[-1]) - min(one[0], other[0]))
