"""From a trained window to the integers of its blocks, and what those integers mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nvcodec.bitstream import step_idx_for, step_size
from nvcodec.bitstream.network_spec import NetworkSpec

Floats = npt.NDArray[np.float32]
Symbols = npt.NDArray[np.int32]


@dataclass(frozen=True)
class QuantizedParameters:
    """Symbols of a window's parameters.

    Attributes:
        step_idx: per tensor of the layout.
        shared: (K,) symbols of the shared parameters, in flat order.
        own: per chunk, (S - K,) symbols of its own parameters, in flat order.
    """

    step_idx: tuple[int, ...]
    shared: Symbols
    own: tuple[Symbols, ...]


def quantize(values: npt.ArrayLike, step: float) -> Symbols:
    """Nearest multiple of ``step``, as its factor."""
    return np.rint(np.asarray(values, dtype=np.float64) / step).astype(np.int32)


def quantize_parameters(
    spec: NetworkSpec, mask: npt.NDArray[np.bool_], shared: Floats, own: Sequence[Floats], weight_bits: int
) -> QuantizedParameters:
    """Quantise a window with one step per tensor, the smallest that keeps every symbol within ``weight_bits`` bits.

    Shared and own parameters of a tensor use the same step: equal distortion is the best use of the bits.

    Args:
        spec: the network.
        mask: (S,) true where shared.
        shared: (S,) shared parameters (read where the mask is true).
        own: per chunk (S,) own parameters (read where the mask is false).
        weight_bits: 2..8; symbols are within ±(2^(weight_bits - 1) - 1).
    """
    thetas = np.stack([np.where(mask, shared, parameters) for parameters in own])
    largest_symbol = 2 ** (weight_bits - 1) - 1
    step_idx = []
    symbols = np.empty(thetas.shape, dtype=np.int32)
    for tensor in spec.layout:
        where = slice(tensor.offset, tensor.offset + tensor.size)
        idx = step_idx_for(float(np.abs(thetas[:, where]).max()) / (largest_symbol + 0.499))
        symbols[:, where] = quantize(thetas[:, where], step_size(idx))
        step_idx.append(idx)
    return QuantizedParameters(
        step_idx=tuple(step_idx),
        shared=symbols[0][mask],
        own=tuple(chunk_symbols[~mask] for chunk_symbols in symbols),
    )


def quantize_embeddings(embeddings: Floats, embedding_bits: int) -> tuple[int, Symbols]:
    """Quantise a chunk's embeddings with one step.

    Args:
        embeddings: (T, C, h, w).
        embedding_bits: 2..8; symbols are within ±(2^(embedding_bits - 1) - 1).

    Returns:
        The step index and the symbols, of the same shape.
    """
    largest_symbol = 2 ** (embedding_bits - 1) - 1
    step_idx = step_idx_for(float(np.abs(embeddings).max()) / (largest_symbol + 0.499))
    return step_idx, quantize(embeddings, step_size(step_idx))
