"""Clause 1, conventions: integers, refusal of invalid files, CRC-32."""

from __future__ import annotations

import struct
import zlib

import numpy as np


class RefusedError(Exception):
    """The file breaks a rule of the format."""

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(f"refused at byte {offset}: {reason}")
        self.reason = reason
        self.offset = offset


# "All integers are little-endian; u8, u16, u32, u64 are unsigned, i8, i16, i32, i64 two's complement."
NUMPY_TYPES = {
    "u8": "<u1", "u16": "<u2", "u32": "<u4", "u64": "<u8",
    "i8": "<i1", "i16": "<i2", "i32": "<i4", "i64": "<i8",
}  # fmt: skip
STRUCT_CODES = {"u8": "<B", "u16": "<H", "u32": "<I", "u64": "<Q", "i8": "<b", "i16": "<h", "i32": "<i", "i64": "<q"}


def crc32(data: bytes) -> int:
    """'CRC-32 is that of ISO-HDLC (zlib, PNG)'."""
    return zlib.crc32(data)


def require(condition: bool, reason: str, offset: int) -> None:
    """'A file that breaks any rule of this text is refused; the decoder never guesses.'"""
    if not condition:
        raise RefusedError(reason, offset)


class Cursor:
    """Reads fields one behind the other from data[start:end]. 'Records have no padding.'"""

    def __init__(self, data: bytes, start: int, end: int) -> None:
        self.data = data
        self.offset = start
        self.end = end

    def raw(self, name: str, count: int) -> bytes:
        """The next bytes. 'A reader checks [...] the length before it reads'."""
        require(count <= self.end - self.offset, f"{name} does not fit", self.offset)
        self.offset += count
        return self.data[self.offset - count : self.offset]

    def fixed(self, name: str, value: bytes) -> None:
        """A field whose bytes are given."""
        offset = self.offset
        require(self.raw(name, len(value)) == value, f"{name} is not {value.hex()}", offset)

    def number(self, name: str, kind: str, low: int | None = None, high: int | None = None) -> int:
        """One integer. 'A value outside the stated range [...] makes the file invalid.'"""
        offset = self.offset
        (value,) = struct.unpack(STRUCT_CODES[kind], self.raw(name, struct.calcsize(STRUCT_CODES[kind])))
        require(low is None or value >= low, f"{name} is {value}, less than {low}", offset)
        require(high is None or value <= high, f"{name} is {value}, more than {high}", offset)
        return value

    def reserved(self, kind: str) -> None:
        """'`reserved` fields are 0.'"""
        self.number("reserved", kind, 0, 0)

    def numbers(self, name: str, kind: str, count: int, low: int | None = None, high: int | None = None) -> list[int]:
        """'`type[count]` is that many of them, one behind the other.'"""
        offset = self.offset
        size = struct.calcsize(STRUCT_CODES[kind])
        values = [int(value) for value in np.frombuffer(self.raw(name, count * size), NUMPY_TYPES[kind])]
        for i, value in enumerate(values):
            require(low is None or value >= low, f"{name}[{i}] is {value}, less than {low}", offset + i * size)
            require(high is None or value <= high, f"{name}[{i}] is {value}, more than {high}", offset + i * size)
        return values

    def part(self, name: str, count: int) -> Cursor:
        """A cursor over the next bytes, which this cursor passes over."""
        start = self.offset
        self.raw(name, count)
        return Cursor(self.data, start, start + count)

    def finish(self, name: str) -> None:
        """'A payload, and a part of one whose length is stated, ends with its last field'."""
        require(self.offset == self.end, f"{self.end - self.offset} bytes left behind {name}", self.offset)
