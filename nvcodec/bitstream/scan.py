"""Reading a file box by box, from front to back: the one place where the order of boxes is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from nvcodec.bitstream.boxes import Box, BoxHeader, check_payload, parse_box_header, parse_file_header
from nvcodec.bitstream.content import StreamHeader, WindowContent, WindowHeader
from nvcodec.bitstream.headers import BOX_HEADER, FILE_HEADER, MAGIC, MAX_PTS, STREAM, BoxType
from nvcodec.bitstream.index import ChunkEntry, Index, WindowEntry, parse_front_index, parse_index, parse_trailer
from nvcodec.bitstream.levels import file_level
from nvcodec.bitstream.limits import Limits
from nvcodec.bitstream.payloads import (
    parse_chunk_times,
    parse_shared,
    parse_stream,
    parse_window,
    parse_window_mask,
)
from nvcodec.bitstream.source import ByteSource
from nvcodec.errors import MalformedError, TruncatedError, UnsupportedError

_BEHIND_STREAM = (BoxType.STREAM, BoxType.FRONT_INDEX)
FRONT_TYPES: dict[BoxType | None, tuple[str, tuple[BoxType, ...]]] = {
    BoxType.FRONT_INDEX: ("front index does not follow the stream header", (BoxType.STREAM,)),
    BoxType.METADATA: ("metadata does not follow the stream header", _BEHIND_STREAM),
    BoxType.TRACKS: ("tracks do not follow the stream header or metadata", (*_BEHIND_STREAM, BoxType.METADATA)),
    BoxType.CHAPTERS: (
        "chapters do not follow the stream header, metadata or tracks",
        (*_BEHIND_STREAM, BoxType.METADATA, BoxType.TRACKS),
    ),
}
"""Boxes in front of all windows: what is wrong where one stands elsewhere, and the boxes that it may follow."""

FRONT_BYTES = FILE_HEADER.size + BOX_HEADER.size + STREAM.size
"""Bytes of the file header and the STRM box."""


def parse_front(data: bytes, limits: Limits) -> StreamHeader:
    """What the beginning of every file says.

    Args:
        data: its first ``FRONT_BYTES`` bytes, or all if it has fewer.
        limits: the reader's.

    Raises:
        BitstreamError: it is not a .nvst file, is damaged or cut off here, or is over a limit.
    """
    place = "file header at byte 0"
    if len(data) < FRONT_BYTES and MAGIC.to_bytes(8, "little").startswith(data[:8]):
        raise TruncatedError(f"the file ends at byte {len(data)}, before its first frame", place)
    parse_file_header(data[: FILE_HEADER.size])
    payload_start = FILE_HEADER.size + BOX_HEADER.size
    header = parse_box_header(data[FILE_HEADER.size : payload_start], FILE_HEADER.size)
    if header.box_type != BoxType.STREAM or header.payload_bytes != STREAM.size:
        raise MalformedError(f"expected a STRM box of {STREAM.size} bytes", header.place)
    return parse_stream(check_payload(header, data[payload_start:]).cursor(), limits)


def parse_run(run: tuple[Box, Box, Box], limits: Limits) -> WindowContent:
    """A window from its WNDW, MASK and SHRD boxes.

    Raises:
        BitstreamError: they are damaged, of other types, of different windows or over a limit.
    """
    for box, box_type in zip(run, (BoxType.WINDOW, BoxType.MASK, BoxType.SHARED), strict=True):
        box.require_type(box_type)
    header, num_shared = parse_window(run[0].cursor(), limits)
    mask = parse_window_mask(run[1].cursor(), header, num_shared)
    return parse_shared(run[2].cursor(), header, mask)


class ForwardBytes(Protocol):
    """The bytes behind the file header, each given once."""

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes; fewer only where the bytes end."""
        ...


class ForwardFile:
    """The bytes of a file behind its header, for :func:`iter_boxes`."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._offset = FILE_HEADER.size

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes, or none if the file has fewer: what is cut off is not worth a read."""
        offset = self._offset
        if offset + size > self._source.size:
            return b""
        self._offset += size
        return self._source.read(offset, size, f"byte {offset}")


def iter_boxes(forward: ForwardBytes, limits: Limits) -> Iterator[Box]:
    """All boxes in order, checksums and sequence verified; stops without an error where a cut-off file ends.

    Raises:
        BitstreamError: a box is damaged, out of sequence, of an unknown critical type or over a limit.
    """
    offset, sequence = FILE_HEADER.size, 0
    while len(data := forward.take(BOX_HEADER.size)) == BOX_HEADER.size:
        header = parse_box_header(data, offset)
        if header.sequence != sequence:
            raise MalformedError(f"box {header.sequence} in the place of box {sequence}", header.place)
        if header.box_type is None and header.is_critical:
            raise UnsupportedError(f"box type {header.type} is unknown", header.place)
        limits.check_box(header.payload_bytes, header.place)
        payload = forward.take(header.payload_bytes)
        if len(payload) < header.payload_bytes:
            return
        yield check_payload(header, payload)
        offset, sequence = header.end, sequence + 1


@dataclass
class Scan:
    """What a pass over the boxes finds.

    Attributes:
        windows: the whole windows.
        levels: the ``level_idx`` of each.
        front_index: of the indx box and the length of the file it is about; None if there is none.
        index: of the INDX box; None if the file ends before it.
        has_trailer: the file is finished.
    """

    windows: list[WindowEntry] = field(default_factory=list)
    levels: list[int] = field(default_factory=list)
    front_index: tuple[Index, int] | None = None
    index: Index | None = None
    has_trailer: bool = False


def scan_file(source: ByteSource, limits: Limits, stream: StreamHeader) -> Scan:
    """Find the whole windows of a file without its index, and hold the order of its boxes against the specification.

    Args:
        limits: the reader's.
        stream: what the file's first box says.

    Raises:
        BitstreamError: the file is damaged, as opposed to cut off.
    """
    scanner = Scanner(limits, stream)
    for box in iter_boxes(ForwardFile(source), limits):
        scanner.add(box)
    scanner.end(source.size)
    return scanner.scan


@dataclass
class _OpenWindow:
    header: WindowHeader
    start: BoxHeader
    boxes: list[BoxHeader]
    chunks: list[ChunkEntry]

    @property
    def expected(self) -> BoxType:
        return (BoxType.MASK, BoxType.SHARED)[len(self.boxes) - 1] if len(self.boxes) < 3 else BoxType.CHUNK


class Scanner:
    """Follows the grammar: STRM, what is in front, then windows (pkts… WNDW MASK SHRD CHNK…), INDX, TRLR.

    Skippable boxes may stand between windows.

    Every box goes through :meth:`add`, then comes :meth:`end`.

    Args:
        limits: the reader's.
        stream: what the file's first box says.
    """

    def __init__(self, limits: Limits, stream: StreamHeader) -> None:
        self.scan = Scan()
        self._limits = limits
        self._stream = stream
        self._end_pts = -MAX_PTS
        self._window: _OpenWindow | None = None
        self._num_frames = 0
        self._num_chunks = 0
        self._last: BoxHeader | None = None
        self._index: BoxHeader | None = None
        self._trailer: Box | None = None
        self._has_tracks = False
        self._has_packets = False

    def add(self, box: Box) -> None:
        """Take the next box.

        Raises:
            BitstreamError: it is not what the specification wants here, or is over a limit.
        """
        before, self._last = self._last, box.header
        if before is None:
            box.require_type(BoxType.STREAM)
        elif self.scan.has_trailer:
            raise MalformedError("a box behind the trailer", box.header.place)
        elif self._index is not None:
            box.require_type(BoxType.TRAILER)
            self._trailer, self.scan.has_trailer = box, True
        elif self._window is not None:
            self._continue_window(self._window, box)
        elif box.header.box_type == BoxType.WINDOW:
            self._begin_window(box)
        elif box.header.box_type == BoxType.INDEX:
            self._take_index(box)
        elif box.header.box_type in FRONT_TYPES:
            self._take_front(box, before)
        elif box.header.box_type == BoxType.PACKETS:
            if not self._has_tracks:
                raise MalformedError("packets without tracks", box.header.place)
            self._has_packets = True
        elif box.header.is_critical:
            raise MalformedError("the box is out of order", box.header.place)

    def end(self, file_bytes: int) -> None:
        """Take the end of the file.

        Args:
            file_bytes: where it ends.

        Raises:
            MalformedError: the trailer, if there is one, is not that of this file.
        """
        if self._trailer is None or self._index is None:
            return
        header = self._trailer.header
        if parse_trailer(self._trailer.cursor(), header.offset, file_bytes) != self._index.offset:
            raise MalformedError("the trailer does not point to the index", header.place)
        if self.scan.front_index is not None and self.scan.front_index[1] != file_bytes:
            raise MalformedError("the front index is that of a file of another length", header.place)

    def _take_front(self, box: Box, before: BoxHeader) -> None:
        """A box that stands in front of all windows, behind another of these."""
        box_type = box.header.box_type
        what, allowed = FRONT_TYPES[box_type]
        if before.box_type not in allowed:
            raise MalformedError(f"the {what}", box.header.place)
        if box_type == BoxType.FRONT_INDEX:
            self.scan.front_index = parse_front_index(box.cursor(), self._limits, box.header.end)
        self._has_tracks |= box_type == BoxType.TRACKS

    def _take_index(self, box: Box) -> None:
        if self._has_packets:
            raise MalformedError("packets behind the last window", box.header.place)
        scan, self._index = self.scan, box.header
        scan.index = parse_index(box.cursor(), self._limits, FILE_HEADER.size, box.header.offset)
        if scan.index.windows != tuple(scan.windows) or scan.index.level_idx != file_level(scan.levels):
            raise MalformedError("the index differs from the boxes", box.header.place)
        if scan.front_index is not None and scan.front_index[0] != scan.index:
            raise MalformedError("the index differs from the front index", box.header.place)

    def _begin_window(self, box: Box) -> None:
        self._has_packets = False
        header, _ = parse_window(box.cursor(), self._limits)
        self._stream.check_network(header.network, box.header.place)
        check_window_position(header, len(self.scan.windows), self._num_frames, box.header.place)
        num_chunks = self._num_chunks + len(header.chunk_lengths)
        self._limits.check_frames(self._num_frames + header.num_frames, num_chunks, box.header.place)
        self._window = _OpenWindow(header, box.header, [box.header], [])

    def _continue_window(self, window: _OpenWindow, box: Box) -> None:
        box.require_type(window.expected)
        window.boxes.append(box.header)
        if box.header.box_type != BoxType.CHUNK:
            return
        values, pts, durations = parse_chunk_times(box.cursor(), window.header)
        if values["chunk_idx"] != len(window.chunks):
            raise MalformedError(f"chunk {values['chunk_idx']} in the place of {len(window.chunks)}", box.header.place)
        first_frame = window.chunks[-1].end_frame if window.chunks else self._num_frames
        entry = ChunkEntry(
            num_frames=len(pts),
            first_pts=int(pts[0]),
            end_pts=int(pts[-1] + durations[-1]),
            first_frame=first_frame,
            offset=box.header.offset,
            box_bytes=box.header.end - box.header.offset,
        )
        if entry.first_pts < self._end_pts:
            raise MalformedError("timestamps do not increase", box.header.place)
        self._end_pts = entry.end_pts
        self._stream.check_rate(window.header, len(pts), entry.end_pts - entry.first_pts, box.header.place)
        window.chunks.append(entry)
        if len(window.chunks) == len(window.header.chunk_lengths):
            self._close_window(window)

    def _close_window(self, window: _OpenWindow) -> None:
        offset = window.start.offset
        run_bytes = window.boxes[2].end - offset
        num_frames = window.header.num_frames
        entry = WindowEntry(self._num_frames, num_frames, tuple(window.chunks), offset, run_bytes)
        self.scan.windows.append(entry)
        self.scan.levels.append(window.header.level_idx)
        self._num_frames += num_frames
        self._num_chunks += len(window.chunks)
        self._window = None


def check_window_position(header: WindowHeader, window_idx: int, first_frame: int, place: str) -> None:
    """Raise MalformedError if a window is not the one expected here."""
    if header.window_idx != window_idx:
        raise MalformedError(f"window {header.window_idx} in the place of window {window_idx}", place)
    if header.first_frame != first_frame:
        raise MalformedError(f"first_frame is {header.first_frame}, expected {first_frame}", place)


def check_within_level(header: WindowHeader, level_idx: int, place: str) -> None:
    """Raise MalformedError if the level of a window is above ``level_idx``, that of its file."""
    if level_idx and not 0 < header.level_idx <= level_idx:
        raise MalformedError(f"level {header.level_idx} in a file of level {level_idx}", place)
