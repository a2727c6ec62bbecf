from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvcodec.bitstream import headers
from nvcodec.bitstream.ans import decoding, encode_runs
from nvcodec.bitstream.embeddings import pack_embeddings, parse_embeddings
from nvcodec.bitstream.fields import Cursor
from nvcodec.bitstream.headers import TableKind
from nvcodec.bitstream.sections import pack_section, parse_section
from nvcodec.bitstream.tables import TOTAL, Table
from nvcodec.errors import BitstreamError, ChecksumError, MalformedError

GROUPS = st.lists(st.lists(st.integers(-127, 127), max_size=40), min_size=1, max_size=6)


def as_groups(lists: list[list[int]]) -> list[np.ndarray]:
    return [np.array(group, np.int32) for group in lists]


def decode(words: np.ndarray, runs: list[tuple[int, Table]]) -> np.ndarray:
    with decoding(words, "here") as decoder:
        return np.concatenate([decoder.run(size, table) for size, table in runs])


def integer_decoder(words: list[int], runs: list[tuple[int, Table]]) -> list[int]:
    """The entropy decoder of the specification, in plain integers."""
    words, state, symbols = list(words), 0, []
    while words and state < 1 << 32:
        state = state << 32 | words.pop()
    for count, table in runs:
        starts = np.concatenate([[0], np.cumsum(table.frequencies)]).tolist()
        for _ in range(0 if table.is_single else count):
            slot = state % TOTAL
            symbol = int(np.searchsorted(starts, slot, "right")) - 1
            state = (state >> 24) * (starts[symbol + 1] - starts[symbol]) + slot - starts[symbol]
            if state < 1 << 32 and words:
                state = state << 32 | words.pop()
            symbols.append(symbol + table.low)
        symbols += [table.low] * (count if table.is_single else 0)
    assert state == 0 and not words
    return symbols


@given(GROUPS)
def test_section_round_trip(lists: list[list[int]]) -> None:
    groups = as_groups(lists)
    cursor = Cursor(pack_section(groups), "section")
    symbols = parse_section(cursor, [group.size for group in groups], -127, 127)
    cursor.finish()
    np.testing.assert_array_equal(symbols, np.concatenate(groups))


@given(st.integers(0, 2**32), st.integers(2, 200), st.integers(0, 200))
def test_the_library_agrees_with_the_integer_decoder(seed: int, size: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    bell = Table(TableKind.TWO_PARAMETER, -9, 9, 2, int(rng.integers(2**32)), int(rng.integers(2**32)))
    explicit = Table(TableKind.EXPLICIT, 3, 2 + size, codes=bytes([255]) + rng.bytes(size - 1))
    runs = [
        (rng.integers(-9, 10, count).astype(np.int32), bell),
        (np.full(5, 4, np.int32), Table(TableKind.SINGLE, 4, 4)),
        (rng.choice(np.arange(3, 3 + size), 30, p=explicit.frequencies / TOTAL).astype(np.int32), explicit),
    ]
    words = encode_runs(runs)
    sizes = [(symbols.size, table) for symbols, table in runs]
    expected = np.concatenate([symbols for symbols, _ in runs])
    np.testing.assert_array_equal(decode(words, sizes), expected)
    assert integer_decoder(words.tolist(), sizes) == expected.tolist()


def test_extreme_tables_agree_with_the_integer_decoder() -> None:
    sharp = Table(TableKind.EXPLICIT, 0, 2, codes=bytes([0, 255, 0]))
    assert sharp.frequencies.tolist() == [1, TOTAL - 2, 1]
    symbols = np.array([1] * 200 + [0, 2, 1, 2], np.int32)
    words = encode_runs([(symbols, sharp)])
    assert integer_decoder(words.tolist(), [(204, sharp)]) == symbols.tolist()
    wide = Table(TableKind.TWO_PARAMETER, -32767, 32767, 0, 2**32 - 1, 2**32 - 1)
    symbols = np.arange(-32767, 32768, 99, dtype=np.int32)
    words = encode_runs([(symbols, wide)])
    assert integer_decoder(words.tolist(), [(symbols.size, wide)]) == symbols.tolist()


def packed_normal(count: int = 500) -> tuple[bytes, np.ndarray]:
    symbols = np.rint(np.random.default_rng(0).normal(0, 5, count)).astype(np.int32)
    return pack_section([symbols]), symbols


def test_truncated_words_are_refused() -> None:
    data, symbols = packed_normal()
    header = headers.SECTION.parse(Cursor(data, ""), num_groups=1)
    count = header["num_words"]
    for missing in range(1, count):
        cut = data[:8] + (count - missing).to_bytes(4, "little") + data[12 : len(data) - 4 * missing]
        with pytest.raises(BitstreamError):
            parse_section(Cursor(cut, ""), [symbols.size], -127, 127)


def test_exchanged_words_are_refused() -> None:
    data, symbols = packed_normal()
    for position in range(len(data) - 40, len(data)):
        changed = bytearray(data)
        changed[position] ^= 0x55
        with pytest.raises(BitstreamError):
            parse_section(Cursor(bytes(changed), ""), [symbols.size], -127, 127)


def test_a_zero_last_word_is_refused() -> None:
    with pytest.raises(MalformedError, match="last word"):
        decode(np.array([5, 0], np.uint32), [])


def test_words_left_over_are_refused() -> None:
    with pytest.raises(ChecksumError, match="initial state"):
        decode(np.array([5], np.uint32), [(3, Table(TableKind.SINGLE, 1, 1))])


def test_symbols_that_differ_from_their_checksum_are_refused() -> None:
    data = pack_section([np.full(9, 4, np.int32)])
    assert data[-2:] == b"\x04\x00"
    with pytest.raises(ChecksumError, match="checksum"):
        parse_section(Cursor(data[:-2] + b"\x05\x00", ""), [9], -127, 127)


def edited(name: str, value: int) -> bytes:
    data = pack_section([np.array([1, 2], np.int32), np.zeros(0, np.int32)])
    start = {"num_symbols": 0, "num_tables": 12, "table_idx_0": 14, "table_idx_1": 15}[name]
    return data[:start] + bytes([value]) + data[start + 1 :]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (edited("num_symbols", 3), "num_symbols is 3, expected 2"),
        (edited("table_idx_0", 1), "table_idx is 1, there are 1 tables"),
        (edited("table_idx_1", 1), "a group without symbols has a table"),
        (edited("num_tables", 2), "table 1 is not used"),
    ],
)
def test_contradictions_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(MalformedError, match=reason):
        parse_section(Cursor(data, ""), [2, 0], -127, 127)


def test_a_panic_of_the_library_becomes_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class PanicException(BaseException):
        pass

    def panic(_: Table) -> None:
        raise PanicException

    monkeypatch.setattr("nvcodec.bitstream.ans._model", panic)
    with pytest.raises(MalformedError, match="refuses"):
        decode(np.array([5], np.uint32), [(1, Table(TableKind.TWO_PARAMETER, 0, 1))])


def test_side_information_is_small() -> None:
    rng = np.random.default_rng(0)
    sizes = [1000, 60, 30_000, 900, 40_000, 300, 20_000, 80, 8000, 30, 400, 3]
    groups = [np.clip(np.rint(rng.normal(0, rng.uniform(20, 40), size)), -127, 127).astype(np.int32) for size in sizes]
    data = pack_section(groups)
    words = headers.SECTION.parse(Cursor(data, ""), num_groups=len(groups))["num_words"]
    assert len(data) - 4 * words < 0.01 * len(data)


def test_a_million_symbols_are_fast() -> None:
    symbols = np.clip(np.rint(np.random.default_rng(0).normal(0, 20, 1_000_000)), -127, 127).astype(np.int32)
    data = pack_section([symbols])
    start = time.process_time()
    parse_section(Cursor(data, ""), [symbols.size], -127, 127)
    assert time.process_time() - start < 1


@settings(max_examples=30)
@given(st.integers(1, 5), st.integers(1, 3), st.integers(1, 3), st.integers(0, 2**32), st.sampled_from([2, 200]))
def test_embeddings_round_trip(frames: int, channels: int, side: int, seed: int, bound: int) -> None:
    rng = np.random.default_rng(seed)
    embeddings = rng.integers(-bound, bound + 1, (frames, channels, side, side)).astype(np.int32)
    cursor = Cursor(pack_embeddings(embeddings), "embeddings")
    np.testing.assert_array_equal(parse_embeddings(cursor, frames, (channels, side, side)), embeddings)
    cursor.finish()


def test_embeddings_may_take_their_whole_range() -> None:
    embeddings = np.array([-16383, 16383, -16383], np.int32).reshape(3, 1, 1, 1)
    cursor = Cursor(pack_embeddings(embeddings), "embeddings")
    np.testing.assert_array_equal(parse_embeddings(cursor, 3, (1, 1, 1)), embeddings)


def test_embeddings_are_coded_as_differences() -> None:
    still = np.broadcast_to(np.arange(64, dtype=np.int32).reshape(1, 4, 4, 4), (100, 4, 4, 4)).copy()
    assert len(pack_embeddings(still)) < len(pack_embeddings(still[:1])) + 10


def test_embeddings_that_leave_their_range_are_refused() -> None:
    groups = [np.full(1, 16383, np.int32), np.full(1, 1, np.int32)]
    with pytest.raises(MalformedError, match="16383"):
        parse_embeddings(Cursor(pack_section(groups), ""), 2, (1, 1, 1))
