from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvcodec.errors import ConfigError
from nvcodec.report.alignment import align


def at(rate: float, num_frames: int, start_s: float = 0.0) -> list[float]:
    return [start_s + idx / rate for idx in range(num_frames)]


def test_as_many_frames_are_paired_in_order_whatever_their_times() -> None:
    assert align(at(25, 4, 1.2), [0.0, 1.0, 2.0, 9.0], "a") == ((0, 0), (1, 1), (2, 2), (3, 3))


def test_a_part_of_the_source_is_found_by_its_times() -> None:
    source = at(30, 100)
    rounded = [round(time, 3) for time in source[40:50]]
    assert align(source, rounded, "a") == tuple((40 + idx, idx) for idx in range(10))


def test_a_part_of_the_video_is_found_by_the_times_of_the_source() -> None:
    assert align(at(30, 10, 2.0), at(30, 100), "a") == tuple((idx, 60 + idx) for idx in range(10))


def test_half_the_frame_rate_pairs_every_other_frame() -> None:
    assert align(at(50, 20), at(25, 10), "a") == tuple((2 * idx, idx) for idx in range(10))


@pytest.mark.parametrize("video", [at(24, 10), at(25, 10, 7.0), at(25, 10, 3.7), at(25, 1, 5.0)])
def test_other_frames_are_refused(video: list[float]) -> None:
    with pytest.raises(ConfigError, match=r"are not frames of the source, which has 100 frames at 0\.000 to 3\.960 s"):
        align(at(25, 100), video, "a.mp4")


@given(
    gaps=st.lists(st.integers(10, 50), min_size=2, max_size=60),
    first=st.integers(0, 59),
    length=st.integers(2, 60),
    jitter=st.floats(-1, 1),
)
def test_every_run_of_frames_finds_itself(gaps: list[int], first: int, length: int, jitter: float) -> None:
    """Frames of uneven lengths, whose times are told in whole milliseconds, say."""
    times = [sum(gaps[:idx]) / 1000 for idx in range(len(gaps) + 1)]
    part = times[first : first + length]
    if len(part) < 2:
        return
    pairs = align(times, [time + jitter / 2000 for time in part], "a")
    assert pairs == tuple((first + idx, idx) for idx in range(len(part)))
