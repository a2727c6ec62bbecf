"""Writing a .nvst file from front to back, window by window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Self

from nvcodec.bitstream.boxes import pack_box, pack_file_header
from nvcodec.bitstream.content import ChunkContent, StreamHeader, WindowContent
from nvcodec.bitstream.headers import BOX_HEADER, TRAILER, BoxType
from nvcodec.bitstream.index import Index, WindowEntry, check_times, gather_window, pack_index, pack_trailer
from nvcodec.bitstream.metadata import pack_metadata
from nvcodec.bitstream.payloads import pack_chunk, pack_shared, pack_stream, pack_window, pack_window_mask
from nvcodec.bitstream.reader import NvstReader
from nvcodec.bitstream.scan import check_window_position
from nvcodec.errors import ConfigError, MalformedError, OutputError


@dataclass(frozen=True)
class WrittenPart:
    """A file up to the end of its last whole window.

    Attributes:
        windows: its whole windows, at least one.
        num_boxes: boxes up to there.
        num_bytes: bytes up to there.
    """

    windows: tuple[WindowEntry, ...]
    num_boxes: int
    num_bytes: int

    @classmethod
    def of(cls, reader: NvstReader) -> Self:
        """What a file holds.

        Raises:
            ConfigError: it holds no whole window.
            BitstreamError: its last box is damaged.
        """
        if not reader.windows:
            raise ConfigError("there is no whole window to go on from", str(reader.source.name))
        box = reader.chunk_box(len(reader.windows) - 1, len(reader.windows[-1].chunks) - 1).header
        return cls(reader.windows, box.sequence + 1, box.end)


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
            self._windows, self._sequence, self._offset = list(written.windows), written.num_boxes, written.num_bytes
            return
        self._windows, self._sequence, self._offset = [], 0, 0
        self._write(pack_file_header())
        self._write_box(BoxType.STREAM, pack_stream(header))

    @property
    def num_frames(self) -> int:
        """Frames of all windows written so far."""
        return sum(window.num_frames for window in self._windows)

    @property
    def num_bytes(self) -> int:
        """Bytes written so far."""
        return self._offset

    def write_metadata(self, metadata: Mapping[str, str]) -> None:
        """Write descriptive text; once, before the first window.

        Raises:
            MalformedError: a window or metadata was written before, or a text cannot be stored.
        """
        if self._sequence != 1:
            raise MalformedError("metadata has to be written once and before the first window", "metadata")
        self._write_box(BoxType.METADATA, pack_metadata(metadata))

    def write_window(self, window: WindowContent, chunks: Sequence[ChunkContent]) -> dict[str, int]:
        """Write a window with all its chunks and flush the file.

        Returns:
            Bytes by part: mask, shared, own, embeddings, overhead.

        Raises:
            MalformedError: a record is out of range or contradicts another; nothing was written.
            OutputError: the file cannot be written.
        """
        place = f"window {window.header.window_idx}"
        if self._is_finished:
            raise MalformedError("the file is finished", place)
        self._check_window(window, chunks, place)
        payloads = [pack_window(window), pack_window_mask(window), pack_shared(window)]
        packed = [pack_chunk(window, chunk) for chunk in chunks]
        entry = self._entry(payloads, [payload for payload, _, _ in packed], chunks)
        check_times([*self._windows[-1:], entry], place)
        start = self._offset
        for box_type, payload in zip((BoxType.WINDOW, BoxType.MASK, BoxType.SHARED), payloads, strict=True):
            self._write_box(box_type, payload)
        for payload, _, _ in packed:
            self._write_box(BoxType.CHUNK, payload)
        self._flush()
        self._windows.append(entry)
        parts = {
            "mask": len(payloads[1]),
            "shared": len(payloads[2]),
            "own": sum(own for _, own, _ in packed),
            "embeddings": sum(embeddings for _, _, embeddings in packed),
        }
        return {**parts, "overhead": self._offset - start - sum(parts.values())}

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
        self._write_box(BoxType.INDEX, pack_index(Index(tuple(self._windows), is_complete)))
        file_bytes = self._offset + BOX_HEADER.size + TRAILER.size
        trailer = pack_trailer(index_offset, self._offset - index_offset, file_bytes)
        self._write_box(BoxType.TRAILER, trailer)
        self._flush()
        self._is_finished = True

    def _check_window(self, window: WindowContent, chunks: Sequence[ChunkContent], place: str) -> None:
        window.validate()
        self._header.check_network(window.header.network, place)
        check_window_position(window.header, len(self._windows), self.num_frames, place)
        if [chunk.chunk_idx for chunk in chunks] != list(range(len(window.header.chunk_lengths))):
            raise MalformedError("the chunks are not those of the window header, in order", place)
        for chunk in chunks:
            chunk.validate(window)

    def _entry(
        self, payloads: Sequence[bytes], chunk_payloads: Sequence[bytes], chunks: Sequence[ChunkContent]
    ) -> WindowEntry:
        run_bytes = sum(BOX_HEADER.size + len(payload) for payload in payloads)
        offset = self._offset + run_bytes
        columns = []
        for payload, chunk in zip(chunk_payloads, chunks, strict=True):
            box_bytes = BOX_HEADER.size + len(payload)
            columns.append((chunk.num_frames, int(chunk.pts[0]), chunk.end_pts, offset, box_bytes))
            offset += box_bytes
        return gather_window(self.num_frames, self._offset, run_bytes, columns)

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
