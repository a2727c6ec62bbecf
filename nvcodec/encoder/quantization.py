"""From a trained window to the integers of its blocks, and what those integers mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nvcodec.bitstream import NUM_STEPS, step_idx_for, step_size
from nvcodec.bitstream.network_spec import NetworkSpec
from nvcodec.errors import TrainingError
from nvcodec.training.coding import Coding

Floats = npt.NDArray[np.float32]
Symbols = npt.NDArray[np.int32]
QuantizedEmbeddings = tuple[int, Symbols]
"""Step index, and symbols (T, C, h, w)."""


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


@dataclass(frozen=True)
class QuantizedWindow:
    """All symbols of a window.

    Attributes:
        parameters: of its networks.
        embeddings: per chunk; none for functions of time.
    """

    parameters: QuantizedParameters
    embeddings: tuple[QuantizedEmbeddings, ...]


def trained_symbols(coding: Coding) -> QuantizedWindow:
    """The symbols that a training has come to, with the steps of now if they were not fixed yet.

    Raises:
        TrainingError: the training diverged.
    """
    coding.fix_steps()
    shared, own, embeddings = coding.integers()
    return QuantizedWindow(
        QuantizedParameters(coding.step_idx, shared, tuple(own)),
        tuple(zip(coding.embedding_step_idx, embeddings, strict=True)),
    )


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
    step_idx = []
    symbols = np.empty(thetas.shape, dtype=np.int32)
    for tensor in spec.layout:
        where = slice(tensor.offset, tensor.offset + tensor.size)
        idx = _finest_step_idx(thetas[:, where], weight_bits)
        symbols[:, where] = quantize(thetas[:, where], step_size(idx))
        step_idx.append(idx)
    return QuantizedParameters(
        step_idx=tuple(step_idx),
        shared=symbols[0][mask],
        own=tuple(chunk_symbols[~mask] for chunk_symbols in symbols),
    )


def quantize_embeddings(embeddings: Floats, embedding_bits: int) -> QuantizedEmbeddings:
    """Quantise a chunk's embeddings with one step.

    Args:
        embeddings: (T, C, h, w).
        embedding_bits: 2..8; symbols are within ±(2^(embedding_bits - 1) - 1).

    Returns:
        The step index and the symbols, of the same shape.
    """
    step_idx = _finest_step_idx(embeddings, embedding_bits)
    return step_idx, quantize(embeddings, step_size(step_idx))


def _finest_step_idx(values: Floats, bits: int) -> int:
    """Index of the smallest step with which all ``values`` round to symbols of ``bits`` bits.

    Raises:
        TrainingError: a value is not finite or larger than any step allows.
    """
    largest_value = float(np.abs(values).max())
    # A little less than half a step is left, so that the largest value does not round up to one symbol more.
    num_steps = 2 ** (bits - 1) - 1 + 0.499
    # Not "is larger", which a NaN would pass.
    if not largest_value <= num_steps * step_size(NUM_STEPS - 1):
        raise TrainingError(f"the training diverged: a value has grown to {largest_value}; try another seed")
    return step_idx_for(largest_value / num_steps)
