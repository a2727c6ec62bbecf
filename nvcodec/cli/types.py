"""Kinds of option values: numbers with suffixes, lengths, ranges."""

from __future__ import annotations

import re
from dataclasses import dataclass

import click

_SUFFIXES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
_BYTE_SUFFIXES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


@dataclass(frozen=True)
class ChunkLength:
    """Length of a chunk, in frames or in seconds; the other is None."""

    frames: int | None
    seconds: float | None


class Quantity(click.ParamType[int]):
    """A whole number with an optional suffix: ``1.5M``, ``200k``, powers of 1000; of 1024 for ``Mi`` and memory."""

    name = "number"

    def __init__(self, *, is_bytes: bool = False) -> None:
        self._suffixes = _BYTE_SUFFIXES if is_bytes else _SUFFIXES

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the number."""
        match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,15})?)\s*(?:([kKmMgG])(i?))?[bB]?", str(value))
        if match is None:
            self.fail(f"{value!r} is not a number such as 1500000, 200k or 1.5M", param, ctx)
        suffixes = _BYTE_SUFFIXES if match[3] else self._suffixes
        return round(float(match[1]) * suffixes[(match[2] or "").lower()])


class ChunkLengthType(click.ParamType[ChunkLength]):
    """Length of a chunk: ``5s`` or ``3.8s`` is in seconds, ``120`` or ``120f`` in frames."""

    name = "length"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> ChunkLength:
        """Read the length."""
        if isinstance(value, ChunkLength):
            return value
        if match := re.fullmatch(r"(\d{1,9}(?:\.\d{1,15})?)s", str(value)):
            return ChunkLength(None, float(match[1]))
        if match := re.fullmatch(r"(\d{1,9})f?", str(value)):
            return ChunkLength(int(match[1]), None)
        self.fail(f"{value!r} is neither seconds (5s) nor frames (120)", param, ctx)


class Kappa(click.ParamType[float]):
    """A fraction 0..1, or ``auto``, which is None."""

    name = "fraction or auto"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float | None:  # type: ignore[override]
        """Read the fraction."""
        return None if value == "auto" else click.FloatRange(0, 1)(str(value), param, ctx)


class FrameRange(click.ParamType[tuple[int | None, int | None]]):
    """Frames ``A:B``: from A up to, not including, B; either may be left out."""

    name = "A:B"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int | None, int | None]:
        """Read the range."""
        match = re.fullmatch(r"(\d{0,15}):(\d{0,15})", str(value))
        if match is None:
            self.fail(f"{value!r} is not a range of frames such as 0:100, 50: or :20", param, ctx)
        first, end = (int(number) if number else None for number in match.groups())
        return first, end


class Seconds(click.ParamType[float]):
    """A time: ``12.5``, ``1:02.5`` or ``1:00:02.5``."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read the time, in seconds."""
        match = re.fullmatch(r"(?:(?:(\d{1,9}):)?(\d{1,9}):)?(\d{1,9}(?:\.\d{0,15})?)", str(value))
        if match is None:
            self.fail(f"{value!r} is not a time such as 12.5, 1:02.5 or 1:00:02.5", param, ctx)
        hours, minutes, seconds = match.groups()
        return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds)


class Duration(click.ParamType[float]):
    """How long something may take: ``90s``, ``10m``, ``1h30m``."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read the duration, in seconds."""
        match = re.fullmatch(r"(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9}(?:\.\d{0,15})?)s)?", str(value))
        if match is None or not str(value):
            self.fail(f"{value!r} is not a duration such as 90s, 10m or 1h30m", param, ctx)
        hours, minutes, seconds = match.groups()
        return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds or 0)
