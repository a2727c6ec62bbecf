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


def share_last_layers(spec: NetworkSpec, kappa: float, *, shares_texture: bool) -> npt.NDArray[np.bool_]:
    """Share whole tensors from the head backwards until a fraction κ of the parameters is shared.

    The first layers turn what is told of a frame into a picture of the scene, which is what differs between chunks; the
    last ones draw edges and textures, which chunks of a scene have in common.

    Args:
        spec: the network.
        kappa: fraction to share, 0..1, a texture left aside; met to within half a tensor.
        shares_texture: all of a texture is shared, or none.

    Returns:
        (S,) bool, true where shared.
    """
    sizes = [0 if tensor.is_texture else tensor.size for tensor in spec.layout]
    # What is shared if the tensors from one on are, or none.
    behind = np.cumsum([0, *reversed(sizes)])[::-1]
    first = int(np.argmin(np.abs(behind - kappa * behind[0])))
    is_shared = [
        shares_texture if tensor.is_texture else tensor_idx >= first for tensor_idx, tensor in enumerate(spec.layout)
    ]
    shared: npt.NDArray[np.bool_] = np.repeat(is_shared, [tensor.size for tensor in spec.layout])
    return shared


def chunks_differ(lumas: Sequence[Tensor], bit_depth: int, motion: Sequence[Tensor] = ()) -> bool:
    """Whether the chunks of a window show so different pictures that a network for all of them would lose.

    They do if the mean pictures of the chunks differ by much more than the frames within a chunk do.

    Args:
        lumas: first plane (T, H, W) of each chunk's frames, uint8 or uint16.
        bit_depth: of the samples.
        motion: per chunk (T, 2) pixels to the right and down by which its frames lie off a common place, to compare
            only what all of them show there; () to compare the frames as they are.
    """
    seen = _what_all_show(lumas, motion) if motion else lumas
    if not seen[0].numel():
        return True
    pictures = [luma[:, ::PIXEL_SPACING, ::PIXEL_SPACING].to(torch.float32) for luma in seen]
    between = torch.stack([picture.mean(0) for picture in pictures]).var(0, correction=0).mean()
    within = torch.stack([picture.var(0, correction=0).mean() for picture in pictures]).mean()
    return float(between) > MAX_VARIANCE_RATIO * (float(within) + NOISE_VARIANCE * 4.0 ** (bit_depth - 8))


def _what_all_show(lumas: Sequence[Tensor], motion: Sequence[Tensor]) -> list[Tensor]:
    """The part (T, h, w) of each chunk's frames that lies within all frames; it may be empty."""
    # From one frame's place on, so that whole pixels between frames stay whole.
    origin = motion[0][0]
    places = [(of_chunk - origin).round().long() for of_chunk in motion]
    together = torch.cat(places)
    left, top = together.amax(dim=0).tolist()
    right, bottom = (together.amin(dim=0) + torch.tensor([lumas[0].shape[2], lumas[0].shape[1]])).tolist()
    width, height = max(right - left, 0), max(bottom - top, 0)
    return [
        torch.stack(
            [frame[top - y :, left - x :][:height, :width] for frame, (x, y) in zip(luma, place.tolist(), strict=True)]
        )
        for luma, place in zip(lumas, places, strict=True)
    ]
