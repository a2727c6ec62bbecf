"""Reading a .nvst stream that cannot be searched, from front to back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import BinaryIO

from nvcodec.bitstream.boxes import Box
from nvcodec.bitstream.content import ChunkContent, WindowContent
from nvcodec.bitstream.headers import FILE_HEADER, BoxType
from nvcodec.bitstream.integers import chunk_integers, window_integers
from nvcodec.bitstream.limits import Limits
from nvcodec.bitstream.metadata import parse_metadata
from nvcodec.bitstream.payloads import parse_chunk
from nvcodec.bitstream.scan import FRONT_BYTES, Scanner, iter_boxes, parse_front, parse_run
from nvcodec.bitstream.tracks import parse_chapters, parse_packets, parse_tracks
from nvcodec.errors import InputError
from nvcodec.video.tracks import Chapter, Packet, Track

_PIECE_BYTES = 1 << 20


class SequentialReader:
    """A .nvst stream, read once and in order.

    Iterating gives each chunk, with its window, as soon as its box is there. Memory is that of one window's shared
    block and packets and of one chunk; of earlier windows only their places are kept.

    A stream that ends early is unfinished, not damaged; its last chunks may be those of a window that is not whole.

    Args:
        file: binary, at its start; need not be seekable and stays open.
        limits: what to refuse.

    Attributes:
        header: what all windows have in common.
        num_frames: those of the chunks that were there so far.
        is_complete: the stream is finished and every frame of its source is coded; None until it is read to its end.

    Raises:
        InputError: the stream cannot be read.
        BitstreamError: it is not a .nvst stream, is damaged, or is over a limit.
    """

    def __init__(self, file: BinaryIO, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._pipe = _Pipe(file)
        self.header = parse_front(self._pipe.peek(FRONT_BYTES), self._limits)
        self.num_frames = 0
        self.is_complete: bool | None = None
        self._front: dict[BoxType, Box] = {}
        self._packet_boxes: list[Box] = []

    @property
    def metadata(self) -> dict[str, str]:
        """Descriptive text; known once the first chunk is there.

        Raises:
            BitstreamError: the box is damaged.
        """
        box = self._front.get(BoxType.METADATA)
        return {} if box is None else parse_metadata(box.payload, self._limits.max_metadata_bytes, box.header.place)

    @property
    def tracks(self) -> tuple[Track, ...]:
        """Audio and subtitles; known once the first chunk is there. Raises as :attr:`metadata` does."""
        box = self._front.get(BoxType.TRACKS)
        return () if box is None else parse_tracks(box.cursor())

    @property
    def chapters(self) -> tuple[Chapter, ...]:
        """Named parts of the video; known once the first chunk is there. Raises as :attr:`metadata` does."""
        box = self._front.get(BoxType.CHAPTERS)
        return () if box is None else parse_chapters(box.cursor())

    def read_packets(self) -> list[Packet]:
        """The packets that stood in front of the last chunk's window.

        Raises:
            BitstreamError: they are damaged, or too many.
        """
        return parse_packets(self._packet_boxes, len(self.tracks), self._limits)

    def __iter__(self) -> Iterator[tuple[WindowContent, ChunkContent]]:
        """The chunks in order, every one decoded.

        Raises:
            InputError: the stream cannot be read.
            BitstreamError: it is damaged.
        """
        return self._chunks()

    def verify(self) -> str:
        """Read to the end; check every checksum, the order of boxes and the index, and decode every integer and text.

        Returns:
            The digest of the integers of the whole windows, as ``NvstReader.verify`` returns it.

        Raises:
            InputError: the stream cannot be read.
            BitstreamError: the first thing that is wrong.
        """
        whole = current = hashlib.sha256()
        for window, chunk in self._chunks():
            if chunk.chunk_idx == 0:
                self.read_packets()
                current = whole.copy()
                for data in window_integers(window):
                    current.update(data)
            for data in chunk_integers(chunk):
                current.update(data)
            if chunk.chunk_idx == len(window.header.chunk_lengths) - 1:
                whole = current
        _ = self.metadata, self.tracks, self.chapters
        return whole.hexdigest()

    def _chunks(self) -> Iterator[tuple[WindowContent, ChunkContent]]:
        window: WindowContent | None = None
        run: list[Box] = []
        packet_boxes: list[Box] = []
        for box in self._boxes():
            match box.header.box_type:
                case BoxType.METADATA | BoxType.TRACKS | BoxType.CHAPTERS as box_type:
                    self._front[box_type] = box
                case BoxType.PACKETS:
                    packet_boxes.append(box)
                case BoxType.WINDOW:
                    run.append(box)
                    self._packet_boxes, packet_boxes = packet_boxes, []
                case BoxType.MASK:
                    run.append(box)
                case BoxType.SHARED:
                    window, run = parse_run((run[0], run[1], box), self._limits), []
                case BoxType.CHUNK if window is not None:
                    chunk = parse_chunk(box.cursor(), window)
                    self.num_frames += chunk.num_frames
                    yield window, chunk

    def _boxes(self) -> Iterator[Box]:
        self._pipe.take(FILE_HEADER.size)
        scanner = Scanner(self._limits, self.header)
        for box in iter_boxes(self._pipe, self._limits):
            scanner.add(box)
            yield box
        scanner.end(self._pipe.num_bytes)
        index = scanner.scan.index
        self.is_complete = scanner.scan.has_trailer and index is not None and index.is_complete


class _Pipe:
    """Bytes in the order in which they come, of which none is asked for before it is needed.

    Attributes:
        num_bytes: read so far.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.num_bytes = 0
        self._file = file
        self._ahead = b""

    def peek(self, size: int) -> bytes:
        """The first ``size`` bytes, or all if there are fewer; :meth:`take` gives them again."""
        self._ahead = self._read(size)
        return self._ahead

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes; fewer only where the stream ends."""
        known, self._ahead = self._ahead[:size], self._ahead[size:]
        return known + self._read(size - len(known))

    def _read(self, size: int) -> bytes:
        """Read in pieces, so that a length that the stream only claims takes no memory."""
        pieces = []
        while size:
            try:
                piece = self._file.read(min(size, _PIECE_BYTES))
            except (OSError, ValueError) as error:
                raise InputError(getattr(error, "strerror", None) or str(error), "stream") from error
            if piece is None:
                raise InputError("has no bytes yet, and does not wait for them", "stream")
            if not piece:
                break
            pieces.append(piece)
            size -= len(piece)
            self.num_bytes += len(piece)
        return b"".join(pieces)
