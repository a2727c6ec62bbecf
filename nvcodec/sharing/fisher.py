"""Empirical Fisher information of the network parameters (paper, section 3.1, Eq. 2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor


def empirical_fisher(theta: Tensor, frame_losses: Iterable[Callable[[Tensor], Tensor]]) -> Tensor:
    """Mean over the frames of the squared gradient of each frame's loss.

    With a Gaussian likelihood of fixed variance the gradient of a frame's log-likelihood is, up to a factor that does
    not change the order of the parameters, the gradient of its squared error.

    Args:
        theta: (S,) parameters at which to measure: the synchronised initialisation.
        frame_losses: per frame of the window, a function from parameters (S,) to the frame's squared error (a scalar).

    Returns:
        (S,) float64 on the CPU, at least 0.
    """
    point = theta.detach().clone().requires_grad_()
    total = torch.zeros_like(point, dtype=torch.float64)
    num_frames = 0
    for frame_loss in frame_losses:
        (gradient,) = torch.autograd.grad(frame_loss(point), [point])
        total += gradient.to(torch.float64) ** 2
        num_frames += 1
    return (total / max(num_frames, 1)).cpu()
