from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvcodec.errors import ConfigError
from nvcodec.sharing.scenes import REACH, CutThreshold
from nvcodec.sharing.windows import WindowPlan, iter_windows, split_evenly
from tests.clips import make_flat_frames


def _scenes(*lengths):
    """Flat frames, a different gray in each scene."""
    levels = [40 + 90 * (scene_idx % 3) for scene_idx, length in enumerate(lengths) for _ in range(length)]
    return make_flat_frames(levels, 16, 16)


def _chunks(frames, plan):
    return [window.chunk_lengths for window in iter_windows(frames, plan)]


def _plan(chunk_frames, max_frames=None, max_chunks=16, fixed_chunks=False):
    return WindowPlan(chunk_frames, max_frames or chunk_frames * max_chunks, max_chunks, fixed_chunks)


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ([], []),
        ([1], [(1,)]),
        ([4], [(4,)]),
        ([10], [(10,)]),
        ([14], [(14,)]),
        ([15], [(8, 7)]),
        ([24], [(12, 12)]),
        ([20, 30], [(10, 10), (10, 10, 10)]),
        ([7, 30], [(7,), (10, 10, 10)]),
        ([4, 30], [(12, 11, 11)]),
        ([30, 4], [(12, 11, 11)]),
        ([30, 5], [(10, 10, 10), (5,)]),
        ([1, 30], [(11, 10, 10)]),
        ([30, 1], [(11, 10, 10)]),
        ([20, 3, 20], [(10, 10), (12, 11)]),
    ],
)
def test_windows_begin_at_cuts_unless_too_short(lengths, expected):
    assert _chunks(_scenes(*lengths), _plan(10)) == expected


@pytest.mark.parametrize(
    ("num_frames", "expected"),
    [
        (40, [(10,) * 4]),
        (42, [(11, 10), (11, 10)]),
        (44, [(11, 11), (11, 11)]),
        (45, [(10,) * 4, (5,)]),
        (100, [(10,) * 4, (10,) * 4, (10, 10)]),
        (83, [(10,) * 4, (11, 11), (11, 10)]),
    ],
)
def test_long_scenes_become_several_windows_without_a_short_rest(num_frames, expected):
    assert _chunks(_scenes(num_frames), _plan(10, max_chunks=4)) == expected


def test_memory_limits_a_window():
    assert _chunks(_scenes(100), _plan(10, max_frames=25)) == [(9, 8, 8)] * 4
    assert _chunks(_scenes(23), _plan(10, max_frames=10)) == [(10,), (7,), (6,)]


def test_a_long_scene_before_a_cut_shares_its_rest():
    assert _chunks(_scenes(43, 20), _plan(10, max_chunks=4)) == [(11, 11), (11, 10), (10, 10)]


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ([], []),
        ([3], [(3,)]),
        ([40], [(10,) * 4]),
        ([43], [(10,) * 4, (3,)]),
        ([24, 30], [(10,) * 2, (10, 10, 10, 4)]),
        ([26, 30], [(10,) * 3, (10, 10, 6)]),
        ([4, 36], [(10,) * 4]),
        ([38, 5], [(10,) * 4, (3,)]),
        ([18, 1], [(10, 9)]),
    ],
)
def test_fixed_chunks_lie_on_the_grid(lengths, expected):
    assert _chunks(_scenes(*lengths), _plan(10, max_chunks=4, fixed_chunks=True)) == expected


PLANS = st.builds(
    lambda length, chunks, frames, fixed: WindowPlan(length, length + frames, chunks, fixed),
    st.integers(1, 12),
    st.integers(1, 5),
    st.integers(0, 40),
    st.booleans(),
)


@settings(deadline=None)
@given(plan=PLANS, lengths=st.lists(st.integers(1, 40), max_size=5))
def test_windows_partition_every_stream(plan, lengths):
    frames = _scenes(*lengths)
    num_read = num_yielded = 0

    def reading():
        nonlocal num_read
        for frame in frames:
            num_read += 1
            yield frame

    windows = []
    for window in iter_windows(reading(), plan):
        assert num_read - num_yielded <= plan.capacity + plan.min_frames + REACH + 1
        num_yielded += len(window.frames)
        windows.append(window)
    assert [frame.pts for window in windows for frame in window.frames] == list(range(len(frames)))
    for window in windows:
        assert sum(window.chunk_lengths) == len(window.frames)
        assert 1 <= len(window.chunk_lengths) <= plan.max_chunks
        assert len(window.frames) <= plan.max_frames
        assert min(window.chunk_lengths) >= 1
    all_chunks = [length for window in windows for length in window.chunk_lengths]
    if plan.fixed_chunks:
        assert all(length == plan.chunk_frames for length in all_chunks[:-1])
        assert all(length <= plan.chunk_frames for length in all_chunks)
    else:
        assert all(max(w.chunk_lengths) - min(w.chunk_lengths) <= 1 for w in windows)
        assert all(length >= min(plan.min_frames, len(frames)) for length in all_chunks)


@given(num_frames=st.integers(1, 500), length=st.integers(1, 60), max_chunks=st.integers(1, 16))
def test_even_chunks_are_near_the_length_asked(num_frames, length, max_chunks):
    lengths = split_evenly(num_frames, WindowPlan(length, 500, max_chunks))
    assert sum(lengths) == num_frames
    assert max(lengths) - min(lengths) <= 1
    if num_frames <= max_chunks * length:
        assert max(lengths) <= max(1.5 * length, 1)
        assert min(lengths) >= min(num_frames, length / 2)


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        (WindowPlan(0, 10), "chunk_frames"),
        (WindowPlan(10, 100, max_chunks=0), "max_chunks"),
        (WindowPlan(10, 9), "does not fit"),
        (WindowPlan(10, 100, cut_threshold=CutThreshold(-1.0)), "min_difference"),
    ],
)
def test_plans_out_of_range_are_refused(plan, reason):
    with pytest.raises(ConfigError, match=reason):
        list(iter_windows([], plan))
