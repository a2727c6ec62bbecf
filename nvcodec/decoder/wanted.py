"""The chunks that a decode needs, in order: those of a file by random access, those of a stream as they come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from nvcodec.bitstream import ChunkContent, NvstReader, RecoveryReader, SequentialReader, WindowContent
from nvcodec.video.source import Selection


@dataclass(frozen=True)
class WantedChunk:
    """A chunk, its window, and which of its frames are wanted, counted within the chunk."""

    window: WindowContent
    chunk: ChunkContent
    frame_idx: tuple[int, ...]


@dataclass(frozen=True)
class _Place:
    position: int
    chunk_position: int
    frame_idx: tuple[int, ...]


class StoredChunks:
    """The wanted chunks of a file.

    Args:
        reader: of the file.
        selection: frames wanted. Seconds count from the first frame that is there.

    Attributes:
        num_frames: frames wanted.
        average_rate: frames per second over the whole file; None if it has no frames.
    """

    def __init__(self, reader: NvstReader | RecoveryReader, selection: Selection) -> None:
        self._reader = reader
        self._selection = selection
        self._places = list(self._find())
        self.num_frames: int | None = sum(len(place.frame_idx) for place in self._places)
        self.average_rate = self._average_rate()

    def __iter__(self) -> Iterator[WantedChunk]:
        """A window and a chunk are read when the first of their frames is due."""
        position, window = -1, None
        for place in self._places:
            if window is None or place.position != position:
                position, window = place.position, self._reader.read_window(place.position)
            chunk = self._reader.read_chunk(position, place.chunk_position, window)
            yield WantedChunk(window, chunk, place.frame_idx)

    def _find(self) -> Iterator[_Place]:
        """The chunks that hold a wanted frame; a chunk that a time cuts through is read for its frames' times."""
        selection, time_base = self._selection, self._reader.header.time_base
        first_pts: int | None = None
        for position, window in enumerate(self._reader.windows):
            content = None
            for chunk_position, chunk in enumerate(window.chunks):
                first_pts = chunk.first_pts if first_pts is None else first_pts
                begin_s = float((chunk.first_pts - first_pts) * time_base)
                end_s = float((chunk.end_pts - first_pts) * time_base)
                if selection.is_past(chunk.first_frame, begin_s):
                    return
                # The last frame begins before the chunk ends: a chunk that ends where the range begins is not needed.
                ends_before = selection.start_s is not None and end_s <= selection.start_s
                if ends_before or not selection.has_begun(chunk.first_frame + chunk.num_frames - 1, end_s):
                    continue
                if selection.holds_times(begin_s, end_s):
                    times = [begin_s] * chunk.num_frames
                else:
                    content = content or self._reader.read_window(position)
                    pts = self._reader.read_chunk(position, chunk_position, content).pts
                    times = [float((int(value) - first_pts) * time_base) for value in pts]
                frame_idx = _wanted_frames(selection, chunk.first_frame, times)
                if frame_idx:
                    yield _Place(position, chunk_position, frame_idx)

    def _average_rate(self) -> Fraction | None:
        chunks = [chunk for window in self._reader.windows for chunk in window.chunks]
        if not chunks:
            return None
        # Frames that damage took count, since their time does.
        num_frames = chunks[-1].first_frame + chunks[-1].num_frames - chunks[0].first_frame
        return Fraction(num_frames) / ((chunks[-1].end_pts - chunks[0].first_pts) * self._reader.header.time_base)


class StreamedChunks:
    """The wanted chunks of a stream, which is read no further than to the end of the selection.

    Args:
        reader: of the stream.
        selection: frames wanted. Seconds count from the first frame.

    Attributes:
        num_frames: frames wanted; unknown.
        average_rate: frames per second of the first chunk; None before it is there.
    """

    def __init__(self, reader: SequentialReader, selection: Selection) -> None:
        self._reader = reader
        self._selection = selection
        self.num_frames: int | None = None
        self.average_rate: Fraction | None = None

    def __iter__(self) -> Iterator[WantedChunk]:
        """Each chunk as soon as its box is there."""
        time_base = self._reader.header.time_base
        first_pts = 0
        for window, chunk in self._reader:
            if self.average_rate is None:
                first_pts = int(chunk.pts[0])
                self.average_rate = Fraction(chunk.num_frames) / ((chunk.end_pts - first_pts) * time_base)
            first_frame = window.header.first_frame + sum(window.header.chunk_lengths[: chunk.chunk_idx])
            times = [float((int(value) - first_pts) * time_base) for value in chunk.pts]
            frame_idx = _wanted_frames(self._selection, first_frame, times)
            if frame_idx:
                yield WantedChunk(window, chunk, frame_idx)
            end_s = float((chunk.end_pts - first_pts) * time_base)
            if self._selection.is_past(first_frame + chunk.num_frames, end_s):
                return


def _wanted_frames(selection: Selection, first_frame: int, times: Sequence[float]) -> tuple[int, ...]:
    return tuple(
        idx
        for idx, time_s in enumerate(times)
        if selection.has_begun(first_frame + idx, time_s) and not selection.is_past(first_frame + idx, time_s)
    )
