from __future__ import annotations

import enum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvcodec.bitstream.fields import Array, Cursor, Field, Record
from nvcodec.bitstream.headers import RECORDS
from nvcodec.errors import MalformedError, UnsupportedError


class Color(enum.IntEnum):
    RED = 1


RECORD = Record(
    "record",
    (
        Field("count", "u8", "", 0, 3),
        Field("color", "u8", "", labels=Color),
        Field("number", "i16", ""),
        Array("inner", "u16", "count", "", 1, 5),
        Array("outer", "i8", "num_outer", ""),
    ),
)


@given(
    number=st.integers(-(2**15), 2**15 - 1),
    inner=st.lists(st.integers(1, 5), max_size=3),
    outer=st.lists(st.integers(-128, 127), max_size=9),
)
def test_record_round_trip(number: int, inner: list[int], outer: list[int]) -> None:
    data = RECORD.pack({"count": len(inner), "color": 1, "number": number, "inner": inner, "outer": outer})
    cursor = Cursor(data, "here")
    values = RECORD.parse(cursor, num_outer=len(outer))
    cursor.finish()
    assert values["number"] == number
    assert values.array("inner").tolist() == inner
    assert values.array("outer").tolist() == outer


def test_record_is_little_endian() -> None:
    data = RECORD.pack({"count": 1, "color": 1, "number": -2, "inner": [3], "outer": [-1]})
    assert data == bytes.fromhex("01 01 feff 0300 ff")


@pytest.mark.parametrize(
    ("data", "error", "reason"),
    [
        ("04 01 0000", MalformedError, "count is 4, allowed is 0..3"),
        ("00 02 0000", UnsupportedError, "color 2 is unknown"),
        ("01 01 0000 0600", MalformedError, "inner contains 6, allowed is 1..5"),
        ("01 01 0000 03", MalformedError, "payload ends early: 2 bytes needed, 1 left"),
        ("00 01 0000 aa", MalformedError, "1 bytes too many in the payload"),
    ],
)
def test_parse_refuses(data: str, error: type[Exception], reason: str) -> None:
    cursor = Cursor(bytes.fromhex(data), "here")
    with pytest.raises(error, match=reason) as caught:
        RECORD.parse(cursor, num_outer=0)
        cursor.finish()
    assert caught.value.place == "here"


def test_pack_refuses_a_count_that_lies() -> None:
    with pytest.raises(MalformedError, match="inner has 1 elements, not 2"):
        RECORD.pack({"count": 2, "color": 1, "number": 0, "inner": [1], "outer": []})


def test_pack_refuses_array_elements_that_would_wrap() -> None:
    with pytest.raises(MalformedError, match="outer contains 128"):
        RECORD.pack({"count": 0, "color": 1, "number": 0, "inner": [], "outer": np.array([128])})


def test_a_long_array_is_refused_before_it_is_read() -> None:
    record = Record("r", (Field("count", "u32", ""), Array("items", "u64", "count", "")))
    with pytest.raises(MalformedError, match="payload ends early"):
        record.parse(Cursor(b"\xff\xff\xff\xff" + bytes(8), "here"))


def test_declared_names_are_unique_within_a_record() -> None:
    for record in RECORDS:
        names = [part.name for part in record.parts]
        assert len(set(names)) == len(names), record.name
    assert len({record.name for record in RECORDS}) == len(RECORDS)
