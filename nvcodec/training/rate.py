"""Bits of a coded section as a differentiable function of its symbols, with the statistics of the file's own tables."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nvcodec.bitstream.table_fitting import Histogram, choose_tables, fit_bell
from nvcodec.bitstream.tables import TOTAL_BITS, Table

EDGE_SLOPE = 1.0
"""Least bits by which a symbol just outside a table is dearer than the table's last."""


class SectionRate:
    """Bits of one section (spec clause "Coded section") for symbols that need not be integers.

    Between two integers the bits are interpolated, beyond a table they rise on in a straight line. The tables are the
    file's two-parameter ones, since the bits of explicit tables are as ragged as the counts behind them; where the file
    stores an explicit one it is a little smaller than told here.
    """

    def __init__(self, counts: Sequence[int], device: torch.device) -> None:
        """Prepare a section.

        Args:
            counts: number of symbols of each group, in coded order.
            device: where symbols are.
        """
        self._counts = list(counts)
        self._device = device
        self._table_bits = 0

    def fit(self, symbols: npt.NDArray[np.int32]) -> None:
        """Choose which groups share a table, as the file does for ``symbols`` (n,) in coded order, and fit tables."""
        _, table_idx = choose_tables(self._split(symbols))
        histograms: list[list[Histogram]] = [[] for _ in range(max(table_idx) + 1)]
        for table_of_group, group in zip(table_idx, self._split(symbols), strict=True):
            if group.size:
                histograms[table_of_group].append(Histogram.of(group))
        tables = [fit_bell(functools.reduce(Histogram.merged, of)) if of else None for of in histograms]
        self._table_bits = 8 * sum(len(table.pack()) for table in tables if table is not None)
        curves = [_curve(table) for table in tables]
        ends = np.cumsum([curve.size for _, curve in curves])
        bits = np.concatenate([curve for _, curve in curves])
        self._bits = self._to_device(bits.astype(np.float32))
        self._slopes = self._to_device(np.diff(bits).astype(np.float32))
        # For each symbol, where its table's curve lies among all, and which symbol stands first in it.
        self._first = self._by_symbol([low for low, _ in curves], table_idx, np.float32)
        self._start = self._by_symbol([0, *ends[:-1]], table_idx, np.int32)
        self._last = self._by_symbol([curve.size - 2 for _, curve in curves], table_idx, np.float32)

    def bits(self, symbols: Tensor) -> Tensor:
        """Bits of the tables and of ``symbols`` (n,), in coded order; a scalar to differentiate."""
        position = symbols - self._first
        with torch.no_grad():
            left = torch.minimum(position.floor().clamp_(min=0), self._last)
            where = left.int().add_(self._start)
            bits = self._bits.index_select(0, where).sum()
            slopes = self._slopes.index_select(0, where)
        return self._table_bits + bits + torch.dot(position - left, slopes)

    def _split(self, symbols: npt.NDArray[np.int32]) -> list[npt.NDArray[np.int32]]:
        return np.split(symbols, np.cumsum(self._counts)[:-1])

    def _by_symbol(self, of_tables: Sequence[int], table_idx: Sequence[int], dtype: npt.DTypeLike) -> Tensor:
        of_groups = np.array(of_tables)[list(table_idx)]
        return self._to_device(np.repeat(of_groups, self._counts).astype(dtype))

    def _to_device(self, values: npt.NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(values).to(self._device)


def _curve(table: Table | None) -> tuple[int, npt.NDArray[np.float64]]:
    """Bits of each symbol of a table and of one more at either end, and the first of these symbols."""
    if table is None:
        return 0, np.zeros(2)
    bits = TOTAL_BITS - np.log2(table.frequencies)
    inner = bits if bits.size > 1 else np.repeat(bits, 2)
    before = bits[0] + max(inner[0] - inner[1], EDGE_SLOPE)
    after = bits[-1] + max(inner[-1] - inner[-2], EDGE_SLOPE)
    return table.low - 1, np.concatenate([[before], bits, [after]])
