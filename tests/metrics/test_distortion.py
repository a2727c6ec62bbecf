from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from nvcodec.metrics import PsnrAccumulator, plane_mse, psnr, rgb_psnr


def test_psnr_of_known_errors() -> None:
    assert psnr(1.0, 255) == pytest.approx(48.1308, abs=1e-4)
    assert psnr(0.01, 1.0) == pytest.approx(20.0)
    assert psnr(0.0, 255) == math.inf


def test_plane_mse_does_not_wrap_around() -> None:
    black, white = np.zeros((4, 6), np.uint8), np.full((4, 6), 255, np.uint8)
    assert plane_mse(black, white) == plane_mse(white, black) == 255**2
    deep = np.full((2, 2), 65535, np.uint16)
    assert plane_mse(deep, np.zeros_like(deep)) == 65535**2


def test_plane_mse_refuses_planes_of_other_shapes() -> None:
    with pytest.raises(ValueError, match="shapes differ"):
        plane_mse(np.zeros((4, 6), np.uint8), np.zeros((1, 6), np.uint8))


def test_accumulator_averages_psnr_or_error_per_plane() -> None:
    accumulator = PsnrAccumulator(bit_depth=8)
    luma, chroma = np.full((4, 4), 100, np.uint8), np.full((2, 2), 128, np.uint8)
    accumulator.add([luma, chroma], [luma + 1, chroma + 2])
    accumulator.add([luma, chroma], [luma + 3, chroma + 2])
    assert accumulator.num_frames == 2
    assert accumulator.mean_psnr == pytest.approx(((psnr(1, 255) + psnr(9, 255)) / 2, psnr(4, 255)))
    assert accumulator.psnr_of_mean_mse == pytest.approx((psnr(5, 255), psnr(4, 255)))


@pytest.mark.parametrize(("bit_depth", "dtype", "cap"), [(8, np.uint8, 60), (10, np.uint16, 72)])
def test_an_exact_frame_counts_as_the_cap(bit_depth: int, dtype: type, cap: float) -> None:
    accumulator = PsnrAccumulator(bit_depth)
    plane = np.full((4, 4), 100, dtype)
    accumulator.add([plane], [plane])
    assert accumulator.mean_psnr == (cap,)
    assert accumulator.psnr_of_mean_mse == (math.inf,)
    accumulator.add([plane], [plane + 1])
    assert accumulator.mean_psnr == pytest.approx(((cap + psnr(1, 2**bit_depth - 1)) / 2,))


def test_frames_with_other_planes_are_refused() -> None:
    plane = np.zeros((2, 2), np.uint8)
    with pytest.raises(ValueError, match="shorter"):
        PsnrAccumulator(8).add([plane, plane], [plane])


def test_rgb_psnr_is_per_frame_over_all_channels() -> None:
    reference = torch.full((3, 3, 4, 5), 0.5)
    decoded = reference.clone()
    decoded[0] += 0.1
    decoded[1, 0] += 0.1  # a third of the samples
    assert rgb_psnr(reference, decoded) == pytest.approx([20, 20 + 10 * math.log10(3), math.inf], abs=1e-4)
