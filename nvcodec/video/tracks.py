"""What goes with the frames and is copied as it is: packets of audio and subtitle tracks, and chapters."""

from __future__ import annotations

import enum
import heapq
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

NANOSECONDS = 10**9


class TrackKind(enum.IntEnum):
    """What a track holds."""

    AUDIO = 0
    SUBTITLE = 1


@dataclass(frozen=True)
class Track:
    """One audio or subtitle track.

    Attributes:
        kind: audio or subtitles.
        codec: FFmpeg's name of what the packets are coded with.
        time_base: seconds per unit of the packets' times, on the clock of the frames.
        extradata: what its decoder needs before the first packet.
        sample_rate: samples per second; 0 for subtitles.
        channel_layout: FFmpeg's name, e.g. ``stereo``; empty for subtitles.
        delay: samples that the decoder puts out before the sound begins, which are not heard.
        language: as the source says, mostly ISO 639; empty if it does not.
        title: for people.
        disposition: FFmpeg's bits: 1 default, 64 forced, 128 for the hearing impaired, ….
    """

    kind: TrackKind
    codec: str
    time_base: Fraction
    extradata: bytes = b""
    sample_rate: int = 0
    channel_layout: str = ""
    delay: int = 0
    language: str = ""
    title: str = ""
    disposition: int = 0


@dataclass(frozen=True)
class Packet:
    """Coded audio or subtitles that one track shows from one time on.

    Attributes:
        track_idx: the track.
        pts, duration: in units of the track's time base; the duration is 0 if it is unknown.
        data: what the codec made.
        is_key: it can be decoded without those before it.
    """

    track_idx: int
    pts: int
    duration: int
    data: bytes
    is_key: bool = True


@dataclass(frozen=True)
class Chapter:
    """A named part of the video, from ``start_ns`` up to ``end_ns`` nanoseconds on the clock of the frames."""

    start_ns: int
    end_ns: int
    title: str


@dataclass(frozen=True)
class Extras:
    """What a video holds beside its frames.

    Attributes:
        tracks: whose packets come with the frames.
        chapters: named parts.
        metadata: descriptive text, such as a title.
    """

    tracks: tuple[Track, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


NOTHING = Extras()


class PacketQueue:
    """Packets on their way beside the frames, given out in the order in which they begin.

    Args:
        tracks: whose packets they are.
        time_base: seconds per unit of the frames' times.
    """

    def __init__(self, tracks: Sequence[Track], time_base: Fraction) -> None:
        bases = [time_base, *(track.time_base for track in tracks)]
        ticks = math.lcm(*(base.denominator for base in bases))
        # All times are compared as whole numbers of one unit.
        self._frame_unit, *self._units = [base.numerator * (ticks // base.denominator) for base in bases]
        self._waiting: list[tuple[int, int, Packet]] = []
        self._arrivals = itertools.count()

    def add(self, packet: Packet) -> None:
        """Take a packet, whose time may lie before that of packets that were given out already."""
        begin = packet.pts * self._units[packet.track_idx]
        heapq.heappush(self._waiting, (begin, next(self._arrivals), packet))

    def take_before(self, pts: int) -> tuple[Packet, ...]:
        """Give out the packets that begin before ``pts``, in units of the frames' time base."""
        end = pts * self._frame_unit
        taken = []
        while self._waiting and self._waiting[0][0] < end:
            taken.append(heapq.heappop(self._waiting)[2])
        return tuple(taken)

    def take_all(self) -> tuple[Packet, ...]:
        """Give out all that is left."""
        packets = tuple(packet for _, _, packet in sorted(self._waiting))
        self._waiting = []
        return packets

    def skip_to(self, pts: int) -> None:
        """Drop the packets that end at ``pts`` or before; those of unknown duration that begin before it."""
        start = pts * self._frame_unit
        for packet in self.take_before(pts):
            if (packet.pts + packet.duration) * self._units[packet.track_idx] > start:
                self.add(packet)


def shifted(packet: Packet, shift: Fraction, track: Track) -> Packet:
    """The packet ``shift`` seconds later, in the nearest unit of its track."""
    return replace(packet, pts=packet.pts + round(shift / track.time_base))


def shifted_chapter(chapter: Chapter, shift: Fraction) -> Chapter:
    """The chapter ``shift`` seconds later."""
    shift_ns = round(shift * NANOSECONDS)
    return replace(chapter, start_ns=chapter.start_ns + shift_ns, end_ns=chapter.end_ns + shift_ns)


def chapters_between(
    chapters: Sequence[Chapter], start: Fraction | float, end: Fraction | float
) -> tuple[Chapter, ...]:
    """What of the chapters lies between two times in seconds, which may be infinite."""
    start_ns, end_ns = (time if math.isinf(time) else round(time * NANOSECONDS) for time in (start, end))
    return tuple(
        replace(
            chapter,
            start_ns=int(max(chapter.start_ns, start_ns)),
            end_ns=int(min(chapter.end_ns, end_ns)),
        )
        for chapter in chapters
        if chapter.start_ns < end_ns and chapter.end_ns > start_ns
    )
