"""Peak signal-to-noise ratio, in dB: of an error, of planes over a video, of RGB frames."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

Plane = npt.NDArray[np.integer[Any]]


def psnr(mse: float, peak: float) -> float:
    """PSNR of a mean squared error, ``10 log10(peak**2 / mse)``; infinite for an error of 0."""
    return 10 * math.log10(peak * peak / mse) if mse > 0 else math.inf


def frame_psnr(mse: float, peak: float, bit_depth: int) -> float:
    """PSNR of one frame for means over frames: at most ``6 * bit_depth + 12`` dB, which is libvmaf's cap.

    Without a cap one frame that is decoded exactly, such as a black one, would make the mean infinite.
    """
    return min(psnr(mse, peak), 6.0 * bit_depth + 12)


def plane_mse(reference: Plane, decoded: Plane) -> float:
    """Mean squared error of two planes of one shape and of at most 16 bits; exact up to the division.

    Raises:
        ValueError: the shapes differ.
    """
    if reference.shape != decoded.shape:
        raise ValueError(f"plane shapes differ: {reference.shape} and {decoded.shape}")
    difference = reference.astype(np.int64) - decoded
    return int(np.vdot(difference, difference)) / difference.size


def rgb_psnr(reference: Tensor, decoded: Tensor) -> list[float]:
    """PSNR of each frame over its R, G and B samples together, as the NeRV papers report it.

    Args:
        reference, decoded: (N, 3, H, W) in 0..1.

    Returns:
        N values; their mean is the papers' figure for a video.
    """
    errors = (reference - decoded).double().square().mean(dim=(1, 2, 3))
    return [psnr(error, 1.0) for error in errors.tolist()]


class PsnrAccumulator:
    """PSNR of each plane over a video, frame by frame.

    Args:
        bit_depth: of the samples; the peak is ``2**bit_depth - 1``, for limited range too.
    """

    def __init__(self, bit_depth: int) -> None:
        self._bit_depth = bit_depth
        self._peak = 2**bit_depth - 1
        self._frame_mses: list[tuple[float, ...]] = []

    def add(self, reference: Sequence[Plane], decoded: Sequence[Plane]) -> None:
        """Add a frame's planes.

        Raises:
            ValueError: the frames differ in their number of planes or in a plane's shape.
        """
        self._frame_mses.append(tuple(plane_mse(a, b) for a, b in zip(reference, decoded, strict=True)))

    @property
    def num_frames(self) -> int:
        """Frames added so far."""
        return len(self._frame_mses)

    @property
    def mean_psnr(self) -> tuple[float, ...]:
        """The figure to report: for each plane the mean of the frames' PSNRs, each at most 6 * bit_depth + 12 dB."""
        return tuple(
            sum(frame_psnr(mse, self._peak, self._bit_depth) for mse in mses) / len(mses)
            for mses in zip(*self._frame_mses, strict=True)
        )

    @property
    def psnr_of_mean_mse(self) -> tuple[float, ...]:
        """For each plane the PSNR of the error averaged over all frames; infinite if every frame is exact."""
        return tuple(psnr(sum(mses) / len(mses), self._peak) for mses in zip(*self._frame_mses, strict=True))
