"""Sizes and qualities that a user asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nvcodec.encoder import pipeline
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.progress import EncodeResult
from nvcodec.encoder.targets import Survey, Targets, lmbda_of_quality, survey
from nvcodec.errors import ConfigError
from nvcodec.training.recipe import RateRecipe
from nvcodec.video.format import VideoFormat
from nvcodec.video.frame import Frame
from nvcodec.video.source import open_source
from tests import clips, encodes, panning

NUM_FRAMES = 12
PIXELS = clips.SMALL.width * clips.SMALL.height


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encodes.two_scene_clip(tmp_path_factory.mktemp("targets"), NUM_FRAMES)


def window_bpp(source: Path, first_frame: int, num_frames: int, **settings: Any) -> float | None:
    with open_source(source) as video:
        return Targets.of(EncoderConfig(**settings), video).of_window(first_frame, num_frames).bpp


@pytest.mark.parametrize(
    "settings", [{"bpp": 0.5}, {"bitrate": 0.5 * PIXELS * 25}, {"target_bytes": PIXELS * NUM_FRAMES // 16}]
)
def test_the_windows_bits_add_up_to_what_is_asked_for(source: Path, settings: dict[str, Any]) -> None:
    of_windows = [window_bpp(source, first, 4, **settings) for first in (0, 4, 8)]
    assert None not in of_windows
    assert np.mean(of_windows) == pytest.approx(0.5)  # type: ignore[arg-type]


def test_bits_go_where_there_is_more_to_show(source: Path) -> None:
    with open_source(source) as video:
        surveyed = survey(video)
        assert surveyed is not None
        costs = np.array([1.0] * 6 + [3.0] * 6)
        targets = Targets(EncoderConfig(bpp=0.5), video, Survey(costs, surveyed.seconds))
    assert targets.of_window(0, 6).bpp == pytest.approx(0.25)
    assert targets.of_window(6, 6).bpp == pytest.approx(0.75)


def test_audio_is_part_of_a_size(source: Path) -> None:
    with open_source(source) as video:
        surveyed = Survey(np.ones(NUM_FRAMES), 1.0, track_bytes=600)
        settings = Targets(EncoderConfig(target_bytes=1000), video, surveyed).of_window(0, NUM_FRAMES)
        assert settings.bpp == pytest.approx(8 * 400 / (NUM_FRAMES * PIXELS))
        with pytest.raises(ConfigError, match="alone take 600 bytes"):
            Targets(EncoderConfig(target_bytes=600), video, surveyed)


def test_a_survey_counts_frames_and_seconds_and_leaves_the_video_as_it_is(source: Path) -> None:
    told: list[int] = []
    with open_source(source, frames=(2, 9)) as video:
        surveyed = survey(video, told.append)
        assert surveyed is not None
        assert len(surveyed.costs) == 7
        assert surveyed.seconds == pytest.approx(7 / 25)
        assert told == list(range(1, 8))
        assert len(list(video)) == 7


def test_without_an_aim_nothing_is_read_twice(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nvcodec.encoder.targets.survey", pytest.fail)
    assert window_bpp(source, 0, 4) is None
    assert window_bpp(source, 0, 4, psnr=30.0) is None


def test_a_quality_is_a_weight_of_the_rate(source: Path) -> None:
    with open_source(source) as video:
        settings = Targets.of(EncoderConfig(quality=60), video).of_window(0, 4)
    assert settings.lmbda == lmbda_of_quality(60) == pytest.approx(lmbda_of_quality(50) / 5)


def test_what_is_read_once_gets_equal_bits_and_must_say_its_length(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_source(source) as video:
        monkeypatch.setattr(video, "again", lambda: None)
        assert Targets.of(EncoderConfig(bpp=0.5), video).of_window(6, 6).bpp == 0.5
        bitrate = 0.5 * PIXELS * 25
        assert Targets.of(EncoderConfig(bitrate=bitrate), video).of_window(6, 6).bpp == pytest.approx(0.5)
        monkeypatch.setattr(video, "num_frames", None)
        with pytest.raises(ConfigError, match="how long it is"):
            Targets.of(EncoderConfig(target_bytes=1000), video)


@pytest.fixture(scope="module")
def panned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A camera on its way over a landscape, six frames."""
    frames = []
    for idx, luma in enumerate(panning.views([(2 * idx, idx) for idx in range(6)])):
        y = luma.numpy().astype(np.uint8)
        frames.append(Frame((y, y[::2, ::2].copy(), 255 - y[::2, ::2]), idx, 1))
    return encodes.write_y4m(tmp_path_factory.mktemp("panned") / "in.y4m", frames, VideoFormat(96, 64))


def encoded(source: Path, target: Path, **settings: Any) -> EncodeResult:
    with encodes.tiny_presets(RateRecipe()):
        return pipeline.encode(source, target, encodes.config(**{"epochs": 120, **settings}), overwrite=True)


def test_more_quality_takes_more_bits(panned: Path, tmp_path: Path) -> None:
    results = [encoded(panned, tmp_path / "a.nvst", quality=quality, epochs=20) for quality in (30, 60)]
    assert results[0].bpp < results[1].bpp
    assert results[0].psnr_y < results[1].psnr_y


def test_what_misses_its_aim_is_told(source: Path) -> None:
    with open_source(source) as video:
        assert Targets.of(EncoderConfig(bpp=0.5), video).warnings(0.51, 30.0) == []
        assert "104.0%" in Targets.of(EncoderConfig(bpp=0.5), video).warnings(0.52, 30.0)[0]
        assert Targets.of(EncoderConfig(psnr=30), video).warnings(0.5, 30.1) == []
        assert "30.30 dB" in Targets.of(EncoderConfig(psnr=30), video).warnings(0.5, 30.3)[0]


@pytest.mark.parametrize(
    ("settings", "place"),
    [({"target_bytes": 200}, "target-size"), ({"bitrate": 10}, "bitrate"), ({"bpp": 1e-6}, "bpp")],
)
def test_a_size_out_of_reach_is_refused_with_one_that_is_not(
    source: Path, tmp_path: Path, settings: dict[str, Any], place: str
) -> None:
    with pytest.raises(ConfigError, match="are possible") as refused:
        encoded(source, tmp_path / "a.nvst", **settings)
    assert refused.value.place == place
    assert not (tmp_path / "a.nvst").exists()
