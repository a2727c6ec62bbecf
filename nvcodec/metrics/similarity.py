"""Structural similarity (Wang et al., 2004) and its multi-scale form (Wang, Simoncelli and Bovik, 2003)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
WINDOW_SIZE = 11
WINDOW_SIGMA = 1.5
C1 = 0.01**2
C2 = 0.03**2


def ssim(reference: Tensor, decoded: Tensor, peak: float = 1.0) -> Tensor:
    """SSIM of each frame, the mean over its positions and channels; differentiable.

    The 11 x 11 Gaussian window (sigma 1.5) lies wholly inside the frame; a side under 11 has a smaller window.

    Args:
        reference, decoded: (N, C, H, W) or (N, H, W), floating point, in 0..peak.
        peak: greatest sample value.

    Returns:
        (N,), at most 1, 1 for equal frames.
    """
    x, y = reference / peak, decoded / peak
    luminance, contrast_structure = _similarities(x, y, _gaussian_window(min(x.shape[-2:])))
    return (luminance * contrast_structure).flatten(1).mean(1)


def ms_ssim(reference: Tensor, decoded: Tensor, peak: float) -> Tensor:
    """MS-SSIM of each frame's luma.

    The window is that of :func:`ssim`; between scales, 2 x 2 samples are averaged and an odd last row or column is
    dropped. Frames with a side under 176 have fewer than the five scales, as many as leave the window room, with the
    weights' sum restored to 1.

    Args:
        reference, decoded: (N, H, W) luma samples, of any type.
        peak: greatest sample value, e.g. 255.

    Returns:
        (N,) float32, at most 1, 1 for equal frames.
    """
    x, y = (plane.to(torch.float32) / peak for plane in (reference, decoded))
    window = _gaussian_window(min(x.shape[1:]))
    weights = SCALE_WEIGHTS[: _num_scales(min(x.shape[1:]))]
    result = torch.ones(len(x), device=x.device)
    for scale_idx, weight in enumerate(weights):
        luminance, contrast_structure = _similarities(x, y, window)
        is_last = scale_idx == len(weights) - 1
        similarity = luminance * contrast_structure if is_last else contrast_structure
        # A negative mean has no real power; such frames are as unlike as can be.
        result = result * similarity.mean(dim=(1, 2)).clamp(min=0) ** (weight / sum(weights))
        if not is_last:
            x, y = functional.avg_pool2d(x, 2), functional.avg_pool2d(y, 2)
    return result


def _num_scales(side: int) -> int:
    """Scales at which the window fits a frame whose shorter side is ``side``; at least one."""
    return max(1, sum(side >> scale_idx >= WINDOW_SIZE for scale_idx in range(len(SCALE_WEIGHTS))))


def _gaussian_window(side: int) -> tuple[float, ...]:
    """One axis of the window for a frame whose shorter side is ``side``; its size is odd, its sum 1."""
    half = (min(WINDOW_SIZE, side) - 1) // 2
    window = [math.exp(-(offset**2) / (2 * WINDOW_SIGMA**2)) for offset in range(-half, half + 1)]
    return tuple(weight / sum(window) for weight in window)


def _similarities(x: Tensor, y: Tensor, window: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """Maps of the luminance term and of the contrast times structure term."""
    moments = torch.cat([x, y, x * x, y * y, x * y])
    moments = _filter(_filter(moments, window, -2), window, -1)
    mean_x, mean_y, square_x, square_y, product = moments.chunk(5)
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    variances = square_x - mean_x**2 + square_y - mean_y**2
    return luminance, (2 * (product - mean_x * mean_y) + C2) / (variances + C2)


class _Filter(torch.autograd.Function):
    """Correlation with a symmetric window along one axis, where the window lies inside.

    Adding shifted views is many times faster than a one-channel convolution, but its automatic gradient is not.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, window: tuple[float, ...], axis: int) -> Tensor:
        ctx.window, ctx.axis = window, axis
        return _correlate(x, window, axis)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = gradients
        margin = [len(ctx.window) - 1] * 2
        padded = functional.pad(gradient, margin if ctx.axis == -1 else [0, 0, *margin])
        return _correlate(padded, ctx.window, ctx.axis), None, None


_filter: Callable[[Tensor, tuple[float, ...], int], Tensor] = _Filter.apply


def _correlate(x: Tensor, window: tuple[float, ...], axis: int) -> Tensor:
    size = x.shape[axis] - len(window) + 1
    total = x.narrow(axis, 0, size) * window[0]
    for offset, weight in enumerate(window[1:], start=1):
        total.add_(x.narrow(axis, offset, size), alpha=weight)
    return total
