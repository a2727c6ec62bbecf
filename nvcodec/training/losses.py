"""Distortion measures that training minimises."""

from __future__ import annotations

import enum

import torch
from torch import Tensor
from torch.nn import functional

from nvcodec.metrics import ssim


class Loss(enum.Enum):
    """Distortion of a batch; the value names it in configurations.

    ``L2`` is the mean squared error (HNeRV). ``FUSION6`` is 0.7 L1 + 0.3 (1 - SSIM) (NeRV, E-NeRV).
    """

    L2 = "l2"
    FUSION6 = "fusion6"


def distortion(reconstruction: Tensor, target: Tensor, loss: Loss) -> Tensor:
    """Distortion of a batch, a scalar.

    Args:
        reconstruction: (N, C, H, W), 0..1.
        target: (N, C, H, W), 0..1.
        loss: which measure.
    """
    if loss is Loss.L2:
        return functional.mse_loss(reconstruction, target)
    absolute = functional.l1_loss(reconstruction, target)
    return 0.7 * absolute + 0.3 * (1 - torch.mean(ssim(reconstruction, target)))
