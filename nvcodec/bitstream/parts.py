"""Where the bytes of a file go."""

from __future__ import annotations

from nvcodec.bitstream.boxes import parse_box_header
from nvcodec.bitstream.content import WindowHeader
from nvcodec.bitstream.headers import BOX_HEADER, BoxType
from nvcodec.bitstream.payloads import parse_chunk_times
from nvcodec.bitstream.reader import NvstReader
from nvcodec.errors import MalformedError

PARTS = ("mask", "shared", "own", "embeddings", "tracks", "overhead")
"""Audio and subtitles are ``tracks``; they do not count in bits per pixel."""


def bytes_by_part(reader: NvstReader) -> dict[str, int]:
    """Bytes of the file by part: mask, shared, own, embeddings, tracks, overhead (everything else).

    Raises:
        BitstreamError: a box is damaged.
    """
    windows = [bytes_of_window(reader, window_idx) for window_idx in range(len(reader.windows))]
    parts = {part: sum(window[part] for window in windows) for part in PARTS}
    parts["tracks"] = bytes_of_tracks(reader)
    return {**parts, "overhead": parts["overhead"] + reader.file_bytes - sum(parts.values())}


def bytes_of_window(reader: NvstReader, window_idx: int) -> dict[str, int]:
    """Bytes of a window's own boxes by part; its packets, which stand in front of it, are none of them.

    Raises:
        BitstreamError: a box is damaged.
    """
    entry = reader.windows[window_idx]
    _, mask_box, shared_box = reader.window_boxes(window_idx)
    header, _ = reader.read_window_header(window_idx)
    chunk_parts = [_bytes_of_chunk(reader, window_idx, chunk_idx, header) for chunk_idx in range(len(entry.chunks))]
    parts = {
        **dict.fromkeys(PARTS, 0),
        "mask": len(mask_box.payload),
        "shared": len(shared_box.payload),
        "own": sum(own for own, _ in chunk_parts),
        "embeddings": sum(embeddings for _, embeddings in chunk_parts),
    }
    total = entry.run_bytes + sum(chunk.box_bytes for chunk in entry.chunks)
    return {**parts, "overhead": total - sum(parts.values())}


def bytes_of_tracks(reader: NvstReader) -> int:
    """Bytes of the boxes that describe and hold audio and subtitles; only headers are read.

    Raises:
        BitstreamError: a box header is damaged.
    """
    num_bytes = 0
    for window_idx in range(len(reader.windows)):
        start, end = reader.extent_before(window_idx)
        while start < end:
            header = parse_box_header(reader.source.read(start, BOX_HEADER.size, f"box header at byte {start}"), start)
            if header.box_type in (BoxType.TRACKS, BoxType.PACKETS):
                num_bytes += header.end - start
            start = header.end
    return num_bytes


def _bytes_of_chunk(reader: NvstReader, window_idx: int, chunk_idx: int, window: WindowHeader) -> tuple[int, int]:
    """Bytes of the own parameters and of the embeddings."""
    cursor = reader.chunk_box(window_idx, chunk_idx).cursor()
    values, _, _ = parse_chunk_times(cursor, window)
    rest = len(cursor.data) - cursor.position - len(window.network.layout) - values["own_bytes"]
    if rest < 0:
        raise MalformedError(f"own_bytes is {values['own_bytes']}, more than the payload", cursor.place)
    return values["own_bytes"], rest
