"""Fixed-layout records, declared once: a declaration packs, parses, dumps and documents itself.

A :class:`Record` is a sequence of :class:`Field` (one integer) and :class:`Array` (integers whose count is a field of
the same record or is known from elsewhere). All integers are little-endian (spec clause 1).
"""

from __future__ import annotations

import enum
import itertools
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from nvcodec.errors import MalformedError, UnsupportedError

IntArray = npt.NDArray[Any]
PackValues = Mapping[str, int | Sequence[int] | IntArray]

_DTYPES: dict[str, np.dtype[Any]] = {
    "u8": np.dtype("<u1"),
    "u16": np.dtype("<u2"),
    "u32": np.dtype("<u4"),
    "u64": np.dtype("<u8"),
    "i8": np.dtype("<i1"),
    "i16": np.dtype("<i2"),
    "i32": np.dtype("<i4"),
    "i64": np.dtype("<i8"),
}
_STRUCT_CODES = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q", "i8": "b", "i16": "h", "i32": "i", "i64": "q"}


@dataclass(frozen=True)
class Field:
    """One integer of a record.

    Attributes:
        name: as in the code, the dump and the specification.
        kind: ``u8`` … ``u64``, ``i8`` … ``i64``.
        meaning: one line for the specification.
        low, high: allowed values, both included; the type's own range where not given.
        labels: names of the values; a value without a name is refused as unsupported.
        is_text: shown as the characters its bytes spell.
    """

    name: str
    kind: str
    meaning: str
    low: int | None = None
    high: int | None = None
    labels: type[enum.IntEnum] | None = None
    is_text: bool = False

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """The numpy type of one value."""
        return _DTYPES[self.kind]

    @cached_property
    def range(self) -> tuple[int, int]:
        """Lowest and highest allowed value."""
        info = np.iinfo(self.dtype)
        return (int(info.min) if self.low is None else self.low, int(info.max) if self.high is None else self.high)

    @cached_property
    def is_free(self) -> bool:
        """True if every value of the type is allowed."""
        return self.labels is None and self.low is None and self.high is None

    @cached_property
    def known(self) -> frozenset[int]:
        """The values that have names."""
        return frozenset(int(label) for label in self.labels or ())

    def check(self, value: int, place: str) -> None:
        """Raise if ``value`` is not allowed.

        Raises:
            UnsupportedError: the value has no name.
            MalformedError: the value is out of range.
        """
        if self.labels is not None and value not in self.known:
            raise UnsupportedError(f"{self.name} {value} is unknown", place)
        low, high = self.range
        if not low <= value <= high:
            allowed = f"{low}" if low == high else f"{low}..{high}"
            raise MalformedError(f"{self.name} is {value}, allowed is {allowed}", place)

    def show(self, value: int) -> str:
        """The value for a dump."""
        if self.is_text:
            return ascii(value.to_bytes(self.dtype.itemsize, "little"))[1:]
        return str(value) if self.labels is None else f"{value} ({self.labels(value).name})"


@dataclass(frozen=True)
class Array:
    """Integers of one type, one after the other.

    Attributes:
        count: name of the number of elements: a field of the same record, or a number the specification defines.
        name, kind, meaning, low, high: as in :class:`Field`.
    """

    name: str
    kind: str
    count: str
    meaning: str
    low: int | None = None
    high: int | None = None

    @cached_property
    def element(self) -> Field:
        """One element, as a field."""
        return Field(self.name, self.kind, self.meaning, self.low, self.high)

    def check(self, values: IntArray, place: str) -> None:
        """Raise MalformedError if any element is out of range."""
        low, high = self.element.range
        if values.size and not (low <= values.min() and values.max() <= high):
            outside = values[(values < low) | (values > high)][0]
            raise MalformedError(f"{self.name} contains {outside}, allowed is {low}..{high}", place)


@dataclass(frozen=True)
class Values:
    """The values of one parsed record: ``values["name"]`` for fields, ``values.array("name")`` for arrays."""

    fields: dict[str, int]
    arrays: dict[str, IntArray]

    def __getitem__(self, name: str) -> int:
        return self.fields[name]

    def array(self, name: str) -> IntArray:
        """The elements of an array, read-only."""
        return self.arrays[name]


@dataclass(frozen=True)
class Record:
    """A named sequence of fields and arrays, without padding."""

    name: str
    parts: tuple[Field | Array, ...]

    @cached_property
    def size(self) -> int:
        """Bytes of the fields; arrays not counted."""
        return sum(part.dtype.itemsize for part in self.parts if isinstance(part, Field))

    @cached_property
    def _runs(self) -> tuple[Array | tuple[struct.Struct, tuple[Field, ...]], ...]:
        """The parts as they are parsed: fields that follow each other at once, arrays one by one."""
        runs: list[Array | tuple[struct.Struct, tuple[Field, ...]]] = []
        for is_field, parts in itertools.groupby(self.parts, lambda part: isinstance(part, Field)):
            if is_field:
                fields = tuple(part for part in parts if isinstance(part, Field))
                runs.append((struct.Struct("<" + "".join(_STRUCT_CODES[part.kind] for part in fields)), fields))
            else:
                runs.extend(part for part in parts if isinstance(part, Array))
        return tuple(runs)

    def pack(self, values: PackValues) -> bytes:
        """The record's bytes.

        Raises:
            MalformedError: a value is out of range or an array has another length than its count field says.
        """
        return b"".join(self._pack_part(part, values) for part in self.parts)

    def _pack_part(self, part: Field | Array, values: PackValues) -> bytes:
        value = values[part.name]
        if isinstance(part, Field):
            number = int(value)  # type: ignore[arg-type]
            part.check(number, self.name)
            return number.to_bytes(part.dtype.itemsize, "little", signed=part.kind.startswith("i"))
        elements = np.asarray(value, None if isinstance(value, np.ndarray) else np.int64)
        part.check(elements, self.name)
        if part.count in values and elements.size != values[part.count]:
            raise MalformedError(f"{part.name} has {elements.size} elements, not {values[part.count]}", self.name)
        return elements.astype(part.element.dtype).tobytes()

    def parse(self, cursor: Cursor, **counts: int) -> Values:
        """Read the record and check every value's range.

        Args:
            cursor: where to read; moves behind the record.
            counts: numbers of elements that are not fields of this record.

        Raises:
            MalformedError: a value is out of range, or the payload ends early.
            UnsupportedError: a value has no meaning to this reader.
        """
        start = cursor.position
        values = Values({}, {})
        for run in self._runs:
            if isinstance(run, Array):
                count = values.fields[run.count] if run.count in values.fields else counts[run.count]
                dtype = run.element.dtype
                elements = np.frombuffer(cursor.take(count * dtype.itemsize), dtype)
                if not run.element.is_free:
                    run.check(elements, cursor.place)
                values.arrays[run.name] = elements
                continue
            layout, fields = run
            for part, number in zip(fields, layout.unpack(cursor.take(layout.size)), strict=True):
                if not part.is_free:
                    part.check(number, cursor.place)
                values.fields[part.name] = number
        cursor.trace.append((start, self, values))
        return values

    def lines(self, values: Values) -> Iterator[tuple[str, str]]:
        """Name and value of every part, for a dump; long arrays are abbreviated."""
        for part in self.parts:
            if isinstance(part, Field):
                yield part.name, part.show(values[part.name])
            else:
                elements = values.array(part.name)
                head = " ".join(str(element) for element in elements[:16])
                yield part.name, head + (f" … ({elements.size} in all)" if elements.size > 16 else "")


@dataclass
class Cursor:
    """A position in a payload whose checksum is known to be right.

    Attributes:
        data: the payload.
        place: what to name in errors, e.g. ``WNDW box at byte 136``.
        trace: every record read so far as (offset in the payload, declaration, values).
    """

    data: bytes
    place: str
    position: int = 0
    trace: list[tuple[int, Record, Values]] = field(default_factory=list)

    def take(self, size: int) -> memoryview:
        """The next ``size`` bytes.

        Raises:
            MalformedError: fewer are left.
        """
        left = len(self.data) - self.position
        if size > left:
            raise MalformedError(f"payload ends early: {size} bytes needed, {left} left", self.place)
        self.position += size
        return memoryview(self.data)[self.position - size : self.position]

    def finish(self) -> None:
        """Raise MalformedError if bytes are left."""
        left = len(self.data) - self.position
        if left:
            raise MalformedError(f"{left} bytes too many in the payload", self.place)
