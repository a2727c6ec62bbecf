"""Temporal information and optical flow of clips whose motion is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nvcodec.video.format import VideoFormat
from nvcodec.video.frame import Frame
from tests import encodes
from tools.paper.dynamics import dynamics
from tools.rd.clips import Clip

FORMAT = VideoFormat(128, 96)


def clip_moving_by(pixels: int, folder: Path) -> Clip:
    """Smooth texture that moves to the right."""
    y, x = np.mgrid[0:96, 0:256].astype(np.float32)
    texture = 128 + 50 * np.sin(x / 7) * np.cos(y / 5) + 30 * np.sin((x + 2 * y) / 11)
    grey = np.full((48, 64), 128, np.uint8)
    frames = [
        Frame((texture[:, 100 - pixels * idx :][:, :128].astype(np.uint8), grey, grey), idx, 1) for idx in range(6)
    ]
    return Clip("moving", encodes.write_y4m(folder / f"{pixels}.y4m", frames, FORMAT), "")


@pytest.mark.parametrize("pixels", [0, 1, 3])
def test_the_flow_is_as_long_as_the_motion(pixels: int, tmp_path: Path) -> None:
    found = dynamics(clip_moving_by(pixels, tmp_path))
    assert found.optical_flow == pytest.approx(pixels, abs=0.4)
    assert (found.mean_difference == 0) == (pixels == 0)


def test_more_motion_is_more_temporal_information(tmp_path: Path) -> None:
    slow, fast = (dynamics(clip_moving_by(pixels, tmp_path)).mean_difference for pixels in (1, 3))
    assert fast > 2 * slow
