"""The chunks that a decode needs, in order: those of a file by random access, those of a stream as they come."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from nvcodec.bitstream import ChunkContent, NvstReader, RecoveryReader, SequentialReader, WindowContent
from nvcodec.bitstream.wanted import wanted_chunks, wanted_frames
from nvcodec.decoder.companions import Companions
from nvcodec.video.selection import Selection
from nvcodec.video.tracks import Packet, TrackKind


@dataclass(frozen=True)
class LoadedChunk:
    """A chunk, its window, and which of its frames are wanted, counted within the chunk, with the packets of each."""

    window: WindowContent
    chunk: ChunkContent
    frame_idx: tuple[int, ...]
    packets: tuple[tuple[Packet, ...], ...]


class StoredChunks:
    """The wanted chunks of a file.

    Args:
        reader: of the file.
        selection: frames wanted. Seconds count from the first frame that is there.
        kinds: of tracks that are wanted.

    Attributes:
        companions: what goes with the frames.
        num_frames: frames wanted.
        average_rate: frames per second over the whole file.
    """

    def __init__(
        self, reader: NvstReader | RecoveryReader, selection: Selection, kinds: frozenset[TrackKind] = frozenset()
    ) -> None:
        """Find the wanted chunks.

        Raises:
            ConfigError: the selection holds no frame.
            BitstreamError: a chunk that a time cuts through is damaged.
        """
        self._reader = reader
        self._wanted = wanted_chunks(reader, selection)
        self.num_frames: int | None = sum(len(chunk.frame_idx) for chunk in self._wanted)
        self.average_rate: Fraction | None = self._average_rate()
        self.companions = Companions(reader, kinds)

    def __iter__(self) -> Iterator[LoadedChunk]:
        """A window and a chunk are read when the first of their frames is due."""
        position, window = -1, None
        for wanted in self._wanted:
            if window is None or wanted.window_idx != position:
                position, window = wanted.window_idx, self._reader.read_window(wanted.window_idx)
                self.companions.add(functools.partial(self._reader.read_packets, position))
            chunk = self._reader.read_chunk(position, wanted.chunk_idx, window)
            packets = self.companions.beside(window, chunk, wanted.frame_idx)
            yield LoadedChunk(window, chunk, wanted.frame_idx, packets)

    def _average_rate(self) -> Fraction:
        chunks = [chunk for window in self._reader.windows for chunk in window.chunks]
        # Frames that damage took count, since their time does.
        num_frames = chunks[-1].first_frame + chunks[-1].num_frames - chunks[0].first_frame
        return Fraction(num_frames) / ((chunks[-1].end_pts - chunks[0].first_pts) * self._reader.header.time_base)


class StreamedChunks:
    """The wanted chunks of a stream, which is read no further than to the end of the selection.

    Args:
        reader: of the stream.
        selection: frames wanted. Seconds count from the first frame.
        kinds: of tracks that are wanted.

    Attributes:
        companions: what goes with the frames; made when the first chunk is there.
        num_frames: frames wanted; unknown.
        average_rate: frames per second of the first chunk; None before it is there.
    """

    def __init__(self, reader: SequentialReader, selection: Selection, kinds: frozenset[TrackKind]) -> None:
        self._reader = reader
        self._kinds = kinds
        self._selection = selection
        self.num_frames: int | None = None
        self.average_rate: Fraction | None = None

    def __iter__(self) -> Iterator[LoadedChunk]:
        """Each chunk as soon as its box is there."""
        time_base = self._reader.header.time_base
        first_pts = 0
        for window, chunk in self._reader:
            if self.average_rate is None:
                self.companions = Companions(self._reader, self._kinds)
                first_pts = int(chunk.pts[0])
                self.average_rate = Fraction(chunk.num_frames) / ((chunk.end_pts - first_pts) * time_base)
            if chunk.chunk_idx == 0:
                self.companions.add(self._reader.read_packets)
            first_frame = window.header.first_frame + sum(window.header.chunk_lengths[: chunk.chunk_idx])
            times = [float((int(value) - first_pts) * time_base) for value in chunk.pts]
            frame_idx = wanted_frames(self._selection, first_frame, times)
            if frame_idx:
                yield LoadedChunk(window, chunk, frame_idx, self.companions.beside(window, chunk, frame_idx))
            end_s = float((chunk.end_pts - first_pts) * time_base)
            if self._selection.is_past(first_frame + chunk.num_frames, end_s):
                return
