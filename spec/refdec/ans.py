"""Clause 9: the entropy coder."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np

from .fields import require
from .tables import SINGLE, Table


def decode_symbols(words: np.ndarray, runs: list[tuple[Table, int]], offset: int) -> list[np.ndarray]:
    """The symbols of each run, a run being a table and a number of symbols; offset is that of the words in the file."""
    # "`words` is a stack: the decoder takes words from its end." left is how many there still are.
    left = len(words)
    # "The last word of a non-empty stream is not 0."
    require(left == 0 or words[-1] != 0, "the last coded word is 0", offset + 4 * (left - 1))
    # "state = 0; while state < 2^32 and words are left: state = (state << 32) | pop()"
    state = 0
    while state < 2**32 and left > 0:
        left -= 1
        state = (state << 32) | int(words[left])
    decoded = []
    for table, count in runs:
        symbols = np.full(count, table.low, np.int32)
        # "Symbols of SINGLE tables take no part."
        if table.kind != SINGLE:
            for i in range(count):
                # "q = state mod 2^24; find s with c(s) <= q < c(s) + f(s)"
                q = state % 2**24
                s = bisect_right(table.cumulated, q) - 1
                # "state = (state >> 24) * f(s) + q - c(s)"
                state = (state >> 24) * table.frequencies[s] + q - table.cumulated[s]
                # "if state < 2^32 and words are left: state = (state << 32) | pop()"
                if state < 2**32 and left > 0:
                    left -= 1
                    state = (state << 32) | int(words[left])
                symbols[i] = table.low + s
        decoded.append(symbols)
    # "The section is valid only if in the end `state` is 0 and no words are left."
    require(state == 0 and left == 0, "the coded stream does not end with its last symbol", offset)
    return decoded
