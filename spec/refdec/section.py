"""Clause 7: the coded section."""

from __future__ import annotations

import numpy as np

from .ans import decode_symbols
from .fields import Cursor, crc32, require
from .limits import Integers
from .tables import Table, read_table

MAX_TABLE_SYMBOLS = 2**17


def read_section(cursor: Cursor, sizes: list[int], low: int, high: int, integers: Integers) -> list[np.ndarray]:
    """The symbols of each group. sizes: 'how many groups there are (num_groups) and how many symbols each has'; low and
    high: 'the range of the symbols'. integers: counts them before memory is taken."""
    start = cursor.offset
    # "the range of the symbols: 0..1 for the flags of a mask, ±127 or ±32767 for the symbols of parameters (clause 6),
    # ±32766 for embeddings (clause 11)"
    # "A section is: the header, num_tables tables, the coded words."
    # "num_symbols is the sum over all groups."
    num_symbols = cursor.number("num_symbols", "u32")
    require(num_symbols == sum(sizes), f"num_symbols is {num_symbols}, not {sum(sizes)}", start)
    integers.take(num_symbols, start)
    symbols_crc = cursor.number("symbols_crc", "u32")
    num_words = cursor.number("num_words", "u32")
    num_tables = cursor.number("num_tables", "u16", 0, 256)
    offset = cursor.offset
    table_idx = cursor.numbers("table_idx", "u8", len(sizes))
    for group, (size, idx) in enumerate(zip(sizes, table_idx, strict=True)):
        if size == 0:
            # "A group with symbols has a `table_idx` below `num_tables`; one without has `table_idx` 0."
            require(idx == 0, "a group without symbols has a table", offset + group)
        else:
            require(idx < num_tables, "table_idx is not below num_tables", offset + group)
    # "Every table is used by at least one group that has symbols"
    used = {idx for idx, size in zip(table_idx, sizes, strict=True) if size > 0}
    require(used == set(range(num_tables)), "a table is not used", offset)
    # "The numbers of symbols of all tables, high − low + 1 or 1 for SINGLE, sum to at most 2^17."
    tables: list[Table] = []
    for _ in range(num_tables):
        room = MAX_TABLE_SYMBOLS - sum(len(table.frequencies) for table in tables)
        tables.append(read_table(cursor, low, high, room, integers))
    # "words: the coded stream, last written first read"
    words_offset = cursor.offset
    words = cursor.array("words", "u32", num_words)

    # "The coded stream (clause 9) holds the symbols of all groups of table 0 in order of the groups, then those of
    # table 1, and so on."
    coded = [group for group, size in enumerate(sizes) if size > 0]
    order = [group for idx in range(num_tables) for group in coded if table_idx[group] == idx]
    runs: list[tuple[Table, int]] = [(tables[table_idx[group]], sizes[group]) for group in order]
    decoded = decode_symbols(words, runs, words_offset)
    groups = [np.zeros(0, np.int32) for _ in sizes]
    for group, symbols in zip(order, decoded, strict=True):
        groups[group] = symbols
    # "symbols_crc is the CRC-32 of all symbols, group by group, each as i32."
    stored = b"".join(symbols.astype("<i4").tobytes() for symbols in groups)
    require(crc32(stored) == symbols_crc, "the symbols' checksum is wrong", start + 4)
    return groups
