"""Clauses 3, 16 and 17: order of the boxes, index and trailer, files without a trailer."""

from __future__ import annotations

from dataclasses import dataclass, fields

from .boxes import BOX_HEADER_BYTES, FILE_HEADER_BYTES, Box, read_box, read_file_header, scan_boxes
from .chunk import MAX_TIME, ChunkHeader, read_chunk_header
from .fields import RefusedError, require
from .stream import Stream, read_stream
from .window import Window, read_window

END_MAGIC = bytes.fromhex("4E 56 53 54 45 4E 44 0A")
TRAILER_BYTES = 32


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
class File:
    """Everything but the coded sections. is_complete is None for an unfinished file."""

    stream: Stream
    windows: list[WindowBoxes]
    is_complete: bool | None


@dataclass(frozen=True)
class Index:
    """An INDX payload without is_complete."""

    num_frames: int
    num_windows: int
    num_chunks: int
    window_offsets: list[int]
    window_bytes: list[int]
    window_chunks: list[int]
    chunk_offsets: list[int]
    chunk_bytes: list[int]
    chunk_frames: list[int]
    chunk_first_pts: list[int]
    chunk_end_pts: list[int]


def read_index(data: bytes, box: Box) -> tuple[Index, bool]:
    """The index and is_complete."""
    cursor = box.payload(data)
    num_frames = cursor.number("num_frames", "u64")
    num_windows = cursor.number("num_windows", "u32")
    num_chunks = cursor.number("num_chunks", "u32")
    is_complete = cursor.number("is_complete", "u8", 0, 1) == 1
    index = Index(
        num_frames,
        num_windows,
        num_chunks,
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


def index_of(windows: list[WindowBoxes]) -> Index:
    """The index that a file with these windows has."""
    chunk_boxes = [box for window in windows for box in window.chunk_boxes]
    headers = [header for window in windows for header in window.chunk_headers]
    return Index(
        sum(header.num_frames for header in headers),
        len(windows),
        len(chunk_boxes),
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


def check_index_alone(index: Index, start: int, index_offset: int) -> None:
    """What 'a reader that uses the index checks, before it uses any of it'; start is the end of STRM."""
    # "The sum of window_chunks is num_chunks, the sum of chunk_frames is num_frames."
    require(sum(index.window_chunks) == index.num_chunks, "num_chunks is not the sum over the windows", index_offset)
    require(sum(index.chunk_frames) == index.num_frames, "num_frames is not the sum over the chunks", index_offset)
    chunk = 0
    for w in range(index.num_windows):
        # "The first window begins at the end of STRM or later, every other at the end of the last chunk before it or
        # later."
        require(index.window_offsets[w] >= start, "a window begins too early", index_offset)
        start = index.window_offsets[w] + index.window_bytes[w]
        for _ in range(index.window_chunks[w]):
            # "A window's first chunk begins where its SHRD box ends, window_bytes behind window_offsets, each further
            # chunk where the one before it ends."
            require(index.chunk_offsets[chunk] == start, "a chunk does not follow the box before it", index_offset)
            start += index.chunk_bytes[chunk]
            chunk += 1
    # "The last chunk ends at index_offset or before."
    require(start <= index_offset, "the boxes reach into the index", index_offset)
    # "chunk_end_pts is at least chunk_first_pts + chunk_frames, chunk_first_pts at least the chunk_end_pts before it,
    # in this window or the one before. All lie within ±2^62."
    end_pts = -MAX_TIME
    for frames, first_pts, next_end in zip(index.chunk_frames, index.chunk_first_pts, index.chunk_end_pts, strict=True):
        require(end_pts <= first_pts and first_pts + frames <= next_end, "timestamps do not increase", index_offset)
        end_pts = next_end
    require(end_pts <= MAX_TIME, "a timestamp is beyond 2^62", index_offset)


def check_index(stored: Index, windows: list[WindowBoxes], offset: int) -> None:
    """'a reader holds them [the numbers] against the boxes that it reads, and refuses them if they differ'."""
    expected = index_of(windows)
    for field in fields(Index):
        same = getattr(stored, field.name) == getattr(expected, field.name)
        require(same, f"{field.name} of the index is not what the boxes say", offset)


def check_window_box(window: Window, earlier: list[WindowBoxes], box: Box) -> None:
    """'window_idx and first_frame continue the windows before without a gap.'"""
    payload_offset = box.offset + BOX_HEADER_BYTES
    require(window.window_idx == len(earlier), "window_idx does not continue", payload_offset)
    num_frames = sum(sum(w.window.chunk_lengths) for w in earlier)
    require(window.first_frame == num_frames, "first_frame does not continue", payload_offset + 8)


def assemble(data: bytes, stream: Stream, boxes: list[Box], earlier: list[WindowBoxes]) -> tuple[WindowBoxes, bool]:
    """A window from those of its boxes WNDW, MASK, SHRD and CHNK that are there, and whether these are all."""
    window = read_window(data, boxes[0], stream)
    check_window_box(window, earlier, boxes[0])
    types = ["WNDW", "MASK", "SHRD"] + ["CHNK"] * len(window.chunk_lengths)
    boxes = boxes[: len(types)]
    for box, expected in zip(boxes, types, strict=False):
        require(box.type == expected, f"{box.type} where {expected} is expected", box.offset)
    headers: list[ChunkHeader] = []
    end_pts = earlier[-1].chunk_headers[-1].end_pts if earlier else -MAX_TIME
    for chunk_idx, box in enumerate(boxes[3:]):
        header = read_chunk_header(box.payload(data), window, chunk_idx)
        # "A chunk does not begin before the end of the chunk before it, be that of the same window or of the one
        # before; there may be a gap between them." (clause 11)
        require(header.pts[0] >= end_pts, "a chunk begins too early", box.offset)
        end_pts = header.end_pts
        headers.append(header)
    return WindowBoxes(boxes, window, headers), len(boxes) == len(types)


def find_trailer(data: bytes) -> Box | None:
    """The trailer, or None if the file is unfinished."""
    # "A file is *finished* if it ends with a trailer, that is, if its last 56 bytes, behind STRM, are a TRLR box with
    # 32 bytes of payload and correct checksums."
    offset = len(data) - BOX_HEADER_BYTES - TRAILER_BYTES
    if offset < FILE_HEADER_BYTES:
        return None
    try:
        box = read_box(data, offset, "TRLR")
    except RefusedError:
        return None
    return box if box.payload_bytes == TRAILER_BYTES else None


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


def read_window_run(data: bytes, offset: int, num_bytes: int) -> list[Box]:
    """'a WNDW, a MASK and a SHRD box, in this order, fill window_bytes'."""
    boxes = []
    start = offset
    for box_type in ("WNDW", "MASK", "SHRD"):
        boxes.append(read_box(data, offset, box_type))
        offset = boxes[-1].end
    require(offset - start == num_bytes, "window_bytes is not the length of the window's boxes", start)
    return boxes


def read_chunk_box(data: bytes, offset: int, num_bytes: int) -> Box:
    """'a CHNK box fills chunk_bytes'."""
    box = read_box(data, offset, "CHNK")
    require(box.num_bytes == num_bytes, "chunk_bytes is not the length of the chunk's box", offset)
    return box


def read_with_index(data: bytes, trailer: Box) -> File:
    """A finished file. Boxes that the index does not name are not read; `sequence` is not looked at."""
    stream_box = read_box(data, FILE_HEADER_BYTES, "STRM")
    stream = read_stream(data, stream_box)
    # "at index_offset lies an INDX box of index_bytes bytes"
    index_offset, index_bytes = read_trailer(data, trailer)
    index_box = read_box(data, index_offset, "INDX")
    require(index_box.num_bytes == index_bytes, "index_bytes is not the length of the index", index_offset)
    index, is_complete = read_index(data, index_box)
    check_index_alone(index, stream_box.end, index_offset)
    windows: list[WindowBoxes] = []
    places = list(zip(index.chunk_offsets, index.chunk_bytes, strict=True))
    for w in range(index.num_windows):
        boxes = read_window_run(data, index.window_offsets[w], index.window_bytes[w])
        own_places, places = places[: index.window_chunks[w]], places[index.window_chunks[w] :]
        boxes += [read_chunk_box(data, *place) for place in own_places]
        window, is_whole = assemble(data, stream, boxes, windows)
        has_all = is_whole and len(window.boxes) == len(boxes)
        require(has_all, "num_chunks is not that of the index", boxes[0].offset)
        windows.append(window)
    check_index(index, windows, index_offset)
    return File(stream, windows, is_complete)


def read_by_scanning(data: bytes) -> File:
    """'Any other file is *unfinished* [...]: a reader goes over the boxes from the front and keeps every window whose
    boxes are all there.'"""
    boxes = scan_boxes(data)
    # "A file that ends within the file header or STRM is invalid. One that ends behind STRM is valid"
    # "STRM  meta?  ( WNDW MASK SHRD CHNK{num_chunks} )*  INDX  TRLR" (clause 3)
    require(bool(boxes) and boxes[0].type == "STRM", "no stream box at the front", FILE_HEADER_BYTES)
    stream = read_stream(data, boxes[0])
    # Clause 5: "The box directly follows STRM or is absent", and "checks its place and its checksums".
    i = 2 if len(boxes) > 1 and boxes[1].type == "meta" else 1
    windows: list[WindowBoxes] = []
    while i < len(boxes):
        box = boxes[i]
        if box.type == "WNDW":
            window, is_whole = assemble(data, stream, boxes[i:], windows)
            if not is_whole:
                break
            windows.append(window)
            i += len(window.boxes)
        elif box.type == "INDX":
            # "An INDX box may be there without its trailer. It says of the windows what the boxes say, or the file is
            # invalid; nothing but the trailer follows it. Its is_complete does not count."
            require(i == len(boxes) - 1, "a box other than the trailer behind the index", box.end)
            check_index(read_index(data, box)[0], windows, box.offset)
            i += 1
        else:
            # "Otherwise [...] the box is *ancillary* and skipped"; it is not one that has a place of its own.
            is_elsewhere = box.is_critical or box.type == "meta"
            require(not is_elsewhere, f"a {box.type} box is in the wrong place", box.offset)
            i += 1
    return File(stream, windows, None)


def read_file(data: bytes) -> File:
    """The boxes of a file, with the index or by scanning."""
    read_file_header(data)
    trailer = find_trailer(data)
    return read_by_scanning(data) if trailer is None else read_with_index(data, trailer)
