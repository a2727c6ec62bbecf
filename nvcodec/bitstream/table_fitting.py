"""Choosing tables: which groups of symbols share one, and how it is stored in the fewest bits. Only the encoder's."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from nvcodec.bitstream.headers import MAX_TABLE_SYMBOLS, TableKind
from nvcodec.bitstream.tables import TOTAL_BITS, Table

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

MAX_TABLES = 256
_NEWTON_STEPS = 12
_CONVERGED = 1e-4
_UNIT = 1 << 32


@dataclass(frozen=True)
class Histogram:
    """Counts int64 of the symbols ``low``, ``low + 1``, …; the first and the last are not zero."""

    low: int
    counts: Int64Array

    @staticmethod
    def of(symbols: Int32Array) -> Histogram:
        """Count symbols, at least one."""
        low = int(symbols.min())
        return Histogram(low, np.bincount(symbols - low).astype(np.int64))

    @property
    def high(self) -> int:
        """Largest symbol."""
        return self.low + self.counts.size - 1

    @property
    def values(self) -> Int64Array:
        """The symbols of the counts."""
        return np.arange(self.low, self.high + 1)

    @property
    def spread(self) -> float:
        """Mean absolute symbol."""
        return float(self.counts @ np.abs(self.values) / self.counts.sum())

    def merged(self, other: Histogram) -> Histogram:
        """Counts of both."""
        low, high = min(self.low, other.low), max(self.high, other.high)
        counts = np.zeros(high - low + 1, np.int64)
        for histogram in (self, other):
            counts[histogram.low - low : histogram.high - low + 1] += histogram.counts
        return Histogram(low, counts)


@dataclass(frozen=True)
class _Cluster:
    """Groups that share a table."""

    groups: tuple[int, ...]
    histogram: Histogram

    @cached_property
    def table(self) -> Table:
        return fit_table(self.histogram)

    @cached_property
    def bits(self) -> float:
        return coded_bits(self.histogram, self.table)

    def merged(self, other: _Cluster) -> _Cluster:
        return _Cluster(self.groups + other.groups, self.histogram.merged(other.histogram))


def choose_tables(groups: Sequence[Int32Array]) -> tuple[list[Table], list[int]]:
    """Tables for groups of symbols; groups share one where that is smaller.

    Returns:
        The tables, at most 256 and of at most ``MAX_TABLE_SYMBOLS`` symbols together, and for each group the index of
        its table (0 for an empty group).
    """
    singles = [_Cluster((idx,), Histogram.of(symbols)) for idx, symbols in enumerate(groups) if symbols.size]
    clusters: list[_Cluster] = []
    for cluster in sorted(singles, key=lambda single: single.histogram.spread):
        while clusters:
            merged = clusters[-1].merged(cluster)
            if merged.bits > clusters[-1].bits + cluster.bits and len(clusters) < MAX_TABLES:
                break
            clusters.pop()
            cluster = merged
        clusters.append(cluster)
    if sum(cluster.histogram.counts.size for cluster in clusters) > MAX_TABLE_SYMBOLS:
        # One table cannot have more symbols than there are.
        clusters = [functools.reduce(_Cluster.merged, clusters)]
    table_idx = [0] * len(groups)
    for idx, cluster in enumerate(clusters):
        for group in cluster.groups:
            table_idx[group] = idx
    return [cluster.table for cluster in clusters], table_idx


def coded_bits(histogram: Histogram, table: Table) -> float:
    """Bits of the table and of the symbols coded with it."""
    frequencies = table.frequencies[histogram.low - table.low : histogram.high - table.low + 1]
    return 8 * len(table.pack()) + float(histogram.counts @ (TOTAL_BITS - np.log2(frequencies)))


def fit_table(histogram: Histogram) -> Table:
    """The table, of any kind, that takes the fewest bits together with the symbols."""
    if histogram.counts.size == 1:
        return Table(TableKind.SINGLE, histogram.low, histogram.low)
    candidates = [_explicit_table(histogram)]
    if histogram.counts.size > 2:
        candidates += _bells(histogram)
    return min(candidates, key=lambda table: coded_bits(histogram, table))


def fit_bell(histogram: Histogram) -> Table:
    """The two-parameter table that takes the fewest bits, whose weights fall smoothly; single for a single symbol."""
    if histogram.counts.size == 1:
        return Table(TableKind.SINGLE, histogram.low, histogram.low)
    return min(_bells(histogram), key=lambda table: coded_bits(histogram, table))


def _explicit_table(histogram: Histogram) -> Table:
    weights = np.maximum(8 * histogram.counts, 8)
    octaves = np.frexp(weights)[1] - 4
    codes = 1 + 8 * octaves + np.rint(weights / 2.0**octaves).astype(np.int64) - 8
    codes = np.where(histogram.counts == 0, 0, codes)
    return Table(TableKind.EXPLICIT, histogram.low, histogram.high, codes=codes.astype(np.uint8).tobytes())


def _bells(histogram: Histogram) -> list[Table]:
    """Two-parameter table of greatest likelihood; pure Laplace and pure Gauss where it lies outside their range."""
    total = histogram.counts.sum()
    peak = round(float(histogram.counts @ histogram.values / total))
    distances = np.abs(histogram.values - peak).astype(np.float64)
    scale = max(1.0, float(histogram.counts @ distances / total))
    features = np.stack([distances / scale, (distances / scale) ** 2])
    bells = []
    for free in ([0, 1], [0], [1]):
        rates = np.zeros(2)
        rates[free] = _most_likely_rates(features[free], features[free] @ histogram.counts / total)
        linear, quadratic = np.clip(rates, 0, 50) / [scale, scale**2]
        ratio, decay = math.exp(-linear - quadratic), math.exp(-2 * quadratic)
        ends = histogram.low, histogram.high
        bells.append(Table(TableKind.TWO_PARAMETER, *ends, peak, _to_units(ratio), _to_units(decay)))
        if rates.min() >= 0 and len(free) == 2:
            break
    return bells


def _most_likely_rates(features: FloatArray, means: FloatArray) -> FloatArray:
    """Rates r for which exp(-r . features), normalised, has the given means: Newton on the convex likelihood."""
    rates = np.ones(len(features))
    for _ in range(_NEWTON_STEPS):
        exponents = -rates @ features
        weights = np.exp(exponents - exponents.max())
        weights /= weights.sum()
        expected = features @ weights
        centred = features - expected[:, None]
        covariance = (centred * weights) @ centred.T + 1e-9 * np.eye(len(features))
        step = np.clip(np.linalg.solve(covariance, means - expected), -1, 1)
        rates -= step
        if np.abs(step).max() < _CONVERGED:
            break
    return rates


def _to_units(fraction: float) -> int:
    return min(int(fraction * _UNIT), _UNIT - 1)
