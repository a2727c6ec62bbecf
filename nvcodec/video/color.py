"""Between the planes of a video and the RGB values that the networks see.

The RGB space is only the networks' inner space: any fixed rule does, as long as both directions agree. They do: a
round trip from planes to RGB and back returns every sample, because nothing is rounded or clipped in between.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from nvcodec.video.format import ChromaSubsampling, ColorRange, VideoFormat

_SUBSAMPLED = {ChromaSubsampling.YUV420: (2, 2), ChromaSubsampling.YUV422: (1, 2)}


def planes_to_rgb(planes: Sequence[Tensor], format: VideoFormat, dtype: torch.dtype = torch.float32) -> Tensor:
    """Convert planes to RGB; subsampled chroma is repeated (nearest).

    Nominal black and white map to 0 and 1 (H.273 clause 8.3). Values are not clipped: samples outside the nominal
    range, or colours outside the RGB cube, give values outside 0..1.

    Args:
        planes: one uint8 or uint16 tensor (N, h, w) per plane of ``format``.
        format: names the planes, the matrix and the range.
        dtype: type of the result, float32 or float64.

    Returns:
        (N, 3, height, width), or (N, 1, height, width) for gray.
    """
    luma_offset, luma_scale, chroma_offset, chroma_scale = _levels(format)
    if format.chroma_subsampling in (ChromaSubsampling.GRAY, ChromaSubsampling.RGB):
        stacked = torch.stack([plane.to(dtype) for plane in planes], dim=1)
        return stacked.sub_(luma_offset).mul_(1.0 / luma_scale)

    kr, kb = format.luma_coefficients
    kg = 1.0 - kr - kb
    luma = planes[0].to(dtype).sub_(luma_offset).mul_(1.0 / luma_scale)
    blue = planes[1].to(dtype).sub_(chroma_offset).mul_(2.0 * (1.0 - kb) / chroma_scale)
    red = planes[2].to(dtype).sub_(chroma_offset).mul_(2.0 * (1.0 - kr) / chroma_scale)
    green = (red * (-kr / kg)).sub_(blue, alpha=kb / kg)
    num_frames, height, width = luma.shape
    rgb = luma.new_empty(num_frames, 3, height, width)
    rows, columns = _SUBSAMPLED.get(format.chroma_subsampling, (1, 1))
    for channel_idx, difference in enumerate((red, green, blue)):
        if columns == 2:
            difference = difference.unsqueeze(-1).expand(-1, -1, -1, 2).flatten(2)[:, :, :width]
        for row in range(rows):
            target = rgb[:, channel_idx, row::rows]
            torch.add(luma[:, row::rows], difference[:, : target.shape[1]], out=target)
    return rgb


def rgb_to_planes(rgb: Tensor, format: VideoFormat) -> list[Tensor]:
    """Convert RGB to planes; chroma is the mean of the box of pixels it covers.

    Matrix and mean are computed on real values; each sample is rounded once, half up, and clipped to the bit depth.

    Args:
        rgb: float32 or float64 (N, 3, >= height, >= width), or (N, 1, ...) for gray, nominally 0..1. What lies right
            of and below the format's size is cropped.
        format: names the planes, the matrix and the range.

    Returns:
        One uint8 or uint16 tensor (N, h, w) per plane.
    """
    luma_offset, luma_scale, chroma_offset, chroma_scale = _levels(format)
    rgb = rgb[:, :, : format.height, : format.width]
    if format.chroma_subsampling in (ChromaSubsampling.GRAY, ChromaSubsampling.RGB):
        return [_to_samples(plane * luma_scale, luma_offset, format) for plane in rgb.unbind(1)]

    kr, kb = format.luma_coefficients
    red, green, blue = rgb.unbind(1)
    luma = (green * (1.0 - kr - kb)).add_(red, alpha=kr).add_(blue, alpha=kb)
    blue_difference = _box_means(blue - luma, format).mul_(chroma_scale / (2.0 * (1.0 - kb)))
    red_difference = _box_means(red - luma, format).mul_(chroma_scale / (2.0 * (1.0 - kr)))
    return [
        _to_samples(luma.mul_(luma_scale), luma_offset, format),
        _to_samples(blue_difference, chroma_offset, format),
        _to_samples(red_difference, chroma_offset, format),
    ]


def _levels(format: VideoFormat) -> tuple[int, int, int, int]:
    """Offset and scale of luma (also gray, R, G, B), then of chroma, in sample values (H.273 clause 8.3)."""
    maximum = (1 << format.bit_depth) - 1
    middle = 1 << (format.bit_depth - 1)
    if format.color_range == ColorRange.FULL:
        return 0, maximum, middle, maximum
    shift = format.bit_depth - 8
    return 16 << shift, 219 << shift, middle, 224 << shift


def _box_means(plane: Tensor, format: VideoFormat) -> Tensor:
    """Mean over each chroma sample's box of pixels; (N, H, W) to (N, h, w).

    At an odd edge the mean is over the pixels that exist, which is the mean with the edge replicated.
    """
    if format.chroma_subsampling not in _SUBSAMPLED:
        return plane
    box = _SUBSAMPLED[format.chroma_subsampling]
    return F.avg_pool2d(plane.unsqueeze(1), box, ceil_mode=True, count_include_pad=False).squeeze(1)


def _to_samples(values: Tensor, offset: int, format: VideoFormat) -> Tensor:
    """Add the offset, round half up, clip to the bit depth. Consumes ``values``."""
    # Between 0 and the maximum the cast's truncation is a floor, so the sum with one half is rounded half up.
    clipped = values.add_(offset + 0.5).clamp_(0, (1 << format.bit_depth) - 1)
    if format.bit_depth == 8:
        return clipped.to(torch.uint8)
    return clipped.to(torch.int16).view(torch.uint16)
