from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from nvcodec.errors import ConfigError
from nvcodec.video.format import ChromaSubsampling, VideoFormat
from nvcodec.video.geometry import Crop, parse_crop
from nvcodec.video.source import open_source
from tests import clips


def _first(path, **options):
    with open_source(path, **options) as source:
        return next(iter(source)), source.format


def _assert_part(planes, whole, format, crop):
    for plane_idx, (plane, expected) in enumerate(zip(planes, whole, strict=True)):
        rows, columns = format.block_shape(plane_idx)
        top, left = crop.top * rows // 2, crop.left * columns // 2
        np.testing.assert_array_equal(plane, expected[top : top + plane.shape[0], left : left + plane.shape[1]])


@pytest.mark.parametrize(
    ("crop", "expected"),
    [
        ("40x30+2+4", Crop(40, 30, 2, 4)),
        ("64x48+0+0", Crop(64, 48, 0, 0)),
        ("1x1+63+47", Crop(1, 1, 63, 47)),
        ("40x30", Crop(40, 30, 12, 8)),
        ("64x48", Crop(64, 48, 0, 0)),
    ],
)
def test_a_crop_names_a_rectangle(crop, expected):
    assert parse_crop(crop, 64, 48) == expected


@pytest.mark.parametrize(
    "crop", ["64", "40x30+2", "40:30:2:4", "0x4", "65x48", "40x30+25+0", "40x30+0+19", "-4x4+0+0", ""]
)
def test_crops_that_mean_nothing_are_refused(tmp_path, crop):
    with pytest.raises(ConfigError) as caught:
        parse_crop(crop, 64, 48)
    assert caught.value.place == "crop"


@pytest.mark.parametrize("subsampling", list(ChromaSubsampling))
def test_every_plane_is_cut_alike(tmp_path, subsampling):
    format = VideoFormat(64, 48, 10, chroma_subsampling=subsampling)
    frame, found = _first(clips.write_clip(tmp_path / "a.mkv", format, num_frames=1), crop="33x27+6+4")
    assert (found.width, found.height) == (33, 27)
    _assert_part(frame.planes, clips.make_planes(format), format, Crop(33, 27, 6, 4))


@pytest.mark.parametrize(
    ("subsampling", "crop", "is_refused"),
    [
        (ChromaSubsampling.YUV420, "32x32+1+0", True),
        (ChromaSubsampling.YUV420, "32x32+0+1", True),
        (ChromaSubsampling.YUV422, "32x32+1+0", True),
        (ChromaSubsampling.YUV422, "32x32+0+1", False),
        (ChromaSubsampling.YUV444, "32x32+1+1", False),
        (ChromaSubsampling.GRAY, "32x32+1+1", False),
    ],
)
def test_a_crop_within_a_chroma_sample_is_refused(tmp_path, subsampling, crop, is_refused):
    format = VideoFormat(64, 48, 10, chroma_subsampling=subsampling)
    path = clips.write_clip(tmp_path / "a.mkv", format, num_frames=1)
    if is_refused:
        with pytest.raises(ConfigError, match="chroma sample"):
            open_source(path, crop=crop)
    else:
        assert _first(path, crop=crop)[1].width == 32


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_crop_is_of_the_upright_picture(tmp_path, degrees):
    path = clips.rotated_clip(tmp_path, degrees)
    (whole, format), (part, _) = _first(path), _first(path, crop="20x16+8+4")
    _assert_part(part.planes, whole.planes, format, Crop(20, 16, 8, 4))


def test_what_is_cropped_is_scaled(tmp_path):
    format = replace(clips.SMALL, sample_aspect_num=2, sample_aspect_den=1)
    path = clips.write_clip(tmp_path / "a.mp4", format, num_frames=1, codec="libx264", aspect=Fraction(2))
    part, _ = _first(path, crop="32x32+16+8")
    small, found = _first(path, crop="32x32+16+8", scale="16x32")
    assert (found.width, found.height) == (16, 32)
    # A pixel of half the pixels' number is twice as wide.
    assert (found.sample_aspect_num, found.sample_aspect_den) == (4, 1)
    assert abs(float(small.planes[0].mean()) - float(part.planes[0].mean())) < 4
