from __future__ import annotations

import math
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from nvcodec.video.tracks import Chapter, Packet, PacketQueue, Track, TrackKind, chapters_between, shifted

SOUND = Track(TrackKind.AUDIO, "opus", Fraction(1, 48000), sample_rate=48000)
TEXT = Track(TrackKind.SUBTITLE, "subrip", Fraction(1, 1000))


def text(pts: int, duration: int = 0) -> Packet:
    return Packet(1, pts, duration, b"x")


def filled(*packets: Packet) -> PacketQueue:
    queue = PacketQueue([SOUND, TEXT], Fraction(1, 25))
    for packet in packets:
        queue.add(packet)
    return queue


def test_packets_come_when_they_begin_whatever_their_units() -> None:
    sound, later = Packet(0, 1919, 960, b"a"), Packet(0, 1920, 960, b"b")
    queue = filled(later, text(39), sound, text(40))
    assert queue.take_before(1) == (text(39), sound)
    assert queue.take_before(1) == ()
    assert queue.take_all() == (later, text(40))
    assert queue.take_all() == ()


def test_what_is_still_there_at_the_start_is_kept() -> None:
    ended, lasting, unknown = text(0, 40), text(1, 40), text(39)
    queue = filled(ended, lasting, unknown, text(40))
    queue.skip_to(1)
    assert queue.take_all() == (lasting, text(40))


@given(st.lists(st.integers(-1000, 1000)), st.integers(-30, 30))
def test_nothing_is_lost(times: list[int], border: int) -> None:
    queue = filled(*(text(pts) for pts in times))
    taken = queue.take_before(border) + queue.take_all()
    assert [packet.pts for packet in taken] == sorted(times)


@given(st.integers(-(10**9), 10**9), st.fractions(-1000, 1000))
def test_a_shift_and_its_opposite_undo_each_other(pts: int, shift: Fraction) -> None:
    assert shifted(shifted(text(pts), shift, TEXT), -shift, TEXT) == text(pts)


def test_chapters_are_cut_at_the_borders() -> None:
    chapters = [Chapter(0, 10, "a"), Chapter(10, 20, "b"), Chapter(20, 30, "c")]
    assert chapters_between(chapters, -math.inf, math.inf) == tuple(chapters)
    assert chapters_between(chapters, Fraction(5, 10**9), Fraction(20, 10**9)) == (
        Chapter(5, 10, "a"),
        Chapter(10, 20, "b"),
    )
