"""Which frame of a video shows which frame of its source."""

from __future__ import annotations

from collections.abc import Sequence

from nvcodec.errors import ConfigError

Pairs = tuple[tuple[int, int], ...]
"""Positions in the source and in the video."""


def align(source: Sequence[float], video: Sequence[float], name: str) -> Pairs:
    """Pair the frames of a video with those of its source.

    As many frames as the source has are paired in order, whatever their times: streams without a container have none,
    and other encoders begin at 0. Otherwise frames are paired by their times, the nearest within half a frame.

    Args:
        source: seconds when the source's frames begin, increasing.
        video: the same of the video.
        name: of the video.

    Raises:
        ConfigError: neither all frames of the video nor all of the source have a counterpart.
    """
    if len(source) == len(video):
        return tuple((position, position) for position in range(len(source)))
    tolerance = min(_interval(source), _interval(video)) / 2
    pairs = []
    at_source = at_video = 0
    while at_source < len(source) and at_video < len(video):
        lag = video[at_video] - source[at_source]
        if abs(lag) <= tolerance:
            pairs.append((at_source, at_video))
        at_source += lag >= -tolerance
        at_video += lag <= tolerance
    if len(pairs) < min(len(source), len(video)):
        reason = (
            f"its {_span(video)} are not frames of the source, which has {_span(source)}; "
            "say which part of the source it shows by --frames, or by --start and --end"
        )
        raise ConfigError(reason, name)
    return tuple(pairs)


def _interval(times: Sequence[float]) -> float:
    """Mean seconds between frames."""
    return (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else float("inf")


def _span(times: Sequence[float]) -> str:
    return f"{len(times)} frame{'s' if len(times) > 1 else ''} at {times[0]:.3f} to {times[-1]:.3f} s"
