"""Clause 4: the stream header (STRM)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .boxes import Box
from .fields import require
from .limits import MAX_PIXELS, limit

GRAY, YUV420, YUV422, YUV444, RGB = range(5)
LIMITED, FULL = range(2)


@dataclass(frozen=True)
class Stream:
    """What holds for the whole file."""

    width: int
    height: int
    bit_depth: int
    chroma_subsampling: int
    matrix_coefficients: int
    color_range: int
    sample_aspect: tuple[int, int]
    time_base: tuple[int, int]
    num_source_frames: int

    @property
    def plane_sizes(self) -> list[tuple[int, int]]:
        """Rows and columns of each plane."""
        # "Gray has one plane; YUV420 has chroma planes of ⌈width/2⌉ x ⌈height/2⌉ samples, YUV422 of ⌈width/2⌉ x height,
        # YUV444 of width x height; RGB has three planes in the order R, G, B."
        rows, columns = self.height, self.width
        if self.chroma_subsampling == GRAY:
            return [(rows, columns)]
        if self.chroma_subsampling in (YUV420, YUV422):
            columns = (columns + 1) // 2
        if self.chroma_subsampling == YUV420:
            rows = (rows + 1) // 2
        return [(self.height, self.width), (rows, columns), (rows, columns)]


def read_stream(data: bytes, box: Box) -> Stream:
    """The fields of a STRM payload."""
    cursor = box.payload(data)
    width = cursor.number("width", "u32", 1, 16384)
    height = cursor.number("height", "u32", 1, 16384)
    limit(width * height <= MAX_PIXELS, f"more than {MAX_PIXELS} pixels of a frame", cursor.offset - 8)
    # "bit_depth is 8, 10 or 12."
    offset = cursor.offset
    bit_depth = cursor.number("bit_depth", "u8", 8, 12)
    require(bit_depth in (8, 10, 12), "bit_depth is not 8, 10 or 12", offset)
    # "0 GRAY, 1 YUV420, 2 YUV422, 3 YUV444, 4 RGB"; "Where a field lists its values, any other is invalid; H.273 code
    # points may be any." (clause 1)
    chroma_subsampling = cursor.choice("chroma_subsampling", "u8", GRAY, RGB)
    cursor.number("color_primaries", "u8")
    cursor.number("transfer_characteristics", "u8")
    matrix_coefficients = cursor.number("matrix_coefficients", "u8")
    color_range = cursor.choice("color_range", "u8", LIMITED, FULL)
    cursor.choice("chroma_location", "u8", 0, 6)
    cursor.reserved("u8")
    # "the sample aspect ratio need not be [in lowest terms], and is unknown if sample_aspect_num is 0"
    sample_aspect_num = cursor.number("sample_aspect_num", "u32", 0, 2147483647)
    sample_aspect_den = cursor.number("sample_aspect_den", "u32", 1, 2147483647)
    offset = cursor.offset
    time_base_num = cursor.number("time_base_num", "u32", 1, 2147483647)
    time_base_den = cursor.number("time_base_den", "u32", 1, 2147483647)
    # "time_base_num / time_base_den is in lowest terms."
    require(math.gcd(time_base_num, time_base_den) == 1, "the time base is not in lowest terms", offset)
    # "num_source_frames is below 2^63"
    num_source_frames = cursor.number("num_source_frames", "u64", 0, 2**63 - 1)
    # "They change no sample": chromaticities, luminances, content light levels.
    cursor.numbers("mastering_red_x to mastering_white_y", "u16", 8)
    cursor.numbers("mastering_max_luminance, mastering_min_luminance", "u32", 2)
    cursor.numbers("max_content_light, max_average_light", "u16", 2)
    cursor.finish("the stream header")
    return Stream(
        width,
        height,
        bit_depth,
        chroma_subsampling,
        matrix_coefficients,
        color_range,
        (sample_aspect_num, sample_aspect_den),
        (time_base_num, time_base_den),
        num_source_frames,
    )
