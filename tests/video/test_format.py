from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nvcodec.errors import MalformedError
from nvcodec.video.format import ChromaSubsampling, LightMetadata, VideoFormat
from tests.clips import ALL_FORMATS


@pytest.mark.parametrize(
    ("subsampling", "shapes"),
    [
        (ChromaSubsampling.GRAY, [(121, 161)]),
        (ChromaSubsampling.YUV420, [(121, 161), (61, 81), (61, 81)]),
        (ChromaSubsampling.YUV422, [(121, 161), (121, 81), (121, 81)]),
        (ChromaSubsampling.YUV444, [(121, 161)] * 3),
        (ChromaSubsampling.RGB, [(121, 161)] * 3),
    ],
)
def test_plane_shapes_round_up(subsampling, shapes):
    format = VideoFormat(161, 121, chroma_subsampling=subsampling)
    assert [format.plane_shape(idx) for idx in range(format.num_planes)] == shapes
    assert format.samples_per_frame == sum(height * width for height, width in shapes)


@pytest.mark.parametrize("format", ALL_FORMATS)
def test_sound_formats_are_accepted(format):
    format.validate()
    assert format.dtype == (np.uint8 if format.bit_depth == 8 else np.dtype("<u2"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("width", 0),
        ("width", 16385),
        ("height", -1),
        ("bit_depth", 9),
        ("bit_depth", 14),
        ("light", LightMetadata(max_content_light=65536)),
        ("chroma_subsampling", 5),
        ("color_primaries", 256),
        ("transfer_characteristics", -1),
        ("matrix_coefficients", 256),
        ("color_range", 2),
        ("chroma_location", 7),
        ("sample_aspect_num", -1),
        ("sample_aspect_den", 0),
    ],
)
def test_fields_out_of_range_are_named(name, value):
    with pytest.raises(MalformedError, match=name):
        replace(VideoFormat(64, 48), **{name: value}).validate()


@pytest.mark.parametrize(
    ("matrix", "height", "expected"),
    [
        (1, 48, (0.2126, 0.0722)),
        (6, 1080, (0.299, 0.114)),
        (9, 48, (0.2627, 0.0593)),
        (2, 720, (0.2126, 0.0722)),
        (2, 719, (0.299, 0.114)),
        (8, 1080, (0.2126, 0.0722)),
    ],
)
def test_luma_coefficients_fall_back_by_height(matrix, height, expected):
    assert VideoFormat(64, height, matrix_coefficients=matrix).luma_coefficients == expected


def test_a_mastering_display_as_text():
    light = LightMetadata(34000, 16000, 13250, 34500, 7500, 3000, 15635, 16450, 40_000_000, 1)
    assert light.has_mastering_display
    assert not light.has_content_light
    assert light.mastering_display(in_units=True) == (
        "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(40000000,1)"
    )
    assert light.mastering_display(in_units=False) == (
        "G(0.265,0.69)B(0.15,0.06)R(0.68,0.32)WP(0.3127,0.329)L(4000,0.0001)"
    )
