"""Reading a .nvst file: its structure from the index, windows and chunks by random access."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from nvcodec.bitstream.boxes import Box, BoxHeader, parse_box_header, type_name
from nvcodec.bitstream.content import ChunkContent, StreamHeader, WindowContent, WindowHeader
from nvcodec.bitstream.headers import BOX_HEADER, TRAILER, BoxType
from nvcodec.bitstream.index import ChunkEntry, Index, WindowEntry, parse_front_index, parse_index, parse_trailer
from nvcodec.bitstream.integers import chunk_integers, window_integers
from nvcodec.bitstream.levels import file_level
from nvcodec.bitstream.limits import Limits
from nvcodec.bitstream.metadata import parse_metadata
from nvcodec.bitstream.payloads import (
    parse_chunk,
    parse_chunk_times,
    parse_shared,
    parse_window,
    parse_window_mask,
)
from nvcodec.bitstream.scan import (
    FRONT_BYTES,
    FRONT_TYPES,
    check_window_position,
    check_within_level,
    parse_front,
    scan_file,
)
from nvcodec.bitstream.source import ByteSource, Readable, open_byte_source, split_boxes
from nvcodec.bitstream.tracks import parse_chapters, parse_packets, parse_tracks
from nvcodec.errors import BitstreamError, ConfigError, MalformedError
from nvcodec.video.tracks import Chapter, Packet, Track

_TRAILER_BYTES = BOX_HEADER.size + TRAILER.size


class NvstReader:
    """A .nvst file as integers.

    Opening takes three reads: file header, stream header and the box header behind it; the trailer; the index. A front
    index saves one of them. Where there is no index it goes over the boxes and keeps the whole windows. A window costs
    one read, a chunk one more. Nothing is read ahead.

    Args:
        source: path, ``http://`` or other address, bytes, or seekable binary file object (which stays open).
        limits: what to refuse.
        index: where the windows lie, if the caller knows; None: what the file says.

    Raises:
        InputError: the file cannot be read.
        BitstreamError: it is not a .nvst file, is damaged, or is over a limit.
    """

    def __init__(self, source: Readable, limits: Limits | None = None, *, index: Index | None = None) -> None:
        self._source = open_byte_source(source)
        self._limits = limits or Limits()
        try:
            self.header = self._read_front()
            self._front_index = self._find_front_index()
            self.is_finished, self._index = self._find_index() if index is None else (False, index)
        except BaseException:
            self._source.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, unless it was given as an object."""
        self._source.close()

    @property
    def limits(self) -> Limits:
        """What this reader refuses."""
        return self._limits

    @property
    def source(self) -> ByteSource:
        """The file's bytes."""
        return self._source

    @property
    def file_bytes(self) -> int:
        """Length of the file."""
        return self._source.size

    @property
    def index(self) -> Index:
        """Where the whole windows lie."""
        return self._index

    @property
    def has_front_index(self) -> bool:
        """True if a copy of the index stands behind the stream header."""
        return self._front_index is not None

    @property
    def front_index_bytes(self) -> int:
        """Bytes of the box with the copy of the index, 0 if there is none."""
        return 0 if self._front_index is None else self._front_index.end - self._front_index.offset

    @property
    def windows(self) -> tuple[WindowEntry, ...]:
        """The whole windows."""
        return self._index.windows

    @property
    def num_frames(self) -> int:
        """Frames of the whole windows."""
        return self._index.num_frames

    @property
    def level_idx(self) -> int:
        """The level of the file, 0 if it has none."""
        return self._index.level_idx

    @property
    def is_complete(self) -> bool:
        """True if the file is finished and every frame of its source is coded."""
        return self._index.is_complete

    @cached_property
    def metadata(self) -> dict[str, str]:
        """Descriptive text; empty if there is none.

        Raises:
            BitstreamError: the box, or one in front of it, is damaged.
        """
        box = self._find_front(BoxType.METADATA)
        return {} if box is None else parse_metadata(box.payload, self._limits.max_metadata_bytes, box.header.place)

    @cached_property
    def tracks(self) -> tuple[Track, ...]:
        """Audio and subtitles; empty if there are none. Raises as :attr:`metadata` does."""
        box = self._find_front(BoxType.TRACKS)
        return () if box is None else parse_tracks(box.cursor())

    @cached_property
    def chapters(self) -> tuple[Chapter, ...]:
        """Named parts of the video; empty if there are none. Raises as :attr:`metadata` does."""
        box = self._find_front(BoxType.CHAPTERS)
        return () if box is None else parse_chapters(box.cursor())

    def extent_before(self, window_idx: int) -> tuple[int, int]:
        """From where to where the boxes lie that stand between a window and the window, or front index, before it."""
        if window_idx:
            last = self._entry(window_idx - 1).chunks[-1]
            return last.offset + last.box_bytes, self._entry(window_idx).offset
        start = FRONT_BYTES if self._front_index is None else self._front_index.end
        return start, self._entry(0).offset

    def read_packets(self, window_idx: int) -> list[Packet]:
        """The packets of all tracks that stand in front of a window, in one read.

        Raises:
            BitstreamError: a box there is damaged, or there are too many of them.
        """
        start, end = self.extent_before(window_idx)
        if start == end or not self.tracks:
            return []
        place = f"boxes from byte {start} on"
        self._limits.check_box(end - start, place)
        boxes = split_boxes(self._source.read(start, end - start, place), start)
        return parse_packets(boxes, len(self.tracks), self._limits)

    def read_window_header(self, window_idx: int) -> tuple[WindowHeader, int]:
        """A window's header and K, its number of shared parameters, without decoding mask and parameters.

        Raises:
            BitstreamError: the box is damaged or is not what the index says.
        """
        return self._parse_header(self._source.read_box(self._entry(window_idx).offset, self._limits), window_idx)

    def read_window(self, window_idx: int) -> WindowContent:
        """A window's header, mask and shared parameters.

        Raises:
            ConfigError: there is no such window.
            BitstreamError: a box is damaged or is not what the index says.
        """
        header_box, mask_box, shared_box = self.window_boxes(window_idx)
        header, num_shared = self._parse_header(header_box, window_idx)
        mask = parse_window_mask(mask_box.cursor(), header, num_shared)
        return parse_shared(shared_box.cursor(), header, mask)

    def read_chunk(self, window_idx: int, chunk_idx: int, window: WindowContent) -> ChunkContent:
        """A chunk's own parameters, embeddings and timestamps.

        Args:
            window: what :meth:`read_window` gave for ``window_idx``.

        Raises:
            ConfigError: there is no such chunk.
            BitstreamError: its box is damaged or is not what the index says.
        """
        if window.header.window_idx != window_idx:
            raise ConfigError(f"window {window.header.window_idx} given for window {window_idx}")
        return parse_chunk(self.checked_chunk_box(window_idx, chunk_idx, window.header).cursor(), window)

    def verify(self) -> str:
        """Check every checksum, the order of boxes and the index, and decode every integer.

        Returns:
            The digest of the integers, 64 hexadecimal digits (spec clause "Comparing decoders").

        Raises:
            BitstreamError: the first thing that is wrong.
        """
        scan = scan_file(self._source, self._limits, self.header)
        if tuple(scan.windows) != self.windows or scan.has_trailer != self.is_finished:
            raise MalformedError("the index differs from the boxes", "index")
        _ = self.metadata, self.chapters
        for window_idx in range(len(self.windows)):
            self.read_packets(window_idx)
        return self.integers_digest()

    def integers_digest(self) -> str:
        """Decode every integer, reading no more than its boxes, and return the digest that :meth:`verify` returns.

        Raises:
            BitstreamError: a box is damaged or is not what the index says.
        """
        digest = hashlib.sha256()
        for window_idx, entry in enumerate(self.windows):
            window = self.read_window(window_idx)
            for data in window_integers(window):
                digest.update(data)
            for chunk_idx in range(len(entry.chunks)):
                for data in chunk_integers(self.read_chunk(window_idx, chunk_idx, window)):
                    digest.update(data)
        return digest.hexdigest()

    def window_boxes(self, window_idx: int) -> tuple[Box, Box, Box]:
        """The WNDW, MASK and SHRD boxes, in one read.

        Raises:
            BitstreamError: they are damaged or not where the index says.
        """
        entry = self._entry(window_idx)
        place = f"window {window_idx} at byte {entry.offset}"
        self._limits.check_box(entry.run_bytes, place)
        boxes = split_boxes(self._source.read(entry.offset, entry.run_bytes, place), entry.offset)
        if len(boxes) != 3:
            raise MalformedError(f"{len(boxes)} boxes in the place of WNDW, MASK and SHRD", place)
        for box, box_type in zip(boxes, (BoxType.WINDOW, BoxType.MASK, BoxType.SHARED), strict=True):
            box.require_type(box_type)
        return boxes[0], boxes[1], boxes[2]

    def chunk_box(self, window_idx: int, chunk_idx: int) -> Box:
        """A CHNK box, in one read.

        Raises:
            BitstreamError: it is damaged or not where the index says.
        """
        entry = self._chunk_entry(window_idx, chunk_idx)
        place = f"window {window_idx} chunk {chunk_idx} at byte {entry.offset}"
        return self._read_one(BoxType.CHUNK, entry.offset, entry.box_bytes, place)

    def _read_one(self, box_type: BoxType, offset: int, size: int, place: str) -> Box:
        """The box of ``size`` bytes at ``offset``, in one read."""
        self._limits.check_box(size, place)
        boxes = split_boxes(self._source.read(offset, size, place), offset)
        if len(boxes) != 1:
            raise MalformedError(f"{len(boxes)} boxes in the place of one {type_name(box_type)}", place)
        boxes[0].require_type(box_type)
        return boxes[0]

    def checked_chunk_box(self, window_idx: int, chunk_idx: int, window: WindowHeader) -> Box:
        """A CHNK box whose header is held against its window and the index; its integers are not decoded.

        Args:
            window: what :meth:`read_window_header` gave for ``window_idx``.

        Raises:
            BitstreamError: it is damaged or is not what the index says.
        """
        box = self.chunk_box(window_idx, chunk_idx)
        self._check_chunk(box, self._chunk_entry(window_idx, chunk_idx), window, chunk_idx)
        return box

    def chunk_pts(self, window_idx: int, chunk_idx: int) -> npt.NDArray[np.int64]:
        """Timestamps (n,) of a chunk's frames; its integers are not decoded.

        Raises:
            BitstreamError: a box is damaged or is not what the index says.
        """
        header, _ = self.read_window_header(window_idx)
        return parse_chunk_times(self.checked_chunk_box(window_idx, chunk_idx, header).cursor(), header)[1]

    def _read_front(self) -> StreamHeader:
        start = self._source.read_start(FRONT_BYTES + BOX_HEADER.size)
        self._next_header = start[FRONT_BYTES:]
        return parse_front(start[:FRONT_BYTES], self._limits)

    def _find_front(self, box_type: BoxType) -> Box | None:
        """The box of a type that stands in front of all windows, if there is one and it is whole."""
        header = self._front_headers.get(box_type)
        return None if header is None else self._source.read_payload(header, self._limits)

    @cached_property
    def _front_headers(self) -> dict[BoxType | None, BoxHeader]:
        """Of the whole boxes in front of all windows, by type."""
        headers: dict[BoxType | None, BoxHeader] = {}
        start = FRONT_BYTES
        while start + BOX_HEADER.size <= self._source.size:
            is_known = start == FRONT_BYTES
            data = self._next_header if is_known else self._source.read(start, BOX_HEADER.size, "box header")
            header = parse_box_header(data, start)
            if header.box_type not in FRONT_TYPES or header.end > self._source.size:
                break
            headers.setdefault(header.box_type, header)
            start = header.end
        return headers

    def _find_index(self) -> tuple[bool, Index]:
        """Whether the file is finished, and its index."""
        if self._front_index is not None and (index := self._read_front_index(self._front_index)) is not None:
            return True, index
        trailer = self._find_trailer()
        if trailer is None:
            return False, self._scan()
        return True, self._read_index(trailer)

    def _find_front_index(self) -> BoxHeader | None:
        """The header of the copy of the index behind the stream header, if there is one and it is whole."""
        try:
            header = parse_box_header(self._next_header, FRONT_BYTES)
        except BitstreamError:
            return None
        return header if header.box_type == BoxType.FRONT_INDEX and header.end <= self._source.size else None

    def _read_front_index(self, header: BoxHeader) -> Index | None:
        """The index in front, if it is sound and that of a file of this length; else the one at the end counts."""
        try:
            box = self._source.read_payload(header, self._limits)
            index, file_bytes = parse_front_index(box.cursor(), self._limits, header.end)
        except BitstreamError:
            return None
        return index if file_bytes == self._source.size else None

    def _find_trailer(self) -> Box | None:
        """The trailer if the file ends with one; whether a damaged end is damage or a cut is left to the scan."""
        offset = self._source.size - _TRAILER_BYTES
        if offset < FRONT_BYTES:
            return None
        try:
            boxes = split_boxes(self._source.read(offset, _TRAILER_BYTES, "trailer"), offset)
            boxes[0].require_type(BoxType.TRAILER)
        except BitstreamError:
            return None
        return boxes[0]

    def _read_index(self, trailer: Box) -> Index:
        offset = parse_trailer(trailer.cursor(), trailer.header.offset, self._source.size)
        box = self._read_one(BoxType.INDEX, offset, trailer.header.offset - offset, f"INDX box at byte {offset}")
        return parse_index(box.cursor(), self._limits, FRONT_BYTES, offset)

    def _scan(self) -> Index:
        scan = scan_file(self._source, self._limits, self.header)
        return Index(tuple(scan.windows), file_level(scan.levels), is_complete=False)

    def _entry(self, window_idx: int) -> WindowEntry:
        if not 0 <= window_idx < len(self.windows):
            raise ConfigError(f"window_idx is {window_idx}, the file has {len(self.windows)} windows")
        return self.windows[window_idx]

    def _chunk_entry(self, window_idx: int, chunk_idx: int) -> ChunkEntry:
        chunks = self._entry(window_idx).chunks
        if not 0 <= chunk_idx < len(chunks):
            raise ConfigError(f"chunk_idx is {chunk_idx}, window {window_idx} has {len(chunks)} chunks")
        return chunks[chunk_idx]

    def _parse_header(self, box: Box, window_idx: int) -> tuple[WindowHeader, int]:
        box.require_type(BoxType.WINDOW)
        header, num_shared = parse_window(box.cursor(), self._limits)
        self.header.check_network(header.network, box.header.place)
        entry = self.windows[window_idx]
        check_window_position(header, window_idx, entry.first_frame, box.header.place)
        if header.chunk_lengths != tuple(chunk.num_frames for chunk in entry.chunks):
            raise MalformedError("chunk_lengths differ from the index", box.header.place)
        check_within_level(header, self.level_idx, box.header.place)
        return header, num_shared

    def _check_chunk(self, box: Box, entry: ChunkEntry, window: WindowHeader, chunk_idx: int) -> None:
        values, pts, durations = parse_chunk_times(box.cursor(), window)
        if values["chunk_idx"] != chunk_idx:
            raise MalformedError(f"chunk {values['chunk_idx']} in the place of {chunk_idx}", box.header.place)
        if (int(pts[0]), int(pts[-1] + durations[-1])) != (entry.first_pts, entry.end_pts):
            raise MalformedError("timestamps differ from the index", box.header.place)
        self.header.check_rate(window, entry.num_frames, entry.end_pts - entry.first_pts, box.header.place)
