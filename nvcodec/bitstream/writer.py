"""Writing a .nvst file from front to back, window by window."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Self

from nvcodec.bitstream.boxes import pack_box, pack_file_header
from nvcodec.bitstream.content import ChunkContent, StreamHeader, WindowContent, WindowHeader
from nvcodec.bitstream.headers import BOX_HEADER, TRAILER, BoxType
from nvcodec.bitstream.index import (
    ChunkTimes,
    Index,
    WindowEntry,
    check_times,
    gather_window,
    pack_index,
    pack_trailer,
)
from nvcodec.bitstream.levels import file_level
from nvcodec.bitstream.metadata import pack_metadata
from nvcodec.bitstream.payloads import pack_chunk, pack_shared, pack_stream, pack_window, pack_window_mask
from nvcodec.bitstream.reader import NvstReader
from nvcodec.bitstream.scan import check_window_position
from nvcodec.bitstream.tracks import pack_chapters, pack_packets, pack_tracks
from nvcodec.errors import ConfigError, MalformedError, OutputError
from nvcodec.video.tracks import Chapter, Packet, Track


@dataclass(frozen=True)
class WrittenPart:
    """A file up to the end of its last whole window.

    Attributes:
        windows: its whole windows, at least one.
        levels: the ``level_idx`` of each.
        num_boxes: boxes up to there.
        num_bytes: bytes up to there.
    """

    windows: tuple[WindowEntry, ...]
    levels: tuple[int, ...]
    num_boxes: int
    num_bytes: int

    @classmethod
    def of(cls, reader: NvstReader) -> Self:
        """What a file holds.

        Raises:
            ConfigError: it holds no whole window.
            BitstreamError: a WNDW box or the last box is damaged.
        """
        if not reader.windows:
            raise ConfigError("there is no whole window to go on from", str(reader.source.name))
        levels = tuple(reader.read_window_header(idx)[0].level_idx for idx in range(len(reader.windows)))
        box = reader.chunk_box(len(reader.windows) - 1, len(reader.windows[-1].chunks) - 1).header
        return cls(reader.windows, levels, box.sequence + 1, box.end)


class NvstWriter:
    """Appends to a file and never seeks; after every window the file can be decoded up to there.

    Args:
        file: binary file, written from its current position, which is taken as byte 0, or as the first byte behind
            ``written``.
        header: the stream header.
        written: what the file holds already, written with the same header; None begins a file.

    Raises:
        MalformedError: the header is out of range.
        OutputError: the file cannot be written.
    """

    def __init__(self, file: BinaryIO, header: StreamHeader, written: WrittenPart | None = None) -> None:
        header.validate()
        self._file = file
        self._header = header
        self._is_finished = False
        if written is not None:
            self._windows, self._levels = list(written.windows), list(written.levels)
            self._sequence, self._offset = written.num_boxes, written.num_bytes
            return
        self._windows, self._levels, self._sequence, self._offset = [], [], 0, 0
        self._write(pack_file_header())
        self._write_box(BoxType.STREAM, pack_stream(header))

    @property
    def num_frames(self) -> int:
        """Frames of all windows written so far."""
        return self._windows[-1].first_frame + self._windows[-1].num_frames if self._windows else 0

    @property
    def num_windows(self) -> int:
        """Windows written so far."""
        return len(self._windows)

    @property
    def num_bytes(self) -> int:
        """Bytes written so far."""
        return self._offset

    @property
    def index(self) -> Index:
        """Where the windows written so far lie."""
        return self._make_index(is_complete=False)

    def write_metadata(self, metadata: Mapping[str, str]) -> None:
        """Write descriptive text; once, before the first window.

        Raises:
            MalformedError: a window or metadata was written before, or a text cannot be stored.
        """
        if self._sequence != 1:
            raise MalformedError("metadata has to be written once and before the first window", "metadata")
        self._write_box(BoxType.METADATA, pack_metadata(metadata))

    def write_tracks(self, tracks: Sequence[Track], chapters: Sequence[Chapter]) -> None:
        """Write what tracks and chapters there are; once, behind the metadata and before the first window.

        Raises:
            MalformedError: a window was written before, or a field is out of range; nothing was written.
            OutputError: the file cannot be written.
        """
        if self._windows:
            raise MalformedError("tracks have to be written before the first window", "tracks")
        boxes = [(BoxType.TRACKS, pack_tracks(tracks))] if tracks else []
        boxes += [(BoxType.CHAPTERS, pack_chapters(chapters))] if chapters else []
        for box_type, payload in boxes:
            self._write_box(box_type, payload)

    def write_packets(self, packets: Iterable[Packet]) -> None:
        """Write the packets of the window that is written next; at most once for each window.

        Raises:
            MalformedError: a field is out of range; nothing was written.
            OutputError: the file cannot be written.
        """
        for payload in list(pack_packets(packets)):
            self._write_box(BoxType.PACKETS, payload)

    def write_window(self, window: WindowContent, chunks: Sequence[ChunkContent]) -> dict[str, int]:
        """Write a window with all its chunks and flush the file.

        Returns:
            Bytes by part: mask, shared, own, embeddings, overhead.

        Raises:
            MalformedError: a record is out of range or contradicts another; nothing was written.
            OutputError: the file cannot be written.
        """
        self._check_header(window.header)
        window.validate()
        if [chunk.chunk_idx for chunk in chunks] != list(range(len(window.header.chunk_lengths))):
            place = f"window {window.header.window_idx}"
            raise MalformedError("the chunks are not those of the window header, in order", place)
        for chunk in chunks:
            chunk.validate(window)
        times = [
            ChunkTimes(num_frames=chunk.num_frames, first_pts=int(chunk.pts[0]), end_pts=chunk.end_pts)
            for chunk in chunks
        ]
        mask, shared = pack_window_mask(window), pack_shared(window)
        packed = [pack_chunk(window, chunk) for chunk in chunks]
        start = self._offset
        payloads = [mask, shared, *(payload for payload, _, _ in packed)]
        self.write_packed_window(window.header, window.num_shared, times, payloads)
        parts = {
            "mask": len(mask),
            "shared": len(shared),
            "own": sum(own for _, own, _ in packed),
            "embeddings": sum(embeddings for _, _, embeddings in packed),
        }
        return {**parts, "overhead": self._offset - start - sum(parts.values())}

    def write_packed_window(
        self, header: WindowHeader, num_shared: int, times: Sequence[ChunkTimes], payloads: Iterable[bytes]
    ) -> None:
        """Write a window whose payloads are packed already and flush the file; each is asked for when it is due.

        Args:
            header: of the window.
            num_shared: K, the number of shared parameters.
            times: of each chunk.
            payloads: of the MASK, the SHRD and all CHNK boxes, in order. They are written as they are.

        Raises:
            MalformedError: the header or a time is out of range or contradicts another; nothing was written.
            OutputError: the file cannot be written.
        """
        self._check_header(header)
        self._check_times(header, times)
        offset = self._offset
        self._write_box(BoxType.WINDOW, pack_window(header, num_shared))
        types = (BoxType.MASK, BoxType.SHARED, *(BoxType.CHUNK for _ in times))
        ends = []
        for box_type, payload in zip(types, payloads, strict=True):
            self._write_box(box_type, payload)
            ends.append(self._offset)
        self._flush()
        columns = [
            (chunk.num_frames, chunk.first_pts, chunk.end_pts, start, end - start)
            for chunk, (start, end) in zip(times, itertools.pairwise(ends[1:]), strict=True)
        ]
        self._windows.append(gather_window(header.first_frame, offset, ends[1] - offset, columns))
        self._levels.append(header.level_idx)

    def finish(self, is_complete: bool) -> None:
        """Write index and trailer and flush the file; does not close it.

        Args:
            is_complete: every frame of the source is coded.

        Raises:
            OutputError: the file cannot be written.
        """
        if self._is_finished:
            raise MalformedError("the file is finished", "finish")
        index_offset = self._offset
        self._write_box(BoxType.INDEX, pack_index(self._make_index(is_complete)))
        file_bytes = self._offset + BOX_HEADER.size + TRAILER.size
        trailer = pack_trailer(index_offset, self._offset - index_offset, file_bytes)
        self._write_box(BoxType.TRAILER, trailer)
        self._flush()
        self._is_finished = True

    def _make_index(self, is_complete: bool) -> Index:
        return Index(tuple(self._windows), file_level(self._levels), is_complete)

    def _check_header(self, header: WindowHeader) -> None:
        place = f"window {header.window_idx}"
        if self._is_finished:
            raise MalformedError("the file is finished", place)
        header.validate()
        self._header.check_network(header.network, place)
        check_window_position(header, self.num_windows, self.num_frames, place)

    def _check_times(self, header: WindowHeader, times: Sequence[ChunkTimes]) -> None:
        place = f"window {header.window_idx}"
        if [chunk.num_frames for chunk in times] != list(header.chunk_lengths):
            raise MalformedError("the times are not those of the chunks of the window header", place)
        last = self._windows[-1].chunks[-1:] if self._windows else ()
        check_times([*last, *times], place)
        for chunk_idx, chunk in enumerate(times):
            duration = chunk.end_pts - chunk.first_pts
            self._header.check_rate(header, chunk.num_frames, duration, f"{place} chunk {chunk_idx}")

    def _write_box(self, box_type: BoxType, payload: bytes) -> None:
        self._write(pack_box(box_type, self._sequence, payload))
        self._sequence += 1

    def _write(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            raise OutputError(error.strerror or str(error), getattr(self._file, "name", "")) from error
        self._offset += len(data)

    def _flush(self) -> None:
        try:
            self._file.flush()
        except OSError as error:
            raise OutputError(error.strerror or str(error), getattr(self._file, "name", "")) from error
