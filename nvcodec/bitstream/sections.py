"""Coded sections: groups of integers with their tables, one entropy-coded stream and a checksum.

Spec clause "Coded section". Groups are what may differ in statistics: the tensors of a network, the channels of an
embedding. The stream holds the groups of table 0, then those of table 1, and so on; within a table the groups keep
their order.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nvcodec.bitstream import headers
from nvcodec.bitstream.ans import decoding, encode_runs
from nvcodec.bitstream.fields import Cursor
from nvcodec.bitstream.table_fitting import choose_tables
from nvcodec.bitstream.tables import Table, parse_table
from nvcodec.errors import ChecksumError, MalformedError

Int32Array = npt.NDArray[np.int32]


def pack_section(groups: Sequence[Int32Array]) -> bytes:
    """Code groups of symbols.

    Args:
        groups: int32 arrays, each of any length; values within the 16-bit range.
    """
    groups = [np.ascontiguousarray(group, np.int32) for group in groups]
    tables, table_idx = choose_tables(groups)
    runs = [(_run(groups, table_idx, idx), table) for idx, table in enumerate(tables)]
    words = encode_runs(runs)
    symbols = np.concatenate(groups)
    header = headers.SECTION.pack(
        {
            "num_symbols": symbols.size,
            "symbols_crc": _crc(symbols),
            "num_words": words.size,
            "num_tables": len(tables),
            "table_idx": table_idx,
        }
    )
    return header + b"".join(table.pack() for table in tables) + headers.WORDS.pack({"words": words})


def parse_section(cursor: Cursor, counts: Sequence[int], low: int, high: int) -> Int32Array:
    """Read what :func:`pack_section` wrote.

    Args:
        counts: number of symbols of each group, known from elsewhere and within the reader's limits.
        low, high: allowed symbols.

    Returns:
        int32 (sum of counts,): the groups one after the other.

    Raises:
        MalformedError: counts, tables or the stream contradict the specification.
        ChecksumError: the decoded symbols are not those that were coded.
    """
    header = headers.SECTION.parse(cursor, num_groups=len(counts))
    table_idx = header.array("table_idx").tolist()
    total = sum(counts)
    if header["num_symbols"] != total:
        raise MalformedError(f"num_symbols is {header['num_symbols']}, expected {total}", cursor.place)
    sizes = _run_sizes(table_idx, counts, header["num_tables"], cursor.place)
    tables = _parse_tables(cursor, len(sizes), low, high)
    words = headers.WORDS.parse(cursor, num_words=header["num_words"]).array("words")
    symbols = np.empty(total, np.int32)
    places = _places_of_groups(symbols, counts)
    with decoding(words, cursor.place) as decoder:
        for idx, (size, table) in enumerate(zip(sizes, tables, strict=True)):
            _distribute(decoder.run(size, table), [p for p, used in zip(places, table_idx, strict=True) if used == idx])
    if _crc(symbols) != header["symbols_crc"]:
        raise ChecksumError("decoded symbols differ from their checksum", cursor.place)
    return symbols


def _parse_tables(cursor: Cursor, num_tables: int, low: int, high: int) -> list[Table]:
    tables: list[Table] = []
    for _ in range(num_tables):
        tables.append(parse_table(cursor, low, high))
        num_symbols = sum(table.num_symbols for table in tables)
        if num_symbols > headers.MAX_TABLE_SYMBOLS:
            reason = f"tables of {num_symbols} symbols, allowed are {headers.MAX_TABLE_SYMBOLS}"
            raise MalformedError(reason, cursor.place)
    return tables


def _run(groups: Sequence[Int32Array], table_idx: Sequence[int], idx: int) -> Int32Array:
    members = [group for group, used in zip(groups, table_idx, strict=True) if used == idx]
    return np.concatenate(members)


def _run_sizes(table_idx: Sequence[int], counts: Sequence[int], num_tables: int, place: str) -> list[int]:
    sizes = [0] * num_tables
    for idx, count in zip(table_idx, counts, strict=True):
        if count == 0 and idx != 0:
            raise MalformedError("a group without symbols has a table", place)
        if count and idx >= num_tables:
            raise MalformedError(f"table_idx is {idx}, there are {num_tables} tables", place)
        if count:
            sizes[idx] += count
    if 0 in sizes:
        raise MalformedError(f"table {sizes.index(0)} is not used", place)
    return sizes


def _places_of_groups(symbols: Int32Array, counts: Sequence[int]) -> list[Int32Array]:
    ends = itertools.accumulate(counts)
    return [symbols[end - count : end] for end, count in zip(ends, counts, strict=True)]


def _distribute(run: Int32Array, places: Sequence[Int32Array]) -> None:
    start = 0
    for place in places:
        place[:] = run[start : start + place.size]
        start += place.size


def _crc(symbols: Int32Array) -> int:
    return zlib.crc32(np.ascontiguousarray(symbols, "<i4").data)
