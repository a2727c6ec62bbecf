"""Reading what damage has left of a .nvst file (spec clause "Recovery").

Boxes are placed by the numbers they carry, wherever they lie: in a window nothing stands between its WNDW, MASK and
SHRD boxes and its chunks, so chunk k of the window whose WNDW box has the number s is box s + 3 + k. Everything used
obeys every rule of the format; what contradicts the index, or without one what stands before it, is missing.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from nvcodec.bitstream.boxes import Box
from nvcodec.bitstream.content import ChunkContent, WindowContent, WindowHeader
from nvcodec.bitstream.headers import MAX_PTS, BoxType
from nvcodec.bitstream.index import ChunkEntry, Index, WindowEntry, parse_front_index, parse_index
from nvcodec.bitstream.limits import Limits
from nvcodec.bitstream.metadata import parse_metadata
from nvcodec.bitstream.payloads import parse_chunk, parse_chunk_times, parse_window
from nvcodec.bitstream.resync import find_boxes
from nvcodec.bitstream.scan import FRONT_BYTES, FRONT_TYPES, check_within_level, parse_front, parse_run
from nvcodec.bitstream.source import ByteSource, Readable, open_byte_source
from nvcodec.bitstream.tracks import parse_chapters, parse_packets, parse_tracks
from nvcodec.errors import BitstreamError, MalformedError, TruncatedError
from nvcodec.video.tracks import Chapter, Packet, Track

_RUN_BOXES = 3
_FRONT_INDEX_SEQUENCE = 1
_MAX_OFFSET = 2**65


@dataclass(frozen=True)
class MissingFrames:
    """Frames that cannot be decoded.

    Attributes:
        first_frame: the first of them, counted over the file.
        end_frame: the first frame behind them; None if their number is unknown.
        error: why, with box and offset.
    """

    first_frame: int
    end_frame: int | None
    error: BitstreamError

    def __str__(self) -> str:
        """One line for people."""
        if self.end_frame is None:
            return f"frames from {self.first_frame} on are missing, how many is unknown: {self.error}"
        if self.end_frame == self.first_frame + 1:
            return f"frame {self.first_frame} is missing: {self.error}"
        return f"frames {self.first_frame}-{self.end_frame - 1} are missing: {self.error}"


class RecoveryReader:
    """What is left of a damaged .nvst file, as integers.

    Opening goes over the whole file and decodes every integer, so what it offers is sound.

    Args:
        source: path, ``http://`` or other address, bytes, or seekable binary file object (which stays open).
        limits: what to refuse.

    Attributes:
        header: what all windows have in common.
        windows: those of which a chunk is left, with the chunks that are left. Frame numbers are those of the
            undamaged file.
        missing: the frames that are not, in order.
        is_complete: every frame of the source was coded, as the index says; False if the file was never finished, None
            if damage leaves it unknown.

    Raises:
        InputError: the file cannot be read.
        BitstreamError: file header or stream header are damaged, or a limit is passed.
    """

    def __init__(self, source: Readable, limits: Limits | None = None) -> None:
        self._source = open_byte_source(source)
        self._limits = limits or Limits()
        try:
            self.header = parse_front(self._source.read_start(FRONT_BYTES), self._limits)
            self._found = find_boxes(self._source, self._limits)
            self._packet_boxes = sorted(
                sequence
                for sequence, box in self._found.by_sequence.items()
                if box.box_type == BoxType.PACKETS and sequence not in self._found.doubtful
            )
            self._index = self._read_index()
            self.is_complete = self._is_complete()
            self._runs: list[_Run] = []
            self.missing: list[MissingFrames] = []
            self.windows: list[WindowEntry] = []
            self._recover()
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
    def source(self) -> ByteSource:
        """The file's bytes."""
        return self._source

    @property
    def num_frames(self) -> int:
        """Frames that are left."""
        return sum(chunk.num_frames for window in self.windows for chunk in window.chunks)

    @property
    def metadata(self) -> dict[str, str]:
        """Descriptive text; empty if none is left.

        Raises:
            BitstreamError: it breaks a rule of the format.
        """
        box = self._find_front(BoxType.METADATA)
        return {} if box is None else parse_metadata(box.payload, self._limits.max_metadata_bytes, box.header.place)

    @property
    def tracks(self) -> tuple[Track, ...]:
        """Audio and subtitles; empty if none are left. Raises as :attr:`metadata` does."""
        box = self._find_front(BoxType.TRACKS)
        return () if box is None else parse_tracks(box.cursor())

    @property
    def chapters(self) -> tuple[Chapter, ...]:
        """Named parts of the video; empty if none are left. Raises as :attr:`metadata` does."""
        box = self._find_front(BoxType.CHAPTERS)
        return () if box is None else parse_chapters(box.cursor())

    def read_packets(self, position: int) -> list[Packet]:
        """The packets that are left of those between the window before ``windows[position]`` and this one.

        Those of windows that are missing are among them.

        Raises:
            BitstreamError: they break a rule of the format, or are too many.
        """
        start = self._runs[position - 1].end_sequence if position else 1
        first = bisect.bisect_left(self._packet_boxes, start)
        end = bisect.bisect_left(self._packet_boxes, self._runs[position].sequence)
        boxes = (self._read_box(sequence) for sequence in self._packet_boxes[first:end])
        return parse_packets(boxes, len(self.tracks), self._limits)

    def read_window(self, position: int) -> WindowContent:
        """Header, mask and shared parameters of ``windows[position]``."""
        return self._parse_run(self._runs[position])

    def read_chunk(self, position: int, chunk_position: int, window: WindowContent) -> ChunkContent:
        """Own parameters, embeddings and timestamps of ``windows[position].chunks[chunk_position]``.

        Args:
            window: what :meth:`read_window` gave for ``position``.
        """
        offset = self.windows[position].chunks[chunk_position].offset
        return parse_chunk(self._source.read_box(offset, self._limits).cursor(), window)

    def chunk_pts(self, position: int, chunk_position: int) -> npt.NDArray[np.int64]:
        """Timestamps (n,) of the frames of ``windows[position].chunks[chunk_position]``."""
        offset = self.windows[position].chunks[chunk_position].offset
        box = self._source.read_box(offset, self._limits)
        return parse_chunk_times(box.cursor(), self._runs[position].header)[1]

    def _recover(self) -> None:
        frame, sequence, end_pts = 0, 1, -MAX_PTS
        for run in self._place_windows():
            self._miss(frame, run.header.first_frame, self._found.reason(sequence, run.sequence))
            chunks = self._recover_chunks(run, end_pts)
            if chunks:
                end_pts = chunks[-1].end_pts
                boxes = [self._found.by_sequence[run.sequence + part] for part in range(_RUN_BOXES)]
                run_bytes = sum(box.end - box.offset for box in boxes)
                num_frames = run.header.num_frames
                self.windows.append(
                    WindowEntry(run.header.first_frame, num_frames, tuple(chunks), boxes[0].offset, run_bytes)
                )
                self._runs.append(run)
            frame, sequence = run.end_frame, run.end_sequence
        self._miss_rest(frame, sequence)

    def _place_windows(self) -> list[_Run]:
        """The windows whose WNDW boxes are left, in order; of two that contradict each other, the more certain one."""
        runs = []
        for sequence, box_header in self._found.by_sequence.items():
            if box_header.box_type == BoxType.WINDOW:
                try:
                    runs.append(_Run(self._parse_header(sequence), sequence))
                except BitstreamError as error:
                    self._found.miss(sequence, error)
        self._found.sort()
        runs.sort(key=lambda run: (run.sequence in self._found.doubtful, run.sequence))
        placed: list[_Run] = []
        for run in runs:
            at = bisect.bisect_left(placed, run.header.window_idx, key=lambda other: other.header.window_idx)
            follows_before = run.follows(placed[at - 1] if at else None)
            if follows_before and (at == len(placed) or placed[at].follows(run)):
                placed.insert(at, run)
        return placed

    def _parse_header(self, sequence: int) -> WindowHeader:
        box = self._read_box(sequence)
        header, _ = parse_window(box.cursor(), self._limits)
        self.header.check_network(header.network, box.header.place)
        self._limits.check_frames(header.first_frame + header.num_frames, len(header.chunk_lengths), box.header.place)
        if self._index is None:
            return header
        entries = self._index.windows[header.window_idx : header.window_idx + 1]
        expected = [(entry.first_frame, tuple(chunk.num_frames for chunk in entry.chunks)) for entry in entries]
        if expected != [(header.first_frame, header.chunk_lengths)]:
            raise MalformedError("the window differs from the index", box.header.place)
        check_within_level(header, self._index.level_idx, box.header.place)
        return header

    def _recover_chunks(self, run: _Run, end_pts: int) -> list[ChunkEntry]:
        """The chunks of a window that are left; those that begin before ``end_pts`` are refused."""
        try:
            window = self._parse_run(run)
        except BitstreamError as error:
            self._miss(run.header.first_frame, run.end_frame, error)
            return []
        entries: list[ChunkEntry] = []
        frame = run.header.first_frame
        for chunk_idx, num_frames in enumerate(run.header.chunk_lengths):
            try:
                entry = self._chunk_entry(run, chunk_idx, frame, window)
                if entry.first_pts < end_pts:
                    raise MalformedError("timestamps do not increase", f"CHNK box at byte {entry.offset}")
                entries.append(entry)
                end_pts = entry.end_pts
            except BitstreamError as error:
                self._miss(frame, frame + num_frames, error)
            frame += num_frames
        return entries

    def _chunk_entry(self, run: _Run, chunk_idx: int, frame: int, window: WindowContent) -> ChunkEntry:
        box = self._read_box(run.sequence + _RUN_BOXES + chunk_idx)
        box.require_type(BoxType.CHUNK)
        chunk = parse_chunk(box.cursor(), window)
        if chunk.chunk_idx != chunk_idx:
            raise MalformedError(f"chunk {chunk.chunk_idx} in the place of {chunk_idx}", box.header.place)
        times = int(chunk.pts[0]), chunk.end_pts
        self.header.check_rate(run.header, chunk.num_frames, times[1] - times[0], box.header.place)
        if self._index is not None:
            expected = self._index.windows[run.header.window_idx].chunks[chunk_idx]
            if times != (expected.first_pts, expected.end_pts):
                raise MalformedError("timestamps differ from the index", box.header.place)
        return ChunkEntry(
            first_frame=frame,
            num_frames=chunk.num_frames,
            first_pts=times[0],
            end_pts=times[1],
            offset=box.header.offset,
            box_bytes=box.header.end - box.header.offset,
        )

    def _parse_run(self, run: _Run) -> WindowContent:
        boxes = [self._read_box(run.sequence + part) for part in range(_RUN_BOXES)]
        return parse_run((boxes[0], boxes[1], boxes[2]), self._limits)

    def _read_box(self, sequence: int) -> Box:
        header = self._found.by_sequence.get(sequence)
        if header is None:
            raise self._found.reason(sequence, sequence + 1)
        return self._source.read_box(header.offset, self._limits)

    def _find_front(self, box_type: BoxType) -> Box | None:
        """The box of a type that stands in front of all windows, if it is left and not doubtful."""
        for sequence in range(1, 1 + len(FRONT_TYPES)):
            header = self._found.by_sequence.get(sequence)
            if header is not None and header.box_type == box_type and sequence not in self._found.doubtful:
                return self._source.read_payload(header, self._limits)
        return None

    def _read_index(self) -> Index | None:
        """The index, wherever it lies: its offsets need not hold any more, what it says of the frames does."""
        boxes = self._found.by_sequence.items()
        numbers = [number for number, box in boxes if box.box_type == BoxType.INDEX]
        try:
            if numbers and max(numbers) not in self._found.doubtful:
                return parse_index(self._read_box(max(numbers)).cursor(), self._limits, 0, _MAX_OFFSET)
            front = self._found.by_sequence.get(_FRONT_INDEX_SEQUENCE)
            is_sound = front is not None and _FRONT_INDEX_SEQUENCE not in self._found.doubtful
            if not numbers and is_sound and front is not None and front.box_type == BoxType.FRONT_INDEX:
                box = self._read_box(_FRONT_INDEX_SEQUENCE)
                index, file_bytes = parse_front_index(box.cursor(), self._limits, 0)
                # It is about a file of this length, not about one to which windows were added.
                return index if file_bytes == self._source.size else None
        except BitstreamError:
            pass
        return None

    def _is_complete(self) -> bool | None:
        if self._found.ends_early:
            return False
        return None if self._index is None else self._index.is_complete

    def _miss_rest(self, frame: int, sequence: int) -> None:
        """What is missing behind the last window; ``frame`` and ``sequence`` are those of the next one."""
        error = self._found.reason(sequence, None)
        if self._index is not None:
            self._miss(frame, self._index.num_frames, error)
        elif not self._has_ended(sequence) and not 0 < self.header.num_source_frames <= frame:
            is_cut = self._found.ends_early and isinstance(error, TruncatedError)
            self.missing += [] if is_cut else [MissingFrames(frame, None, error)]

    def _has_ended(self, sequence: int) -> bool:
        """Whether nothing but a damaged index can stand between box ``sequence`` and the trailer."""
        boxes = self._found.by_sequence
        while sequence in boxes and not boxes[sequence].is_critical:
            sequence += 1
        return any(number in boxes and boxes[number].box_type == BoxType.TRAILER for number in (sequence, sequence + 1))

    def _miss(self, first_frame: int, end_frame: int, error: BitstreamError) -> None:
        if first_frame >= end_frame:
            return
        last = self.missing[-1] if self.missing else None
        if last is not None and last.end_frame == first_frame and str(last.error) == str(error):
            self.missing[-1] = MissingFrames(last.first_frame, end_frame, error)
        else:
            self.missing.append(MissingFrames(first_frame, end_frame, error))


@dataclass(frozen=True)
class _Run:
    """A window whose WNDW box is left; ``sequence`` is that box's number."""

    header: WindowHeader
    sequence: int

    @property
    def end_frame(self) -> int:
        return self.header.first_frame + self.header.num_frames

    @property
    def end_sequence(self) -> int:
        return self.sequence + _RUN_BOXES + len(self.header.chunk_lengths)

    def follows(self, before: _Run | None) -> bool:
        """Whether this window can stand behind another, None for the stream header, and those between fit there."""
        if before is None:
            window_idx, end_frame, end_sequence = -1, 0, 1
        else:
            window_idx, end_frame, end_sequence = before.header.window_idx, before.end_frame, before.end_sequence
        num_between = self.header.window_idx - window_idx - 1
        num_frames = self.header.first_frame - end_frame
        has_room = self.sequence - end_sequence >= (_RUN_BOXES + 1) * num_between
        return num_between >= 0 and has_room and (num_frames >= num_between if num_between else num_frames == 0)
