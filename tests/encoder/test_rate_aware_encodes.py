"""Whole encodes whose training knows of the rate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nvcodec
from nvcodec.bitstream import NvstReader
from nvcodec.bitstream.network_spec import Backbone
from nvcodec.encoder.pipeline import encode
from nvcodec.encoder.progress import EncodeProgress, EncodeResult, Stage
from nvcodec.training.recipe import RateRecipe
from tests import clips, encodes


def encoded(source: Path, target: Path, *, num_iterations: int | None = None, **settings: Any) -> EncodeResult:
    """Six frames in two chunks, three iterations an epoch; stopped after some iterations."""
    count = 0

    def progress(state: EncodeProgress) -> None:
        nonlocal count
        count += state.stage is Stage.TRAIN

    with encodes.tiny_presets(RateRecipe()):
        return encode(
            source,
            target,
            encodes.config(**{"epochs": 4, **settings}),
            progress=progress,
            should_stop=lambda: count == num_iterations,
            overwrite=True,
        )


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clips.write_clip(tmp_path_factory.mktemp("rate") / "in.mkv", num_frames=6)


@pytest.mark.parametrize("backbone", list(Backbone))
@pytest.mark.parametrize("kappa", [0.0, 0.5, 1.0])
def test_the_file_is_whole_and_measured(source: Path, tmp_path: Path, backbone: Backbone, kappa: float) -> None:
    result = encoded(source, tmp_path / "a.nvst", backbone=backbone, kappa=kappa)
    assert result.is_complete
    assert result.psnr_rgb is not None
    with NvstReader(tmp_path / "a.nvst") as reader:
        reader.verify()


def test_the_same_settings_give_the_same_bytes(source: Path, tmp_path: Path) -> None:
    for name in ("a.nvst", "b.nvst"):
        encoded(source, tmp_path / name)
    assert (tmp_path / "a.nvst").read_bytes() == (tmp_path / "b.nvst").read_bytes()


@pytest.mark.parametrize("num_iterations", [1, 7, 11])
def test_a_stop_in_any_phase_leaves_a_good_file(source: Path, tmp_path: Path, num_iterations: int) -> None:
    """Of twelve iterations six are in fp32, four learn steps and two have the file's."""
    result = encoded(source, tmp_path / "a.nvst", num_iterations=num_iterations)
    assert result.num_frames == 6
    with NvstReader(tmp_path / "a.nvst") as reader:
        reader.verify()
    assert len(nvcodec.VideoDecoder(tmp_path / "a.nvst")) == 6


def test_all_bytes_come_to_the_bits_per_pixel_that_were_asked_for(source: Path, tmp_path: Path) -> None:
    result = encoded(source, tmp_path / "a.nvst", bpp=9.0, epochs=60)
    assert result.bpp == pytest.approx(9.0, rel=0.1)


def test_lmbda_decides_over_the_size(source: Path, tmp_path: Path) -> None:
    sizes = [encoded(source, tmp_path / "a.nvst", lmbda=lmbda, epochs=80).file_bytes for lmbda in (1e-7, 1e-1)]
    assert sizes[1] < 0.9 * sizes[0]
