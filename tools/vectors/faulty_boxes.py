"""Files whose boxes are damaged, out of order or of the wrong length."""

from __future__ import annotations

from collections.abc import Callable

from nvcodec.bitstream import headers as h
from nvcodec.bitstream.boxes import pack_box
from nvcodec.bitstream.headers import BOX_HEADER, BoxType
from tools.vectors import faulty_bases as bases
from tools.vectors.surgery import Box, join, mend, offset_of, take_apart, with_payload
from tools.vectors.vector import CHECKSUM, MALFORMED, UNSUPPORTED, Vector, faulty

_NOTE = int.from_bytes(b"note", "little")


def box_faults() -> list[Vector]:
    """All of them."""
    return [*_header_faults(), *_order_faults(), *_lengths()]


def _header_faults() -> list[Vector]:
    """Clause 3, on the first CHNK box of an unfinished file."""
    data = bases.unfinished()
    offset = offset_of(data, b"CHNK")

    def changed(position: int, value: bytes, is_mended: bool = True) -> bytes:
        edited = data[: offset + position] + value + data[offset + position + len(value) :]
        return mend(edited, offset, BOX_HEADER.size) if is_mended else edited

    end = data[-1:]
    payload_crc = bytes([data[offset + BOX_HEADER.size] ^ 1])
    return [
        faulty("box-sync", "no box where one should begin (clause 3)", changed(0, b"\0"), "no box begins here"),
        faulty("box-type-unprintable", "a type with a byte 01", changed(4, b"\x01"), "is not printable"),
        faulty("box-type-7f", "a type with a byte 7F", changed(7, b"\x7f"), "is not printable"),
        faulty(
            "box-payload-bytes",
            "a payload of more than 2^30 bytes",
            changed(8, (2**30 + 1).to_bytes(4, "little")),
            "payload_bytes is",
        ),
        faulty("box-sequence", "box 9 in the place of box 4", changed(12, b"\x09"), "box 9 in the place of box 4"),
        faulty(
            "box-header-crc",
            "the checksum of a box header",
            changed(20, bytes([data[offset + 20] ^ 1]), False),
            "header differs",
            CHECKSUM,
        ),
        faulty(
            "box-payload-crc",
            "the checksum of a payload",
            changed(BOX_HEADER.size, payload_crc, False),
            "payload differs",
            CHECKSUM,
        ),
        faulty(
            "box-payload-last-byte",
            "damage to the last byte of an unfinished file",
            data[:-1] + bytes([end[0] ^ 1]),
            "payload differs",
            CHECKSUM,
        ),
        faulty(
            "box-unknown-cut",
            "the box that ends the file is critical and unknown (clause 17)",
            data + pack_box(int.from_bytes(b"Next", "little"), len(take_apart(data)[1]), b"x" * 9)[:-1],
            "box type Next is unknown",
            UNSUPPORTED,
        ),
        faulty(
            "box-sequence-cut",
            "the box that ends the file has a wrong sequence",
            data + pack_box(_NOTE, 3, b"x" * 9)[:-1],
            "box 3 in the place of box 6",
        ),
        faulty(
            "box-ancillary-crc",
            "going over the boxes, the checksums of skipped boxes hold too",
            _with_damaged_note(),
            "payload differs",
            CHECKSUM,
        ),
    ]


def _with_damaged_note() -> bytes:
    data = bytearray(bases.two_unfinished())
    data[offset_of(bytes(data), b"note") + BOX_HEADER.size] ^= 1
    return bytes(data)


def _rearranged(data: bytes, edit: Callable[[list[Box]], object]) -> bytes:
    file_header, boxes = take_apart(data)
    edit(boxes)
    return join(file_header, boxes)


def _order_faults() -> list[Vector]:
    """Clauses 3, 5 and 16, in unfinished files, in which a reader goes over the boxes."""
    data = bases.unfinished()
    two = bases.two_unfinished()
    front = bases.front()
    front_boxes = take_apart(front)[1]
    indx, meta = front_boxes[1], front_boxes[2]
    unknown, note = Box(int.from_bytes(b"Note", "little"), b""), Box(_NOTE, b"anything")
    cases: list[tuple[str, str, bytes, Callable[[list[Box]], object], str, str]] = [
        (
            "unknown-critical",
            "an unknown critical box",
            data,
            lambda b: b.insert(1, unknown),
            "box type Note is unknown",
            UNSUPPORTED,
        ),
        (
            "no-stream",
            "the first box is not STRM",
            data,
            lambda b: b.pop(0),
            "expected a STRM box of 68 bytes",
            MALFORMED,
        ),
        (
            "note-first",
            "an unknown box before STRM",
            data,
            lambda b: b.insert(0, note),
            "expected a STRM box of 68 bytes",
            MALFORMED,
        ),
        ("stream-twice", "STRM twice", data, lambda b: b.insert(1, b[0]), "the box is out of order", MALFORMED),
        (
            "stream-behind-window",
            "STRM behind a window",
            data,
            lambda b: b.append(b[0]),
            "the box is out of order",
            MALFORMED,
        ),
        ("mask-first", "MASK before WNDW", data, lambda b: b.insert(1, b.pop(2)), "the box is out of order", MALFORMED),
        ("no-mask", "SHRD in the place of MASK", data, lambda b: b.pop(2), "expected a MASK box", MALFORMED),
        ("no-shared", "CHNK in the place of SHRD", data, lambda b: b.pop(3), "expected a SHRD box", MALFORMED),
        ("no-chunk", "WNDW in the place of CHNK", two, lambda b: b.pop(5), "expected a CHNK box", MALFORMED),
        (
            "note-in-window",
            "an unknown box inside a window",
            data,
            lambda b: b.insert(3, note),
            "expected a SHRD box",
            MALFORMED,
        ),
        (
            "note-between-chunks",
            "an unknown box between the chunks of a window",
            data,
            lambda b: b.insert(5, note),
            "expected a CHNK box",
            MALFORMED,
        ),
        ("chunk-twice", "a chunk twice", two, lambda b: b.insert(5, b[4]), "chunk 0 in the place of 1", MALFORMED),
        (
            "chunk-behind-window",
            "a chunk too many",
            data,
            lambda b: b.append(b[5]),
            "the box is out of order",
            MALFORMED,
        ),
        (
            "windows-exchanged",
            "the second window first",
            two,
            lambda b: b.__setitem__(slice(1, None), [*b[7:], *b[1:7]]),
            "window 1 in the place of window 0",
            MALFORMED,
        ),
        (
            "meta-late",
            "meta behind a window (clause 5)",
            data,
            lambda b: b.append(meta),
            "the metadata does not follow the stream header",
            MALFORMED,
        ),
        (
            "meta-twice",
            "meta twice",
            data,
            lambda b: b.__setitem__(slice(1, 1), [meta, meta]),
            "the metadata does not follow",
            MALFORMED,
        ),
        (
            "note-before-meta",
            "an unknown box between STRM and meta",
            data,
            lambda b: b.__setitem__(slice(1, 1), [note, meta]),
            "the metadata does not follow",
            MALFORMED,
        ),
        (
            "note-before-indx",
            "an unknown box between STRM and indx",
            data,
            lambda b: b.__setitem__(slice(1, 1), [note, indx]),
            "the front index does not follow",
            MALFORMED,
        ),
        (
            "indx-late",
            "indx behind a window (clause 16)",
            data,
            lambda b: b.append(indx),
            "the front index does not follow the stream header",
            MALFORMED,
        ),
        (
            "indx-behind-meta",
            "indx behind meta",
            data,
            lambda b: b.__setitem__(slice(1, 1), [meta, indx]),
            "the front index does not follow",
            MALFORMED,
        ),
        (
            "trailer-without-index",
            "TRLR without INDX, not at the end",
            data,
            lambda b: b.extend([take_apart(front)[1][-1], note]),
            "the box is out of order",
            MALFORMED,
        ),
        (
            "note-behind-index",
            "a box between INDX and TRLR",
            front[: offset_of(front, b"TRLR")],
            lambda b: b.append(note),
            "expected a TRLR box",
            MALFORMED,
        ),
        (
            "index-twice",
            "INDX twice",
            front[: offset_of(front, b"TRLR")],
            lambda b: b.append(b[-1]),
            "expected a TRLR box",
            MALFORMED,
        ),
    ]
    return [
        faulty(
            f"order-{name}",
            f"{about} (clause 3)" if "(" not in about else about,
            _rearranged(base, edit),
            reason,
            error,
        )
        for name, about, base, edit, reason, error in cases
    ]


def _lengths() -> list[Vector]:
    """Clause 1: payloads end with their last field."""
    faults = []
    for name in ("WNDW", "MASK", "SHRD", "CHNK"):
        longer = with_payload(bases.unfinished(), name.encode(), lambda payload: payload + b"\0")
        shorter = with_payload(bases.unfinished(), name.encode(), lambda payload: payload[:-1])
        faults.append(
            faulty(
                f"{name.lower()}-too-long",
                f"a byte behind the last field of {name} (clause 1)",
                longer,
                "bytes too many",
            )
        )
        faults.append(faulty(f"{name.lower()}-too-short", f"{name} ends within a field", shorter, "payload ends early"))
    finished = bases.finished()
    stream = with_payload(finished, b"STRM", lambda payload: payload + b"\0")
    file_header, boxes = take_apart(finished)
    faults.append(
        faulty("strm-too-long", "a byte behind the last field of STRM", stream, "expected a STRM box of 68 bytes")
    )
    front = bases.cut(bases.front())
    longer = with_payload(front, b"indx", lambda payload: payload + b"\0")
    faults.append(faulty("indx-too-long", "a byte behind the last field of indx", longer, "bytes too many"))
    index = offset_of(finished, b"INDX")
    padded = boxes[-2].payload + b"\0"
    size = BOX_HEADER.size + len(padded)
    trailer = {
        "index_offset": index,
        "file_bytes": index + size + BOX_HEADER.size + h.TRAILER.size,
        "index_bytes": size,
        "reserved": 0,
        "end_magic": h.END_MAGIC,
    }
    boxes[-2:] = [Box(BoxType.INDEX, padded), Box(BoxType.TRAILER, h.TRAILER.pack(trailer))]
    faults.append(
        faulty("index-padded", "a byte behind the last field of INDX", join(file_header, boxes), "bytes too many")
    )
    return faults
