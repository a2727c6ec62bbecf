"""Reading a .nvst file: its structure from the index, windows and chunks by random access."""

from __future__ import annotations

import hashlib
import os
from functools import cached_property
from typing import BinaryIO, Self

from nvcodec.bitstream.boxes import Box, BoxHeader, check_payload, parse_box_header, parse_file_header
from nvcodec.bitstream.content import ChunkContent, StreamHeader, WindowContent, WindowHeader
from nvcodec.bitstream.headers import BOX_HEADER, FILE_HEADER, MAGIC, STREAM, TRAILER, BoxType
from nvcodec.bitstream.index import ChunkEntry, Index, WindowEntry, parse_index, parse_trailer
from nvcodec.bitstream.integers import chunk_integers, window_integers
from nvcodec.bitstream.levels import file_level
from nvcodec.bitstream.limits import Limits
from nvcodec.bitstream.metadata import parse_metadata
from nvcodec.bitstream.payloads import (
    parse_chunk,
    parse_chunk_times,
    parse_shared,
    parse_stream,
    parse_window,
    parse_window_mask,
)
from nvcodec.bitstream.scan import check_window_position, scan_file
from nvcodec.bitstream.source import ByteSource, split_boxes
from nvcodec.errors import BitstreamError, ConfigError, MalformedError, TruncatedError

PARTS = ("mask", "shared", "own", "embeddings", "overhead")
"""Where the bytes of a file go."""

_FRONT_BYTES = FILE_HEADER.size + BOX_HEADER.size + STREAM.size
_TRAILER_BYTES = BOX_HEADER.size + TRAILER.size


class NvstReader:
    """A .nvst file as integers.

    Opening reads the file header, the stream header, the trailer and the index; where trailer and index are missing it
    goes over the boxes and keeps the whole windows. A window costs one read, a chunk one more.

    Args:
        source: path, or seekable binary file object (which stays open).
        limits: what to refuse.

    Raises:
        InputError: the file cannot be read.
        BitstreamError: it is not a .nvst file, is damaged, or is over a limit.
    """

    def __init__(self, source: str | os.PathLike[str] | BinaryIO, limits: Limits | None = None) -> None:
        self._source = ByteSource(source)
        self._limits = limits or Limits()
        try:
            self.header = self._read_front()
            trailer = self._find_trailer()
            self.is_finished = trailer is not None
            self._index = self._scan() if trailer is None else self._read_index(trailer)
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
        return self._box_behind_front(BoxType.FRONT_INDEX) is not None

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
            BitstreamError: the box behind the stream header is damaged.
        """
        front_index = self._box_behind_front(BoxType.FRONT_INDEX)
        header = self._box_behind_front(BoxType.METADATA, front_index.end if front_index else _FRONT_BYTES)
        if header is None:
            return {}
        box = self._source.read_box(header.offset, self._limits)
        return parse_metadata(box.payload, self._limits.max_metadata_bytes, header.place)

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
        box = self.chunk_box(window_idx, chunk_idx)
        self._check_chunk(box, self._chunk_entry(window_idx, chunk_idx), window.header, chunk_idx)
        return parse_chunk(box.cursor(), window)

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
        _ = self.metadata
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

    def bytes_by_part(self) -> dict[str, int]:
        """Bytes of the file by part: mask, shared, own, embeddings, overhead (everything else).

        Raises:
            BitstreamError: a box is damaged.
        """
        parts = dict.fromkeys(PARTS, 0)
        for window_idx in range(len(self.windows)):
            for part, size in self.bytes_of_window(window_idx).items():
                parts[part] += size
        parts["overhead"] += self.file_bytes - sum(parts.values())
        return parts

    def bytes_of_window(self, window_idx: int) -> dict[str, int]:
        """Bytes of a window's boxes by part: mask, shared, own, embeddings, overhead.

        Raises:
            BitstreamError: a box is damaged.
        """
        entry = self._entry(window_idx)
        header_box, mask_box, shared_box = self.window_boxes(window_idx)
        header, _ = self._parse_header(header_box, window_idx)
        chunk_parts = [self._chunk_parts(window_idx, chunk_idx, header) for chunk_idx in range(len(entry.chunks))]
        parts = {
            "mask": len(mask_box.payload),
            "shared": len(shared_box.payload),
            "own": sum(own for own, _ in chunk_parts),
            "embeddings": sum(embeddings for _, embeddings in chunk_parts),
        }
        total = entry.run_bytes + sum(chunk.box_bytes for chunk in entry.chunks)
        return {**parts, "overhead": total - sum(parts.values())}

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
        self._limits.check_box(entry.box_bytes, place)
        boxes = split_boxes(self._source.read(entry.offset, entry.box_bytes, place), entry.offset)
        if len(boxes) != 1:
            raise MalformedError(f"{len(boxes)} boxes in the place of one CHNK", place)
        boxes[0].require_type(BoxType.CHUNK)
        return boxes[0]

    def _read_front(self) -> StreamHeader:
        place = "file header at byte 0"
        data = self._source.read(0, min(_FRONT_BYTES, self._source.size), place)
        if len(data) < _FRONT_BYTES and MAGIC.to_bytes(8, "little").startswith(data[:8]):
            raise TruncatedError(f"the file ends at byte {len(data)}, before its first frame", place)
        parse_file_header(data[: FILE_HEADER.size])
        payload_start = FILE_HEADER.size + BOX_HEADER.size
        header = parse_box_header(data[FILE_HEADER.size : payload_start], FILE_HEADER.size)
        if header.box_type != BoxType.STREAM or header.payload_bytes != STREAM.size:
            raise MalformedError(f"expected a STRM box of {STREAM.size} bytes", header.place)
        return parse_stream(check_payload(header, data[payload_start:]).cursor(), self._limits)

    def _box_behind_front(self, box_type: BoxType, offset: int = _FRONT_BYTES) -> BoxHeader | None:
        """The header of the box at ``offset`` if it is of that type and whole."""
        if self._source.size < offset + BOX_HEADER.size:
            return None
        header = parse_box_header(self._source.read(offset, BOX_HEADER.size, f"box header at byte {offset}"), offset)
        return header if header.box_type == box_type and header.end <= self._source.size else None

    def _find_trailer(self) -> Box | None:
        """The trailer if the file ends with one; whether a damaged end is damage or a cut is left to the scan."""
        offset = self._source.size - _TRAILER_BYTES
        if offset < _FRONT_BYTES:
            return None
        try:
            boxes = split_boxes(self._source.read(offset, _TRAILER_BYTES, "trailer"), offset)
            boxes[0].require_type(BoxType.TRAILER)
        except BitstreamError:
            return None
        return boxes[0]

    def _read_index(self, trailer: Box) -> Index:
        offset = parse_trailer(trailer.cursor(), trailer.header.offset, self._source.size)
        box = self._source.read_box(offset, self._limits)
        box.require_type(BoxType.INDEX)
        if box.header.end != trailer.header.offset:
            raise MalformedError("the index does not end where the trailer begins", box.header.place)
        return parse_index(box.cursor(), self._limits, _FRONT_BYTES, offset)

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
        if self.level_idx and not 0 < header.level_idx <= self.level_idx:
            reason = f"level {header.level_idx} in a file of level {self.level_idx}"
            raise MalformedError(reason, box.header.place)
        return header, num_shared

    def _check_chunk(self, box: Box, entry: ChunkEntry, window: WindowHeader, chunk_idx: int) -> None:
        values, pts, durations = parse_chunk_times(box.cursor(), window)
        if values["chunk_idx"] != chunk_idx:
            raise MalformedError(f"chunk {values['chunk_idx']} in the place of {chunk_idx}", box.header.place)
        if (int(pts[0]), int(pts[-1] + durations[-1])) != (entry.first_pts, entry.end_pts):
            raise MalformedError("timestamps differ from the index", box.header.place)
        self.header.check_rate(window, entry.num_frames, entry.end_pts - entry.first_pts, box.header.place)

    def _chunk_parts(self, window_idx: int, chunk_idx: int, window: WindowHeader) -> tuple[int, int]:
        cursor = self.chunk_box(window_idx, chunk_idx).cursor()
        values, _, _ = parse_chunk_times(cursor, window)
        rest = len(cursor.data) - cursor.position - len(window.network.layout) - values["own_bytes"]
        if rest < 0:
            raise MalformedError(f"own_bytes is {values['own_bytes']}, more than the payload", cursor.place)
        return values["own_bytes"], rest
