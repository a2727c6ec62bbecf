from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nvcodec.video.format import ChromaSubsampling, VideoFormat
from nvcodec.video.packing import blocks_to_planes, planes_to_blocks, samples_to_values, values_to_samples
from tests.clips import ALL_FORMATS


@pytest.mark.parametrize("dtype", [None, torch.float32, torch.float64])
@pytest.mark.parametrize("format", ALL_FORMATS)
@settings(max_examples=10, deadline=None)
@given(width=st.integers(1, 9), height=st.integers(1, 9), seed=st.integers(0, 2**32))
def test_round_trip_returns_every_sample(
    format: VideoFormat, dtype: torch.dtype | None, width: int, height: int, seed: int
) -> None:
    format = replace(format, width=width, height=height)
    rng = np.random.default_rng(seed)
    shapes = [(2, *format.plane_shape(idx)) for idx in range(format.num_planes)]
    planes = [torch.from_numpy(rng.integers(0, 1 << format.bit_depth, shape).astype(format.dtype)) for shape in shapes]
    blocks = planes_to_blocks(planes, format)
    assert blocks.dtype == planes[0].dtype
    assert blocks.shape == (2, format.samples_per_block, (height + 1) // 2, (width + 1) // 2)
    if dtype is not None:
        blocks = values_to_samples(samples_to_values(blocks, format, dtype), format)
    larger = torch.nn.functional.pad(blocks.int(), (0, 1, 0, 2)).to(blocks.dtype)
    for expected, actual in zip(planes, blocks_to_planes(larger, format), strict=True):
        assert actual.dtype == expected.dtype
        assert actual.shape == expected.shape
        assert torch.equal(actual.int(), expected.int())


@pytest.mark.parametrize(
    ("subsampling", "expected"),
    [
        (ChromaSubsampling.GRAY, [1, 2, 3, 4]),
        (ChromaSubsampling.YUV420, [1, 2, 3, 4, 11, 21]),
        (ChromaSubsampling.YUV422, [1, 2, 3, 4, 11, 13, 21, 23]),
        (ChromaSubsampling.YUV444, [1, 2, 3, 4, 11, 12, 13, 14, 21, 22, 23, 24]),
        (ChromaSubsampling.RGB, [1, 2, 3, 4, 11, 12, 13, 14, 21, 22, 23, 24]),
    ],
)
def test_a_block_holds_plane_after_plane_row_by_row(subsampling: ChromaSubsampling, expected: list[int]) -> None:
    format = VideoFormat(2, 2, chroma_subsampling=subsampling)
    planes = []
    for idx in range(format.num_planes):
        height, width = format.plane_shape(idx)
        planes.append(torch.tensor([[1, 2], [3, 4]], dtype=torch.uint8)[None, :height, :width] + 10 * idx)
    assert planes_to_blocks(planes, format).flatten().tolist() == expected


def test_blocks_over_the_edge_repeat_it() -> None:
    format = VideoFormat(3, 1, chroma_subsampling=ChromaSubsampling.GRAY)
    blocks = planes_to_blocks([torch.tensor([[[1, 2, 3]]], dtype=torch.uint8)], format)
    assert blocks[0, :, 0, 0].tolist() == [1, 2, 1, 2]
    assert blocks[0, :, 0, 1].tolist() == [3, 3, 3, 3]


@pytest.mark.parametrize("bit_depth", [8, 10])
def test_values_are_clipped_and_rounded_half_up(bit_depth: int) -> None:
    format, most = VideoFormat(2, 2, bit_depth), 2**bit_depth - 1
    values = torch.tensor([-1.0, 0.0, 0.5 / most, 0.49 / most, 1.0, 7.0], dtype=torch.float64)
    samples = values_to_samples(values, format)
    assert samples.dtype == (torch.uint8 if bit_depth == 8 else torch.uint16)
    assert samples.tolist() == [0, 0, 1, 0, most, most]
