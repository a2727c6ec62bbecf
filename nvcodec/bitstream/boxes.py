"""Framing: the file header and the boxes that follow it (spec clauses "File header" and "Boxes")."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from nvcodec.bitstream import headers
from nvcodec.bitstream.fields import Cursor, Values
from nvcodec.bitstream.headers import BOX_HEADER, FILE_HEADER, BoxType, Profile
from nvcodec.errors import ChecksumError, MalformedError, UnsupportedError

_CRC_BYTES = 4
_PRINTABLE = range(0x20, 0x7F)
_UPPER_CASE = range(ord("A"), ord("Z") + 1)


@dataclass(frozen=True, slots=True)
class BoxHeader:
    """A box's header, checked, and where it lies.

    Attributes:
        type: four characters.
        offset: of the header in the file.
        sequence: number of the box in the file.
        payload_bytes, payload_crc: of the payload.
    """

    type: str
    offset: int
    sequence: int
    payload_bytes: int
    payload_crc: int

    @property
    def place(self) -> str:
        """For errors."""
        return f"{self.type} box at byte {self.offset}"

    @property
    def end(self) -> int:
        """Offset of the first byte behind the box."""
        return self.offset + BOX_HEADER.size + self.payload_bytes

    @property
    def is_critical(self) -> bool:
        """True if a reader that does not know the type has to refuse the file."""
        return ord(self.type[0]) in _UPPER_CASE

    @property
    def type_code(self) -> int:
        """The type as the integer that is stored."""
        return int.from_bytes(self.type.encode("ascii"), "little")

    @property
    def box_type(self) -> BoxType | None:
        """The known type, None for an unknown one."""
        return BoxType(self.type_code) if self.type_code in BoxType._value2member_map_ else None


@dataclass(frozen=True)
class Box:
    """A box whose header and payload agree with their checksums."""

    header: BoxHeader
    payload: bytes

    def cursor(self) -> Cursor:
        """Start of the payload."""
        return Cursor(self.payload, self.header.place)

    def require_type(self, box_type: BoxType) -> None:
        """Raise MalformedError if the box is of another type."""
        if self.header.box_type != box_type:
            raise MalformedError(f"expected a {type_name(box_type)} box here", self.header.place)


def type_name(box_type: BoxType) -> str:
    """The four characters of a type."""
    return int(box_type).to_bytes(4, "little").decode("ascii")


def pack_file_header() -> bytes:
    """The first bytes of every file."""
    values = {
        "magic": headers.MAGIC,
        "major_version": headers.MAJOR_VERSION,
        "minor_version": headers.MINOR_VERSION,
        "profile": Profile.REAL,
        "reserved": 0,
        "incompatible_flags": 0,
        "compatible_flags": 0,
    }
    return _with_crc(FILE_HEADER.pack({**values, "header_crc": 0}))


def parse_file_header(data: bytes) -> Values:
    """Check the file header.

    Args:
        data: its ``FILE_HEADER.size`` bytes.

    Raises:
        MalformedError: not a .nvst file.
        ChecksumError: the header is damaged.
        UnsupportedError: another version, or a feature this reader does not know.
    """
    place = "file header at byte 0"
    magic = headers.MAGIC.to_bytes(8, "little")
    if data[: len(magic)] != magic:
        raise MalformedError("not a .nvst file: its first bytes are not the magic number", place)
    # Files of other drafts have only the first ten bytes in common, so the checksum may lie elsewhere.
    version, known = tuple(data[len(magic) : len(magic) + 2]), (headers.MAJOR_VERSION, headers.MINOR_VERSION)
    if version != known:
        reads = f"{known[0]}.{known[1]}"
        raise UnsupportedError(f"version {version[0]}.{version[1]}, this reader knows only draft {reads}", place)
    _check_crc(data, place)
    values = FILE_HEADER.parse(Cursor(data, place))
    if values["incompatible_flags"]:
        raise UnsupportedError(f"unknown incompatible_flags {values['incompatible_flags']:#x}", place)
    return values


def pack_box(type_code: int, sequence: int, payload: bytes) -> bytes:
    """Header and payload of a box of a known or any other type.

    Raises:
        MalformedError: the payload is longer than the format allows.
    """
    values = {
        "sync": headers.SYNC,
        "type": type_code,
        "payload_bytes": len(payload),
        "sequence": sequence,
        "payload_crc": zlib.crc32(payload),
        "header_crc": 0,
    }
    return _with_crc(BOX_HEADER.pack(values)) + payload


def has_sound_header(data: bytes) -> bool:
    """True if the header of a file or a box agrees with its checksum, which is its end."""
    return zlib.crc32(data[:-_CRC_BYTES]) == int.from_bytes(data[-_CRC_BYTES:], "little")


def parse_box_header(data: bytes, offset: int) -> BoxHeader:
    """Check a box header.

    Args:
        data: its ``BOX_HEADER.size`` bytes.
        offset: where in the file they were read.

    Raises:
        MalformedError: there is no box here.
        ChecksumError: the header is damaged.
    """
    place = f"box header at byte {offset}"
    if data[:4] != headers.SYNC.to_bytes(4, "little"):
        raise MalformedError("no box begins here", place)
    _check_crc(data, place)
    values = BOX_HEADER.parse(Cursor(data, place))
    characters = values["type"].to_bytes(4, "little")
    if any(character not in _PRINTABLE for character in characters):
        raise MalformedError(f"box type {characters!r} is not printable", place)
    return BoxHeader(
        characters.decode("ascii"), offset, values["sequence"], values["payload_bytes"], values["payload_crc"]
    )


def check_payload(header: BoxHeader, payload: bytes) -> Box:
    """Join a header with its payload.

    Raises:
        ChecksumError: the payload is damaged.
    """
    if zlib.crc32(payload) != header.payload_crc:
        raise ChecksumError("payload differs from its checksum", header.place)
    return Box(header, payload)


def _with_crc(data: bytes) -> bytes:
    body = data[:-_CRC_BYTES]
    return body + zlib.crc32(body).to_bytes(_CRC_BYTES, "little")


def _check_crc(data: bytes, place: str) -> None:
    if not has_sound_header(data):
        raise ChecksumError("header differs from its checksum", place)
