"""The tensors that a network's flat parameter vector consists of (spec clause "Layout of the flat vector")."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass


class TensorKind(enum.IntEnum):
    """How a tensor's axes are to be read.

    Convolution (out, in, k, k), linear (out, in), bias (out,) or grid (channels, height, width).
    """

    CONV = 0
    LINEAR = 1
    BIAS = 2
    GRID = 3

    @property
    def is_weight(self) -> bool:
        """True for what an input is multiplied with."""
        return self in (TensorKind.CONV, TensorKind.LINEAR)


@dataclass(frozen=True)
class TensorSpec:
    """One tensor of the flat parameter vector.

    Attributes:
        name: dotted name, e.g. ``stages.0.conv.weight``.
        shape: axes as PyTorch stores them.
        kind: how to read the axes.
        offset: position of its first element in the flat vector.
        num_positions: for a linear layer whose outputs are viewed as (channels, positions), the number of positions;
            output index = channel * num_positions + position. 1 elsewhere.
    """

    name: str
    shape: tuple[int, ...]
    kind: TensorKind
    offset: int
    num_positions: int = 1

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def is_texture(self) -> bool:
        """True for the bands of a texture."""
        return self.name.startswith("texture.")


class LayoutBuilder:
    """Appends tensors and keeps their offsets."""

    def __init__(self) -> None:
        self.tensors: list[TensorSpec] = []
        self._offset = 0

    def conv(self, name: str, channels_in: int, channels_out: int, kernel: int) -> None:
        """A convolution with bias."""
        self._append(f"{name}.weight", (channels_out, channels_in, kernel, kernel), TensorKind.CONV)
        self._append(f"{name}.bias", (channels_out,), TensorKind.BIAS)

    def linear(self, name: str, width_in: int, width_out: int, num_positions: int = 1, bias: bool = True) -> None:
        """A linear layer, with bias if it has one."""
        self._append(f"{name}.weight", (width_out, width_in), TensorKind.LINEAR, num_positions)
        if bias:
            self._append(f"{name}.bias", (width_out,), TensorKind.BIAS, num_positions)

    def grid(self, name: str, channels: int, height: int, width: int) -> None:
        """A grid."""
        self._append(name, (channels, height, width), TensorKind.GRID)

    def _append(self, name: str, shape: tuple[int, ...], kind: TensorKind, num_positions: int = 1) -> None:
        tensor = TensorSpec(name, shape, kind, self._offset, num_positions)
        self.tensors.append(tensor)
        self._offset += tensor.size
