"""Which parameters a window shares: those with the least information (paper, section 3.1)."""

from __future__ import annotations

import enum

import numpy as np
import numpy.typing as npt

from nvcodec.bitstream import MaskGranularity, unit_indices
from nvcodec.bitstream.network_spec import NetworkSpec


class MaskThreshold(enum.Enum):
    """Over what the scores are ranked: all parameters together, or those of each tensor for itself."""

    GLOBAL = "global"
    TENSOR = "tensor"


def select_mask(
    scores: npt.NDArray[np.float64],
    spec: NetworkSpec,
    kappa: float,
    granularity: MaskGranularity,
    threshold: MaskThreshold = MaskThreshold.GLOBAL,
) -> npt.NDArray[np.bool_]:
    """Share the units with the lowest mean score until a fraction κ of the parameters is shared.

    Args:
        scores: (S,) information of each parameter.
        spec: the network the parameters belong to.
        kappa: fraction to share, 0..1; met to within one unit.
        granularity: what is shared together.
        threshold: rank globally, or within each tensor (a unit belongs to the tensor of its first parameter).

    Returns:
        (S,) bool, true where shared.
    """
    units = unit_indices(spec, granularity)
    sizes = np.bincount(units)
    means = np.bincount(units, weights=scores) / sizes
    shared_units = np.zeros(len(sizes), dtype=bool)
    groups = _units_by_tensor(units, spec) if threshold is MaskThreshold.TENSOR else [np.arange(len(sizes))]
    wanted = 0.0
    for group in groups:
        wanted += kappa * float(sizes[group].sum())
        budget = wanted - float(sizes[shared_units].sum())
        shared_units[_cheapest(group, means, sizes, budget)] = True
    return shared_units[units]


def _cheapest(
    group: npt.NDArray[np.int64], means: npt.NDArray[np.float64], sizes: npt.NDArray[np.int64], budget: float
) -> npt.NDArray[np.int64]:
    """The units of lowest mean whose total size comes nearest to ``budget`` parameters."""
    order = group[np.argsort(means[group], kind="stable")]
    totals = np.concatenate([[0], np.cumsum(sizes[order])])
    return order[: int(np.argmin(np.abs(totals - budget)))]


def _units_by_tensor(units: npt.NDArray[np.int64], spec: NetworkSpec) -> list[npt.NDArray[np.int64]]:
    """Unit numbers grouped by the tensor in which they first appear; empty groups are left out."""
    _, first_parameter = np.unique(units, return_index=True)
    starts = [tensor.offset for tensor in spec.layout]
    tensor_of_unit = np.searchsorted(starts, first_parameter, side="right") - 1
    groups = [np.flatnonzero(tensor_of_unit == tensor_idx) for tensor_idx in range(len(starts))]
    return [group for group in groups if len(group)]
