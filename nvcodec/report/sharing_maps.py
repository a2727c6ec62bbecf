"""Which parameters the chunks of a window share, layer by layer."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nvcodec.bitstream import NvstReader
from nvcodec.bitstream.layout import TensorKind, TensorSpec

MAX_ROWS, MAX_COLUMNS = 48, 96

Mask = npt.NDArray[np.bool_]
Map = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class LayerSharing:
    """One layer: weight and bias, or all of a texture.

    Attributes:
        name: of the layer.
        shape: of its weight, for people.
        num_parameters, num_shared: of all its tensors.
        map: (rows, columns), an output channel's share of an input channel as 0..255; None unless the weight is shared
            in part. Large layers are averaged.
    """

    name: str
    shape: str
    num_parameters: int
    num_shared: int
    map: Map | None

    @property
    def fraction(self) -> float:
        """Of the parameters that is shared, 0..1."""
        return self.num_shared / self.num_parameters


@dataclass(frozen=True)
class WindowSharing:
    """One window and its layers."""

    window_idx: int
    num_chunks: int
    num_parameters: int
    num_shared: int
    layers: tuple[LayerSharing, ...]


def window_sharing(reader: NvstReader, window_idx: int) -> WindowSharing:
    """Read a window's mask.

    Raises:
        BitstreamError: the window is damaged.
    """
    window = reader.read_window(window_idx)
    layout = window.header.network.layout
    layers = [_layer(name, list(tensors), window.mask) for name, tensors in itertools.groupby(layout, key=_layer_name)]
    num_chunks = len(window.header.chunk_lengths)
    return WindowSharing(window_idx, num_chunks, window.mask.size, int(window.mask.sum()), tuple(layers))


def _layer_name(tensor: TensorSpec) -> str:
    if tensor.is_texture:
        return "texture"
    return tensor.name.removesuffix(".weight").removesuffix(".bias")


def _layer(name: str, tensors: Sequence[TensorSpec], mask: Mask) -> LayerSharing:
    parts = [mask[tensor.offset : tensor.offset + tensor.size] for tensor in tensors]
    weight, part = tensors[0], parts[0]
    is_mixed = 0 < part.sum() < part.size and not weight.is_texture
    return LayerSharing(
        name=name,
        shape=f"{len(tensors)} bands" if weight.is_texture else " × ".join(map(str, weight.shape)),
        num_parameters=sum(each.size for each in parts),
        num_shared=sum(int(each.sum()) for each in parts),
        map=_map(part.reshape(weight.shape), weight.kind) if is_mixed else None,
    )


def _map(shared: Mask, kind: TensorKind) -> Map:
    """How much of each kernel, or other element, is shared; blocks of them where there are many."""
    values = shared.astype(np.float64)
    if kind == TensorKind.CONV:
        values = values.mean(axis=(2, 3))
    values = values.reshape(-1, values.shape[-1]) if values.ndim > 1 else values[None]
    for axis, most in enumerate((MAX_ROWS, MAX_COLUMNS)):
        borders = np.linspace(0, values.shape[axis], min(most, values.shape[axis]) + 1).astype(int)
        sums = np.add.reduceat(values, borders[:-1], axis=axis)
        values = sums / np.expand_dims(np.diff(borders), 1 - axis)
    levels: Map = np.round(values * 255).astype(np.uint8)
    return levels
