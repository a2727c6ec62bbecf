"""Coded sections with chosen tables, made by integer arithmetic alone so that they are the same on every machine.

The encoder's own choice of tables is a fit of real numbers, whose last bits differ between machines.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from nvcodec.bitstream import headers
from nvcodec.bitstream.ans import encode_runs
from nvcodec.bitstream.headers import TableKind
from nvcodec.bitstream.tables import Table

Int32Array = npt.NDArray[np.int32]
TableMaker = Callable[[Int32Array], Table]


def single_table(symbol: int) -> Table:
    """The table of one symbol, which takes no bits."""
    return Table(TableKind.SINGLE, symbol, symbol)


def explicit_table(symbols: Int32Array) -> Table:
    """Codes whose weights are eight times the counts, rounded down."""
    if (symbols == symbols[0]).all():
        return single_table(int(symbols[0]))
    low, high = int(symbols.min()), int(symbols.max())
    counts = np.bincount(symbols - low).tolist()
    return Table(TableKind.EXPLICIT, low, high, codes=bytes(_code_of(8 * count) for count in counts))


def two_parameter_table(symbols: Int32Array) -> Table:
    """A bell around the symbol in the middle, about as wide as the symbols are."""
    if (symbols == symbols[0]).all():
        return single_table(int(symbols[0]))
    low, high, peak = int(symbols.min()), int(symbols.max()), int(np.sort(symbols)[symbols.size // 2])
    width = max(int(np.abs(symbols.astype(np.int64) - peak).sum()) // symbols.size, 1)
    ratio = 2**32 - 1 - 2**31 // width
    decay = 2**32 - 1 - 2**31 // (width * width + 1)
    return Table(TableKind.TWO_PARAMETER, low, high, peak, ratio, decay)


def pack_section(groups: Sequence[Int32Array], make_table: TableMaker, is_shared: bool = False) -> bytes:
    """Code groups of symbols with a table each, or with one table for all."""
    used = [idx for idx, group in enumerate(groups) if group.size]
    if is_shared and used:
        return pack_with_tables(groups, [make_table(np.concatenate([groups[idx] for idx in used]))], [0] * len(groups))
    table_idx = [0] * len(groups)
    for position, idx in enumerate(used):
        table_idx[idx] = position
    return pack_with_tables(groups, [make_table(groups[idx]) for idx in used], table_idx)


def pack_with_tables(groups: Sequence[Int32Array], tables: Sequence[Table], table_idx: Sequence[int]) -> bytes:
    """Code groups of symbols with given tables."""
    runs = []
    for idx, table in enumerate(tables):
        members = [group for group, chosen in zip(groups, table_idx, strict=True) if chosen == idx]
        runs.append((np.concatenate(members).astype(np.int32), table))
    return section_bytes(np.concatenate(groups), encode_runs(runs), tables, table_idx)


def section_bytes(
    symbols: Int32Array, words: npt.NDArray[np.uint32], tables: Sequence[Table], table_idx: Sequence[int]
) -> bytes:
    """The record of a section from its parts."""
    header = headers.SECTION.pack(
        {
            "num_symbols": symbols.size,
            "symbols_crc": zlib.crc32(symbols.astype("<i4").tobytes()),
            "num_words": words.size,
            "num_tables": len(tables),
            "table_idx": table_idx,
        }
    )
    return header + b"".join(table.pack() for table in tables) + headers.WORDS.pack({"words": words})


def _code_of(weight: int) -> int:
    """The code of an explicit table with the largest weight that is not above ``weight``, a multiple of 8."""
    if weight == 0:
        return 0
    octave = weight.bit_length() - 4
    return 1 + 8 * octave + (weight >> octave) - 8
