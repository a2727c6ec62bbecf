"""Clause 16: index, trailer and front index (INDX, TRLR, indx)."""

from __future__ import annotations

from dataclasses import dataclass, fields

from .boxes import Box
from .chunk import MAX_TIME, ChunkHeader
from .fields import Cursor, require
from .levels import MAX_LEVEL, level_of
from .limits import MAX_CHUNKS, MAX_WINDOWS, limit
from .window import Window

END_MAGIC = bytes.fromhex("4E 56 53 54 45 4E 44 0A")


@dataclass(frozen=True)
class WindowBoxes:
    """The boxes of one window (WNDW, MASK, SHRD, CHNK...), what WNDW says, and what the headers in CHNK say."""

    boxes: list[Box]
    window: Window
    chunk_headers: list[ChunkHeader]

    @property
    def chunk_boxes(self) -> list[Box]:
        """The CHNK boxes."""
        return self.boxes[3:]


@dataclass(frozen=True)
class Index:
    """An index without is_complete, of which "nothing is derived"."""

    num_frames: int
    num_windows: int
    num_chunks: int
    level_idx: int
    window_offsets: list[int]
    window_bytes: list[int]
    window_chunks: list[int]
    chunk_offsets: list[int]
    chunk_bytes: list[int]
    chunk_frames: list[int]
    chunk_first_pts: list[int]
    chunk_end_pts: list[int]


def read_index(cursor: Cursor) -> tuple[Index, bool]:
    """The index, which ends the payload, and is_complete."""
    num_frames = cursor.number("num_frames", "u64")
    num_windows = cursor.number("num_windows", "u32")
    num_chunks = cursor.number("num_chunks", "u32")
    limit(num_windows <= MAX_WINDOWS, f"more than {MAX_WINDOWS} windows", cursor.offset - 8)
    limit(num_chunks <= MAX_CHUNKS, f"more than {MAX_CHUNKS} chunks", cursor.offset - 4)
    is_complete = cursor.number("is_complete", "u8", 0, 1) == 1
    # "level_idx is 0 if there are no windows."
    offset = cursor.offset
    level_idx = cursor.choice("level_idx", "u8", 0, MAX_LEVEL)
    require(level_idx == 0 or num_windows > 0, "level_idx of an index without windows", offset)
    index = Index(
        num_frames,
        num_windows,
        num_chunks,
        level_idx,
        cursor.numbers("window_offsets", "u64", num_windows),
        cursor.numbers("window_bytes", "u32", num_windows),
        cursor.numbers("window_chunks", "u16", num_windows, 1, 4096),
        cursor.numbers("chunk_offsets", "u64", num_chunks),
        cursor.numbers("chunk_bytes", "u32", num_chunks),
        cursor.numbers("chunk_frames", "u32", num_chunks, 1),
        cursor.numbers("chunk_first_pts", "i64", num_chunks),
        cursor.numbers("chunk_end_pts", "i64", num_chunks),
    )
    cursor.finish("the index")
    return index, is_complete


def read_front_index(data: bytes, box: Box) -> tuple[Index, bool]:
    """The index of an indx box and is_complete, checked "as far as it can be seen without the rest of the file: it is
    of the form there described and agrees with itself" (clause 17)."""
    # "The payload is a front index followed by an index."
    cursor = box.payload(data)
    file_bytes = cursor.number("file_bytes", "u64")
    index, is_complete = read_index(cursor)
    # "it checks it as it would check INDX, with index_offset taken for the length of the file and the end of indx for
    # the end of STRM"
    check_index_alone(index, box.end, file_bytes, box.offset)
    return index, is_complete


def index_of(windows: list[WindowBoxes]) -> Index:
    """The index that a file with these windows has."""
    chunk_boxes = [box for window in windows for box in window.chunk_boxes]
    headers = [header for window in windows for header in window.chunk_headers]
    return Index(
        sum(header.num_frames for header in headers),
        len(windows),
        len(chunk_boxes),
        level_of([w.window for w in windows]),
        # "All lengths of boxes are those of whole boxes, header included."
        [w.boxes[0].offset for w in windows],
        [sum(box.num_bytes for box in w.boxes[:3]) for w in windows],
        [len(w.chunk_boxes) for w in windows],
        [box.offset for box in chunk_boxes],
        [box.num_bytes for box in chunk_boxes],
        [header.num_frames for header in headers],
        [header.pts[0] for header in headers],
        [header.end_pts for header in headers],
    )


def check_index_alone(index: Index, start: int, index_offset: int, offset: int) -> None:
    """What 'a reader that uses the index checks, before it uses any of it'; start is the end of STRM, offset that of
    the index in the file, for messages."""
    # "The sum of window_chunks is num_chunks, the sum of chunk_frames is num_frames."
    require(sum(index.window_chunks) == index.num_chunks, "num_chunks is not the sum over the windows", offset)
    require(sum(index.chunk_frames) == index.num_frames, "num_frames is not the sum over the chunks", offset)
    chunk = 0
    for w in range(index.num_windows):
        # "The first window begins at the end of STRM or later, every other at the end of the last chunk before it or
        # later."
        require(index.window_offsets[w] >= start, "a window begins too early", offset)
        start = index.window_offsets[w] + index.window_bytes[w]
        for _ in range(index.window_chunks[w]):
            # "A window's first chunk begins where its SHRD box ends, window_bytes behind window_offsets, each further
            # chunk where the one before it ends."
            require(index.chunk_offsets[chunk] == start, "a chunk does not follow the box before it", offset)
            start += index.chunk_bytes[chunk]
            chunk += 1
    # "The last chunk ends at index_offset or before."
    require(start <= index_offset, "the boxes reach into the index", offset)
    # "chunk_end_pts is at least chunk_first_pts + chunk_frames, chunk_first_pts at least the chunk_end_pts before it,
    # in this window or the one before. All lie within ±2^62."
    end_pts = -MAX_TIME
    for frames, first_pts, next_end in zip(index.chunk_frames, index.chunk_first_pts, index.chunk_end_pts, strict=True):
        require(end_pts <= first_pts and first_pts + frames <= next_end, "timestamps do not increase", offset)
        end_pts = next_end
    require(end_pts <= MAX_TIME, "a timestamp is beyond 2^62", offset)


def check_index(stored: Index, windows: list[WindowBoxes], offset: int) -> None:
    """'a reader holds them [the numbers] against the boxes that it reads, and refuses the file if they differ'."""
    expected = index_of(windows)
    for field in fields(Index):
        same = getattr(stored, field.name) == getattr(expected, field.name)
        # "That it is the largest is checked only where a reader goes over all boxes."
        require(same or field.name == "level_idx", f"{field.name} of the index is not what the boxes say", offset)


def check_level(stored: Index, window: Window, offset: int) -> None:
    """'Unless the level_idx of the index is 0, that of the window is from 1 to it.'"""
    within = stored.level_idx == 0 or 1 <= window.level_idx <= stored.level_idx
    require(within, "the level of a window is above that of the index", offset)


def read_trailer(data: bytes, box: Box) -> tuple[int, int]:
    """index_offset and index_bytes."""
    cursor = box.payload(data)
    index_offset = cursor.number("index_offset", "u64")
    # "file_bytes: length of the file, this box included"
    cursor.number("file_bytes", "u64", len(data), len(data))
    index_bytes = cursor.number("index_bytes", "u32")
    cursor.reserved("u32")
    cursor.fixed("end_magic", END_MAGIC)
    # "index_offset + index_bytes is the offset of TRLR"
    require(index_offset + index_bytes == box.offset, "the index does not end where the trailer begins", box.offset)
    return index_offset, index_bytes
