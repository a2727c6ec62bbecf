"""Decoded frames and when they are shown, after torchcodec's ``Frame`` and ``FrameBatch``."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(eq=False, repr=False)
class Frame:
    """One frame. ``data, pts_seconds, duration_seconds = frame`` takes it apart.

    Attributes:
        data: RGB (C, H, W) or (H, W, C), uint8 or float32 within 0..1.
        pts_seconds: when it is shown first.
        duration_seconds: how long it is shown.
    """

    data: Tensor
    pts_seconds: float
    duration_seconds: float

    def __iter__(self) -> Iterator[Tensor | float]:
        """The three attributes."""
        return iter((self.data, self.pts_seconds, self.duration_seconds))

    def __repr__(self) -> str:
        return _describe(self)


@dataclass(eq=False, repr=False)
class FrameBatch:
    """N frames. An index, a slice or a mask of N gives those frames of the batch, as a batch.

    Attributes:
        data: RGB (N, C, H, W) or (N, H, W, C), uint8 or float32 within 0..1, on the decoder's device.
        pts_seconds: when each is shown first, (N,) float64 on the CPU.
        duration_seconds: how long each is shown, (N,) float64 on the CPU.
    """

    data: Tensor
    pts_seconds: Tensor
    duration_seconds: Tensor

    def __len__(self) -> int:
        """N."""
        return len(self.data)

    def __getitem__(self, key: Any) -> FrameBatch:
        """What the key selects of the first dimension; an integer leaves that dimension out."""
        return FrameBatch(self.data[key], self.pts_seconds[key], self.duration_seconds[key])

    def __iter__(self) -> Iterator[FrameBatch]:
        """Each frame, as a batch without the first dimension."""
        return (self[idx] for idx in range(len(self)))

    def __repr__(self) -> str:
        return _describe(self)


def _describe(frames: Frame | FrameBatch) -> str:
    """Line by line as torchcodec prints it: of the samples only the shape."""
    lines = [f"{type(frames).__name__}:", f"  data (shape): {frames.data.shape}"]
    lines += [f"  {field.name}: {getattr(frames, field.name)}" for field in dataclasses.fields(frames)[1:]]
    return "\n".join(lines) + "\n"
