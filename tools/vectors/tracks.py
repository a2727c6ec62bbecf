"""Files with tracks, chapters and packets (clause 22): sound ones, and ones that break a rule of theirs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import cache

from nvcodec.bitstream import headers as h
from nvcodec.bitstream.fields import Record
from nvcodec.bitstream.headers import BoxType
from nvcodec.bitstream.tracks import pack_chapters, pack_packets, pack_tracks
from nvcodec.video.tracks import Chapter, Packet, Track, TrackKind
from tools.vectors import faulty_bases as bases
from tools.vectors.building import build
from tools.vectors.networks import HNERV, TINY
from tools.vectors.recipes import StreamRecipe, WindowRecipe
from tools.vectors.surgery import Box, join, take_apart, with_field, with_fields
from tools.vectors.vector import MALFORMED, UNSUPPORTED, Vector, faulty

_AUDIO = Track(TrackKind.AUDIO, "pcm_u8", Fraction(1, 8000), b"", 8000, "mono", 40, "deu", "Ton", 1)
_SUBTITLE = Track(TrackKind.SUBTITLE, "subrip", Fraction(1, 1000), b"\1\2", title="é")
_TRACKS = pack_tracks([_AUDIO, _SUBTITLE])
_CHAPTERS = pack_chapters([Chapter(-1, 10**8, "a"), Chapter(10**8, 10**8, "é"), Chapter(0, 2 * 10**8, "")])
_PACKETS: Mapping[int, tuple[bytes, ...]] = {
    part: tuple(
        pack_packets(
            [
                *(Packet(0, 640 * part - 40 + 80 * idx, 80, bytes([128 + idx] * 80)) for idx in range(4)),
                Packet(1, 80 * part, 30, b"first"),
                Packet(1, 80 * part + 40, 0, b"second", is_key=False),
                # Times that go back begin another box.
                Packet(1, 80 * part + 20, 5, b"between"),
            ]
        )
    )
    for part in range(2)
}

_TINY = WindowRecipe(TINY, lengths=(1, 1), spread=8, is_table_shared=True)


def _of(*windows: WindowRecipe, **fields: object) -> bytes:
    packets = {part: _PACKETS[part] for part in range(len(windows))}
    extras = {"tracks": _TRACKS, "chapters": _CHAPTERS, "packets": packets, **fields}
    return build(StreamRecipe(windows, **extras))  # type: ignore[arg-type]


@cache
def sound() -> bytes:
    """A finished file of one window with everything."""
    return _of(_TINY, format=bases.SMALL)


def valid() -> Iterator[Vector]:
    """Files that every decoder reads."""
    first = WindowRecipe(HNERV, lengths=(1, 1), gain=6, is_table_shared=True)
    both = first, replace(first, first_pts=None)
    yield Vector("tracks", "audio, subtitles and chapters, with packets in front of windows (clause 22)", _of(*both))
    yield Vector("tracks-front-index", "trak and chap behind indx, pkts behind them", _of(*both, has_front_index=True))
    yield Vector("chapters", "chapters without tracks", _of(first, tracks=None, packets={}))


def damaged() -> Iterator[Vector]:
    """Files whose frames decode, though what goes with them is refused."""
    trak, track, chap = (h.TRACKS, b"trak"), (h.TRACK, b"trak"), (h.CHAPTERS, b"chap")
    pkts, kind = (h.PACKETS, b"pkts"), TrackKind.SUBTITLE
    for place, field, value, reason in (
        (trak, "num_tracks", 0, "num_tracks is 0"),
        (trak, "num_tracks", 3, "payload ends early"),
        (trak, "num_tracks", 1, "bytes too many"),
        (track, "kind", 2, "kind 2 is unknown"),
        (track, "kind", kind, "subtitles with sample_rate"),
        (track, "codec_bytes", 0, "codec_bytes is 0"),
        (track, "layout_bytes", 65, "layout_bytes is 65"),
        (track, "language_bytes", 65, "language_bytes is 65"),
        (track, "title_bytes", 1025, "title_bytes is 1025"),
        (track, "reserved", 1, "reserved is 1"),
        (track, "time_base_num", 0, "time_base_num is 0"),
        (track, "time_base_num", 2, "time base 2/8000 of a track is not in lowest terms"),
        (track, "time_base_den", 0, "time_base_den is 0"),
        (track, "sample_rate", 2**31, "sample_rate is 2147483648"),
        (track, "sample_rate", 0, "audio without sample_rate"),
        (track, "delay", 2**31, "delay is 2147483648"),
        (track, "extradata_bytes", 2**20 + 1, "extradata_bytes is 1048577"),
        (track, "codec", 0xFF, "a text is not UTF-8"),
        (chap, "num_chapters", 0, "num_chapters is 0"),
        (chap, "start_ns", -(2**62) - 1, "start_ns contains -4611686018427387905"),
        (chap, "end_ns", 2**62 + 1, "end_ns contains 4611686018427387905"),
        (chap, "end_ns", -2, "a chapter ends before it begins"),
        (chap, "title_bytes", 1025, "title_bytes contains 1025"),
        (chap, "title_bytes", 0, "bytes too many"),
        (pkts, "track_idx", 64, "track_idx is 64"),
        (pkts, "track_idx", 2, "track_idx is 2, the file has 2 tracks"),
        (pkts, "reserved", 1, "reserved is 1"),
        (pkts, "num_packets", 0, "num_packets is 0"),
        (pkts, "num_packets", 2**16 + 1, "num_packets is 65537"),
        (pkts, "num_durations", 0, "num_durations is 0"),
        (pkts, "first_pts", 2**62 + 1, "first_pts is 4611686018427387905"),
        (pkts, "first_pts", 2**62 - 1, "pts_steps do not begin at 0, or exceed 2**62"),
        (pkts, "pts_steps", 1, "pts_steps do not begin at 0"),
        (pkts, "packet_bytes", 0, "packet_bytes contains 0"),
        (pkts, "packet_bytes", 2**24 + 1, "packet_bytes contains 16777217"),
        (pkts, "packet_bytes", 81, "payload ends early"),
        (pkts, "packet_flags", 2, "packet_flags contains 2"),
    ):
        yield _damaged(*place, field, int(value), reason)
    reason = "2 durations for 3 packets"
    counts = {"track_idx": 0, "reserved": 0, "num_packets": 3, "num_durations": 2, "first_pts": 0}
    arrays = {"pts_steps": [0, 1, 1], "durations": [1, 2], "packet_bytes": [1, 1, 1], "packet_flags": [1, 1, 1]}
    payload = h.PACKETS.pack({**counts, **arrays}) + b"abc"
    data = _of(_TINY, format=bases.SMALL, packets={0: (payload,)})
    yield Vector("pkts-num-durations-2", f"pkts: {reason} (clause 22)", data, (MALFORMED, reason))
    reason = "equal durations are not stored as one"
    equal = with_fields(sound(), b"pkts", h.PACKETS, [("durations", 1, 30)], 1)
    yield Vector("pkts-durations-equal", f"pkts: {reason} (clause 22)", equal, (MALFORMED, reason))


def _damaged(record: Record, box: bytes, field: str, value: int, reason: str) -> Vector:
    name = f"{box.decode()}-{field.replace('_', '-')}-{value}"
    error = UNSUPPORTED if reason.endswith("is unknown") else MALFORMED
    about = f"{box.decode()}, {record.name}, {field} = {value} (clause 22)"
    return Vector(name, about, with_field(sound(), box, record, field, value), (error, reason))


def misplaced() -> list[Vector]:
    """Boxes in another order than that of clause 3."""
    file_header, boxes = take_apart(bases.cut(sound()))
    trak, chap, *packets = boxes[1:6]
    meta, note = Box(BoxType.METADATA, b""), Box(int.from_bytes(b"note", "little"), b"")
    stream, window, index = boxes[0], boxes[6:], take_apart(sound())[1][-2]
    tracks, chapters = "the tracks do not follow", "the chapters do not follow"
    return [
        faulty(f"order-{name}", f"{about} (clause 3)", join(file_header, order), reason)
        for name, about, order, reason in (
            ("chap-before-trak", "chap in front of trak", [stream, chap, trak, *packets, *window], tracks),
            ("trak-twice", "trak twice", [stream, trak, trak, *window], tracks),
            ("trak-late", "trak behind a window", [stream, *window, trak], tracks),
            ("note-before-trak", "an unknown box between STRM and trak", [stream, note, trak, *window], tracks),
            ("chap-late", "chap behind pkts", [stream, trak, *packets, chap, *window], chapters),
            ("chap-twice", "chap twice", [stream, chap, chap, *window], chapters),
            ("meta-behind-trak", "meta behind trak", [stream, trak, meta, *window], "the metadata does not follow"),
            ("pkts-without-trak", "pkts without trak", [stream, *packets, *window], "packets without tracks"),
            (
                "pkts-in-window",
                "pkts in a window",
                [stream, trak, *window[:3], packets[0], *window[3:]],
                "expected a CHNK",
            ),
            (
                "pkts-behind-windows",
                "pkts behind the last window",
                [stream, trak, *window, packets[0], index],
                "packets behind the last window",
            ),
        )
    ]
