"""What an encode makes of the time that it may take."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nvcodec.encoder import time_budget
from nvcodec.encoder.config import AUTOMATIC, EncoderConfig
from nvcodec.encoder.memory import window_plan
from nvcodec.encoder.pipeline import encode
from nvcodec.encoder.presets import PRESETS
from nvcodec.encoder.time_budget import BY_EFFORT, TimeBudget, suitable_preset
from nvcodec.errors import ConfigError
from nvcodec.video.source import open_source
from tests import clips


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A list of one number, the time in seconds."""
    now = [100.0]
    monkeypatch.setattr(time_budget.time, "monotonic", lambda: now[0])
    return now


def test_windows_share_the_time_by_their_frames(clock: list[float]) -> None:
    budget = TimeBudget(60, 120, "a.mkv")
    assert budget.window_seconds(40, 0) == pytest.approx(20)
    clock[0] += 30
    assert budget.window_seconds(20, 80) == pytest.approx(15)


def test_windows_that_are_encoded_at_once_get_more_of_it(clock: list[float]) -> None:
    budget = TimeBudget(60, 120, "a.mkv")
    assert budget.window_seconds(40, 0, num_at_once=2) == pytest.approx(40)
    assert budget.window_seconds(40, 0, num_at_once=4) == pytest.approx(60)


def test_a_window_with_more_frames_than_were_expected_gets_what_is_left(clock: list[float]) -> None:
    assert TimeBudget(60, 100, "a.mkv").window_seconds(40, 90) == pytest.approx(60)


def test_what_takes_too_long_is_told(clock: list[float]) -> None:
    budget = TimeBudget(60, 100, "a.mkv")
    clock[0] += 61
    assert budget.warnings() == []
    clock[0] += 9
    assert budget.warnings() == ["the encode took 70.0 s, more than the 60.0 s that it was given"]


def test_a_source_of_unknown_length_is_refused() -> None:
    with pytest.raises(ConfigError, match="does not say how long it is"):
        TimeBudget(60, None, "a.264")


def test_efforts_are_the_presets_that_fit_every_backbone() -> None:
    assert set(PRESETS) - set(BY_EFFORT) == {"paper"}


@pytest.mark.parametrize(("seconds", "preset"), [(0.1, "draft"), (25, "fast"), (70, "medium"), (1e6, "placebo")])
def test_the_preset_of_most_effort_that_the_time_is_enough_for(
    seconds: float, preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 12 frames in chunks of 4: the least iterations of the presets decide.
    monkeypatch.setattr(time_budget, "seconds_per_epoch", lambda model, chunks, recipe, processes: 0.08)
    config = EncoderConfig(preset=AUTOMATIC, max_time_s=seconds, chunk_frames=4)
    with open_source(clips.write_clip(tmp_path / "a.mkv", num_frames=12)) as video:
        assert suitable_preset(config, video, window_plan(config, video), torch.device("cpu")) == preset


def test_an_encode_of_a_second(tmp_path: Path) -> None:
    source = clips.write_clip(tmp_path / "a.mkv", num_frames=6)
    states = []
    config = EncoderConfig(preset=AUTOMATIC, max_time_s=1.0, chunk_frames=3)
    result = encode(source, tmp_path / "a.nvst", config, progress=states.append)
    assert result.is_complete
    assert result.num_frames == 6
    fractions = [state.window_fraction for state in states]
    assert fractions == [*sorted(fractions[:-1]), 0.0]
    last = states[-2]
    assert last.window_fraction == 1
    # The last epoch need not be whole.
    assert last.epoch in (last.num_epochs, last.num_epochs - 1)


def test_what_is_resumed_keeps_its_preset_though_less_time_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = clips.write_clip(tmp_path / "a.mkv", num_frames=6)
    target = tmp_path / "a.nvst"
    stopped = EncoderConfig(preset=AUTOMATIC, max_time_s=0.5, chunk_frames=3)
    result = encode(source, target, stopped, should_stop=lambda: True)
    monkeypatch.setattr("nvcodec.encoder.pipeline.suitable_preset", lambda *arguments: "placebo")
    again = encode(source, target, EncoderConfig(preset=AUTOMATIC, max_time_s=9.0, chunk_frames=3), resume=True)
    assert again.num_frames == result.num_frames == 6
