"""Windows copied from file to file, whole or in pieces, without decoding an integer.

A piece is some consecutive chunks of a window. Of its payloads only numbers and times change: MASK and SHRD get another
``window_idx``; CHNK another ``window_idx``, ``chunk_idx`` and ``first_pts``; WNDW is written anew, with a
``time_offset`` that gives every frame the time that it had, so that all samples stay the same. Packets of audio and
subtitles go with the chunks in whose time they begin.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from nvcodec.bitstream.boxes import Box
from nvcodec.bitstream.content import WindowHeader
from nvcodec.bitstream.headers import CHUNK, MAX_WINDOW_CHUNKS, WINDOW_PART
from nvcodec.bitstream.index import ChunkEntry, ChunkTimes
from nvcodec.bitstream.payloads import parse_chunk_times, parse_window_part
from nvcodec.bitstream.reader import NvstReader
from nvcodec.bitstream.writer import NvstWriter
from nvcodec.video.tracks import Packet, shifted


@dataclass(frozen=True)
class Piece:
    """Consecutive chunks of one window.

    Attributes:
        reader: of the file.
        window_idx: the window, in that file.
        first_chunk, end_chunk: the chunks, from the first up to, not including, the end; at least one.
        pts_shift: added to all timestamps.
        kept: from when to when packets of audio and subtitles are kept, in seconds before the shift.
    """

    reader: NvstReader
    window_idx: int
    first_chunk: int
    end_chunk: int
    pts_shift: int
    kept: tuple[Fraction | float, Fraction | float] = (-math.inf, math.inf)

    @property
    def chunks(self) -> tuple[ChunkEntry, ...]:
        """Where they lie in the file."""
        return self.reader.windows[self.window_idx].chunks[self.first_chunk : self.end_chunk]

    @property
    def times(self) -> list[ChunkTimes]:
        """When they are shown, shifted."""
        return [
            ChunkTimes(
                num_frames=chunk.num_frames,
                first_pts=chunk.first_pts + self.pts_shift,
                end_pts=chunk.end_pts + self.pts_shift,
            )
            for chunk in self.chunks
        ]

    def read_header(self) -> tuple[WindowHeader, int]:
        """The header of a window of just these chunks, and K, its number of shared parameters.

        Raises:
            BitstreamError: the WNDW box is damaged.
        """
        header, num_shared = self.reader.read_window_header(self.window_idx)
        frames_before = sum(header.chunk_lengths[: self.first_chunk])
        own = replace(
            header,
            chunk_lengths=header.chunk_lengths[self.first_chunk : self.end_chunk],
            time_offset=header.time_offset + frames_before if header.time_length else 0,
        )
        return own, num_shared

    def read_shared(self) -> list[bytes]:
        """The MASK and the SHRD payload without their ``window_idx``.

        Raises:
            BitstreamError: a box is damaged.
        """
        header, _ = self.reader.read_window_header(self.window_idx)
        _, *boxes = self.reader.window_boxes(self.window_idx)
        return [_behind_window_part(box, header) for box in boxes]

    def read_packets(self) -> list[Packet]:
        """The packets that begin in the kept time and do not belong to other pieces of the window, shifted.

        Raises:
            BitstreamError: a box is damaged.
        """
        tracks, time_base = self.reader.tracks, self.reader.header.time_base
        window = self.reader.windows[self.window_idx].chunks
        # What the window holds of the time before and behind it goes with its first and its last chunk.
        start = max(self.kept[0], self.chunks[0].first_pts * time_base if self.first_chunk else -math.inf)
        end = min(self.kept[1], self.chunks[-1].end_pts * time_base if self.end_chunk < len(window) else math.inf)
        return [
            shifted(packet, self.pts_shift * time_base, tracks[packet.track_idx])
            for packet in self.reader.read_packets(self.window_idx)
            if start <= packet.pts * tracks[packet.track_idx].time_base < end
        ]

    def read_payloads(self, window_idx: int, first_chunk: int) -> Iterator[bytes]:
        """The CHNK payloads as those of window ``window_idx``, numbered from ``first_chunk`` on; one is held at a time.

        Raises:
            BitstreamError: a box is damaged.
        """
        header, _ = self.reader.read_window_header(self.window_idx)
        shift = first_chunk - self.first_chunk
        for chunk_idx in range(self.first_chunk, self.end_chunk):
            cursor = self.reader.checked_chunk_box(self.window_idx, chunk_idx, header).cursor()
            values, pts, _ = parse_chunk_times(cursor, header)
            moved = {
                "window_idx": window_idx,
                "chunk_idx": chunk_idx + shift,
                "first_pts": int(pts[0]) + self.pts_shift,
            }
            yield CHUNK.pack({**values.fields, **values.arrays, **moved}) + cursor.data[cursor.position :]


def gather_pieces(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    """Put together what can be one window: neighbours with the same network, mask and shared parameters.

    So a window that was cut apart becomes whole again, and its shared parameters are stored once.

    Raises:
        BitstreamError: a box is damaged.
    """
    gathered: list[Piece] = []
    for piece in pieces:
        if gathered and not _continues(gathered, piece):
            yield gathered
            gathered = []
        gathered.append(piece)
    if gathered:
        yield gathered


def copy_window(writer: NvstWriter, pieces: Sequence[Piece]) -> None:
    """Write pieces that :func:`gather_pieces` put together as the next window.

    Raises:
        BitstreamError: a box is damaged, or a timestamp exceeds what the format holds.
        OutputError: the file cannot be written.
    """
    header, num_shared = pieces[0].read_header()
    times = [chunk for piece in pieces for chunk in piece.times]
    lengths = tuple(chunk.num_frames for chunk in times)
    moved = replace(header, window_idx=writer.num_windows, first_frame=writer.num_frames, chunk_lengths=lengths)
    writer.write_packets(packet for piece in pieces for packet in piece.read_packets())
    writer.write_packed_window(moved, num_shared, times, _payloads(pieces, moved.window_idx))


def _payloads(pieces: Sequence[Piece], window_idx: int) -> Iterator[bytes]:
    for payload in pieces[0].read_shared():
        yield WINDOW_PART.pack({"window_idx": window_idx}) + payload
    first_chunk = 0
    for piece in pieces:
        yield from piece.read_payloads(window_idx, first_chunk)
        first_chunk += len(piece.chunks)


def _behind_window_part(box: Box, header: WindowHeader) -> bytes:
    cursor = box.cursor()
    parse_window_part(cursor, header)
    return cursor.data[cursor.position :]


def _continues(pieces: Sequence[Piece], piece: Piece) -> bool:
    """Whether a piece can be in one window with those before it."""
    if sum(len(each.chunks) for each in (*pieces, piece)) > MAX_WINDOW_CHUNKS:
        return False
    (before, num_shared), (header, own_num_shared) = pieces[-1].read_header(), piece.read_header()
    expected = replace(
        before,
        window_idx=header.window_idx,
        first_frame=header.first_frame,
        chunk_lengths=header.chunk_lengths,
        time_offset=before.time_offset + before.num_frames if before.time_length else 0,
    )
    # The digests are compared so that no two shared blocks are held at once.
    same_header = (expected, num_shared) == (header, own_num_shared)
    return same_header and _digest(pieces[-1]) == _digest(piece)


def _digest(piece: Piece) -> bytes:
    digest = hashlib.sha256()
    for payload in piece.read_shared():
        digest.update(len(payload).to_bytes(8, "little") + payload)
    return digest.digest()
