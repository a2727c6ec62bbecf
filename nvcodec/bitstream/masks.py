"""Masks: which parameters of a window are shared, coded as one flag per unit (spec clause "Mask").

A mask is a boolean vector over the flat parameters; its granularity says which parameters always go together.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from nvcodec.bitstream.fields import Cursor
from nvcodec.bitstream.headers import MaskGranularity
from nvcodec.bitstream.layout import TensorKind, TensorSpec
from nvcodec.bitstream.network_spec import NetworkSpec
from nvcodec.bitstream.sections import pack_section, parse_section
from nvcodec.errors import MalformedError

BoolArray = npt.NDArray[np.bool_]
Int64Array = npt.NDArray[np.int64]
T = TypeVar("T", bound=np.generic)


def unit_indices(spec: NetworkSpec, granularity: MaskGranularity) -> Int64Array:
    """Unit number of each parameter.

    WEIGHT: each parameter. KERNEL: one k*k slice of a convolution; of a linear layer the weights from one input to all
    channels of one output position; each bias element alone. ROW: one output channel of a convolution or one output of
    a linear layer, with its bias. TENSOR: one tensor. Of a grid, KERNEL and ROW: one channel. Units are numbered by
    first appearance in the flat vector.

    Returns:
        int64 (S,), values 0..number of units - 1.
    """
    return _spread(np.arange(num_units(spec, granularity)), spec, granularity)


def num_units(spec: NetworkSpec, granularity: MaskGranularity) -> int:
    """Number of units of a mask, which is the number of flags that are coded."""
    return sum(_unit_counts(spec, granularity))


def pack_mask(mask: BoolArray, spec: NetworkSpec, granularity: MaskGranularity) -> bytes:
    """The mask as a coded section, one group of flags per tensor.

    Args:
        mask: bool (S,), True = shared.

    Raises:
        MalformedError: the mask has another length, or splits a unit.
    """
    if mask.shape != (spec.num_parameters,):
        raise MalformedError(f"mask has shape {mask.shape}, not ({spec.num_parameters},)", "mask")
    counts = _unit_counts(spec, granularity)
    flags = np.zeros(sum(counts), np.int32)
    flags[unit_indices(spec, granularity)] = mask
    if not np.array_equal(_spread(flags != 0, spec, granularity), mask):
        raise MalformedError(f"mask differs within one unit of granularity {granularity.name}", "mask")
    return pack_section(np.split(flags, np.cumsum(counts)[:-1]))


def parse_mask(cursor: Cursor, spec: NetworkSpec, granularity: MaskGranularity) -> BoolArray:
    """Read what :func:`pack_mask` wrote.

    Returns:
        bool (S,), True = shared.

    Raises:
        BitstreamError: the section is damaged.
    """
    flags = parse_section(cursor, _unit_counts(spec, granularity), low=0, high=1)
    return _spread(flags != 0, spec, granularity)


def _unit_counts(spec: NetworkSpec, granularity: MaskGranularity) -> list[int]:
    """For each tensor the number of units that first appear in it."""
    return [
        0 if _is_with_its_weight(tensor, granularity) else _unit_count(tensor, granularity) for tensor in spec.layout
    ]


def _spread(values: npt.NDArray[T], spec: NetworkSpec, granularity: MaskGranularity) -> npt.NDArray[T]:
    """From one value per unit to one per parameter (S,)."""
    spread = np.empty(spec.num_parameters, values.dtype)
    end = 0
    for tensor in spec.layout:
        count = _unit_count(tensor, granularity)
        # A bias in the units of its weight has as many units as the weight, whose values are the last ones used.
        start, end = (end - count, end) if _is_with_its_weight(tensor, granularity) else (end, end + count)
        part = spread[tensor.offset : tensor.offset + tensor.size]
        if _is_strided(tensor, granularity):
            part.reshape(-1, count)[:] = values[start:end]
        else:
            part.reshape(count, -1)[:] = values[start:end, None]
    return spread


def _unit_count(tensor: TensorSpec, granularity: MaskGranularity) -> int:
    """Number of units in a tensor."""
    if granularity == MaskGranularity.TENSOR:
        return 1
    if granularity == MaskGranularity.WEIGHT or tensor.kind == TensorKind.BIAS:
        return tensor.size
    if granularity == MaskGranularity.ROW or tensor.kind == TensorKind.GRID:
        return tensor.shape[0]
    if tensor.kind == TensorKind.CONV:
        return tensor.shape[0] * tensor.shape[1]
    return tensor.num_positions * tensor.shape[1]


def _is_with_its_weight(tensor: TensorSpec, granularity: MaskGranularity) -> bool:
    return granularity == MaskGranularity.ROW and tensor.kind == TensorKind.BIAS


def _is_strided(tensor: TensorSpec, granularity: MaskGranularity) -> bool:
    """True where the parameters of a unit lie a number of units apart instead of one behind the other."""
    return granularity == MaskGranularity.KERNEL and tensor.kind == TensorKind.LINEAR
