"""Between the planes of a video and blocks of 2 x 2 pixels, whose samples are channels.

A network with such an output works at half the frame's size and gives every sample of the planes itself, so that no
colour matrix and no resampling of chroma lie between it and the video (spec clause 15).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nvcodec.video.format import VideoFormat


def planes_to_blocks(planes: Sequence[Tensor], format: VideoFormat) -> Tensor:
    """Collect the samples of each block of 2 x 2 pixels.

    Blocks at an odd edge hang over it; what lies outside a plane repeats its last row or column.

    Args:
        planes: one tensor (N, h, w) per plane of ``format``, all of one type.
        format: names the planes.

    Returns:
        (N, samples_per_block, ceil(height / 2), ceil(width / 2)) of the planes' type: plane after plane, row by row
        within the block.
    """
    height, width = _size_in_blocks(format)
    channels = []
    for plane_idx, plane in enumerate(planes):
        rows, columns = format.block_shape(plane_idx)
        plane = _extended(_extended(plane, 1, height * rows), 2, width * columns)
        blocks = plane.reshape(len(plane), height, rows, width, columns).permute(0, 2, 4, 1, 3)
        channels.append(blocks.reshape(len(plane), rows * columns, height, width))
    return torch.cat(channels, dim=1)


def blocks_to_planes(blocks: Tensor, format: VideoFormat) -> list[Tensor]:
    """Undo :func:`planes_to_blocks`.

    Args:
        blocks: (N, samples_per_block, >= ceil(height / 2), >= ceil(width / 2)) of any type.
        format: names the planes.

    Returns:
        One tensor (N, h, w) per plane, of the type of the blocks.
    """
    height, width = _size_in_blocks(format)
    shapes = [format.block_shape(plane_idx) for plane_idx in range(format.num_planes)]
    parts = torch.split(blocks[:, :, :height, :width], [rows * columns for rows, columns in shapes], dim=1)
    planes = []
    for plane_idx, (part, (rows, columns)) in enumerate(zip(parts, shapes, strict=True)):
        samples = part.reshape(-1, rows, columns, height, width).permute(0, 3, 1, 4, 2)
        plane = samples.reshape(len(blocks), height * rows, width * columns)
        plane_height, plane_width = format.plane_shape(plane_idx)
        planes.append(plane[:, :plane_height, :plane_width])
    return planes


def values_to_samples(values: Tensor, format: VideoFormat) -> Tensor:
    """Map 0..1 to samples: ⌊value * (2^bit_depth - 1) + 1/2⌋, values outside clipped.

    Args:
        values: float32 or float64, of any shape.
        format: gives the bit depth.

    Returns:
        uint8 or uint16 of the same shape.
    """
    # The cast truncates, which for what is not negative is a floor.
    scaled = values.clamp(0, 1).mul_((1 << format.bit_depth) - 1).add_(0.5)
    if format.bit_depth == 8:
        return scaled.to(torch.uint8)
    return scaled.to(torch.int16).view(torch.uint16)


def samples_to_values(samples: Tensor, format: VideoFormat, dtype: torch.dtype = torch.float32) -> Tensor:
    """Map samples to 0..1, of which :func:`values_to_samples` makes the same samples again."""
    return samples.to(dtype).mul_(1.0 / ((1 << format.bit_depth) - 1))


def _size_in_blocks(format: VideoFormat) -> tuple[int, int]:
    return (format.height + 1) // 2, (format.width + 1) // 2


def _extended(plane: Tensor, dim: int, size: int) -> Tensor:
    """A plane with its last row or column once more if it is one short of ``size`` of them."""
    if plane.shape[dim] == size:
        return plane
    return torch.cat([plane, plane.narrow(dim, -1, 1)], dim)
