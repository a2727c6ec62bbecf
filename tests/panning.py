"""Makers of frames that a camera sees as it moves over a picture."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def landscape(height: int, width: int) -> Tensor:
    """A random picture (height, width) with large shapes and, fainter, small ones, 0..1."""
    generator = torch.Generator().manual_seed(3)
    picture = torch.zeros(height, width)
    for cell in (64, 32, 16, 8):
        noise = torch.rand(1, 1, height // cell + 2, width // cell + 2, generator=generator)
        picture += cell / 128 * functional.interpolate(noise, size=(height, width), mode="bicubic")[0, 0]
    return picture.clamp(0, 1)


def views(
    places: Sequence[tuple[float, float]],
    height: int = 64,
    width: int = 96,
    contrast: float = 1.0,
    bit_depth: int = 8,
) -> Tensor:
    """Frames (T, height, width) whose upper left corners lie at ``places``: whole or half pixels, not negative."""
    corners = [(round(2 * x), round(2 * y)) for x, y in places]
    right, bottom = (max(corner[axis] for corner in corners) for axis in (0, 1))
    picture = (contrast * (landscape(bottom + 2 * height, right + 2 * width) - 0.5) + 0.5).clamp(0, 1)
    seen = torch.stack([picture[y : y + 2 * height, x : x + 2 * width] for x, y in corners])
    samples: Tensor = functional.avg_pool2d(seen[:, None], 2)[:, 0] * (2**bit_depth - 1)
    return samples.round().to(torch.int32).to(torch.uint8 if bit_depth == 8 else torch.uint16)
