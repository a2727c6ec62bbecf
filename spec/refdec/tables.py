"""Clause 8: tables."""

from __future__ import annotations

from dataclasses import dataclass

from .fields import Cursor, require
from .limits import Integers

SINGLE, TWO_PARAMETER, EXPLICIT = range(3)
TOTAL = 2**24


@dataclass(frozen=True)
class Table:
    """'A table gives each symbol low … high a frequency, at least 1; the frequencies sum to 2^24.'"""

    kind: int
    low: int
    frequencies: list[int]
    cumulated: list[int]


def frequencies_of(weights: list[int]) -> list[int]:
    """'From weights to frequencies.'"""
    # "With n symbols and weights w, the frequency of symbol s is f(s) = 1 + (w(s) * (2^24 - n)) div (sum of all w)"
    n = len(weights)
    total = sum(weights)
    frequencies = [1 + (weight * (TOTAL - n)) // total for weight in weights]
    # "and what is missing to 2^24 is added to the first symbol (from low) of the largest weight"
    frequencies[weights.index(max(weights))] += TOTAL - sum(frequencies)
    return frequencies


def two_parameter_weights(low: int, high: int, peak: int, ratio: int, decay: int) -> list[int]:
    """'The symbol s has the weight w(|s − peak|)'."""
    # "w(0) = 2^31, r(0) = ratio, w(k+1) = (w(k) * r(k)) >> 32, r(k+1) = (r(k) * decay) >> 32"
    w, r = [2**31], ratio
    for _ in range(max(peak - low, high - peak)):
        w.append((w[-1] * r) >> 32)
        r = (r * decay) >> 32
    return [w[abs(symbol - peak)] for symbol in range(low, high + 1)]


def explicit_weight(code: int) -> int:
    """'A code of 0 is the weight 0; a code c > 0 is the weight (8 + (c − 1) mod 8) << ((c − 1) div 8).'"""
    return 0 if code == 0 else (8 + (code - 1) % 8) << ((code - 1) // 8)


def read_table(cursor: Cursor, range_low: int, range_high: int, room: int, integers: Integers) -> Table:
    """One table of at most `room` symbols. '`low` and `high` of every table lie in the section's range' (clause 7)."""
    kind = cursor.choice("kind", "u8", SINGLE, EXPLICIT)
    low = cursor.number("low", "i16", range_low, range_high)
    if kind == SINGLE:
        # "There is one symbol, low, with frequency 2^24. Nothing more is stored."
        require(room >= 1, "the tables of a section have too many symbols", cursor.offset)
        frequencies = [TOTAL]
    elif kind == TWO_PARAMETER:
        # "low < high, low ≤ peak ≤ high"
        high = cursor.number("high", "i16", low + 1, range_high)
        require(high - low + 1 <= room, "the tables of a section have too many symbols", cursor.offset)
        integers.take(high - low + 1, cursor.offset)
        peak = cursor.number("peak", "i16", low, high)
        ratio = cursor.number("ratio", "u32")
        decay = cursor.number("decay", "u32")
        frequencies = frequencies_of(two_parameter_weights(low, high, peak, ratio, decay))
    else:
        # "low < high"; "num_table_symbols = high − low + 1 of them, not all 0"
        high = cursor.number("high", "i16", low + 1, range_high)
        offset = cursor.offset
        require(high - low + 1 <= room, "the tables of a section have too many symbols", offset)
        integers.take(high - low + 1, offset)
        codes = cursor.numbers("codes", "u8", high - low + 1)
        require(any(codes), "all codes of a table are 0", offset)
        frequencies = frequencies_of([explicit_weight(code) for code in codes])
    # "c(s) is the sum of the frequencies of all symbols below s" (clause 9)
    cumulated = [0]
    for frequency in frequencies[:-1]:
        cumulated.append(cumulated[-1] + frequency)
    return Table(kind, low, frequencies, cumulated)
