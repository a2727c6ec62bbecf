"""Which chunks hold the frames that are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nvcodec.bitstream.reader import NvstReader
from nvcodec.bitstream.recovery import RecoveryReader
from nvcodec.errors import ConfigError
from nvcodec.video.selection import Selection


@dataclass(frozen=True)
class WantedChunk:
    """A chunk with at least one wanted frame.

    Attributes:
        window_idx, chunk_idx: its position among the reader's windows and the window's chunks.
        frame_idx: the wanted frames, counted from 0 for the chunk's first, increasing.
    """

    window_idx: int
    chunk_idx: int
    frame_idx: tuple[int, ...]


def wanted_chunks(reader: NvstReader | RecoveryReader, selection: Selection) -> list[WantedChunk]:
    """The chunks that hold a wanted frame, in order; they lie one behind the other.

    A frame is wanted by when it begins; seconds count from the beginning of the file's first frame. A chunk is read
    only where a time cuts through it, and then for its frames' times alone.

    Raises:
        ConfigError: the selection is not valid or holds no frame.
        BitstreamError: a chunk that is read is damaged.
    """
    selection.validate()
    first_pts: int | None = None
    wanted: list[WantedChunk] = []
    for window_idx, window in enumerate(reader.windows):
        for chunk_idx, chunk in enumerate(window.chunks):
            first_pts = chunk.first_pts if first_pts is None else first_pts
            begin_s = float((chunk.first_pts - first_pts) * reader.header.time_base)
            end_s = float((chunk.end_pts - first_pts) * reader.header.time_base)
            if selection.is_past(chunk.first_frame, begin_s):
                break
            # The last frame begins before the chunk ends, so a chunk that ends where the range begins is not needed.
            ends_before = selection.start_s is not None and end_s <= selection.start_s
            if ends_before or not selection.has_begun(chunk.first_frame + chunk.num_frames - 1, end_s):
                continue
            if selection.holds_times(begin_s, end_s):
                times = [begin_s] * chunk.num_frames
            else:
                pts = reader.chunk_pts(window_idx, chunk_idx)
                times = [float((int(value) - first_pts) * reader.header.time_base) for value in pts]
            frame_idx = wanted_frames(selection, chunk.first_frame, times)
            if frame_idx:
                wanted.append(WantedChunk(window_idx, chunk_idx, frame_idx))
    if not wanted:
        reason = f"the selection holds none of the file's {reader.num_frames} frames"
        raise ConfigError(reason, str(reader.source.name))
    return wanted


def wanted_frames(selection: Selection, first_frame: int, times: Sequence[float]) -> tuple[int, ...]:
    """The wanted frames of a chunk, counted from 0 for its first.

    Args:
        first_frame: of the chunk, counted over the file.
        times: seconds when its frames begin, counted from the beginning of the file's first frame.
    """
    return tuple(
        idx
        for idx, time_s in enumerate(times)
        if selection.has_begun(first_frame + idx, time_s) and not selection.is_past(first_frame + idx, time_s)
    )
