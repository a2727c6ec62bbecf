"""Every field of every box as text, straight from the declarations."""

from __future__ import annotations

from collections.abc import Iterator

from nvcodec.bitstream.boxes import Box, parse_file_header
from nvcodec.bitstream.content import WindowContent, WindowHeader
from nvcodec.bitstream.fields import Cursor
from nvcodec.bitstream.headers import BOX_HEADER, FILE_HEADER, BoxType
from nvcodec.bitstream.index import parse_front_index, parse_index, parse_trailer
from nvcodec.bitstream.masks import BoolArray
from nvcodec.bitstream.payloads import parse_chunk, parse_shared, parse_stream, parse_window, parse_window_mask
from nvcodec.bitstream.reader import NvstReader
from nvcodec.bitstream.scan import ForwardFile, Scanner, iter_boxes
from nvcodec.bitstream.tracks import parse_chapters, parse_run, parse_tracks


def dump(reader: NvstReader) -> Iterator[str]:
    """Lines that show the file header and all boxes, the integers of coded sections decoded and checked on the way.

    Raises:
        BitstreamError: a box is damaged.
    """
    values = parse_file_header(reader.source.read(0, FILE_HEADER.size, "file header at byte 0"))
    yield f"file header at byte 0, {FILE_HEADER.size} bytes"
    for name, text in FILE_HEADER.lines(values):
        yield f"    {name}: {text}"
    for box, cursor in traced_boxes(reader):
        header = box.header
        size = header.end - header.offset
        yield f"{header.place}, {size} bytes, sequence {header.sequence}, payload_crc {header.payload_crc:08x}"
        yield from _lines(cursor, header.offset + BOX_HEADER.size)


def traced_boxes(reader: NvstReader) -> Iterator[tuple[Box, Cursor]]:
    """All boxes in order, each with a cursor whose trace has every record of its payload.

    Raises:
        BitstreamError: a box is damaged.
    """
    parser, scanner = _BoxParser(reader), Scanner(reader.limits, reader.header)
    for box in iter_boxes(ForwardFile(reader.source), reader.limits):
        scanner.add(box)
        yield box, parser.parse(box)


def _lines(cursor: Cursor, start: int) -> Iterator[str]:
    for position, record, values in cursor.trace:
        yield f"  {record.name} at byte {start + position}"
        for name, text in record.lines(values):
            yield f"    {name}: {text}"


class _BoxParser:
    """Parses boxes in order, keeping of the current window what later boxes need."""

    def __init__(self, reader: NvstReader) -> None:
        self._reader = reader
        self._num_tracks = 0
        self._header: WindowHeader
        self._num_shared: int
        self._mask: BoolArray
        self._window: WindowContent

    def parse(self, box: Box) -> Cursor:
        """Parse a box and return the cursor with the trace of its records."""
        cursor, limits = box.cursor(), self._reader.limits
        match box.header.box_type:
            case BoxType.STREAM:
                parse_stream(cursor, limits)
            case BoxType.FRONT_INDEX:
                parse_front_index(cursor, limits, box.header.end)
            case BoxType.TRACKS:
                self._num_tracks = len(parse_tracks(cursor))
            case BoxType.CHAPTERS:
                parse_chapters(cursor)
            case BoxType.PACKETS:
                parse_run(cursor, self._num_tracks, limits)
            case BoxType.WINDOW:
                self._header, self._num_shared = parse_window(cursor, limits)
            case BoxType.MASK:
                self._mask = parse_window_mask(cursor, self._header, self._num_shared)
            case BoxType.SHARED:
                self._window = parse_shared(cursor, self._header, self._mask)
            case BoxType.CHUNK:
                parse_chunk(cursor, self._window)
            case BoxType.INDEX:
                parse_index(cursor, limits, FILE_HEADER.size, box.header.offset)
            case BoxType.TRAILER:
                parse_trailer(cursor, box.header.offset, self._reader.file_bytes)
        return cursor
