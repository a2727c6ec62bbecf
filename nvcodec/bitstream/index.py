"""Where windows and chunks lie: the index box and the trailer that points to it (spec clauses "Index", "Trailer")."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from nvcodec.bitstream.fields import Cursor
from nvcodec.bitstream.headers import BOX_HEADER, END_MAGIC, FRONT_INDEX, INDEX, MAX_PTS, TRAILER
from nvcodec.bitstream.limits import Limits
from nvcodec.errors import MalformedError


@dataclass(frozen=True, kw_only=True)
class ChunkTimes:
    """When the frames of a chunk are shown.

    Attributes:
        num_frames: how many there are.
        first_pts, end_pts: from its first frame's beginning to its last frame's end.
    """

    num_frames: int
    first_pts: int
    end_pts: int


@dataclass(frozen=True, kw_only=True)
class ChunkEntry(ChunkTimes):
    """One chunk.

    Attributes:
        first_frame: counted over the file.
        offset, box_bytes: its CHNK box in the file.
    """

    first_frame: int
    offset: int
    box_bytes: int

    @property
    def end_frame(self) -> int:
        """The first frame behind it."""
        return self.first_frame + self.num_frames


@dataclass(frozen=True)
class WindowEntry:
    """One window.

    Attributes:
        first_frame, num_frames: frame numbers, counted over the file.
        chunks: its chunks in order.
        offset, run_bytes: its WNDW, MASK and SHRD boxes, which lie one behind the other.
    """

    first_frame: int
    num_frames: int
    chunks: tuple[ChunkEntry, ...]
    offset: int
    run_bytes: int


@dataclass(frozen=True)
class Index:
    """All windows of a file.

    Attributes:
        windows: in order.
        level_idx: the level of the file (``file_level`` of its windows).
        is_complete: they hold all frames of the source.
    """

    windows: tuple[WindowEntry, ...]
    level_idx: int
    is_complete: bool

    @property
    def num_frames(self) -> int:
        """Frames of all windows."""
        return sum(window.num_frames for window in self.windows)

    @property
    def chunks(self) -> list[ChunkEntry]:
        """The chunks of all windows."""
        return [chunk for window in self.windows for chunk in window.chunks]


def pack_index(index: Index) -> bytes:
    """Payload of the INDX box."""
    windows, chunks = index.windows, index.chunks
    return INDEX.pack(
        {
            "num_frames": index.num_frames,
            "num_windows": len(windows),
            "num_chunks": len(chunks),
            "is_complete": index.is_complete,
            "level_idx": index.level_idx,
            "window_offsets": [window.offset for window in windows],
            "window_bytes": [window.run_bytes for window in windows],
            "window_chunks": [len(window.chunks) for window in windows],
            "chunk_offsets": [chunk.offset for chunk in chunks],
            "chunk_bytes": [chunk.box_bytes for chunk in chunks],
            "chunk_frames": [chunk.num_frames for chunk in chunks],
            "chunk_first_pts": [chunk.first_pts for chunk in chunks],
            "chunk_end_pts": [chunk.end_pts for chunk in chunks],
        }
    )


def parse_index(cursor: Cursor, limits: Limits, start: int, end: int) -> Index:
    """Read the INDX payload.

    Args:
        limits: the reader's.
        start, end: part of the file in which all boxes must lie.

    Raises:
        BitstreamError: the numbers contradict each other, boxes overlap or lie outside, or a limit is passed.
    """
    values = INDEX.parse(cursor)
    cursor.finish()
    limits.check_frames(values["num_frames"], values["num_chunks"], cursor.place)
    counts: list[int] = values.array("window_chunks").tolist()
    if sum(counts) != values["num_chunks"]:
        raise MalformedError("num_chunks is not the sum over the windows", cursor.place)
    names = ("chunk_frames", "chunk_first_pts", "chunk_end_pts", "chunk_offsets", "chunk_bytes")
    chunks = zip(*(values.array(name).tolist() for name in names), strict=True)
    windows = []
    first_frame = 0
    runs = zip(values.array("window_offsets").tolist(), values.array("window_bytes").tolist(), counts, strict=True)
    for offset, run_bytes, count in runs:
        window = gather_window(first_frame, offset, run_bytes, [next(chunks) for _ in range(count)])
        windows.append(window)
        first_frame += window.num_frames
    if values["level_idx"] and not windows:
        raise MalformedError("level_idx without windows", cursor.place)
    index = Index(tuple(windows), values["level_idx"], bool(values["is_complete"]))
    if index.num_frames != values["num_frames"]:
        raise MalformedError("num_frames is not the sum over the chunks", cursor.place)
    _check_extents(index, start, end, cursor.place)
    check_times(index.chunks, cursor.place)
    return index


def gather_window(
    first_frame: int, offset: int, run_bytes: int, chunks: Sequence[tuple[int, int, int, int, int]]
) -> WindowEntry:
    """An entry from the columns (frames, first_pts, end_pts, offset, bytes) of its chunks."""
    entries = []
    frame = first_frame
    for num_frames, first_pts, end_pts, chunk_offset, box_bytes in chunks:
        entries.append(
            ChunkEntry(
                num_frames=num_frames,
                first_pts=first_pts,
                end_pts=end_pts,
                first_frame=frame,
                offset=chunk_offset,
                box_bytes=box_bytes,
            )
        )
        frame += num_frames
    return WindowEntry(first_frame, frame - first_frame, tuple(entries), offset, run_bytes)


def check_times(chunks: Sequence[ChunkTimes], place: str) -> None:
    """Raise MalformedError if a chunk ends too early, begins before the one before it ends or passes ±2**62."""
    is_ordered = all(before.end_pts <= after.first_pts for before, after in itertools.pairwise(chunks))
    if not is_ordered or any(chunk.end_pts < chunk.first_pts + chunk.num_frames for chunk in chunks):
        raise MalformedError("timestamps do not increase", place)
    if chunks and not (chunks[0].first_pts >= -MAX_PTS and chunks[-1].end_pts <= MAX_PTS):
        raise MalformedError("a timestamp exceeds 2**62", place)


def pack_front_index(index: Index, file_bytes: int) -> bytes:
    """Payload of the indx box, a copy of the index in front of the windows."""
    return FRONT_INDEX.pack({"file_bytes": file_bytes}) + pack_index(index)


def parse_front_index(cursor: Cursor, limits: Limits, start: int) -> tuple[Index, int]:
    """Read the indx payload.

    Args:
        limits: the reader's.
        start: where the box ends; no other box of the index lies before.

    Returns:
        The index, and the length of the file in which it is true.

    Raises:
        BitstreamError: as :func:`parse_index`.
    """
    file_bytes = FRONT_INDEX.parse(cursor)["file_bytes"]
    return parse_index(cursor, limits, start, file_bytes), file_bytes


def pack_trailer(index_offset: int, index_bytes: int, file_bytes: int) -> bytes:
    """Payload of the TRLR box."""
    return TRAILER.pack(
        {
            "index_offset": index_offset,
            "file_bytes": file_bytes,
            "index_bytes": index_bytes,
            "reserved": 0,
            "end_magic": END_MAGIC,
        }
    )


def parse_trailer(cursor: Cursor, trailer_offset: int, file_bytes: int) -> int:
    """Read the TRLR payload.

    Returns:
        Offset of the INDX box.

    Raises:
        MalformedError: it describes another file.
    """
    values = TRAILER.parse(cursor)
    cursor.finish()
    if trailer_offset + BOX_HEADER.size + TRAILER.size != file_bytes:
        raise MalformedError("the trailer is not at the end of the file", cursor.place)
    if values["file_bytes"] != file_bytes:
        raise MalformedError(f"the file has {file_bytes} bytes, its trailer says {values['file_bytes']}", cursor.place)
    if values["index_offset"] + values["index_bytes"] != trailer_offset:
        raise MalformedError("the index does not end where the trailer begins", cursor.place)
    return values["index_offset"]


def _check_extents(index: Index, start: int, end: int, place: str) -> None:
    for window in index.windows:
        _require_place("window", window.offset, start, place)
        start = window.offset + window.run_bytes
        for chunk in window.chunks:
            _require_place("chunk", chunk.offset, start, place)
            if chunk.offset > start:
                raise MalformedError(f"chunk at byte {chunk.offset} does not follow byte {start}", place)
            start = chunk.offset + chunk.box_bytes
    if start > end:
        raise MalformedError(f"a box ends at byte {start}, behind byte {end}", place)


def _require_place(what: str, offset: int, start: int, place: str) -> None:
    if offset < start:
        raise MalformedError(f"{what} at byte {offset} lies before byte {start}, where the box before it ends", place)
