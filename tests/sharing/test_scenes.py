from __future__ import annotations

import numpy as np
import pytest

from nvcodec.errors import ConfigError
from nvcodec.sharing.scenes import REACH, CutThreshold, frame_difference, make_thumbnail, mark_cuts
from nvcodec.video.frame import Frame
from nvcodec.video.source import open_source
from tests.clips import make_flat_frames


def _cuts(levels):
    marked = list(mark_cuts(make_flat_frames(levels), CutThreshold()))
    assert [frame.pts for frame, _ in marked] == list(range(len(levels)))
    return [frame.pts for frame, is_cut in marked if is_cut]


@pytest.mark.parametrize(
    ("levels", "cuts"),
    [
        ([60] * 20 + [150] * 20, [20]),
        ([60] * 10 + [150] * 10 + [90] * 10, [10, 20]),
        ([60] + [150] * 20, [1]),
        ([60] * 20 + [150], [20]),
        ([60] * 20 + [150] * 2, [20]),
        ([60, 150], [1]),
        ([60] * 5 + [150] * 5 + [60] * 5, [5, 10]),
    ],
    ids=["one", "two", "after the first", "at the last", "before the last", "two frames", "there and back"],
)
def test_cuts_are_found(levels, cuts):
    assert _cuts(levels) == cuts


@pytest.mark.parametrize(
    "levels",
    [
        [100] * 40,
        [100],
        [],
        [0] * 5 + list(range(0, 200, 10)) + [200] * 5,
        list(range(200, 0, -25)) + [0] * 10,
        [60] * 10 + [250] + [60] * 10,
        [60] * 10 + [250] * 2 + [60] * 10,
        [60] * 10 + [250] * (REACH - 1) + [60] * 10,
        [60, 64] * 20,
        [60, 160] * 20,
    ],
    ids=[
        "still",
        "one frame",
        "empty",
        "fade in",
        "fade out",
        "flash",
        "flash of 2",
        "flash of 3",
        "flicker",
        "strobe",
    ],
)
def test_what_is_no_cut(levels):
    assert _cuts(levels) == []


def test_noise_and_motion_do_not_hide_a_cut_nor_make_one():
    rng = np.random.default_rng(0)
    first, second = (np.kron(rng.integers(30, 220, (6, 8)), np.ones((16, 16))) for _ in range(2))
    frames = []
    for idx in range(40):
        scene = np.roll(first if idx < 23 else second, idx, axis=1) + rng.normal(0, 5, first.shape)
        frames.append(Frame((scene.clip(0, 255).astype(np.uint8),), idx, 1))
    assert [frame.pts for frame, is_cut in mark_cuts(frames, CutThreshold()) if is_cut] == [23]


def test_moved_content_counts_less_than_changed_content():
    rng = np.random.default_rng(1)
    page = (np.kron(rng.integers(0, 2, (48, 64)) * 25 + 150, np.ones((4, 4)))).astype(np.uint8)
    moved, brighter = np.roll(page, 8, axis=0), page + 13
    in_place = np.abs(moved.astype(int) - page).mean()
    assert in_place == pytest.approx(13, abs=1)
    for after, is_cut in ((moved, False), (brighter, True)):
        frames = [Frame((after if idx >= 10 else page,), idx, 1) for idx in range(20)]
        assert any(found for _, found in mark_cuts(frames, CutThreshold())) == is_cut


def test_detection_streams():
    num_read = 0

    def reading():
        nonlocal num_read
        for frame in make_flat_frames([100] * 50):
            num_read += 1
            yield frame

    for num_yielded, _ in enumerate(mark_cuts(reading(), CutThreshold())):
        assert num_read <= num_yielded + REACH + 1


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (200, 3), (720, 1280), (121, 161)])
@pytest.mark.parametrize(("dtype", "bit_depth"), [(np.uint8, 8), (np.uint16, 10), (np.uint16, 12)])
def test_thumbnails_have_unit_range_for_every_size(shape, dtype, bit_depth):
    thumbnail = make_thumbnail(Frame((np.full(shape, 2**bit_depth - 1, dtype),), 0, 1), bit_depth)
    assert thumbnail.size > 0
    np.testing.assert_allclose(thumbnail, 1.0, rtol=1e-6)


def test_difference_is_zero_for_equal_and_two_for_opposite_frames():
    black, white = np.zeros((4, 4), np.float32), np.ones((4, 4), np.float32)
    assert frame_difference(white, white) == 0
    assert frame_difference(black, white) == 2


@pytest.mark.parametrize("threshold", [CutThreshold(0.0), CutThreshold(2.5), CutThreshold(min_ratio=0.5)])
def test_thresholds_out_of_range_are_refused(threshold):
    with pytest.raises(ConfigError):
        list(mark_cuts([], threshold))


@pytest.mark.parametrize(
    ("name", "cuts"),
    [
        ("bbb_opening_720p_30s.webm", [283, 376, 551]),
        ("bunny_1280x720_132f.mp4", []),
        ("roadtrip_10bit_426x240.webm", [42]),
        ("pdf_scroll_1024x768_50f.264", []),
        ("foreman_cif_300f.264", []),
        ("fire_720p_rot180_vfr_25f.mp4", []),
    ],
)
def test_real_clips(clips_dir, name, cuts):
    with open_source(clips_dir / name) as source:
        marked = enumerate(mark_cuts(source, CutThreshold()))
        assert [frame_idx for frame_idx, (_, is_cut) in marked if is_cut] == cuts
