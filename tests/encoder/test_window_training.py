"""How the training of a window comes to the size or the quality that is asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nvcodec.encoder import window_training
from nvcodec.encoder.aim import Attempts, Result
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.pipeline import encode
from nvcodec.encoder.window_training import MOST_ROUNDS, TRAINED_ABOVE, train, with_bits
from nvcodec.errors import ConfigError
from nvcodec.training.course import StepCourse
from nvcodec.training.processes import ALONE
from nvcodec.training.steering import RateGoal
from nvcodec.video.format import VideoFormat
from nvcodec.video.frame import Frame
from tests import encodes, panning

FIXED = 1000.0


class Trainings:
    """Stands for the trainings of a window: tells what each comes to, and keeps what it was asked to do."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, results: list[tuple[float, float | None]]) -> None:
        self.goals: list[RateGoal] = []
        self.courses: list[Any] = []
        self.shifted_to: list[float] = []
        self.trimmed_to: list[float] = []
        self.went_back_to = 0
        left = iter(results)

        def fit(*arguments: Any, goal: RateGoal, course: Any, **others: Any) -> float:
            self.goals.append(goal)
            self.courses.append(course)
            return 0.01 if goal.lmbda is None else goal.lmbda

        monkeypatch.setattr(window_training, "fit", fit)
        monkeypatch.setattr(window_training, "rate_goal", lambda *of: RateGoal(FIXED + 10_000, fixed_bits=FIXED))
        monkeypatch.setattr(window_training, "_result", lambda *of: Result(*next(left)))
        monkeypatch.setattr(window_training, "trim", lambda *of: self.trimmed_to.append(of[3]))

    def shift_steps(self, bits: float, count: Callable[[], float]) -> None:
        self.shifted_to.append(bits)

    def copy(self) -> int:
        return len(self.goals)

    def go_back(self, copy: int) -> None:
        self.went_back_to = copy

    def train(self, config: EncoderConfig, **options: Any) -> float:
        model = SimpleNamespace(device=None, coding=self)
        job: Any = SimpleNamespace(
            model=model, chunks=(), generator=None, config=EncoderConfig(bpp=0.1), chunk_lengths=(10,)
        )
        stream: Any = None
        return train(job, config, stream, ALONE, **options)


def test_a_size_that_is_met_needs_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    trainings = Trainings(monkeypatch, [(10_100.0, None)])
    assert trainings.train(EncoderConfig(bpp=0.1)) == 1
    (goal,) = trainings.goals
    # A little above, as what is above can be trimmed.
    assert goal.bits == pytest.approx(TRAINED_ABOVE * (FIXED + 10_000))
    assert trainings.trimmed_to == [FIXED + 10_000]


def test_a_training_whose_end_does_not_depend_on_its_bits_aims_at_no_more_than_these(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for config in (EncoderConfig(bpp=0.1, max_time_s=60.0), EncoderConfig(psnr=30.0)):
        trainings = Trainings(monkeypatch, [(10_000.0, 30.2)])
        assert trainings.train(config) == 1
        assert [goal.bits for goal in trainings.goals] == [FIXED + 10_000]


def test_a_size_that_is_missed_is_gone_on_for_with_other_steps_and_lmbda(monkeypatch: pytest.MonkeyPatch) -> None:
    trainings = Trainings(monkeypatch, [(8_000.0, None), (9_000.0, None), (10_000.0, None)])
    assert trainings.train(EncoderConfig(bpp=0.1)) == 1
    # What a round loses of the bits that it begins with is made up for in the next.
    assert trainings.shifted_to == [
        FIXED + 10_000,
        pytest.approx(FIXED + 9_000 * (10 / 9) ** (math.log(10 / 8) / math.log(9 / 8)), abs=1),
    ]
    assert not trainings.went_back_to
    first, second, third = (goal.lmbda for goal in trainings.goals)
    assert first is None
    assert second is not None and third is not None
    assert 0.01 > second > third
    assert all(isinstance(course, StepCourse) and course.fraction(0) > 0.5 for course in trainings.courses[1:])


def test_what_is_still_missed_after_some_rounds_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    trainings = Trainings(monkeypatch, [(9_500.0, None)] * (MOST_ROUNDS + 1))
    trainings.train(EncoderConfig(bpp=0.1))
    assert len(trainings.goals) == MOST_ROUNDS + 1


def test_the_best_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    trainings = Trainings(monkeypatch, [(8_000.0, None), (9_700.0, None), (13_000.0, None), (12_000.0, None)])
    trainings.train(EncoderConfig(bpp=0.1))
    assert trainings.went_back_to == 2


def test_a_size_far_too_small_is_refused_with_one_that_is_possible(monkeypatch: pytest.MonkeyPatch) -> None:
    trainings = Trainings(monkeypatch, [(21_000.0, None)] * (MOST_ROUNDS + 1))
    with pytest.raises(ConfigError, match=r"0\.2 are possible") as refused:
        trainings.train(EncoderConfig(bpp=0.1))
    assert refused.value.place == "bpp"


@pytest.mark.parametrize(("psnr", "is_more"), [(27.0, True), (33.0, False)])
def test_a_quality_that_is_missed_by_far_is_trained_anew(
    monkeypatch: pytest.MonkeyPatch, psnr: float, is_more: bool
) -> None:
    trainings = Trainings(monkeypatch, [(10_000.0, psnr)])
    factor = trainings.train(EncoderConfig(psnr=30.0), attempts=Attempts())
    assert (factor > 1) == is_more
    assert with_bits(EncoderConfig(bpp=0.1), factor).bpp == pytest.approx(0.1 * factor)
    assert len(trainings.goals) == 1
    assert not trainings.trimmed_to


def test_a_quality_that_is_missed_by_little_is_gone_on_for(monkeypatch: pytest.MonkeyPatch) -> None:
    trainings = Trainings(monkeypatch, [(10_000.0, 29.8), (11_000.0, 30.1)])
    assert trainings.train(EncoderConfig(psnr=30.0), attempts=Attempts()) == 1
    assert len(trainings.goals) == 2
    assert trainings.shifted_to[0] > FIXED + 10_000
    assert trainings.trimmed_to == [30.0]


def test_a_quality_out_of_reach_is_refused_with_one_that_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    trainings = Trainings(monkeypatch, [(10_000.0, 29.68)] * (MOST_ROUNDS + 1))
    with pytest.raises(ConfigError, match=r"30 dB are out of reach; these settings come to 29\.6") as refused:
        trainings.train(EncoderConfig(psnr=30.0))
    assert refused.value.place == "psnr"


def test_a_stop_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    trainings = Trainings(monkeypatch, [(5_000.0, 20.0)])
    assert trainings.train(EncoderConfig(psnr=30.0), attempts=Attempts(), should_stop=lambda: True) == 1
    assert len(trainings.goals) == 1


def test_with_a_time_there_is_no_more_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    trainings = Trainings(monkeypatch, [])
    assert trainings.train(EncoderConfig(bpp=0.1, max_time_s=5.0), seconds=1.0) == 1
    assert len(trainings.goals) == 1


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"target_bytes": 3_000}, {"psnr": 33.0}])
def test_a_panning_camera_comes_to_its_aim(tmp_path: Path, settings: dict[str, Any]) -> None:
    frames = []
    for idx, luma in enumerate(panning.views([(idx, idx / 2) for idx in range(24)], 90, 160)):
        y = luma.numpy().astype(np.uint8)
        frames.append(Frame((y, y[::2, ::2].copy(), 255 - y[::2, ::2]), idx, 1))
    source = encodes.write_y4m(tmp_path / "in.y4m", frames, VideoFormat(160, 90))
    config = EncoderConfig(preset="fast", device="cpu", chunk_frames=12, **settings)
    result = encode(source, tmp_path / "a.nvst", config)
    if config.psnr is None:
        assert result.file_bytes == pytest.approx(3_000, rel=0.03)
    else:
        assert result.psnr_y == pytest.approx(33.0, abs=0.2)
