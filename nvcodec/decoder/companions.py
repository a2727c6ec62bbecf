"""What a file holds beside its frames: tracks, chapters and text, and which packets go with which frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol, TypeVar

from nvcodec.bitstream import ChunkContent, StreamHeader, WindowContent
from nvcodec.errors import BitstreamError
from nvcodec.video.tracks import Chapter, Extras, Packet, PacketQueue, Track, TrackKind

T = TypeVar("T")

_OF_THE_ENCODER = ("encoder", "settings")


class _Reader(Protocol):
    """Any of the readers."""

    header: StreamHeader

    @property
    def metadata(self) -> Mapping[str, str]: ...

    @property
    def tracks(self) -> tuple[Track, ...]: ...

    @property
    def chapters(self) -> tuple[Chapter, ...]: ...


class Companions:
    """Tracks and their packets on their way to a sink. Whatever is wrong with them never keeps frames from decoding.

    Args:
        reader: of the file.
        kinds: of tracks that are wanted.

    Attributes:
        extras: what the sink is to have beside the frames.
        warnings: what cannot be read; grows.
    """

    def __init__(self, reader: _Reader, kinds: frozenset[TrackKind]) -> None:
        self.warnings: list[str] = []
        tracks: tuple[Track, ...] = ()
        if kinds:
            tracks = self._tolerate(lambda: reader.tracks, tracks, "audio and subtitles are")
        kept = [track_idx for track_idx, track in enumerate(tracks) if track.kind in kinds]
        self._new_idx = {track_idx: new_idx for new_idx, track_idx in enumerate(kept)}
        metadata: Mapping[str, str] = self._tolerate(lambda: reader.metadata, {}, "descriptive text is")
        self.extras = Extras(
            tuple(tracks[track_idx] for track_idx in kept),
            self._tolerate(lambda: reader.chapters, (), "chapters are"),
            {name: text for name, text in metadata.items() if name not in _OF_THE_ENCODER},
        )
        self._queue = PacketQueue(self.extras.tracks, reader.header.time_base)
        self._has_begun = False

    def add(self, read: Callable[[], list[Packet]]) -> None:
        """Take the packets of the window whose chunks come next."""
        if self._new_idx:
            nothing: list[Packet] = []
            for packet in self._tolerate(read, nothing, "a window's audio and subtitles are"):
                if packet.track_idx in self._new_idx:
                    self._queue.add(replace(packet, track_idx=self._new_idx[packet.track_idx]))

    def beside(
        self, window: WindowContent, chunk: ChunkContent, frame_idx: tuple[int, ...]
    ) -> tuple[tuple[Packet, ...], ...]:
        """The packets that go with each of the wanted frames of a chunk.

        With the first go those that end later than it begins, unless it is the file's first, with which go all; with a
        window's last frame go all that are left of its packets.
        """
        header, ends = window.header, chunk.pts + chunk.durations
        is_first_chunk = header.window_idx == chunk.chunk_idx == 0
        if not self._has_begun and not (is_first_chunk and frame_idx[0] == 0):
            self._queue.skip_to(int(chunk.pts[frame_idx[0]]))
        self._has_begun = True
        packets = [self._queue.take_before(int(ends[idx])) for idx in frame_idx]
        if chunk.chunk_idx == len(header.chunk_lengths) - 1 and frame_idx[-1] == chunk.num_frames - 1:
            packets[-1] += self._queue.take_all()
        return tuple(packets)

    def _tolerate(self, read: Callable[[], T], instead: T, what: str) -> T:
        try:
            return read()
        except BitstreamError as error:
            self.warnings.append(f"{what} left out: {error}")
            return instead
