"""Which part of the picture is coded, and how large: ``--crop`` and ``--scale``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from nvcodec.errors import ConfigError
from nvcodec.video.format import MAX_SIDE, ChromaSubsampling, Plane, VideoFormat

MIN_SCALED_SIDE = 16


@dataclass(frozen=True)
class Crop:
    """A rectangle of an upright frame, in pixels: its size, and how far it lies from the left and from the top."""

    width: int
    height: int
    left: int
    top: int

    def apply(self, plane: Plane, plane_idx: int, format: VideoFormat) -> Plane:
        """The rectangle's part of a plane; ``format`` is that of the cropped frame."""
        rows, columns = format.block_shape(plane_idx)
        top, left = self.top * rows // 2, self.left * columns // 2
        height, width = format.plane_shape(plane_idx)
        return plane[top : top + height, left : left + width]

    def check_chroma(self, subsampling: ChromaSubsampling) -> None:
        """Check that the rectangle begins between samples of chroma.

        Raises:
            ConfigError: it begins within one.
        """
        is_halved = subsampling in (ChromaSubsampling.YUV420, ChromaSubsampling.YUV422)
        if (is_halved and self.left % 2) or (subsampling == ChromaSubsampling.YUV420 and self.top % 2):
            reason = f"+{self.left}+{self.top} lies within a chroma sample of {subsampling.name}; use even numbers"
            raise ConfigError(reason, "crop")


def parse_crop(crop: str, width: int, height: int) -> Crop:
    """The rectangle that "WxH+X+Y" names, or "WxH" in the middle, in a frame of ``width`` x ``height``.

    Raises:
        ConfigError: neither of the two, or not within the frame.
    """
    numbers = re.fullmatch(r"(\d+)x(\d+)(?:\+(\d+)\+(\d+))?", crop.strip())
    if not numbers:
        raise ConfigError(f"{crop!r} is neither WxH+X+Y nor WxH", "crop")
    new_width, new_height = int(numbers[1]), int(numbers[2])
    # In the middle, as near as chroma samples allow.
    left = (width - new_width) // 4 * 2 if numbers[3] is None else int(numbers[3])
    top = (height - new_height) // 4 * 2 if numbers[4] is None else int(numbers[4])
    is_within = left >= 0 and top >= 0 and left + new_width <= width and top + new_height <= height
    if not (is_within and new_width and new_height):
        raise ConfigError(f"{crop!r} is not within the {width}x{height} pixels of the video", "crop")
    return Crop(new_width, new_height, left, top)


def parse_scale(scale: str, width: int, height: int) -> tuple[int, int]:
    """Width and height that a scale text asks for, given those of the source.

    Raises:
        ConfigError: not "WxH" nor a positive factor, or a side under 16 or over 16384.
    """
    explicit = re.fullmatch(r"(\d+)x(\d+)", scale.strip())
    if explicit:
        new_width, new_height = int(explicit[1]), int(explicit[2])
    else:
        try:
            factor = Fraction(scale.strip())
        except (ValueError, ZeroDivisionError) as error:
            raise ConfigError(f"{scale!r} is neither WxH nor a factor such as 0.5 or 1/2", "scale") from error
        new_width, new_height = round(width * factor), round(height * factor)
    if min(new_width, new_height) < MIN_SCALED_SIDE or max(new_width, new_height) > MAX_SIDE:
        size = f"{new_width}x{new_height}"
        raise ConfigError(f"{scale!r} gives {size}; sides must be {MIN_SCALED_SIDE}..{MAX_SIDE}", "scale")
    return new_width, new_height
