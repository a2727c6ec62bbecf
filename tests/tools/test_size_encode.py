"""The work of an encode, counted on one iteration, is that of its convolutions."""

from __future__ import annotations

import pytest

from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.sizing import window_kappa, window_network
from tests import clips
from tools.size_encode import WINDOW_CHUNKS, full_speed_hours, hour_of_video
from tools.speed.counting import Work


def test_operations_are_those_of_three_passes_over_every_frame() -> None:
    config, lengths = EncoderConfig(preset="draft"), [10] * WINDOW_CHUNKS
    spec = window_network(config, clips.SMALL, lengths, window_kappa(config, clips.SMALL, lengths))
    encode = hour_of_video(config, clips.SMALL, fps=2)
    assert encode.num_iterations == 300
    assert encode.work.flops == pytest.approx(6 * spec.macs_per_frame * 300 * 720, rel=0.05)


def test_hours_are_those_of_what_takes_longer() -> None:
    assert full_speed_hours(Work(7200.0, 10.0), 1.0, 1.0) == 2
    assert full_speed_hours(Work(10.0, 7200.0), 1.0, 2.0) == 1
