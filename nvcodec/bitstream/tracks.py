"""Payloads of the boxes of tracks, chapters and packets (spec clause "Tracks, chapters and packets")."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

import numpy as np

from nvcodec.bitstream.boxes import Box
from nvcodec.bitstream.fields import Cursor, IntArray
from nvcodec.bitstream.headers import (
    CHAPTER_TITLES,
    CHAPTERS,
    MAX_BOX_PACKETS,
    MAX_PTS,
    PACKET_DATA,
    PACKETS,
    TRACK,
    TRACKS,
    BoxType,
)
from nvcodec.bitstream.limits import Limits
from nvcodec.errors import MalformedError
from nvcodec.video.tracks import Chapter, Packet, Track, TrackKind

_MAX_U32 = 2**32 - 1
_MAX_DATA_BYTES = 1 << 26
"""Of the packets of one box that is written; a single packet is much smaller."""


def pack_tracks(tracks: Sequence[Track]) -> bytes:
    """Payload of the trak box.

    Raises:
        MalformedError: a field is out of range.
    """
    return TRACKS.pack({"num_tracks": len(tracks)}) + b"".join(_pack_track(track) for track in tracks)


def _pack_track(track: Track) -> bytes:
    _check_kind(track, "tracks")
    texts = {
        "codec": track.codec.encode(),
        "channel_layout": track.channel_layout.encode(),
        "language": track.language.encode(),
        "title": track.title.encode(),
        "extradata": track.extradata,
    }
    return TRACK.pack(
        {
            "kind": track.kind,
            "codec_bytes": len(texts["codec"]),
            "layout_bytes": len(texts["channel_layout"]),
            "language_bytes": len(texts["language"]),
            "title_bytes": len(texts["title"]),
            "reserved": 0,
            "time_base_num": track.time_base.numerator,
            "time_base_den": track.time_base.denominator,
            "sample_rate": track.sample_rate,
            "delay": track.delay,
            "disposition": track.disposition,
            "extradata_bytes": len(track.extradata),
            **{name: np.frombuffer(text, np.uint8) for name, text in texts.items()},
        }
    )


def parse_tracks(cursor: Cursor) -> tuple[Track, ...]:
    """Read the trak payload.

    Raises:
        MalformedError: a field is out of range or contradicts another, or a text is not UTF-8.
        UnsupportedError: a track is of an unknown kind.
    """
    tracks = tuple(_parse_track(cursor) for _ in range(TRACKS.parse(cursor)["num_tracks"]))
    cursor.finish()
    return tracks


def _parse_track(cursor: Cursor) -> Track:
    values = TRACK.parse(cursor)
    num, den = values["time_base_num"], values["time_base_den"]
    if math.gcd(num, den) != 1:
        raise MalformedError(f"time base {num}/{den} of a track is not in lowest terms", cursor.place)
    track = Track(
        kind=TrackKind(values["kind"]),
        codec=_text(values.array("codec"), cursor.place),
        time_base=Fraction(num, den),
        extradata=values.array("extradata").tobytes(),
        sample_rate=values["sample_rate"],
        channel_layout=_text(values.array("channel_layout"), cursor.place),
        delay=values["delay"],
        language=_text(values.array("language"), cursor.place),
        title=_text(values.array("title"), cursor.place),
        disposition=values["disposition"],
    )
    _check_kind(track, cursor.place)
    return track


def _check_kind(track: Track, place: str) -> None:
    """Raise MalformedError if audio has no sample rate, or subtitles have what only audio has."""
    if track.kind == TrackKind.AUDIO and not track.sample_rate:
        raise MalformedError("audio without sample_rate", place)
    if track.kind == TrackKind.SUBTITLE and (track.sample_rate or track.delay or track.channel_layout):
        raise MalformedError("subtitles with sample_rate, delay or channel_layout", place)


def pack_chapters(chapters: Sequence[Chapter]) -> bytes:
    """Payload of the chap box.

    Raises:
        MalformedError: a field is out of range.
    """
    _check_chapters(chapters, "chapters")
    titles = [chapter.title.encode() for chapter in chapters]
    head = CHAPTERS.pack(
        {
            "num_chapters": len(chapters),
            "start_ns": [chapter.start_ns for chapter in chapters],
            "end_ns": [chapter.end_ns for chapter in chapters],
            "title_bytes": [len(title) for title in titles],
        }
    )
    return head + b"".join(titles)


def parse_chapters(cursor: Cursor) -> tuple[Chapter, ...]:
    """Read the chap payload.

    Raises:
        MalformedError: a field is out of range, a chapter ends before it begins, or a title is not UTF-8.
    """
    values = CHAPTERS.parse(cursor)
    starts, ends, sizes = (values.array(name).tolist() for name in ("start_ns", "end_ns", "title_bytes"))
    titles = CHAPTER_TITLES.parse(cursor, num_title_bytes=sum(sizes)).array("titles")
    cursor.finish()
    bounds = itertools.pairwise(itertools.accumulate(sizes, initial=0))
    texts = [_text(titles[start:end], cursor.place) for start, end in bounds]
    chapters = tuple(Chapter(*chapter) for chapter in zip(starts, ends, texts, strict=True))
    _check_chapters(chapters, cursor.place)
    return chapters


def _check_chapters(chapters: Sequence[Chapter], place: str) -> None:
    if any(chapter.end_ns < chapter.start_ns for chapter in chapters):
        raise MalformedError("a chapter ends before it begins", place)


def pack_packets(packets: Iterable[Packet]) -> Iterator[bytes]:
    """Payloads of the pkts boxes that hold packets of any tracks, those of one track behind those of another.

    Raises:
        MalformedError: a field is out of range.
    """
    of_track: dict[int, list[Packet]] = {}
    for packet in packets:
        of_track.setdefault(packet.track_idx, []).append(packet)
    for _, track_packets in sorted(of_track.items()):
        for run in _runs(track_packets):
            yield _pack_run(run)


def _runs(packets: Sequence[Packet]) -> Iterator[list[Packet]]:
    """The packets of a track, divided where one box cannot hold them."""
    run: list[Packet] = []
    num_bytes = 0
    for packet in packets:
        fits = len(run) < MAX_BOX_PACKETS and num_bytes + len(packet.data) <= _MAX_DATA_BYTES
        if run and not (fits and 0 <= packet.pts - run[-1].pts <= _MAX_U32):
            yield run
            run, num_bytes = [], 0
        run.append(packet)
        num_bytes += len(packet.data)
    yield run


def _pack_run(run: Sequence[Packet]) -> bytes:
    durations = [packet.duration for packet in run]
    if len(set(durations)) == 1:
        durations = durations[:1]
    head = PACKETS.pack(
        {
            "track_idx": run[0].track_idx,
            "reserved": 0,
            "num_packets": len(run),
            "num_durations": len(durations),
            "first_pts": run[0].pts,
            "pts_steps": [0, *(after.pts - before.pts for before, after in itertools.pairwise(run))],
            "durations": durations,
            "packet_bytes": [len(packet.data) for packet in run],
            "packet_flags": [int(packet.is_key) for packet in run],
        }
    )
    return head + b"".join(packet.data for packet in run)


def parse_packets(boxes: Iterable[Box], num_tracks: int, limits: Limits) -> list[Packet]:
    """The packets in the pkts boxes among those that stand in front of a window.

    Args:
        num_tracks: tracks of the file.
        limits: the reader's.

    Raises:
        MalformedError: a field is out of range or contradicts another.
        LimitError: there are more packets than the reader takes.
    """
    packets: list[Packet] = []
    for box in boxes:
        if box.header.box_type == BoxType.PACKETS:
            packets += parse_run(box.cursor(), num_tracks, limits, len(packets))
    return packets


def parse_run(cursor: Cursor, num_tracks: int, limits: Limits, num_before: int = 0) -> list[Packet]:
    """Read one pkts payload; ``num_before`` packets are those of other boxes. Raises as :func:`parse_packets` does."""
    values = PACKETS.parse(cursor)
    track_idx, num_packets, num_durations = (values[name] for name in ("track_idx", "num_packets", "num_durations"))
    limits.check_packets(num_before + num_packets, cursor.place)
    if track_idx >= num_tracks:
        raise MalformedError(f"track_idx is {track_idx}, the file has {num_tracks} tracks", cursor.place)
    if num_durations not in (1, num_packets):
        raise MalformedError(f"{num_durations} durations for {num_packets} packets", cursor.place)
    durations = values.array("durations")
    if num_durations > 1 and (durations == durations[0]).all():
        raise MalformedError("equal durations are not stored as one", cursor.place)
    steps = values.array("pts_steps")
    # The first is u32 and so are the others, so that their sum is far from overflowing.
    pts = [values["first_pts"] + int(step) for step in np.cumsum(steps, dtype=np.int64)]
    if steps[0] or pts[-1] > MAX_PTS:
        raise MalformedError("pts_steps do not begin at 0, or exceed 2**62", cursor.place)
    sizes = values.array("packet_bytes").tolist()
    data = PACKET_DATA.parse(cursor, num_data_bytes=sum(sizes)).array("data").tobytes()
    cursor.finish()
    ends = itertools.accumulate(sizes)
    return [
        Packet(track_idx, time, int(duration), data[end - size : end], bool(flags))
        for time, duration, size, end, flags in zip(
            pts,
            durations if num_durations == num_packets else itertools.repeat(durations[0], num_packets),
            sizes,
            ends,
            values.array("packet_flags").tolist(),
            strict=True,
        )
    ]


def _text(elements: IntArray, place: str) -> str:
    try:
        return elements.tobytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError("a text is not UTF-8", place) from error
