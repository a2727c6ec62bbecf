"""Reading a file box by box: finds the windows of an unfinished file and checks the order of boxes in any file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from nvcodec.bitstream.boxes import Box, BoxHeader, check_payload, parse_box_header
from nvcodec.bitstream.content import StreamHeader, WindowHeader
from nvcodec.bitstream.headers import BOX_HEADER, FILE_HEADER, MAX_PTS, BoxType
from nvcodec.bitstream.index import ChunkEntry, Index, WindowEntry, parse_front_index, parse_index, parse_trailer
from nvcodec.bitstream.levels import file_level
from nvcodec.bitstream.limits import Limits
from nvcodec.bitstream.payloads import parse_chunk_times, parse_window
from nvcodec.bitstream.source import ByteSource
from nvcodec.errors import MalformedError, UnsupportedError


def iter_boxes(source: ByteSource, limits: Limits) -> Iterator[Box]:
    """All boxes in order, checksums and sequence verified; stops without an error where a cut-off file ends.

    Raises:
        BitstreamError: a box is damaged, out of sequence, of an unknown critical type or over a limit.
    """
    offset, sequence = FILE_HEADER.size, 0
    while offset + BOX_HEADER.size <= source.size:
        header = parse_box_header(source.read(offset, BOX_HEADER.size, f"box header at byte {offset}"), offset)
        if header.sequence != sequence:
            raise MalformedError(f"box {header.sequence} in the place of box {sequence}", header.place)
        if header.box_type is None and header.is_critical:
            raise UnsupportedError(f"box type {header.type} is unknown", header.place)
        if header.end > source.size:
            return
        limits.check_box(header.payload_bytes, header.place)
        yield check_payload(header, source.read(offset + BOX_HEADER.size, header.payload_bytes, header.place))
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
    scanner = _Scanner(source, limits, stream)
    for box in iter_boxes(source, limits):
        scanner.add(box)
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


class _Scanner:
    """Follows the grammar: STRM, then windows (WNDW MASK SHRD CHNK…), INDX, TRLR; skippable boxes between windows."""

    def __init__(self, source: ByteSource, limits: Limits, stream: StreamHeader) -> None:
        self.scan = Scan()
        self._source = source
        self._limits = limits
        self._stream = stream
        self._end_pts = -MAX_PTS
        self._window: _OpenWindow | None = None
        self._num_frames = 0
        self._num_chunks = 0
        self._last: BoxHeader | None = None

    def add(self, box: Box) -> None:
        """Take the next box."""
        before, self._last = self._last, box.header
        if before is None:
            box.require_type(BoxType.STREAM)
        elif self.scan.index is not None:
            self._end(box, before)
        elif self._window is not None:
            self._continue_window(self._window, box)
        elif box.header.box_type == BoxType.WINDOW:
            self._begin_window(box)
        elif box.header.box_type == BoxType.INDEX:
            self._take_index(box)
        elif box.header.box_type == BoxType.FRONT_INDEX:
            if before.box_type != BoxType.STREAM:
                raise MalformedError("the front index does not follow the stream header", box.header.place)
            self.scan.front_index = parse_front_index(box.cursor(), self._limits, box.header.end)
        elif box.header.box_type == BoxType.METADATA:
            if before.box_type not in (BoxType.STREAM, BoxType.FRONT_INDEX):
                raise MalformedError("the metadata does not follow the stream header", box.header.place)
        elif box.header.is_critical:
            raise MalformedError("the box is out of order", box.header.place)

    def _take_index(self, box: Box) -> None:
        scan = self.scan
        scan.index = parse_index(box.cursor(), self._limits, FILE_HEADER.size, box.header.offset)
        if scan.index.windows != tuple(scan.windows) or scan.index.level_idx != file_level(scan.levels):
            raise MalformedError("the index differs from the boxes", box.header.place)
        if scan.front_index is not None and scan.front_index[0] != scan.index:
            raise MalformedError("the index differs from the front index", box.header.place)

    def _end(self, box: Box, index: BoxHeader) -> None:
        box.require_type(BoxType.TRAILER)
        if parse_trailer(box.cursor(), box.header.offset, self._source.size) != index.offset:
            raise MalformedError("the trailer does not point to the index", box.header.place)
        if self.scan.front_index is not None and self.scan.front_index[1] != self._source.size:
            raise MalformedError("the front index is that of a file of another length", box.header.place)
        self.scan.has_trailer = True

    def _begin_window(self, box: Box) -> None:
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
        first_frame = self._num_frames + sum(chunk.num_frames for chunk in window.chunks)
        times = int(pts[0]), int(pts[-1] + durations[-1])
        if times[0] < self._end_pts:
            raise MalformedError("timestamps do not increase", box.header.place)
        self._end_pts = times[1]
        self._stream.check_rate(window.header, len(pts), times[1] - times[0], box.header.place)
        size = box.header.end - box.header.offset
        window.chunks.append(ChunkEntry(first_frame, len(pts), *times, box.header.offset, size))
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
