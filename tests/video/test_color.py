from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nvcodec.video.color import planes_to_rgb, rgb_to_planes
from nvcodec.video.format import ChromaSubsampling, ColorRange, VideoFormat
from tests.clips import ALL_FORMATS


def _random_planes(format: VideoFormat, seed: int) -> list[torch.Tensor]:
    rng = np.random.default_rng(seed)
    shapes = [format.plane_shape(idx) for idx in range(format.num_planes)]
    samples = [rng.integers(0, 1 << format.bit_depth, (2, *shape)).astype(format.dtype) for shape in shapes]
    return [torch.from_numpy(plane) for plane in samples]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("format", ALL_FORMATS)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32), full=st.booleans(), matrix=st.sampled_from([1, 2, 4, 6, 7, 9]))
def test_round_trip_returns_every_sample(format, dtype, seed, full, matrix):
    format = replace(format, color_range=ColorRange(full), matrix_coefficients=matrix)
    planes = _random_planes(format, seed)
    rgb = planes_to_rgb(planes, format, dtype)
    assert rgb.dtype == dtype
    assert rgb.shape == (2, 1 if format.num_planes == 1 else 3, format.height, format.width)
    for expected, actual in zip(planes, rgb_to_planes(rgb, format), strict=True):
        assert actual.dtype == expected.dtype
        assert torch.equal(actual.int(), expected.int())


@pytest.mark.parametrize(
    ("samples", "rgb"),
    [
        ((16, 128, 128), (0, 0, 0)),
        ((235, 128, 128), (1, 1, 1)),
        ((81, 90, 240), (1, 0, 0)),
        ((41, 240, 110), (0, 0, 1)),
    ],
)
def test_known_colours_of_bt601(samples, rgb):
    format = VideoFormat(2, 2, matrix_coefficients=6)
    shapes = [format.plane_shape(idx) for idx in range(3)]
    planes = [torch.full((1, *shape), value, dtype=torch.uint8) for shape, value in zip(shapes, samples, strict=True)]
    expected = torch.tensor(rgb, dtype=torch.float32).view(1, 3, 1, 1).expand(1, 3, 2, 2)
    assert (planes_to_rgb(planes, format) - expected).abs().max() < 0.006
    for plane, value in zip(rgb_to_planes(expected.contiguous(), format), samples, strict=True):
        assert int((plane.int() - value).abs().max()) <= 1


def test_chroma_is_the_mean_of_its_box_with_the_edge_repeated():
    format = VideoFormat(3, 3, chroma_subsampling=ChromaSubsampling.YUV420, color_range=ColorRange.FULL)
    rgb = torch.rand(1, 3, 3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    whole = replace(format, chroma_subsampling=ChromaSubsampling.YUV444)
    kr, kb = whole.luma_coefficients
    luma = kr * rgb[:, 0] + (1 - kr - kb) * rgb[:, 1] + kb * rgb[:, 2]
    blue = (rgb[:, 2] - luma) / (2 - 2 * kb) * 255 + 128
    padded = torch.nn.functional.pad(blue.unsqueeze(1), (0, 1, 0, 1), mode="replicate").squeeze(1)
    expected = padded.view(1, 2, 2, 2, 2).mean(dim=(2, 4)).add(0.5).floor()
    assert torch.equal(rgb_to_planes(rgb, format)[1].double(), expected)


def test_samples_round_half_up_and_are_clipped():
    format = VideoFormat(5, 1, chroma_subsampling=ChromaSubsampling.GRAY, color_range=ColorRange.FULL)
    values = torch.tensor([-7.0, 0.5, 1.5, 2.4999, 300.0], dtype=torch.float64).view(1, 1, 1, 5) / 255
    assert rgb_to_planes(values, format)[0].flatten().tolist() == [0, 1, 2, 2, 255]


def test_larger_pictures_are_cropped_top_left():
    format = VideoFormat(6, 4, chroma_subsampling=ChromaSubsampling.RGB, color_range=ColorRange.FULL)
    rgb = torch.rand(1, 3, 9, 10, generator=torch.Generator().manual_seed(2))
    assert torch.equal(rgb_to_planes(rgb, format)[2], rgb_to_planes(rgb[:, :, :4, :6], format)[2])
    assert rgb_to_planes(rgb, format)[0].shape == (1, 4, 6)
    assert rgb[0, 0, 0, 0] != 0, "the input is left as it is"
