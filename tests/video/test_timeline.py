from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvcodec.video.timeline import MAX_DURATION, Evenness, Timeline

MILLISECONDS = Fraction(1, 1000)


def _placed(times, time_base=MILLISECONDS):
    timeline = Timeline(time_base, Fraction(25))
    return [timeline.place(pts) for pts in times], timeline.num_moved


@pytest.mark.parametrize(
    ("times", "expected", "num_moved"),
    [
        ([0, 40, 80], [0, 40, 80], 0),
        ([1200, 1240], [1200, 1240], 0),
        ([-80, -40, 0], [-80, -40, 0], 0),
        # A gap is a frame that is shown for long.
        ([0, 40, 100_040, 100_080], [0, 40, 100_040, 100_080], 0),
        # A clock that begins again: what follows goes on.
        ([5000, 5040, 0, 40, 80], [5000, 5040, 5080, 5120, 5160], 1),
        ([0, 40, 2**40, 2**40 + 40], [0, 40, 80, 120], 1),
        # A frame out of order: only it moves.
        ([0, 80, 40, 120], [0, 80, 81, 120], 1),
        ([None, None, 100, None], [0, 40, 100, 140], 0),
    ],
)
def test_times_are_kept_where_they_can_be(times, expected, num_moved):
    assert _placed(times) == (expected, num_moved)


@given(st.lists(st.one_of(st.none(), st.integers(-(2**50), 2**50), st.integers(0, 3000)), min_size=1, max_size=20))
def test_times_always_increase_by_what_a_file_can_hold(times):
    placed, _ = _placed(times)
    assert all(0 < later - earlier <= MAX_DURATION for earlier, later in pairwise(placed))


@pytest.mark.parametrize(
    ("times", "is_even"),
    [
        ([7], True),
        ([0, 40, 80, 120], True),
        ([0, 33, 67, 100], True),
        ([0, 1, 2, 3], True),
        ([0, 1, 3, 4], False),
        ([0, 33, 67, 101, 133], False),
        ([0, 9000, 18000, 26100], False),
        ([0, 3003, 6005, 9010], True),
    ],
)
def test_a_constant_rate_is_told_from_a_variable_one(times, is_even):
    evenness = Evenness()
    for pts in times:
        evenness.add(pts)
    assert evenness.is_even == is_even
