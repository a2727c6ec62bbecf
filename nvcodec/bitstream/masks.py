"""Masks: which parameters of a window are shared, coded as one flag per unit (spec clause "Mask").

A mask is a boolean vector over the flat parameters; its granularity says which parameters always go together.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from nvcodec.bitstream.fields import Cursor
from nvcodec.bitstream.headers import MaskGranularity
from nvcodec.bitstream.network_spec import NetworkSpec, TensorKind, TensorSpec
from nvcodec.bitstream.sections import pack_section, parse_section
from nvcodec.errors import MalformedError

BoolArray = npt.NDArray[np.bool_]
Int64Array = npt.NDArray[np.int64]


def unit_indices(spec: NetworkSpec, granularity: MaskGranularity) -> Int64Array:
    """Unit number of each parameter.

    WEIGHT: each parameter. KERNEL: one k*k slice of a convolution; of a linear layer the weights from one input to all
    channels of one output position; each bias element alone. ROW: one output channel of a convolution or one output of
    a linear layer, with its bias. TENSOR: one tensor. Units are numbered by first appearance in the flat vector.

    Returns:
        int64 (S,), values 0..number of units - 1.
    """
    return _units(spec, granularity)[0]


def num_units(spec: NetworkSpec, granularity: MaskGranularity) -> int:
    """Number of units of a mask, which is the number of flags that are coded."""
    return sum(_units(spec, granularity)[1])


def pack_mask(mask: BoolArray, spec: NetworkSpec, granularity: MaskGranularity) -> bytes:
    """The mask as a coded section, one group of flags per tensor.

    Args:
        mask: bool (S,), True = shared.

    Raises:
        MalformedError: the mask has another length, or splits a unit.
    """
    if mask.shape != (spec.num_parameters,):
        raise MalformedError(f"mask has shape {mask.shape}, not ({spec.num_parameters},)", "mask")
    units, counts = _units(spec, granularity)
    flags = np.zeros(sum(counts), np.int32)
    flags[units] = mask
    if not np.array_equal(flags[units], mask):
        raise MalformedError(f"mask differs within one unit of granularity {granularity.name}", "mask")
    return pack_section(np.split(flags, np.cumsum(counts)[:-1]))


def parse_mask(cursor: Cursor, spec: NetworkSpec, granularity: MaskGranularity) -> BoolArray:
    """Read what :func:`pack_mask` wrote.

    Returns:
        bool (S,), True = shared.

    Raises:
        BitstreamError: the section is damaged.
    """
    units, counts = _units(spec, granularity)
    flags = parse_section(cursor, counts, low=0, high=1)
    mask: BoolArray = (flags != 0)[units]
    return mask


def _units(spec: NetworkSpec, granularity: MaskGranularity) -> tuple[Int64Array, list[int]]:
    """Unit number of each parameter, and for each tensor the number of units that first appear in it."""
    parts: list[Int64Array] = []
    counts: list[int] = []
    total = 0
    for tensor in spec.layout:
        local, count = _tensor_units(tensor, granularity)
        is_with_its_weight = granularity == MaskGranularity.ROW and tensor.kind == TensorKind.BIAS
        if is_with_its_weight:
            parts.append(local + total - count)
            count = 0
        else:
            parts.append(local + total)
        counts.append(count)
        total += count
    return np.concatenate(parts), counts


def _tensor_units(tensor: TensorSpec, granularity: MaskGranularity) -> tuple[Int64Array, int]:
    """Unit of each element, numbered from 0 within the tensor, and their number."""
    elements = np.arange(tensor.size, dtype=np.int64)
    if granularity == MaskGranularity.WEIGHT:
        return elements, tensor.size
    if granularity == MaskGranularity.TENSOR:
        return np.zeros_like(elements), 1
    if tensor.kind == TensorKind.BIAS:
        return elements, tensor.size
    if granularity == MaskGranularity.ROW:
        return elements // math.prod(tensor.shape[1:]), tensor.shape[0]
    if tensor.kind == TensorKind.CONV:
        slice_size = tensor.shape[2] * tensor.shape[3]
        return elements // slice_size, tensor.size // slice_size
    count = tensor.num_positions * tensor.shape[1]
    return elements % count, count
