"""What the bench encodes: a clip and an operating point; and what an encode tells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tools.rd.clips import Clip


@dataclass(frozen=True)
class Encoding:
    """A finished encode, whose stream lies on the disk.

    Attributes:
        seconds: the encode took, reading of the frames included.
        device: that encoded, for people.
        encoder: name and version.
        num_keyframes: frames, or chunks, at which a decode can begin.
    """

    seconds: float
    device: str
    encoder: str
    num_keyframes: int


class Point(Protocol):
    """One operating point of one codec.

    Attributes:
        codec: name of its curve but for the interval, e.g. ``x264-medium``.
        interval: most frames between keyframes, or frames of a chunk; None for the codec's default.
        setting: place on the curve, e.g. ``crf30``.
        suffix: of the stream's file name.
    """

    @property
    def codec(self) -> str: ...  # noqa: D102
    @property
    def interval(self) -> int | None: ...  # noqa: D102
    @property
    def setting(self) -> str: ...  # noqa: D102
    @property
    def suffix(self) -> str: ...  # noqa: D102

    def encode(self, clip: Clip, target: Path) -> Encoding:
        """Encode all frames of the clip; the target holds what the rate counts and nothing else."""
        ...

    def decode(self, stream: Path, target: Path) -> float:
        """Decode into a y4m file, and return the seconds that it took."""
        ...


def curve_name(point: Point) -> str:
    """Codec and interval: what the points of one curve have in common."""
    return f"{point.codec}-{'default' if point.interval is None else f'k{point.interval}'}"


def key_of(point: Point, clip: Clip) -> str:
    """Names clip, samples and operating point; also the file name of the stream."""
    return f"{clip.name}-{clip.md5[:8]}-{curve_name(point)}-{point.setting}"
