from __future__ import annotations

import pytest
import torch

from nvcodec.training.losses import Loss, distortion


def pictures(seed: int) -> torch.Tensor:
    return torch.rand(2, 3, 24, 32, generator=torch.Generator().manual_seed(seed))


def test_l2_is_the_mean_squared_error() -> None:
    reconstruction, target = pictures(0), pictures(1)
    expected = ((reconstruction - target) ** 2).sum() / target.numel()
    torch.testing.assert_close(distortion(reconstruction, target, Loss.L2), expected)


@pytest.mark.parametrize("loss", list(Loss))
def test_equal_pictures_have_no_distortion(loss: Loss) -> None:
    assert distortion(pictures(0), pictures(0), loss).item() == pytest.approx(0, abs=1e-6)


def test_fusion6_of_flat_pictures() -> None:
    """SSIM of two constants a, b is its luminance term, (2ab + c1) / (a² + b² + c1) with c1 = 0.01²."""
    a, b = 0.25, 0.75
    reconstruction, target = torch.full((1, 3, 24, 32), a), torch.full((1, 3, 24, 32), b)
    ssim = (2 * a * b + 1e-4) / (a * a + b * b + 1e-4)
    expected = 0.7 * abs(a - b) + 0.3 * (1 - ssim)
    assert distortion(reconstruction, target, Loss.FUSION6).item() == pytest.approx(expected, rel=1e-4)


def test_fusion6_weighs_structure_that_the_absolute_error_does_not_see() -> None:
    target = pictures(0) * 0.5 + 0.25
    signs = torch.rand(target.shape, generator=torch.Generator().manual_seed(2)).round() * 2 - 1
    shifted, noisy = target + 0.1, target + 0.1 * signs
    absolute = [torch.mean(torch.abs(other - target)).item() for other in (shifted, noisy)]
    assert absolute[0] == pytest.approx(absolute[1], rel=1e-5)
    assert distortion(noisy, target, Loss.FUSION6) > distortion(shifted, target, Loss.FUSION6) + 0.01


@pytest.mark.parametrize("loss", list(Loss))
def test_gradients_are_finite_also_where_pictures_are_equal(loss: Loss) -> None:
    reconstruction = pictures(0).requires_grad_()
    distortion(reconstruction, pictures(0), loss).backward()
    assert reconstruction.grad is not None
    assert reconstruction.grad.isfinite().all()
