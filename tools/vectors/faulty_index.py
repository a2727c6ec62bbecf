"""Files whose index or trailer says what is not so (clauses 16 and 17)."""

from __future__ import annotations

from nvcodec.bitstream import headers as h
from nvcodec.bitstream.boxes import pack_box
from nvcodec.bitstream.headers import BOX_HEADER, BoxType
from tools.vectors import faulty_bases as bases
from tools.vectors.networks import TINY
from tools.vectors.recipes import WindowRecipe
from tools.vectors.surgery import box_idx, join, mend, offset_of, take_apart, with_field, with_fields
from tools.vectors.vector import CHECKSUM, TRUNCATED, Vector, faulty

_NOTE = int.from_bytes(b"note", "little")


def index_faults() -> list[Vector]:
    """All of them."""
    return [*_index_faults(), *_trailer_faults()]


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
        return edited(
            data,
            b"INDX",
            ("window_bytes", 0, window_bytes + by),
            ("chunk_offsets", 0, first + by),
            ("chunk_bytes", 0, second - first - by),
        )

    four = edited(
        data,
        b"INDX",
        ("window_bytes", 0, second - offset_of(data, b"WNDW")),
        ("chunk_offsets", 0, second),
        ("chunk_bytes", 0, index - second - 30),
        ("chunk_offsets", 1, index - 30),
        ("chunk_bytes", 1, 30),
    )
    both = edited(data, b"INDX", ("chunk_bytes", 0, index - first), ("chunk_offsets", 1, index), ("chunk_bytes", 1, 0))
    shifted_window = edited(data, b"INDX", ("window_offsets", 0, mask), ("window_bytes", 0, first - mask))
    swapped = edited(data, b"INDX", ("chunk_frames", 0, 1), ("chunk_frames", 1, 2))
    mask_as_shared = _swap_in_place(data, b"MASK", b"SHRD")
    two_index = offset_of(two, b"INDX")
    last = offset_of(two, b"CHNK", 3)
    not_chunk = edited(two, b"INDX", ("chunk_bytes", 3, two_index - last))
    relabelled = _relabelled(not_chunk, last, b"SHRD")
    return [
        faulty(
            "index-run-too-long",
            "window_bytes reaches into the header of the chunk (clause 16)",
            moved(10),
            "a box header reaches beyond its run",
            TRUNCATED,
        ),
        faulty(
            "index-run-cuts-box",
            "window_bytes reaches into the payload of the chunk",
            moved(30),
            "the box reaches beyond its run",
            TRUNCATED,
        ),
        faulty(
            "index-four-boxes", "window_bytes holds four boxes", four, "4 boxes in the place of WNDW, MASK and SHRD"
        ),
        faulty("index-two-chunks", "chunk_bytes holds two boxes", both, "2 boxes in the place of one CHNK"),
        faulty("index-window-at-mask", "window_offsets points to MASK", shifted_window, "2 boxes in the place of"),
        faulty(
            "index-mask-as-shared",
            "SHRD in the place of MASK where the index says",
            mask_as_shared,
            "expected a MASK box",
        ),
        faulty("index-not-a-chunk", "another box where a chunk should be", relabelled, "expected a CHNK box"),
        faulty(
            "index-chunk-lengths",
            "chunk_frames are not the chunk_lengths of the window",
            swapped,
            "chunk_lengths differ from the index",
        ),
        faulty(
            "index-level",
            "a window of a larger level than the index says (clause 18)",
            with_field(bases.of(WindowRecipe(TINY, level_idx=6)), b"INDX", h.INDEX, "level_idx", 2),
            "level 6 in a file of level 2",
        ),
        faulty(
            "index-level-without-windows",
            "a level in the index of a file without windows (clause 16)",
            with_field(bases.of(), b"INDX", h.INDEX, "level_idx", 1),
            "level_idx without windows",
        ),
        faulty(
            "index-against-boxes",
            "INDX without TRLR differs from the boxes (clause 17)",
            edited(no_trailer, b"INDX", ("chunk_end_pts", 1, 126)),
            "the index differs from the boxes",
        ),
        faulty(
            "index-level-against-boxes",
            "the level of INDX without TRLR is not that of the windows",
            edited(no_trailer, b"INDX", ("level_idx", 0, 1)),
            "the index differs from the boxes",
        ),
        faulty(
            "indx-against-index",
            "indx differs from INDX in is_complete (clause 17)",
            edited(front_no_trailer, b"indx", ("is_complete", 0, 0)),
            "the index differs from the front index",
        ),
        faulty(
            "indx-itself",
            "indx contradicts itself (clause 17)",
            edited(bases.cut(front), b"indx", ("num_frames", 0, 4)),
            "num_frames is not the sum",
        ),
        faulty(
            "indx-early",
            "a window of indx lies before the end of indx",
            edited(bases.cut(front), b"indx", ("window_offsets", 0, 99)),
            "window at byte 99 lies before",
        ),
    ]


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
    to_chunk = with_fields(data, b"TRLR", h.TRAILER, [("index_offset", 0, chunk), ("index_bytes", 0, trailer - chunk)])
    counted = with_field(data, b"TRLR", h.TRAILER, "file_bytes", len(data) + 1) + b"x"
    longer = mend(data[: index + 8] + (2**20).to_bytes(4, "little") + data[index + 12 :], index, BOX_HEADER.size)
    gap = b"x" * 5
    sequence = len(take_apart(data)[1]) - 1
    size = len(data) + len(gap)
    payload = h.TRAILER.pack(
        {
            "index_offset": index,
            "file_bytes": size,
            "index_bytes": trailer - index + len(gap),
            "reserved": 0,
            "end_magic": h.END_MAGIC,
        }
    )
    with_gap = data[:trailer] + gap + pack_box(BoxType.TRAILER, sequence, payload)
    damaged = bytearray(data)
    damaged[trailer + BOX_HEADER.size] ^= 1
    damaged_index = bytearray(data)
    damaged_index[index + BOX_HEADER.size + 9] ^= 1
    return [
        faulty(
            "trailer-not-last",
            "a byte behind TRLR that TRLR counts (clause 17)",
            counted,
            "the trailer is not at the end of the file",
        ),
        faulty("trailer-appended", "a byte behind TRLR", data + b"x", "the trailer is not at the end of the file"),
        faulty(
            "trailer-appended-box",
            "a box behind TRLR",
            data + pack_box(_NOTE, sequence + 1, b""),
            "a box behind the trailer",
        ),
        faulty(
            "trailer-damaged",
            "one bit of TRLR: not taken for an unfinished file (clause 17)",
            bytes(damaged),
            "payload differs",
            CHECKSUM,
        ),
        faulty(
            "index-damaged", "one bit of INDX in a finished file", bytes(damaged_index), "payload differs", CHECKSUM
        ),
        faulty(
            "trailer-to-chunk",
            "index_offset points to a CHNK box (clause 16)",
            to_chunk,
            "boxes in the place of one INDX",
        ),
        faulty(
            "index-too-long",
            "INDX reaches beyond the end of the file",
            longer,
            "the box reaches beyond its run",
            TRUNCATED,
        ),
        faulty(
            "index-too-short",
            "INDX ends before TRLR begins",
            with_gap,
            "a box header reaches beyond its run",
            TRUNCATED,
        ),
    ]
