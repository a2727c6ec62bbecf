"""What the frames of a video look like: size, bit depth, planes and colour tags, independent of any library."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from nvcodec.errors import MalformedError

Plane = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

MAX_SIDE = 16384
BIT_DEPTHS = (8, 10, 12)
MAX_CHROMA_LOCATION = 6
MAX_SAMPLE_ASPECT = 2**31 - 1
MAX_LUMINANCE = 2**32 - 1
MAX_LIGHT = 2**16 - 1
"""Largest content light level and largest chromaticity."""
CHROMATICITY_UNITS, LUMINANCE_UNITS = 50000, 10000
"""Units of a mastering display's chromaticities in 1, and of its luminances in a cd/m²."""
UNSPECIFIED = 2
"""H.273 code point "unspecified" of primaries, transfer characteristics and matrix coefficients."""

_LUMA_COEFFICIENTS = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
    10: (0.2627, 0.0593),
}
_HD_HEIGHT = 720


class ChromaSubsampling(IntEnum):
    """Which planes a frame has. RGB has three full planes in the order R, G, B."""

    GRAY = 0
    YUV420 = 1
    YUV422 = 2
    YUV444 = 3
    RGB = 4


class ColorRange(IntEnum):
    """LIMITED: luma 16..235 at 8 bit. FULL: 0..255."""

    LIMITED = 0
    FULL = 1


@dataclass(frozen=True)
class LightMetadata:
    """The display that the video was graded on (SMPTE ST 2086) and how bright it gets (CTA-861.3).

    All integers are those of H.265 SEI messages and of mp4. 0 is unknown: all chromaticities together, both luminances
    together, and each content light level.

    Attributes:
        mastering_red_x, mastering_red_y, mastering_green_x, mastering_green_y, mastering_blue_x, mastering_blue_y: CIE
            1931 chromaticities of the display's primaries, units of 0.00002.
        mastering_white_x, mastering_white_y: of its white point.
        mastering_max_luminance, mastering_min_luminance: of its white and black, units of 0.0001 cd/m².
        max_content_light: largest light level of any pixel (MaxCLL), cd/m².
        max_average_light: largest average of any frame (MaxFALL), cd/m².
    """

    mastering_red_x: int = 0
    mastering_red_y: int = 0
    mastering_green_x: int = 0
    mastering_green_y: int = 0
    mastering_blue_x: int = 0
    mastering_blue_y: int = 0
    mastering_white_x: int = 0
    mastering_white_y: int = 0
    mastering_max_luminance: int = 0
    mastering_min_luminance: int = 0
    max_content_light: int = 0
    max_average_light: int = 0

    @property
    def has_mastering_display(self) -> bool:
        """Whether anything is known of the display."""
        return any(getattr(self, field.name) for field in fields(self) if field.name.startswith("mastering"))

    def mastering_display(self, *, in_units: bool) -> str:
        """The display as ``G(x,y)B(x,y)R(x,y)WP(x,y)L(max,min)``, which encoders take.

        Args:
            in_units: integers, as x264 and x265 take them; otherwise chromaticities and cd/m², as SVT-AV1 does.
        """
        chromaticity, luminance = (1, 1) if in_units else (CHROMATICITY_UNITS, LUMINANCE_UNITS)
        text = ""
        for name, of in (("G", "green"), ("B", "blue"), ("R", "red"), ("WP", "white")):
            x, y = getattr(self, f"mastering_{of}_x"), getattr(self, f"mastering_{of}_y")
            text += f"{name}({x / chromaticity:g},{y / chromaticity:g})"
        high, low = self.mastering_max_luminance / luminance, self.mastering_min_luminance / luminance
        return f"{text}L({high:.10g},{low:.10g})"

    @property
    def has_content_light(self) -> bool:
        """Whether anything is known of how bright the video gets."""
        return bool(self.max_content_light or self.max_average_light)

    def validate(self) -> None:
        """Check every field against its range.

        Raises:
            MalformedError: names the first field that is out of range.
        """
        for field in fields(self):
            value, high = getattr(self, field.name), MAX_LUMINANCE if "luminance" in field.name else MAX_LIGHT
            if not 0 <= value <= high:
                raise MalformedError(f"{field.name} is {value}, allowed is 0..{high}", "video format")


@dataclass(frozen=True)
class VideoFormat:
    """Format of every frame of a video.

    Attributes:
        width: pixels, 1..16384.
        height: pixels, 1..16384.
        bit_depth: 8, 10 or 12 bits per sample.
        chroma_subsampling: which planes there are and how large.
        color_primaries: H.273 code point, 2 = unspecified.
        transfer_characteristics: H.273 code point, 2 = unspecified.
        matrix_coefficients: H.273 code point, 2 = unspecified.
        color_range: limited or full.
        chroma_location: 0 unspecified, 1 left, 2 center, 3 top left, 4 top, 5 bottom left, 6 bottom.
        sample_aspect_num: width of a pixel relative to its height, numerator; 0/1 = unknown.
        sample_aspect_den: its denominator.
        light: mastering display and content light levels.
    """

    width: int
    height: int
    bit_depth: int = 8
    chroma_subsampling: ChromaSubsampling = ChromaSubsampling.YUV420
    color_primaries: int = UNSPECIFIED
    transfer_characteristics: int = UNSPECIFIED
    matrix_coefficients: int = UNSPECIFIED
    color_range: ColorRange = ColorRange.LIMITED
    chroma_location: int = 0
    sample_aspect_num: int = 0
    sample_aspect_den: int = 1
    light: LightMetadata = LightMetadata()

    def validate(self) -> None:
        """Check every field against its range.

        Raises:
            MalformedError: names the first field that is out of range.
        """
        ranges = {
            "width": (1, MAX_SIDE),
            "height": (1, MAX_SIDE),
            "color_primaries": (0, 255),
            "transfer_characteristics": (0, 255),
            "matrix_coefficients": (0, 255),
            "chroma_location": (0, MAX_CHROMA_LOCATION),
            "sample_aspect_num": (0, MAX_SAMPLE_ASPECT),
            "sample_aspect_den": (1, MAX_SAMPLE_ASPECT),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise MalformedError(f"{name} is {value}, allowed is {low}..{high}", "video format")
        if self.bit_depth not in BIT_DEPTHS:
            raise MalformedError(f"bit_depth is {self.bit_depth}, allowed is 8, 10 or 12", "video format")
        self.light.validate()
        if self.chroma_subsampling not in list(ChromaSubsampling):
            raise MalformedError(f"chroma_subsampling is {self.chroma_subsampling}, allowed is 0..4", "video format")
        if self.color_range not in list(ColorRange):
            raise MalformedError(f"color_range is {self.color_range}, allowed is 0 or 1", "video format")

    @property
    def num_planes(self) -> int:
        """1 for gray, otherwise 3."""
        return 1 if self.chroma_subsampling == ChromaSubsampling.GRAY else 3

    def plane_shape(self, plane_idx: int) -> tuple[int, int]:
        """Height and width of a plane; subsampled chroma rounds up."""
        if plane_idx == 0:
            return self.height, self.width
        rows, columns = self.block_shape(plane_idx)
        return math.ceil(self.height * rows / 2), math.ceil(self.width * columns / 2)

    def block_shape(self, plane_idx: int) -> tuple[int, int]:
        """Rows and columns of a plane's samples in a block of 2 x 2 pixels."""
        if plane_idx == 0:
            return 2, 2
        rows = 1 if self.chroma_subsampling == ChromaSubsampling.YUV420 else 2
        columns = 1 if self.chroma_subsampling in (ChromaSubsampling.YUV420, ChromaSubsampling.YUV422) else 2
        return rows, columns

    @property
    def samples_per_block(self) -> int:
        """Samples of all planes in a block of 2 x 2 pixels: 4, 6, 8 or 12."""
        shapes = [self.block_shape(plane_idx) for plane_idx in range(self.num_planes)]
        return sum(rows * columns for rows, columns in shapes)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a sample: uint8, or little-endian uint16 above 8 bits."""
        return np.dtype(np.uint8) if self.bit_depth == 8 else np.dtype("<u2")

    @property
    def samples_per_frame(self) -> int:
        """Samples in all planes of one frame."""
        shapes = [self.plane_shape(plane_idx) for plane_idx in range(self.num_planes)]
        return sum(height * width for height, width in shapes)

    @property
    def luma_coefficients(self) -> tuple[float, float]:
        """(kr, kb) of the luma equation that maps these planes to RGB and back (H.273 clause 8.3).

        Where the matrix is unspecified or not a luma equation: BT.709 from 720 lines on, BT.601 below.
        """
        default = _LUMA_COEFFICIENTS[1 if self.height >= _HD_HEIGHT else 6]
        return _LUMA_COEFFICIENTS.get(self.matrix_coefficients, default)
