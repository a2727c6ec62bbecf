"""Files whose boxes are damaged, out of order or not where they are said to be."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np

from nvcodec.bitstream import headers as h
from nvcodec.bitstream.boxes import pack_box
from nvcodec.bitstream.headers import BOX_HEADER, FILE_HEADER, BoxType
from nvcodec.bitstream.network_spec import NetworkSpec, Stage
from tools.vectors import faulty_bases as bases
from tools.vectors.networks import TINY, TINY_NERV, gray
from tools.vectors.recipes import WindowRecipe
from tools.vectors.surgery import Box, box_idx, join, mend, offset_of, take_apart, with_field, with_fields, with_payload
from tools.vectors.vector import Vector

MALFORMED, UNSUPPORTED, CHECKSUM, TRUNCATED = "MalformedError", "UnsupportedError", "ChecksumError", "TruncatedError"
_NOTE = int.from_bytes(b"note", "little")


def box_faults() -> list[Vector]:
    """All of them."""
    return [*_header_faults(), *_order_faults(), *_index_faults(), *_trailer_faults(), *_window_faults(), *_lengths()]


def _fault(name: str, about: str, data: bytes, reason: str, error: str = MALFORMED) -> Vector:
    return Vector(name, about, data, (error, reason))


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
        _fault("box-sync", "no box where one should begin (clause 3)", changed(0, b"\0"), "no box begins here"),
        _fault("box-type-unprintable", "a type with a byte 01", changed(4, b"\x01"), "is not printable"),
        _fault("box-type-7f", "a type with a byte 7F", changed(7, b"\x7f"), "is not printable"),
        _fault("box-payload-bytes", "a payload of more than 2^30 bytes", changed(8, (2**30 + 1).to_bytes(4, "little")), "payload_bytes is"),
        _fault("box-sequence", "box 9 in the place of box 4", changed(12, b"\x09"), "box 9 in the place of box 4"),
        _fault("box-header-crc", "the checksum of a box header", changed(20, bytes([data[offset + 20] ^ 1]), False), "header differs", CHECKSUM),
        _fault("box-payload-crc", "the checksum of a payload", changed(BOX_HEADER.size, payload_crc, False), "payload differs", CHECKSUM),
        _fault("box-payload-last-byte", "damage to the last byte of an unfinished file", data[:-1] + bytes([end[0] ^ 1]), "payload differs", CHECKSUM),
        _fault("box-unknown-cut", "the box that ends the file is critical and unknown (clause 17)",
               data + pack_box(int.from_bytes(b"Next", "little"), len(take_apart(data)[1]), b"x" * 9)[:-1], "box type Next is unknown", UNSUPPORTED),
        _fault("box-sequence-cut", "the box that ends the file has a wrong sequence", data + pack_box(_NOTE, 3, b"x" * 9)[:-1], "box 3 in the place of box 6"),
        _fault("box-ancillary-crc", "going over the boxes, the checksums of skipped boxes hold too", _with_damaged_note(), "payload differs", CHECKSUM),
    ]  # fmt: skip


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
        ("unknown-critical", "an unknown critical box", data, lambda b: b.insert(1, unknown), "box type Note is unknown", UNSUPPORTED),
        ("no-stream", "the first box is not STRM", data, lambda b: b.pop(0), "expected a STRM box of 40 bytes", MALFORMED),
        ("note-first", "an unknown box before STRM", data, lambda b: b.insert(0, note), "expected a STRM box of 40 bytes", MALFORMED),
        ("stream-twice", "STRM twice", data, lambda b: b.insert(1, b[0]), "the box is out of order", MALFORMED),
        ("stream-behind-window", "STRM behind a window", data, lambda b: b.append(b[0]), "the box is out of order", MALFORMED),
        ("mask-first", "MASK before WNDW", data, lambda b: b.insert(1, b.pop(2)), "the box is out of order", MALFORMED),
        ("no-mask", "SHRD in the place of MASK", data, lambda b: b.pop(2), "expected a MASK box", MALFORMED),
        ("no-shared", "CHNK in the place of SHRD", data, lambda b: b.pop(3), "expected a SHRD box", MALFORMED),
        ("no-chunk", "WNDW in the place of CHNK", two, lambda b: b.pop(5), "expected a CHNK box", MALFORMED),
        ("note-in-window", "an unknown box inside a window", data, lambda b: b.insert(3, note), "expected a SHRD box", MALFORMED),
        ("note-between-chunks", "an unknown box between the chunks of a window", data, lambda b: b.insert(5, note), "expected a CHNK box", MALFORMED),
        ("chunk-twice", "a chunk twice", two, lambda b: b.insert(5, b[4]), "chunk 0 in the place of 1", MALFORMED),
        ("chunk-behind-window", "a chunk too many", data, lambda b: b.append(b[5]), "the box is out of order", MALFORMED),
        ("windows-exchanged", "the second window first", two, lambda b: b.__setitem__(slice(1, None), [*b[7:], *b[1:7]]), "window 1 in the place of window 0", MALFORMED),
        ("meta-late", "meta behind a window (clause 5)", data, lambda b: b.append(meta), "the metadata does not follow the stream header", MALFORMED),
        ("meta-twice", "meta twice", data, lambda b: b.__setitem__(slice(1, 1), [meta, meta]), "the metadata does not follow", MALFORMED),
        ("indx-late", "indx behind a window (clause 16)", data, lambda b: b.append(indx), "the front index does not follow the stream header", MALFORMED),
        ("indx-behind-meta", "indx behind meta", data, lambda b: b.__setitem__(slice(1, 1), [meta, indx]), "the front index does not follow", MALFORMED),
        ("trailer-without-index", "TRLR without INDX, not at the end", data, lambda b: b.extend([take_apart(front)[1][-1], note]), "the box is out of order", MALFORMED),
        ("note-behind-index", "a box between INDX and TRLR", front[: offset_of(front, b"TRLR")], lambda b: b.append(note), "expected a TRLR box", MALFORMED),
        ("index-twice", "INDX twice", front[: offset_of(front, b"TRLR")], lambda b: b.append(b[-1]), "expected a TRLR box", MALFORMED),
    ]  # fmt: skip
    return [
        _fault(f"order-{name}", f"{about} (clause 3)" if "(" not in about else about, _rearranged(base, edit), reason, error)
        for name, about, base, edit, reason, error in cases
    ]


def _index_faults() -> list[Vector]:
    """Clause 16: indexes that agree with themselves and not with the file, and front indexes."""
    data, two, front = bases.finished(), bases.two(), bases.front()
    no_trailer = data[: offset_of(data, b"TRLR")]
    front_no_trailer = front[: offset_of(front, b"TRLR")]
    index, mask = offset_of(data, b"INDX"), offset_of(data, b"MASK")
    first, second = offset_of(data, b"CHNK"), offset_of(data, b"CHNK", 1)

    def edited(base: bytes, name: bytes, *changes: tuple[str, int, int]) -> bytes:
        return with_fields(base, name, h.INDEX, changes)

    def moved(by: int) -> bytes:
        """The border between SHRD and the first CHNK is said to lie elsewhere."""
        window_bytes = first - offset_of(data, b"WNDW")
        return edited(data, b"INDX", ("window_bytes", 0, window_bytes + by), ("chunk_offsets", 0, first + by), ("chunk_bytes", 0, second - first - by))  # fmt: skip

    four = edited(data, b"INDX", ("window_bytes", 0, second - offset_of(data, b"WNDW")), ("chunk_offsets", 0, second), ("chunk_bytes", 0, index - second - 30), ("chunk_offsets", 1, index - 30), ("chunk_bytes", 1, 30))  # fmt: skip
    both = edited(data, b"INDX", ("chunk_bytes", 0, index - first), ("chunk_offsets", 1, index), ("chunk_bytes", 1, 0))
    shifted_window = edited(data, b"INDX", ("window_offsets", 0, mask), ("window_bytes", 0, first - mask))
    swapped = edited(data, b"INDX", ("chunk_frames", 0, 1), ("chunk_frames", 1, 2))
    mask_as_shared = _swap_in_place(data, b"MASK", b"SHRD")
    two_index = offset_of(two, b"INDX")
    last = offset_of(two, b"CHNK", 3)
    not_chunk = edited(two, b"INDX", ("chunk_bytes", 3, two_index - last))
    relabelled = _relabelled(not_chunk, last, b"SHRD")
    return [
        _fault("index-run-too-long", "window_bytes reaches into the header of the chunk (clause 16)", moved(10), "a box header reaches beyond its run", TRUNCATED),
        _fault("index-run-cuts-box", "window_bytes reaches into the payload of the chunk", moved(30), "the box reaches beyond its run", TRUNCATED),
        _fault("index-four-boxes", "window_bytes holds four boxes", four, "4 boxes in the place of WNDW, MASK and SHRD"),
        _fault("index-two-chunks", "chunk_bytes holds two boxes", both, "2 boxes in the place of one CHNK"),
        _fault("index-window-at-mask", "window_offsets points to MASK", shifted_window, "2 boxes in the place of"),
        _fault("index-mask-as-shared", "SHRD in the place of MASK where the index says", mask_as_shared, "expected a MASK box"),
        _fault("index-not-a-chunk", "another box where a chunk should be", relabelled, "expected a CHNK box"),
        _fault("index-chunk-lengths", "chunk_frames are not the chunk_lengths of the window", swapped, "chunk_lengths differ from the index"),
        _fault("index-level", "a window of a larger level than the index says (clause 18)", with_field(bases.of(WindowRecipe(TINY, level_idx=6)), b"INDX", h.INDEX, "level_idx", 2), "level 6 in a file of level 2"),
        _fault("index-against-boxes", "INDX without TRLR differs from the boxes (clause 17)", edited(no_trailer, b"INDX", ("chunk_end_pts", 1, 126)), "the index differs from the boxes"),
        _fault("index-level-against-boxes", "the level of INDX without TRLR is not that of the windows", edited(no_trailer, b"INDX", ("level_idx", 0, 1)), "the index differs from the boxes"),
        _fault("indx-against-index", "indx differs from INDX in is_complete (clause 17)", edited(front_no_trailer, b"indx", ("is_complete", 0, 0)), "the index differs from the front index"),
        _fault("indx-itself", "indx contradicts itself (clause 17)", edited(bases.cut(front), b"indx", ("num_frames", 0, 4)), "num_frames is not the sum"),
        _fault("indx-early", "a window of indx lies before the end of indx", edited(bases.cut(front), b"indx", ("window_offsets", 0, 99)), "window at byte 99 lies before"),
    ]  # fmt: skip


def _swap_in_place(data: bytes, first: bytes, second: bytes) -> bytes:
    file_header, boxes = take_apart(data)
    one, other = box_idx(data, first), box_idx(data, second)
    boxes[one], boxes[other] = boxes[other], boxes[one]
    return join(file_header, boxes)


def _relabelled(data: bytes, offset: int, name: bytes) -> bytes:
    return mend(data[: offset + 4] + name + data[offset + 8 :], offset, BOX_HEADER.size)


def _trailer_faults() -> list[Vector]:
    """Clauses 16 and 17."""
    data = bases.finished()
    index, trailer = offset_of(data, b"INDX"), offset_of(data, b"TRLR")
    chunk = offset_of(data, b"CHNK", 1)
    to_chunk = with_fields(
        data, b"TRLR", h.TRAILER, [("index_offset", 0, chunk), ("index_bytes", 0, trailer - chunk)]
    )
    counted = with_field(data, b"TRLR", h.TRAILER, "file_bytes", len(data) + 1) + b"x"
    longer = mend(data[: index + 8] + (2**20).to_bytes(4, "little") + data[index + 12 :], index, BOX_HEADER.size)
    gap = b"x" * 5
    sequence = len(take_apart(data)[1]) - 1
    size = len(data) + len(gap)
    payload = h.TRAILER.pack({"index_offset": index, "file_bytes": size, "index_bytes": trailer - index + len(gap), "reserved": 0, "end_magic": h.END_MAGIC})  # fmt: skip
    with_gap = data[:trailer] + gap + pack_box(BoxType.TRAILER, sequence, payload)
    damaged = bytearray(data)
    damaged[trailer + BOX_HEADER.size] ^= 1
    damaged_index = bytearray(data)
    damaged_index[index + BOX_HEADER.size + 9] ^= 1
    return [
        _fault("trailer-not-last", "a byte behind TRLR that TRLR counts (clause 17)", counted, "the trailer is not at the end of the file"),
        _fault("trailer-appended", "a byte behind TRLR", data + b"x", "the trailer is not at the end of the file"),
        _fault("trailer-appended-box", "a box behind TRLR", data + pack_box(_NOTE, sequence + 1, b""), "the trailer is not at the end of the file"),
        _fault("trailer-damaged", "one bit of TRLR: not taken for an unfinished file (clause 17)", bytes(damaged), "payload differs", CHECKSUM),
        _fault("index-damaged", "one bit of INDX in a finished file", bytes(damaged_index), "payload differs", CHECKSUM),
        _fault("trailer-to-chunk", "index_offset points to a CHNK box (clause 16)", to_chunk, "expected a INDX box"),
        _fault("index-too-long", "INDX reaches beyond the end of the file", longer, "the file ends at byte", TRUNCATED),
        _fault("index-too-short", "INDX ends before TRLR begins", with_gap, "the index does not end where the trailer begins"),
    ]  # fmt: skip


def _window_faults() -> list[Vector]:
    """Clauses 6 and 18: networks and windows that are well formed and not allowed."""
    one = {"lengths": (1,)}
    half = replace(TINY, base_width=1)
    wide = replace(TINY_NERV, base_width=1024, stages=(Stage(8, 1, 1), Stage(8, 1, 1)))
    scale = replace(TINY_NERV, stages=(Stage(8, 1, 1),) * 8)
    huge = replace(TINY_NERV, base_height=64, base_width=64, base_channels=4096, stem_width=4096)
    heavy = replace(TINY_NERV, stem_width=4096, base_channels=1024, pe_levels=128)
    large = replace(TINY_NERV, base_width=64, base_height=64, stages=(Stage(8, 1, 1), Stage(2, 1, 1)))
    deep = replace(TINY, base_width=8, base_height=8, embedding_channels=256)
    fast = bases.cut(bases.of(WindowRecipe(TINY, duration=1, level_idx=1), time_base=Fraction(1, 2**31 - 1)))
    fast_finished = bases.of(WindowRecipe(TINY, duration=1, level_idx=1), time_base=Fraction(1, 2**31 - 1))
    many = with_field(bases.unfinished(), b"WNDW", h.NETWORK, "embedding_channels", 256)
    return [
        _fault("window-coded-size", "the coded size does not cover the frame (clause 6)", _stated(half), "does not cover"),
        _fault("window-outputs", "one output for three planes", _stated(gray(TINY)), "num_outputs is 1, not 3"),
        _fault("window-coded-width", "coded_width above 32768", _stated(wide), "coded_width is 65536"),
        _fault("window-coded-height", "eight stages of stride 8", _stated(scale), "coded_height is 16777216"),
        _fault("window-parameters", "more than 2^30 parameters", _stated(huge), "num_parameters is"),
        _fault("window-macs", "more than 262144 multiply-accumulates per pixel", _stated(heavy), "multiply-accumulates per pixel is"),
        _fault("window-embeddings", "more than 2^30 integers of embeddings in a chunk", _stated(deep, 2**16 + 1), "embedding values in a chunk"),
        _fault("level-pixels", "more pixels than level 1 has (clause 18)", _stated(large, level=1), "above its level 1: 1048576 pixels"),
        _fault("level-parameters", "more parameters than level 1 has", _stated(replace(TINY_NERV, base_width=64, base_height=8, base_channels=64, stem_width=64, stages=(Stage(8, 1, 1),)), level=1), "above its level 1: "),
        _fault("level-memory", "more memory than level 1 has", _stated(deep, 2048, level=1), "bytes of memory, allowed are 536870912"),
        _fault("level-speed", "more multiply-accumulates per second than level 1 has", fast, "multiply-accumulates per second"),
        _fault("level-speed-finished", "the same in a finished file", fast_finished, "multiply-accumulates per second"),
    ]  # fmt: skip


def _stated(network: NetworkSpec, length: int = 1, level: int = 0) -> bytes:
    """An unfinished file that ends with the WNDW box of a network of constant steps and one chunk."""
    fields = {
        "window_idx": 0,
        "num_parameters": min(network.num_parameters, 2**32 - 1),
        "first_frame": 0,
        "num_shared": 0,
        "num_chunks": 1,
        "granularity": 3,
        "flags": 0,
        "time_offset": 0,
        "time_length": 0,
        "level_idx": level,
        "coder": 0,
        "reserved": 0,
        "chunk_lengths": [length],
    }
    steps = h.STEPS.pack({"step_idx": np.zeros(len(network.layout), np.uint8)})
    file_header, boxes = take_apart(bases.of())
    return join(file_header, [boxes[0], Box(BoxType.WINDOW, h.WINDOW.pack(fields) + _pack_network(network) + steps)])


def _pack_network(network: NetworkSpec) -> bytes:
    from nvcodec.bitstream.payloads import pack_network

    return pack_network(network)


def _lengths() -> list[Vector]:
    """Clause 1: payloads end with their last field."""
    faults = []
    for name in ("WNDW", "MASK", "SHRD", "CHNK"):
        longer = with_payload(bases.unfinished(), name.encode(), lambda payload: payload + b"\0")
        shorter = with_payload(bases.unfinished(), name.encode(), lambda payload: payload[:-1])
        faults.append(_fault(f"{name.lower()}-too-long", f"a byte behind the last field of {name} (clause 1)", longer, "bytes too many"))
        faults.append(_fault(f"{name.lower()}-too-short", f"{name} ends within a field", shorter, "payload ends early"))
    finished = bases.finished()
    stream = with_payload(finished, b"STRM", lambda payload: payload + b"\0")
    file_header, boxes = take_apart(finished)
    faults.append(_fault("strm-too-long", "a byte behind the last field of STRM", stream, "expected a STRM box of 40 bytes"))
    front = bases.cut(bases.front())
    longer = with_payload(front, b"indx", lambda payload: payload + b"\0")
    faults.append(_fault("indx-too-long", "a byte behind the last field of indx", longer, "bytes too many"))
    index = offset_of(finished, b"INDX")
    padded = boxes[-2].payload + b"\0"
    size = BOX_HEADER.size + len(padded)
    trailer = {"index_offset": index, "file_bytes": index + size + BOX_HEADER.size + h.TRAILER.size, "index_bytes": size, "reserved": 0, "end_magic": h.END_MAGIC}  # fmt: skip
    boxes[-2:] = [Box(BoxType.INDEX, padded), Box(BoxType.TRAILER, h.TRAILER.pack(trailer))]
    faults.append(_fault("index-padded", "a byte behind the last field of INDX", join(file_header, boxes), "bytes too many"))
    return faults
