"""Clause 22: tracks, chapters and packets."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .boxes import Box, scan_boxes
from .chunk import MAX_TIME
from .container import find_trailer
from .fields import Cursor, require

MAX_TRACKS = 64
AUDIO, SUBTITLE = 0, 1


@dataclass(frozen=True)
class Track:
    """One track."""

    kind: int
    time_base: tuple[int, int]
    sample_rate: int
    delay: int
    disposition: int
    codec: str
    channel_layout: str
    language: str
    title: str
    extradata: bytes


@dataclass(frozen=True)
class Chapter:
    """One chapter."""

    start_ns: int
    end_ns: int
    title: str


@dataclass(frozen=True)
class Packet:
    """One packet."""

    track_idx: int
    pts: int
    duration: int
    flags: int
    data: bytes


def read_text(cursor: Cursor, name: str, count: int) -> str:
    """UTF-8."""
    offset = cursor.offset
    data = cursor.raw(name, count)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        require(False, f"{name} is not UTF-8", offset)
        raise


def read_track(cursor: Cursor) -> Track:
    """The record *track*."""
    offset = cursor.offset
    kind = cursor.choice("kind", "u8", AUDIO, SUBTITLE)
    codec_bytes = cursor.number("codec_bytes", "u8", 1, 64)
    layout_bytes = cursor.number("layout_bytes", "u8", 0, 64)
    language_bytes = cursor.number("language_bytes", "u8", 0, 64)
    title_bytes = cursor.number("title_bytes", "u16", 0, 1024)
    cursor.reserved("u16")
    num = cursor.number("time_base_num", "u32", 1, 2**31 - 1)
    den = cursor.number("time_base_den", "u32", 1, 2**31 - 1)
    # "time_base_num / time_base_den is in lowest terms."
    require(math.gcd(num, den) == 1, "the time base is not in lowest terms", offset)
    sample_rate = cursor.number("sample_rate", "u32", 0, 2**31 - 1)
    delay = cursor.number("delay", "u32", 0, 2**31 - 1)
    # "For audio sample_rate is at least 1; for subtitles sample_rate, delay and layout_bytes are 0."
    require(kind != AUDIO or sample_rate > 0, "audio without sample_rate", offset)
    is_plain = sample_rate == delay == layout_bytes == 0
    require(kind != SUBTITLE or is_plain, "subtitles with what only audio has", offset)
    disposition = cursor.number("disposition", "u32")
    extradata_bytes = cursor.number("extradata_bytes", "u32", 0, 2**20)
    codec = read_text(cursor, "codec", codec_bytes)
    channel_layout = read_text(cursor, "channel_layout", layout_bytes)
    language = read_text(cursor, "language", language_bytes)
    title = read_text(cursor, "title", title_bytes)
    extradata = cursor.raw("extradata", extradata_bytes)
    return Track(
        kind, (num, den), sample_rate, delay, disposition, codec, channel_layout, language, title, extradata
    )  # fmt: skip


def read_tracks(cursor: Cursor) -> list[Track]:
    """A trak payload."""
    tracks = [read_track(cursor) for _ in range(cursor.number("num_tracks", "u8", 1, MAX_TRACKS))]
    cursor.finish("the tracks")
    return tracks


def read_chapters(cursor: Cursor) -> list[Chapter]:
    """A chap payload."""
    offset = cursor.offset
    count = cursor.number("num_chapters", "u32", 1, 2**16)
    starts = cursor.numbers("start_ns", "i64", count, -MAX_TIME, MAX_TIME)
    ends = cursor.numbers("end_ns", "i64", count, -MAX_TIME, MAX_TIME)
    sizes = cursor.numbers("title_bytes", "u16", count, 0, 1024)
    titles = [read_text(cursor, "titles", size) for size in sizes]
    cursor.finish("the chapters")
    # "No chapter ends before it begins"
    require(all(start <= end for start, end in zip(starts, ends, strict=True)), "a chapter ends too early", offset)
    return [Chapter(*chapter) for chapter in zip(starts, ends, titles, strict=True)]


def read_packets(cursor: Cursor, num_tracks: int) -> list[Packet]:
    """A pkts payload."""
    offset = cursor.offset
    # "track_idx less than num_tracks"
    track_idx = cursor.number("track_idx", "u8", 0, num_tracks - 1)
    cursor.reserved("u8")
    count = cursor.number("num_packets", "u32", 1, 2**16)
    num_durations = cursor.number("num_durations", "u32", 1, 2**16)
    pts = cursor.number("first_pts", "i64", -MAX_TIME, MAX_TIME)
    steps = cursor.numbers("pts_steps", "u32", count)
    durations = cursor.numbers("durations", "u32", num_durations)
    # "num_durations is 1 if all durations are equal, otherwise num_packets."
    is_counted = num_durations == 1 or (num_durations == count and len(set(durations)) > 1)
    require(is_counted, "num_durations is not what the durations ask for", offset)
    sizes = cursor.numbers("packet_bytes", "u32", count, 1, 2**24)
    flags = cursor.numbers("packet_flags", "u8", count, 0, 1)
    # "The pts of a packet is first_pts plus the pts_steps up to its own, of which the first is 0"
    require(steps[0] == 0, "the first of pts_steps is not 0", offset)
    packets = []
    for i in range(count):
        pts += steps[i]
        duration = durations[0] if num_durations == 1 else durations[i]
        packets.append(Packet(track_idx, pts, duration, flags[i], cursor.raw("data", sizes[i])))
    require(pts <= MAX_TIME, "pts exceeds 2^62", offset)
    cursor.finish("the packets")
    return packets


def read_companions(data: bytes) -> tuple[list[Track], list[Chapter], list[Packet]]:
    """What a valid file holds beside its frames, the packets in the order of the file."""
    trailer = find_trailer(data)
    boxes = scan_boxes(data if trailer is None else data[: trailer.offset])
    tracks = [track for box in of_type(boxes, "trak") for track in read_tracks(box.payload(data))]
    chapters = [chapter for box in of_type(boxes, "chap") for chapter in read_chapters(box.payload(data))]
    packets = [
        packet for box in of_type(boxes, "pkts") for packet in read_packets(box.payload(data), len(tracks))
    ]  # fmt: skip
    return tracks, chapters, packets


def of_type(boxes: list[Box], box_type: str) -> list[Box]:
    """Those of one type."""
    return [box for box in boxes if box.type == box_type]
