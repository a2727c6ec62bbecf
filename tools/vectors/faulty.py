"""Files that break one rule each, with all checksums right but those that the rule is about."""

from __future__ import annotations

from nvcodec.bitstream.headers import BOX_HEADER, FILE_HEADER
from tools.vectors import faulty_bases as bases
from tools.vectors import tracks
from tools.vectors.faulty_boxes import box_faults
from tools.vectors.faulty_fields import field_faults
from tools.vectors.faulty_index import index_faults
from tools.vectors.faulty_sections import section_faults
from tools.vectors.faulty_windows import window_faults
from tools.vectors.surgery import mend_file_header
from tools.vectors.vector import CHECKSUM, MALFORMED, TRUNCATED, UNSUPPORTED, Vector


def vectors() -> list[Vector]:
    """All of them."""
    return [
        *_file_header_faults(),
        *field_faults(),
        *box_faults(),
        *index_faults(),
        *window_faults(),
        *section_faults(),
        *tracks.misplaced(),
    ]


def _file_header_faults() -> list[Vector]:
    """Clause 2, and files that end too early (clause 17)."""
    faults = []
    for name, offset, value, error, reason in (
        ("magic", 0, 0x88, MALFORMED, "not a .nvst file"),
        ("major-version", 8, 1, UNSUPPORTED, "version 1."),
        ("minor-version", 9, 1, UNSUPPORTED, "version 0.1"),
        ("profile", 10, 1, UNSUPPORTED, "profile 1 is unknown"),
        ("reserved", 11, 1, MALFORMED, "reserved is 1"),
        ("incompatible-flags", 15, 0x80, UNSUPPORTED, "unknown incompatible_flags 0x80000000"),
    ):
        data = bytearray(bases.finished())
        data[offset] = value
        about = f"file header: {reason} (clause 2)"
        faults.append(Vector(f"file-header-{name}", about, mend_file_header(bytes(data)), (error, reason)))
    stream_end = FILE_HEADER.size + BOX_HEADER.size + 40
    for name, keep in (("empty", 0), ("in-file-header", 23), ("in-stream", stream_end - 1)):
        about = "ends within the file header or STRM (clause 17)"
        faults.append(
            Vector(f"truncated-{name}", about, bases.finished()[:keep], (TRUNCATED, "before its first frame"))
        )
    damaged = bytearray(bases.finished())
    damaged[17] ^= 1
    about = "the checksum of the file header (clause 2)"
    faults.append(Vector("file-header-crc", about, bytes(damaged), (CHECKSUM, "header differs from its checksum")))
    other = bytearray(bases.finished())
    other[9], other[16] = 9, 1
    about = "another draft, whose checksum may lie elsewhere: the version is what is told (clause 2)"
    faults.append(Vector("file-header-version-before-crc", about, bytes(other), (UNSUPPORTED, "version 0.9")))
    return faults
