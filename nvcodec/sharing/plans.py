"""Sharing by layers: whether a window's chunks are alike, and which whole tensors they share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nvcodec.bitstream.network_spec import NetworkSpec

# Clips of which sharing everything made better files have up to 1.7, one that fades in from black has 10.
MAX_VARIANCE_RATIO = 4.0
# Of 8-bit samples: noise, by which chunks of a picture that stands still differ.
NOISE_VARIANCE = 4.0
PIXEL_SPACING = 4


def share_last_layers(spec: NetworkSpec, kappa: float) -> npt.NDArray[np.bool_]:
    """Share whole tensors from the head backwards until a fraction κ of the parameters is shared.

    The first layers turn what is told of a frame into a picture of the scene, which is what differs between chunks; the
    last ones draw edges and textures, which chunks of a scene have in common.

    Args:
        spec: the network.
        kappa: fraction to share, 0..1; met to within half a tensor.

    Returns:
        (S,) bool, true where shared.
    """
    borders = np.array([tensor.offset for tensor in spec.layout] + [spec.num_parameters])
    border = borders[np.argmin(np.abs(spec.num_parameters - borders - kappa * spec.num_parameters))]
    shared: npt.NDArray[np.bool_] = np.arange(spec.num_parameters) >= border
    return shared


def chunks_differ(lumas: Sequence[Tensor], bit_depth: int) -> bool:
    """Whether the chunks of a window show so different pictures that a network for all of them would lose.

    They do if the mean pictures of the chunks differ by much more than the frames within a chunk do.

    Args:
        lumas: first plane (T, H, W) of each chunk's frames, uint8 or uint16.
        bit_depth: of the samples.
    """
    pictures = [luma[:, ::PIXEL_SPACING, ::PIXEL_SPACING].to(torch.float32) for luma in lumas]
    between = torch.stack([picture.mean(0) for picture in pictures]).var(0, correction=0).mean()
    within = torch.stack([picture.var(0, correction=0).mean() for picture in pictures]).mean()
    return float(between) > MAX_VARIANCE_RATIO * (float(within) + NOISE_VARIANCE * 4.0 ** (bit_depth - 8))
