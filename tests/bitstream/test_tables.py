from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvcodec.bitstream.fields import Cursor
from nvcodec.bitstream.headers import TableKind
from nvcodec.bitstream.table_fitting import Histogram, choose_tables, coded_bits, fit_bell, fit_table
from nvcodec.bitstream.tables import TOTAL, Table, explicit_weights, parse_table, scale_weights
from nvcodec.errors import MalformedError, UnsupportedError

U32 = st.integers(0, 2**32 - 1)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    low = draw(st.integers(-300, 300))
    kind = draw(st.sampled_from(list(TableKind)))
    if kind == TableKind.SINGLE:
        return Table(kind, low, low)
    size = draw(st.integers(2, 300))
    if kind == TableKind.TWO_PARAMETER:
        peak = low + draw(st.integers(0, size - 1))
        return Table(kind, low, low + size - 1, peak, draw(U32), draw(U32))
    codes = draw(st.binary(min_size=size, max_size=size).filter(any))
    return Table(kind, low, low + size - 1, codes=codes)


@given(tables())
def test_table_round_trip(table: Table) -> None:
    cursor = Cursor(table.pack(), "table")
    assert parse_table(cursor, -1000, 1000) == table
    cursor.finish()


@given(tables())
def test_frequencies_are_positive_and_sum_to_the_total(table: Table) -> None:
    assert table.frequencies.size == table.num_symbols
    assert table.frequencies.min() >= 1
    assert table.frequencies.sum() == TOTAL


def test_scaling_by_hand() -> None:
    frequencies = scale_weights(np.array([0, 3, 3], np.int64))
    assert frequencies.tolist() == [1, 1 + (TOTAL - 3) // 2 + 1, 1 + (TOTAL - 3) // 2]


def test_codes_by_hand() -> None:
    weights = explicit_weights(bytes([0, 1, 8, 9, 16, 255]))
    assert weights.tolist() == [0, 8, 15, 16, 30, 14 << 31]


def test_bell_by_hand() -> None:
    table = Table(TableKind.TWO_PARAMETER, -2, 1, peak=0, ratio=1 << 31, decay=1 << 31)
    one, two, three = 1 << 31, 1 << 30, 1 << 28
    total = three + 2 * two + one
    assert table.frequencies[0] == 1 + three * (TOTAL - 4) // total
    assert table.frequencies[1] == table.frequencies[3] == 1 + two * (TOTAL - 4) // total


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (Table(TableKind.SINGLE, 5, 5), "outside -4..4"),
        (Table(TableKind.EXPLICIT, -1, 5, codes=bytes(range(7))), "outside -4..4"),
        (Table(TableKind.EXPLICIT, -1, 1, codes=bytes(3)), "without weights"),
        (Table(TableKind.EXPLICIT, 1, 1, codes=b"a"), "table from 1 to 1"),
        (Table(TableKind.TWO_PARAMETER, 2, 1, peak=1), "table from 2 to 1"),
        (Table(TableKind.TWO_PARAMETER, -1, 1, peak=2), "peak 2 outside"),
    ],
)
def test_parse_refuses(table: Table, reason: str) -> None:
    with pytest.raises(MalformedError, match=reason):
        parse_table(Cursor(table.pack(), "table"), -4, 4)


def test_parse_refuses_an_unknown_kind() -> None:
    with pytest.raises(UnsupportedError, match="kind 3"):
        parse_table(Cursor(bytes([3, 0, 0]), "table"), -4, 4)


def entropy_bits(symbols: np.ndarray) -> float:
    counts = np.bincount(symbols - symbols.min())
    counts = counts[counts > 0]
    return float(-(counts @ np.log2(counts / counts.sum())))


@pytest.mark.parametrize("shape", ["normal", "laplace"])
@pytest.mark.parametrize("spread", [0.4, 3.0, 20.0])
def test_fitted_tables_are_close_to_the_entropy(shape: str, spread: float) -> None:
    draws = getattr(np.random.default_rng(1), shape)(0, spread, 20_000)
    symbols = np.clip(np.rint(draws), -127, 127).astype(np.int32)
    histogram = Histogram.of(symbols)
    assert coded_bits(histogram, fit_table(histogram)) < 1.006 * entropy_bits(symbols) + 24


def test_small_groups_share_a_table_and_different_ones_do_not() -> None:
    rng = np.random.default_rng(0)
    small = [np.rint(rng.normal(0, 20, 10)).astype(np.int32) for _ in range(5)]
    wide, narrow = (np.rint(rng.normal(0, spread, 5000)).astype(np.int32) for spread in (30, 2))
    chosen, table_idx = choose_tables([*small, wide, narrow, np.zeros(0, np.int32), np.zeros(900, np.int32)])
    assert len(chosen) <= 4
    assert table_idx[5] != table_idx[6]
    assert table_idx[7] == 0
    assert chosen[table_idx[8]].is_single


def test_tables_never_exceed_what_an_index_can_say() -> None:
    groups = [np.full(50_000, value, np.int32) for value in range(300)]
    chosen, table_idx = choose_tables(groups)
    assert len(chosen) <= 256
    assert max(table_idx) == len(chosen) - 1


@pytest.mark.parametrize("symbols", [[0, 1], [3, 3, 4], [-2, 0, 0, 5], [0] * 9 + [40]])
def test_a_bell_holds_the_symbols_that_it_was_fitted_to(symbols: list[int]) -> None:
    table = fit_bell(Histogram.of(np.array(symbols, np.int32)))
    assert (table.low, table.high) == (min(symbols), max(symbols))
    assert table.frequencies.sum() == TOTAL


def test_the_bell_of_one_symbol_is_a_table_without_bits() -> None:
    assert fit_bell(Histogram.of(np.full(5, -3, np.int32))).is_single
