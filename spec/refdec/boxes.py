"""Clauses 2 and 3: file header and boxes."""

from __future__ import annotations

from dataclasses import dataclass

from .fields import Cursor, crc32, require, require_known

FILE_MAGIC = bytes.fromhex("89 4E 56 53 54 0D 0A 1A")
FILE_HEADER_BYTES = 24
KNOWN_MAJOR_VERSION, KNOWN_MINOR_VERSION = 0, 6
REAL = 0
CRITICAL_TYPES = ("STRM", "WNDW", "MASK", "SHRD", "CHNK", "INDX", "TRLR")
MAX_PAYLOAD_BYTES = 2**30
BOX_SYNC = bytes.fromhex("F7 4E 42 9C")
BOX_HEADER_BYTES = 24


def read_file_header(data: bytes) -> None:
    """Clause 2."""
    cursor = Cursor(data, 0, len(data))
    cursor.fixed("magic", FILE_MAGIC)
    # "While major_version is 0 the format is a draft and minor_version its number: a reader accepts exactly the draft
    # it knows [...] A reader therefore checks magic, major_version and minor_version, in this order, before header_crc,
    # and everything else after it."
    cursor.choice("major_version", "u8", KNOWN_MAJOR_VERSION, KNOWN_MAJOR_VERSION)
    cursor.choice("minor_version", "u8", KNOWN_MINOR_VERSION, KNOWN_MINOR_VERSION)
    # "the checksum before it interprets" (clause 1); "header_crc: CRC-32 of the bytes before it"
    require(len(data) >= FILE_HEADER_BYTES, "the file ends in its header", len(data))
    stored_crc = Cursor(data, 20, 24).number("header_crc", "u32")
    require(stored_crc == crc32(data[:20]), "the file header's checksum is wrong", 20)
    # "profile: arithmetic of the networks: 0 REAL"
    cursor.choice("profile", "u8", REAL, REAL)
    cursor.reserved("u8")
    # "a reader refuses any bit it does not know; none is defined"; "refuses it and names the bit"
    offset = cursor.offset
    incompatible = cursor.number("incompatible_flags", "u32")
    bits = [bit for bit in range(32) if incompatible >> bit & 1]
    require_known(not bits, f"unknown bits {bits} of incompatible_flags", offset)
    # "unused: a reader ignores the bits it does not know; none is defined"
    cursor.number("compatible_flags", "u32")


@dataclass(frozen=True)
class Box:
    """Where a box lies; its header is valid."""

    offset: int
    type: str
    payload_bytes: int
    sequence: int
    payload_crc: int

    @property
    def end(self) -> int:
        """Offset of what follows the box."""
        return self.offset + BOX_HEADER_BYTES + self.payload_bytes

    @property
    def num_bytes(self) -> int:
        """Length with the header."""
        return BOX_HEADER_BYTES + self.payload_bytes

    @property
    def is_critical(self) -> bool:
        """'If the first is an upper-case letter (`A` to `Z`) the box is *critical*'."""
        return "A" <= self.type[0] <= "Z"

    def payload(self, data: bytes) -> Cursor:
        """A cursor over the payload."""
        return Cursor(data, self.offset + BOX_HEADER_BYTES, self.end)


def read_box_header(data: bytes, offset: int) -> Box:
    """The box that begins at offset; the payload is not looked at and may reach beyond the end of the file."""
    cursor = Cursor(data, offset, len(data))
    cursor.part("box header", BOX_HEADER_BYTES)
    cursor = Cursor(data, offset, offset + BOX_HEADER_BYTES)
    cursor.fixed("sync", BOX_SYNC)
    # "header_crc: CRC-32 of the 20 bytes before it"
    stored_crc = Cursor(data, offset + 20, offset + 24).number("header_crc", "u32")
    require(stored_crc == crc32(data[offset : offset + 20]), "the box header's checksum is wrong", offset + 20)
    # "The type's four characters, bytes 20..7E each, are stored in reading order."
    type_bytes = cursor.raw("type", 4)
    require(all(0x20 <= byte <= 0x7E for byte in type_bytes), "type is not printable", offset + 4)
    # "The payload [...] has at most 2^30 bytes"
    payload_bytes = cursor.number("payload_bytes", "u32", 0, MAX_PAYLOAD_BYTES)
    sequence = cursor.number("sequence", "u32")
    payload_crc = cursor.number("payload_crc", "u32")
    return Box(offset, type_bytes.decode("ascii"), payload_bytes, sequence, payload_crc)


def check_payload(data: bytes, box: Box) -> None:
    """The payload is there and its checksum is right."""
    require(box.end <= len(data), f"the {box.type} box reaches beyond the end of the file", box.offset)
    payload = data[box.offset + BOX_HEADER_BYTES : box.end]
    require(crc32(payload) == box.payload_crc, f"the {box.type} payload's checksum is wrong", box.offset)


def read_box(data: bytes, offset: int, expected_type: str) -> Box:
    """A box that must be there and of one type."""
    box = read_box_header(data, offset)
    known = box.type in CRITICAL_TYPES or not box.is_critical
    require_known(known, f"a {box.type} box is critical and unknown", offset)
    require(box.type == expected_type, f"a {box.type} box where {expected_type} is expected", offset)
    check_payload(data, box)
    return box


def scan_boxes(data: bytes) -> list[Box]:
    """All boxes from the front (clause 17, unfinished files), without their order."""
    boxes: list[Box] = []
    offset = FILE_HEADER_BYTES
    # "The first box that reaches beyond the end of the file, with a header that is valid, or less than a box header
    # left at the end, ends the file. Anything else that is wrong is damage and makes the file invalid."
    while len(data) - offset >= BOX_HEADER_BYTES:
        box = read_box_header(data, offset)
        # "The first box has sequence 0, each following one 1 more."
        require(box.sequence == len(boxes), f"sequence is {box.sequence}, not {len(boxes)}", offset + 12)
        # "a reader that does not know the type refuses the file" (clause 3); "and names the type" (clause 2)
        known = box.type in CRITICAL_TYPES or not box.is_critical
        require_known(known, f"a {box.type} box is critical and unknown", offset)
        # "The box that ends the file is not checked further than its header, `sequence` and, if it is critical, that
        # its type is known."
        if box.end > len(data):
            break
        # "checks the header, `sequence`, order (clause 3) and checksums of every box, also of those it skips"
        check_payload(data, box)
        boxes.append(box)
        offset = box.end
        # "A whole TRLR box makes the file invalid, for it is not at the end: bytes behind it, however few, are damage."
        require(box.type != "TRLR", "a trailer that is not at the end of the file", box.offset)
    return boxes
