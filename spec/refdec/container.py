"""Clauses 3 and 17: order of the boxes, random access, unfinished files."""

from __future__ import annotations

from dataclasses import dataclass

from .boxes import BOX_HEADER_BYTES, FILE_HEADER_BYTES, Box, read_box, read_file_header, scan_boxes
from .chunk import MAX_TIME, ChunkHeader, read_chunk_header
from .fields import RefusedError, require
from .index import (
    Index,
    WindowBoxes,
    check_index,
    check_index_alone,
    check_level,
    read_front_index,
    read_index,
    read_trailer,
)
from .levels import check_chunk_level, level_of
from .limits import MAX_CHUNKS, MAX_FRAMES, limit
from .stream import Stream, read_stream
from .window import Window, read_window

STREAM_BYTES = 68
TRAILER_BYTES = 32


@dataclass(frozen=True)
class File:
    """Everything but the coded sections. is_complete is None for an unfinished file."""

    stream: Stream
    windows: list[WindowBoxes]
    is_complete: bool | None


@dataclass(frozen=True)
class Place:
    """Where a window stands: what the windows before it have, and where the last of their chunks ends."""

    num_windows: int
    num_frames: int
    num_chunks: int
    end_pts: int

    def behind(self, window: WindowBoxes) -> Place:
        """The place of the window after a window at this place."""
        return Place(
            self.num_windows + 1,
            self.num_frames + sum(window.window.chunk_lengths),
            self.num_chunks + len(window.window.chunk_lengths),
            window.chunk_headers[-1].end_pts,
        )


FIRST_PLACE = Place(0, 0, 0, -MAX_TIME)


def check_window_box(window: Window, place: Place, box: Box) -> None:
    """'window_idx and first_frame continue the windows before without a gap.' (clause 6)"""
    offset = box.offset + BOX_HEADER_BYTES
    require(window.window_idx == place.num_windows, "window_idx does not continue", offset)
    require(window.first_frame == place.num_frames, "first_frame does not continue", offset + 8)
    num_frames = place.num_frames + sum(window.chunk_lengths)
    limit(num_frames <= MAX_FRAMES, f"more than {MAX_FRAMES} frames", offset + 36)
    limit(place.num_chunks + len(window.chunk_lengths) <= MAX_CHUNKS, f"more than {MAX_CHUNKS} chunks", offset + 20)


def assemble(data: bytes, stream: Stream, boxes: list[Box], place: Place) -> tuple[WindowBoxes, bool]:
    """A window from those of its boxes WNDW, MASK, SHRD and CHNK that are there, and whether these are all."""
    window = read_window(data, boxes[0], stream)
    check_window_box(window, place, boxes[0])
    types = ["WNDW", "MASK", "SHRD"] + ["CHNK"] * len(window.chunk_lengths)
    boxes = boxes[: len(types)]
    for box, expected in zip(boxes, types, strict=False):
        require(box.type == expected, f"{box.type} where {expected} is expected", box.offset)
    headers: list[ChunkHeader] = []
    end_pts = place.end_pts
    for chunk_idx, box in enumerate(boxes[3:]):
        header = read_chunk_header(box.payload(data), window, chunk_idx)
        # "A chunk does not begin before the end of the chunk before it, be that of the same window or of the one
        # before; there may be a gap between them." (clause 11)
        require(header.pts[0] >= end_pts, "a chunk begins too early", box.offset)
        end_pts = header.end_pts
        # "A reader checks this with the timestamps of the chunk" (clause 18)
        check_chunk_level(window, stream.time_base, header.durations, box.offset)
        headers.append(header)
    return WindowBoxes(boxes, window, headers), len(boxes) == len(types)


def find_trailer(data: bytes) -> Box | None:
    """The trailer, or None if the file is unfinished."""
    # "A file is *finished* if it ends with a trailer, that is, if its last 56 bytes, behind STRM, are a TRLR box with
    # 32 bytes of payload and correct checksums."
    offset = len(data) - BOX_HEADER_BYTES - TRAILER_BYTES
    if offset < FILE_HEADER_BYTES + BOX_HEADER_BYTES + STREAM_BYTES:
        return None
    try:
        box = read_box(data, offset, "TRLR")
    except RefusedError:
        return None
    return box if box.payload_bytes == TRAILER_BYTES else None


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
    """A finished file: "It is then read by its index, and whatever else is wrong with trailer or index makes the file
    invalid." Boxes that the index does not name, indx among them, are not read; `sequence` is not looked at."""
    stream_box = read_box(data, FILE_HEADER_BYTES, "STRM")
    stream = read_stream(data, stream_box)
    # "at index_offset lies an INDX box of index_bytes bytes"
    index_offset, index_bytes = read_trailer(data, trailer)
    index_box = read_box(data, index_offset, "INDX")
    require(index_box.num_bytes == index_bytes, "index_bytes is not the length of the index", index_offset)
    index, is_complete = read_index(index_box.payload(data))
    check_index_alone(index, stream_box.end, index_offset, index_offset)
    windows: list[WindowBoxes] = []
    place = FIRST_PLACE
    for w in range(index.num_windows):
        boxes = read_window_run(data, index.window_offsets[w], index.window_bytes[w])
        for chunk in range(place.num_chunks, place.num_chunks + index.window_chunks[w]):
            boxes.append(read_chunk_box(data, index.chunk_offsets[chunk], index.chunk_bytes[chunk]))
        window, is_whole = assemble(data, stream, boxes, place)
        has_all = is_whole and len(window.boxes) == len(boxes)
        require(has_all, "num_chunks is not that of the index", boxes[0].offset)
        check_level(index, window.window, boxes[0].offset)
        windows.append(window)
        place = place.behind(window)
    check_index(index, windows, index_offset)
    return File(stream, windows, is_complete)


def read_by_scanning(data: bytes) -> File:
    """'Any other file is *unfinished* [...]: a reader goes over the boxes from the front and keeps every window whose
    boxes are all there.'"""
    boxes = scan_boxes(data)
    # "A file that ends within the file header or STRM is invalid. One that ends behind STRM is valid"
    # "STRM indx? meta? trak? chap? ( pkts* WNDW MASK SHRD CHNK{num_chunks} )* INDX TRLR" (clause 3)
    require(bool(boxes) and boxes[0].type == "STRM", "no stream box at the front", FILE_HEADER_BYTES)
    stream = read_stream(data, boxes[0])
    i = 1
    front: tuple[Index, bool] | None = None
    # "An indx box stands directly behind STRM"
    if i < len(boxes) and boxes[i].type == "indx":
        front = read_front_index(data, boxes[i])
        i += 1
    # "The box directly follows STRM, or indx where there is one, or is absent", and a reader that goes over the boxes
    # "checks its place and its checksums" (clause 5).
    if i < len(boxes) and boxes[i].type == "meta":
        i += 1
    # "A trak box stands directly behind STRM, indx or meta, a chap box directly behind one of these or trak" (clause
    # 17); their payloads need not be looked at (clause 22).
    has_tracks = i < len(boxes) and boxes[i].type == "trak"
    i += has_tracks
    if i < len(boxes) and boxes[i].type == "chap":
        i += 1
    has_packets = False
    windows: list[WindowBoxes] = []
    place = FIRST_PLACE
    while i < len(boxes):
        box = boxes[i]
        if box.type == "WNDW":
            window, is_whole = assemble(data, stream, boxes[i : i + 3 + 4096], place)
            if not is_whole:
                break
            windows.append(window)
            place = place.behind(window)
            i += len(window.boxes)
            has_packets = False
        elif box.type == "INDX":
            # "An INDX box may be there without its trailer. It says of the windows what the boxes say, or the file is
            # invalid; nothing but the trailer follows it. Its is_complete does not count."
            require(not has_packets, "pkts in front of no window", box.offset)
            require(i == len(boxes) - 1, "a box other than the trailer behind the index", box.end)
            index = read_index(box.payload(data))
            check_index(index[0], windows, box.offset)
            level_idx = level_of([boxes.window for boxes in windows])
            require(index[0].level_idx == level_idx, "level_idx of the index is not the largest", box.offset)
            # "[An indx box] is held against INDX where that is there"; "the index is equal to that of INDX, field by
            # field" (clause 16)
            require(front is None or front == index, "the front index is not equal to the index", boxes[1].offset)
            i += 1
        elif box.type == "pkts":
            # "a pkts box [stands] behind trak and in front of a window: the next of the boxes WNDW and INDX is not
            # INDX"
            require(has_tracks, "pkts without trak", box.offset)
            has_packets = True
            i += 1
        else:
            # "Otherwise [...] the box is *ancillary* and skipped"; it is not one that has a place of its own.
            is_elsewhere = box.is_critical or box.type in ("meta", "indx", "trak", "chap")
            require(not is_elsewhere, f"a {box.type} box is in the wrong place", box.offset)
            i += 1
    return File(stream, windows, None)


def read_file(data: bytes) -> File:
    """The boxes of a file, with the index or by scanning."""
    read_file_header(data)
    trailer = find_trailer(data)
    return read_by_scanning(data) if trailer is None else read_with_index(data, trailer)
