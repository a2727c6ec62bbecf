from __future__ import annotations

import itertools

import torch

from nvcodec.report.comparison import FrameQuality
from nvcodec.report.pictures import (
    MAX_SHOWN,
    MAX_THUMBNAILS,
    difference,
    frames_to_show,
    reduced,
    thumbnail_frames,
)


def test_the_worst_median_and_best_frames_are_shown_with_the_first_of_windows() -> None:
    qualities = {idx: FrameQuality(psnr, 0, 0) for idx, psnr in enumerate([31.0, 35, 30, 32, 33])}
    assert frames_to_show(qualities, [0, 2]) == {
        0: "first of window 0",
        1: "best",
        2: "worst, first of window 1",
        3: "median",
    }
    assert frames_to_show({}, [0, 2]) == {0: "first of window 0", 2: "first of window 1"}
    assert len(frames_to_show(qualities, list(range(100)))) <= MAX_SHOWN


def test_thumbnails_are_spread_evenly() -> None:
    assert thumbnail_frames(3) == {0, 1, 2}
    many = sorted(thumbnail_frames(1200))
    assert len(many) == MAX_THUMBNAILS
    assert many[0] == 50
    assert {later - before for before, later in itertools.pairwise(many)} == {100}


def test_differences_are_amplified_around_gray() -> None:
    source = torch.full((3, 4, 4), 0.5)
    assert torch.allclose(difference(source, source), torch.tensor(0.5))
    assert torch.allclose(difference(source, source + 0.01), torch.tensor(0.58))
    assert difference(source, source - 0.5).max() == 0


def test_reduced_pictures_are_means() -> None:
    picture = torch.arange(2 * 5, dtype=torch.float32).reshape(1, 2, 5).expand(3, -1, -1)
    assert reduced(picture, 2)[0].tolist() == [[3.0, 5.0, 6.5]]
