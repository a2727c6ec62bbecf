from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvcodec.bitstream import Limits, NvstReader, NvstWriter, RecoveryReader, SequentialReader
from nvcodec.bitstream.boxes import Box, BoxHeader
from nvcodec.bitstream.fields import Cursor
from nvcodec.bitstream.front_index import write_with_front_index
from nvcodec.bitstream.headers import MAX_BOX_PACKETS, BoxType
from nvcodec.bitstream.parts import bytes_by_part, bytes_of_tracks
from nvcodec.bitstream.tracks import (
    pack_chapters,
    pack_packets,
    pack_tracks,
    parse_chapters,
    parse_packets,
    parse_tracks,
)
from nvcodec.errors import LimitError, MalformedError
from nvcodec.video.tracks import Chapter, Packet, Track, TrackKind
from tests.bitstream.nvst_samples import (
    AUDIO,
    CHAPTERS,
    STREAM,
    SUBTITLE,
    file_with_tracks,
    make_window,
    packets_of,
)

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=16)
times = st.integers(-(2**62), 2**62)
units = st.integers(1, 2**31 - 1)
small = st.integers(0, 2**31 - 1)
audio_tracks = st.builds(
    Track,
    kind=st.just(TrackKind.AUDIO),
    codec=texts.filter(bool),
    time_base=st.builds(Fraction, units, units),
    extradata=st.binary(max_size=20),
    sample_rate=units,
    channel_layout=texts,
    delay=small,
    language=texts,
    title=texts,
    disposition=st.integers(0, 2**32 - 1),
)
subtitle_tracks = st.builds(
    Track,
    kind=st.just(TrackKind.SUBTITLE),
    codec=texts.filter(bool),
    time_base=st.builds(Fraction, units, units),
    extradata=st.binary(max_size=20),
    language=texts,
    title=texts,
)
packets = st.builds(
    Packet,
    track_idx=st.integers(0, 2),
    pts=st.one_of(times, st.integers(0, 9)),
    duration=st.integers(0, 2**32 - 1) | st.just(20),
    data=st.binary(min_size=1, max_size=5),
    is_key=st.booleans(),
)


@given(st.lists(audio_tracks | subtitle_tracks, min_size=1, max_size=4))
def test_tracks_round_trip(tracks: list[Track]) -> None:
    assert parse_tracks(Cursor(pack_tracks(tracks), "here")) == tuple(tracks)


@given(st.lists(st.builds(lambda a, b, title: Chapter(min(a, b), max(a, b), title), times, times, texts), min_size=1))
def test_chapters_round_trip(chapters: list[Chapter]) -> None:
    assert parse_chapters(Cursor(pack_chapters(chapters), "here")) == tuple(chapters)


@given(st.lists(packets, max_size=12))
def test_packets_round_trip(given: list[Packet]) -> None:
    boxes = [_box(payload) for payload in pack_packets(given)]
    assert parse_packets(boxes, 3, Limits()) == sorted(given, key=lambda packet: packet.track_idx)


def test_many_packets_take_several_boxes() -> None:
    many = [Packet(0, idx, 1, b"x") for idx in range(MAX_BOX_PACKETS + 1)]
    boxes = [_box(payload) for payload in pack_packets(many)]
    assert len(boxes) == 2
    assert parse_packets(boxes, 1, Limits()) == many
    with pytest.raises(LimitError, match="packets of a window: 65537 is above the limit of 65536"):
        parse_packets(boxes, 1, Limits(max_packets=MAX_BOX_PACKETS))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sample_rate": 0}, "audio without sample_rate"),
        ({"kind": TrackKind.SUBTITLE}, "subtitles with sample_rate, delay or channel_layout"),
        ({"title": "x" * 1025}, "title_bytes is 1025, allowed is 0..1024"),
        ({"codec": ""}, "codec_bytes is 0, allowed is 1..64"),
    ],
)
def test_a_track_out_of_range_is_not_written(change: dict[str, Any], reason: str) -> None:
    fields = {name: getattr(AUDIO, name) for name in AUDIO.__dataclass_fields__}
    with pytest.raises(MalformedError, match=reason):
        pack_tracks([Track(**{**fields, **change})])


def _box(payload: bytes) -> Box:
    return Box(BoxHeader("pkts", 0, 0, len(payload), 0), payload)


def with_front_index(data: bytes) -> bytes:
    target = io.BytesIO()
    with NvstReader(data) as reader:
        write_with_front_index(reader, target)
    return target.getvalue()


@pytest.mark.parametrize("is_front", [False, True])
def test_readers_find_the_same(is_front: bool) -> None:
    data = with_front_index(file_with_tracks()) if is_front else file_with_tracks()
    with NvstReader(data) as reader:
        reader.verify()
        assert reader.tracks == (AUDIO, SUBTITLE) and reader.chapters == CHAPTERS
        assert reader.metadata == {"title": "x"}
        assert [reader.read_packets(idx) for idx in range(2)] == [packets_of(0), packets_of(1)]
    with RecoveryReader(data) as recovered:
        assert (recovered.tracks, recovered.chapters, recovered.metadata) == (
            (AUDIO, SUBTITLE),
            CHAPTERS,
            {"title": "x"},
        )
        assert [recovered.read_packets(idx) for idx in range(2)] == [packets_of(0), packets_of(1)]
    stream = SequentialReader(io.BytesIO(data))
    found = [stream.read_packets() for _, chunk in stream if chunk.chunk_idx == 0]
    assert found == [packets_of(0), packets_of(1)]
    assert (stream.tracks, stream.chapters, stream.metadata) == ((AUDIO, SUBTITLE), CHAPTERS, {"title": "x"})


def test_an_unfinished_file_has_the_packets_of_its_whole_windows() -> None:
    data = file_with_tracks()
    with NvstReader(data) as reader:
        end = reader.windows[1].offset + 30
    with NvstReader(data[:end]) as reader:
        assert len(reader.windows) == 1 and reader.read_packets(0) == packets_of(0)


def test_bytes_of_tracks_are_a_part_of_their_own() -> None:
    with NvstReader(file_with_tracks()) as reader:
        parts = bytes_by_part(reader)
        assert (
            parts["tracks"]
            == bytes_of_tracks(reader)
            > sum(len(packet.data) for idx in range(2) for packet in packets_of(idx))
        )
        assert sum(parts.values()) == reader.file_bytes


def test_a_file_without_tracks_has_none() -> None:
    file = io.BytesIO()
    writer = NvstWriter(file, STREAM)
    writer.write_tracks([], [])
    writer.write_window(*make_window())
    writer.finish(True)
    with NvstReader(file.getvalue()) as reader:
        assert reader.tracks == () and reader.chapters == () and reader.read_packets(0) == []


def test_recovery_keeps_the_packets_of_a_window_that_is_gone() -> None:
    data = bytearray(file_with_tracks(3))
    with NvstReader(bytes(data)) as reader:
        data[reader.windows[1].offset] ^= 1
    with RecoveryReader(bytes(data)) as reader:
        assert [reader.read_packets(idx) for idx in range(2)] == [
            packets_of(0),
            [*packets_of(1), *packets_of(2)],
        ]


def test_tracks_come_before_windows() -> None:
    writer = NvstWriter(io.BytesIO(), STREAM)
    writer.write_window(*make_window())
    with pytest.raises(MalformedError, match="tracks have to be written before the first window"):
        writer.write_tracks([AUDIO], [])


def test_box_types_are_ancillary() -> None:
    assert all(chr(int(box_type) & 0xFF).islower() for box_type in (BoxType.TRACKS, BoxType.CHAPTERS, BoxType.PACKETS))
