"""Mastering display and content light levels of a decoded frame."""

from __future__ import annotations

import struct
from typing import Any

import av
from av.sidedata.sidedata import Type as SideDataType

from nvcodec.video.format import CHROMATICITY_UNITS, LUMINANCE_UNITS, MAX_LIGHT, MAX_LUMINANCE, LightMetadata

_DISPLAY = struct.Struct("=20i2i")
"""FFmpeg's AVMasteringDisplayMetadata: ten fractions, then whether chromaticities and luminances are there."""
_LEVELS = struct.Struct("=2I")


def read_light(frame: av.VideoFrame) -> LightMetadata:
    """What the side data of a frame says; values that no file can hold count as unknown."""
    side_data: Any = frame.side_data
    display, levels = (
        side_data.get(SideDataType.MASTERING_DISPLAY_METADATA),
        side_data.get(SideDataType.CONTENT_LIGHT_LEVEL),
    )
    chromaticities, luminances = _read_display(bytes(display)) if display is not None else ((0,) * 8, (0, 0))
    content = _LEVELS.unpack_from(bytes(levels)) if levels is not None else (0, 0)
    return LightMetadata(*chromaticities, *luminances, *(level if level <= MAX_LIGHT else 0 for level in content))


def _read_display(data: bytes) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Chromaticities of red, green, blue and white, and the largest and smallest luminance; 0 where unknown."""
    *fractions, has_chromaticities, has_luminances = _DISPLAY.unpack_from(data)
    values = list(zip(fractions[::2], fractions[1::2], strict=True))
    chromaticities = [_in_units(*value, CHROMATICITY_UNITS) for value in values[:8]]
    luminances = [_in_units(*value, LUMINANCE_UNITS) for value in (values[9], values[8])]
    return (
        tuple(chromaticities) if has_chromaticities and max(chromaticities) <= MAX_LIGHT else (0,) * 8,
        tuple(luminances) if has_luminances and max(luminances) <= MAX_LUMINANCE else (0, 0),
    )


def _in_units(numerator: int, denominator: int, units: int) -> int:
    if denominator <= 0 or numerator < 0:
        return 0
    return (2 * numerator * units + denominator) // (2 * denominator)
