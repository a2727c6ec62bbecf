"""Which frame of a video shows which frame of its source."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from itertools import pairwise

from nvcodec.errors import ConfigError

Pairs = tuple[tuple[int, int], ...]
"""Positions in the source and in the video."""


def align(source: Sequence[float], video: Sequence[float], name: str) -> Pairs:
    """Pair the frames of a video with those of its source.

    As many frames as the source has are paired in order, whatever their times: streams without a container have none,
    and other encoders begin at 0. Otherwise each frame of the shorter one is paired with that of the other at its time,
    within a quarter of a frame.

    Args:
        source: seconds when the source's frames begin, increasing.
        video: the same of the video.
        name: of the video.

    Raises:
        ConfigError: neither all frames of the video nor all of the source have a counterpart.
    """
    if len(source) == len(video):
        return tuple((position, position) for position in range(len(source)))
    shorter, longer = sorted((source, video), key=len)
    tolerance = min(_interval(source), _interval(video)) / 4
    places = [_nearest(longer, time) for time in shorter]
    is_off = any(abs(longer[place] - time) > tolerance for place, time in zip(places, shorter, strict=True))
    if is_off or any(later <= place for place, later in pairwise(places)):
        reason = (
            f"its {_span(video)} are not frames of the source, which has {_span(source)}; "
            "say which part of the source it shows by --frames, or by --start and --end"
        )
        raise ConfigError(reason, name)
    return tuple((place, idx) if shorter is video else (idx, place) for idx, place in enumerate(places))


def _nearest(times: Sequence[float], time: float) -> int:
    """Where the time nearest to another stands."""
    behind = bisect.bisect_left(times, time)
    return min((max(behind - 1, 0), min(behind, len(times) - 1)), key=lambda place: abs(times[place] - time))


def _interval(times: Sequence[float]) -> float:
    """Mean seconds between frames."""
    return (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else float("inf")


def _span(times: Sequence[float]) -> str:
    return f"{len(times)} frame{'s' if len(times) > 1 else ''} at {times[0]:.3f} to {times[-1]:.3f} s"
