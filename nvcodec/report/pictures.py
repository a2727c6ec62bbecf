"""Frames as small files that a page can hold."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from nvcodec.report.comparison import FrameQuality
from nvcodec.video.stills import jpeg

MAX_SHOWN = 8
MAX_THUMBNAILS = 12
MAX_WIDTH = 1280
THUMBNAIL_WIDTH = 160
DIFFERENCE_GAIN = 8


@dataclass(frozen=True)
class Thumbnail:
    """A small picture of a frame, as the bytes of a JPEG file."""

    frame_idx: int
    jpeg: bytes


@dataclass(frozen=True)
class ShownFrame:
    """A frame to look at; pictures as the bytes of JPEG files.

    Attributes:
        frame_idx: counted over the file.
        time_s: when it begins.
        why: what it is an example of.
        quality: None without a source.
        decoded: as decoded.
        source: as it should be; None without a source.
        difference: decoded less source, eight times as large, around gray; None without a source.
        width, height: of the pictures, pixels.
        reduction: pixels of the frame, along each axis, that a pixel of the pictures is the mean of.
    """

    frame_idx: int
    time_s: float
    why: str
    quality: FrameQuality | None
    decoded: bytes
    source: bytes | None
    difference: bytes | None
    width: int
    height: int
    reduction: int


def thumbnail_frames(num_frames: int) -> set[int]:
    """Frames that are evenly spread, each in the middle of its part."""
    count = min(MAX_THUMBNAILS, num_frames)
    return {(2 * idx + 1) * num_frames // (2 * count) for idx in range(count)}


def frames_to_show(qualities: dict[int, FrameQuality], window_starts: Sequence[int]) -> dict[int, str]:
    """Which frames to look at, and why: the worst, median and best by PSNR, and the first of each window."""
    reasons: dict[int, list[str]] = {}
    for frame_idx, why in _candidates(qualities, window_starts):
        if frame_idx in reasons or len(reasons) < MAX_SHOWN:
            reasons.setdefault(frame_idx, []).append(why)
    return {frame_idx: ", ".join(reasons[frame_idx]) for frame_idx in sorted(reasons)}


def _candidates(qualities: dict[int, FrameQuality], window_starts: Sequence[int]) -> Iterator[tuple[int, str]]:
    if qualities:
        ranked = sorted(qualities, key=lambda frame_idx: qualities[frame_idx].psnr_y)
        yield from zip((ranked[0], ranked[len(ranked) // 2], ranked[-1]), ("worst", "median", "best"), strict=True)
    for window_idx, frame_idx in enumerate(window_starts):
        if not qualities or frame_idx in qualities:
            yield frame_idx, f"first of window {window_idx}"


def reduction_to(width: int, max_width: int) -> int:
    """By how much a picture has to be reduced to be no wider."""
    return math.ceil(width / max_width)


def thumbnail(rgb: Tensor) -> bytes:
    """A small JPEG file of a picture (3, H, W) in 0..1."""
    return rgb_jpeg(reduced(rgb, reduction_to(rgb.shape[2], THUMBNAIL_WIDTH)))


def reduced(rgb: Tensor, factor: int) -> Tensor:
    """A picture (3, H, W) whose pixels are means of ``factor`` x ``factor`` others; those at the edges of fewer."""
    if factor == 1:
        return rgb
    return functional.avg_pool2d(rgb[None], factor, ceil_mode=True, count_include_pad=False)[0]


def difference(source: Tensor, decoded: Tensor) -> Tensor:
    """What differs between two pictures (3, H, W), amplified, around gray."""
    return ((decoded - source) * DIFFERENCE_GAIN + 0.5).clamp(0, 1)


def rgb_jpeg(rgb: Tensor) -> bytes:
    """A JPEG file of a picture (3, H, W) in 0..1."""
    samples = (rgb * 255 + 0.5).to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    return jpeg(np.ascontiguousarray(samples))
