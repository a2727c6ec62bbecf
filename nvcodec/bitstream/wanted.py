"""Which chunks hold the frames that are wanted."""

from __future__ import annotations

from dataclasses import dataclass

from nvcodec.bitstream.content import WindowHeader
from nvcodec.bitstream.payloads import parse_chunk_times
from nvcodec.bitstream.reader import NvstReader
from nvcodec.errors import ConfigError
from nvcodec.video.selection import Selection


@dataclass(frozen=True)
class WantedChunk:
    """A chunk with at least one wanted frame.

    Attributes:
        window_idx, chunk_idx: where it is.
        frame_idx: the wanted frames, counted from 0 for the chunk's first, increasing.
    """

    window_idx: int
    chunk_idx: int
    frame_idx: tuple[int, ...]


def wanted_chunks(reader: NvstReader, selection: Selection) -> list[WantedChunk]:
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
        header: WindowHeader | None = None
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
                header = header or reader.read_window_header(window_idx)[0]
                box = reader.checked_chunk_box(window_idx, chunk_idx, header)
                _, pts, _ = parse_chunk_times(box.cursor(), header)
                times = [float((int(value) - first_pts) * reader.header.time_base) for value in pts]
            frame_idx = tuple(
                idx
                for idx, time_s in enumerate(times)
                if selection.has_begun(chunk.first_frame + idx, time_s)
                and not selection.is_past(chunk.first_frame + idx, time_s)
            )
            if frame_idx:
                wanted.append(WantedChunk(window_idx, chunk_idx, frame_idx))
    if not wanted:
        reason = f"the selection holds none of the file's {reader.num_frames} frames"
        raise ConfigError(reason, str(reader.source.name))
    return wanted
