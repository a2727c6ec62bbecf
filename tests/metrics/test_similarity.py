from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
import torch

from nvcodec.metrics import ms_ssim, ssim

Image = npt.NDArray[np.float64]
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def pictures(height: int, width: int, noise: float) -> tuple[Image, Image]:
    """A smooth 8-bit picture and the same with noise."""
    rows, columns = np.mgrid[:height, :width]
    clean = 128 + 60 * np.sin(rows / 7) + 50 * np.cos(columns / 11 + rows / 23)
    noisy = clean + noise * np.random.default_rng(0).standard_normal(clean.shape)
    return clean.round(), noisy.clip(0, 255).round()


def direct_ms_ssim(x: Image, y: Image, num_scales: int) -> float:
    """The definition, window position by window position."""
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    window /= window.sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    result = 1.0
    for scale in range(num_scales):
        luminance, contrast_structure = [], []
        for row in range(x.shape[0] - 10):
            for column in range(x.shape[1] - 10):
                a, b = x[row : row + 11, column : column + 11], y[row : row + 11, column : column + 11]
                mean_a, mean_b = (window * a).sum(), (window * b).sum()
                var_a, var_b = (window * (a - mean_a) ** 2).sum(), (window * (b - mean_b) ** 2).sum()
                covariance = (window * (a - mean_a) * (b - mean_b)).sum()
                luminance.append((2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1))
                contrast_structure.append((2 * covariance + c2) / (var_a + var_b + c2))
        terms = np.array(contrast_structure)
        if scale == num_scales - 1:
            terms = terms * np.array(luminance)
        result *= terms.mean() ** (WEIGHTS[scale] / sum(WEIGHTS[:num_scales]))
        rows, columns = x.shape[0] // 2 * 2, x.shape[1] // 2 * 2
        x, y = (
            (p[0:rows:2, 0:columns:2] + p[1:rows:2, 0:columns:2] + p[0:rows:2, 1:columns:2] + p[1:rows:2, 1:columns:2])
            / 4
            for p in (x, y)
        )
    return result


def measured(x: Image, y: Image, peak: float = 255) -> float:
    return ms_ssim(torch.from_numpy(x)[None], torch.from_numpy(y)[None], peak).item()


@pytest.mark.parametrize(("height", "width", "num_scales"), [(47, 61, 3), (21, 40, 1), (22, 22, 2)])
def test_equals_the_definition_also_with_fewer_scales(height: int, width: int, num_scales: int) -> None:
    x, y = pictures(height, width, noise=20)
    assert measured(x, y) == pytest.approx(direct_ms_ssim(x, y, num_scales), abs=2e-5)


def test_uses_five_scales_from_176_samples_on() -> None:
    x, y = pictures(176, 180, noise=20)
    assert measured(x, y) == pytest.approx(direct_ms_ssim(x, y, 5), abs=2e-5)


def test_equal_frames_are_one_and_noise_lowers_it() -> None:
    values = [measured(*pictures(180, 200, noise)) for noise in (0, 4, 12, 40)]
    assert values[0] == 1
    assert all(better > worse + 0.001 for better, worse in itertools.pairwise(values))


def test_opposite_frames_are_zero_not_nan() -> None:
    x, _ = pictures(64, 64, 0)
    assert measured(x, 255 - x) == 0


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (10, 300)])
def test_frames_smaller_than_the_window_get_a_smaller_one(shape: tuple[int, int]) -> None:
    x, y = pictures(*shape, noise=0)
    assert measured(x, y) == 1
    assert measured(x, y + 40) < 0.99


def test_frames_are_measured_one_by_one_in_their_own_type() -> None:
    x, y = (torch.from_numpy(picture.astype(np.uint8)) for picture in pictures(48, 64, noise=20))
    values = ms_ssim(torch.stack([x, x]), torch.stack([y, x]), 255)
    assert values.shape == (2,)
    assert values[0] < values[1] == 1
    deep = ms_ssim((x.to(torch.int32) * 4).to(torch.uint16)[None], (y.to(torch.int32) * 4).to(torch.uint16)[None], 1020)
    assert deep.item() == pytest.approx(values[0].item(), abs=1e-6)


def test_ssim_is_the_one_scale_of_a_small_frame_averaged_over_channels() -> None:
    first, second = (pictures(21, 40, noise) for noise in (10, 20))
    expected = [direct_ms_ssim(x, y, 1) for x, y in (first, second)]
    x, y = (torch.from_numpy(np.stack(planes)).float() / 255 for planes in zip(first, second, strict=True))
    assert ssim(x, y).tolist() == pytest.approx(expected, abs=2e-5)
    assert ssim(x[None], y[None]).tolist() == pytest.approx([sum(expected) / 2], abs=2e-5)


@pytest.mark.parametrize("shape", [(2, 2, 13, 14), (1, 6, 20)])
def test_ssim_has_the_gradient_of_its_value(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.rand(shape, dtype=torch.float64, generator=generator) for _ in range(2))
    assert torch.autograd.gradcheck(ssim, (x, y.requires_grad_()))
