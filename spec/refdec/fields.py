"""Clause 1, conventions: integers, refusal of invalid files, CRC-32."""

from __future__ import annotations

import struct
import zlib

import numpy as np


class RefusedError(Exception):
    """The file breaks a rule of the format, or (subclasses) this reader does not take it."""

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(f"refused at byte {offset}: {reason}")
        self.reason = reason
        self.offset = offset


class UnsupportedError(RefusedError):
    """The file is of another version or uses what this reader does not know.

    "A refusal for one of these reasons is told apart from that of a broken file." (clause 2)
    """


class LimitError(RefusedError):
    """The file asks for more than this reader takes; "that says nothing about the file's validity"."""


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


def require_known(condition: bool, reason: str, offset: int) -> None:
    """What another version of the format may have (clause 2)."""
    if not condition:
        raise UnsupportedError(f"unsupported: {reason}", offset)


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
        """One integer. 'A value outside the stated range makes the file invalid. Ranges include both ends.'"""
        offset = self.offset
        (value,) = struct.unpack(STRUCT_CODES[kind], self.raw(name, struct.calcsize(STRUCT_CODES[kind])))
        require(low is None or value >= low, f"{name} is {value}, less than {low}", offset)
        require(high is None or value <= high, f"{name} is {value}, more than {high}", offset)
        return value

    def choice(self, name: str, kind: str, first: int, last: int) -> int:
        """'Where a field lists its values, any other is invalid'; clause 2 tells such a refusal apart."""
        offset = self.offset
        value = self.number(name, kind)
        require_known(first <= value <= last, f"{name} is {value}, which is not known", offset)
        return value

    def reserved(self, kind: str) -> None:
        """'*Reserved* fields and bits are 0 and a reader refuses any other value'."""
        self.number("reserved", kind, 0, 0)

    def array(self, name: str, kind: str, count: int) -> np.ndarray:
        """'`type[count]` is that many of them, one behind the other.'"""
        return np.frombuffer(self.raw(name, count * struct.calcsize(STRUCT_CODES[kind])), NUMPY_TYPES[kind])

    def numbers(self, name: str, kind: str, count: int, low: int | None = None, high: int | None = None) -> list[int]:
        """An array whose every element is within a range."""
        offset = self.offset
        values: list[int] = self.array(name, kind, count).tolist()
        size = struct.calcsize(STRUCT_CODES[kind])
        for i, value in enumerate(values):
            if (low is not None and value < low) or (high is not None and value > high):
                raise RefusedError(f"{name}[{i}] is {value}, not in {low}..{high}", offset + i * size)
        return values

    def part(self, name: str, count: int) -> Cursor:
        """A cursor over the next bytes, which this cursor passes over."""
        start = self.offset
        require(count <= self.end - start, f"{name} does not fit", start)
        self.offset += count
        return Cursor(self.data, start, start + count)

    def finish(self, name: str) -> None:
        """'A payload, and a part of one whose length is stated, ends with its last field'."""
        require(self.offset == self.end, f"{self.end - self.offset} bytes left behind {name}", self.offset)
