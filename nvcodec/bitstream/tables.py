"""Integer frequency tables (spec clause "Tables"): how often each symbol is expected, out of 2**24.

A table is *single* (one value, no bits), *two-parameter* (a bell described by two integers) or *explicit* (one byte a
symbol, a coarse logarithmic count). All three give integer weights; one rule scales weights to frequencies.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from nvcodec.bitstream import headers
from nvcodec.bitstream.fields import Cursor
from nvcodec.bitstream.headers import TableKind
from nvcodec.errors import MalformedError

Int64Array = npt.NDArray[np.int64]

TOTAL_BITS = 24
TOTAL = 1 << TOTAL_BITS


@dataclass(frozen=True)
class Table:
    """A table for the symbols ``low`` … ``high``.

    Attributes:
        kind: how it is stored.
        low, high: smallest and largest symbol, equal for a single-valued table.
        peak: most frequent symbol of a two-parameter table.
        ratio, decay: of a two-parameter table, in units of 2**-32: weight of the peak's neighbours relative to the
            peak, and the factor by which that ratio shrinks with every further step.
        codes: of an explicit table, one byte a symbol.
    """

    kind: TableKind
    low: int
    high: int
    peak: int = 0
    ratio: int = 0
    decay: int = 0
    codes: bytes = b""

    @property
    def is_single(self) -> bool:
        """True if there is only one symbol, which then takes no bits."""
        return self.kind == TableKind.SINGLE

    @property
    def num_symbols(self) -> int:
        """Number of different symbols."""
        return self.high - self.low + 1

    @cached_property
    def frequencies(self) -> Int64Array:
        """int64 (num_symbols,), each at least 1, sum 2**24."""
        if self.is_single:
            return np.array([TOTAL], np.int64)
        return scale_weights(self._bell() if self.kind == TableKind.TWO_PARAMETER else explicit_weights(self.codes))

    def pack(self) -> bytes:
        """The table's bytes."""
        head = headers.TABLE.pack({"kind": self.kind, "low": self.low})
        if self.is_single:
            return head
        if self.kind == TableKind.TWO_PARAMETER:
            values = {"high": self.high, "peak": self.peak, "ratio": self.ratio, "decay": self.decay}
            return head + headers.TWO_PARAMETER_TABLE.pack(values)
        return (
            head
            + headers.EXPLICIT_TABLE.pack({"high": self.high})
            + headers.TABLE_CODES.pack({"codes": np.frombuffer(self.codes, np.uint8)})
        )

    def _bell(self) -> Int64Array:
        sides = max(self.peak - self.low, self.high - self.peak)
        weights = np.zeros(sides + 1, np.int64)
        weight, ratio = 1 << 31, self.ratio
        for distance in range(sides + 1):
            weights[distance] = weight
            weight = (weight * ratio) >> 32
            ratio = (ratio * self.decay) >> 32
            if weight == 0:
                break
        return weights[np.abs(np.arange(self.low, self.high + 1) - self.peak)]


def parse_table(cursor: Cursor, low: int, high: int) -> Table:
    """Read one table whose symbols all have to lie in ``low`` … ``high``.

    Raises:
        MalformedError: it contradicts the specification.
    """
    head = headers.TABLE.parse(cursor)
    kind, first = TableKind(head["kind"]), head["low"]
    if kind == TableKind.SINGLE:
        table = Table(kind, first, first)
    elif kind == TableKind.TWO_PARAMETER:
        values = headers.TWO_PARAMETER_TABLE.parse(cursor)
        table = Table(kind, first, values["high"], values["peak"], values["ratio"], values["decay"])
    else:
        last = headers.EXPLICIT_TABLE.parse(cursor)["high"]
        _require(first < last, f"table from {first} to {last}", cursor)
        codes = headers.TABLE_CODES.parse(cursor, num_table_symbols=last - first + 1).array("codes")
        _require(bool(codes.any()), "table without weights", cursor)
        table = Table(kind, first, last, codes=codes.tobytes())
    _require(table.is_single or table.low < table.high, f"table from {table.low} to {table.high}", cursor)
    is_inside = low <= table.low and table.high <= high
    _require(is_inside, f"symbols {table.low}..{table.high} outside {low}..{high}", cursor)
    if kind == TableKind.TWO_PARAMETER:
        _require(table.low <= table.peak <= table.high, f"peak {table.peak} outside its table", cursor)
    return table


def explicit_weights(codes: bytes) -> Int64Array:
    """Weights of the codes of an explicit table: 0 is 0, c > 0 is ``(8 + (c-1) mod 8) << ((c-1) div 8)``."""
    code = np.frombuffer(codes, np.uint8).astype(np.int64)
    octave, position = np.divmod(np.maximum(code - 1, 0), 8)
    return np.where(code == 0, 0, (8 + position) << octave)


def scale_weights(weights: Int64Array) -> Int64Array:
    """Frequencies ``1 + floor(weight * (2**24 - n) / sum)``, what is left going to the first largest weight.

    Args:
        weights: int64 (n,), 0..2**35, not all zero.
    """
    frequencies: Int64Array = 1 + weights * (TOTAL - weights.size) // weights.sum()
    frequencies[np.argmax(weights)] += TOTAL - frequencies.sum()
    return frequencies


def _require(condition: bool, reason: str, cursor: Cursor) -> None:
    if not condition:
        raise MalformedError(reason, cursor.place)
