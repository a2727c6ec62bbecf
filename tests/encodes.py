"""Makers of tiny encodes: presets so small that a whole encode takes a tenth of a second, and files made with them.

The presets here replace the real ones within a test, so that no test depends on how those are tuned.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nvcodec.bitstream import NvstReader
from nvcodec.bitstream.network_spec import Backbone, NetworkSpec
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.pipeline import encode
from nvcodec.encoder.presets import Preset
from nvcodec.encoder.progress import EncodeResult
from nvcodec.networks import NetworkDesign, build_network, solve_network
from nvcodec.training.chunk_frames import ChunkFrames
from nvcodec.training.recipe import RateRecipe, Recipe
from nvcodec.training.window_model import WindowModel
from nvcodec.video.format import VideoFormat
from nvcodec.video.frame import Frame
from nvcodec.video.sink import open_sink
from nvcodec.video.source import open_source
from tests import clips

CPU = torch.device("cpu")
BUDGETS = {Backbone.HNERV: 12_000, Backbone.NERV: 9_000, Backbone.ENERV: 45_000, Backbone.VAST: 12_000}
_SMALL = {
    Backbone.HNERV: {"kernel_min": 3, "kernel_max": 3, "lower_width": 4, "embedding_channels": 2},
    Backbone.NERV: {"lower_width": 4, "stem_width": 10, "pe_levels": 5},
    Backbone.ENERV: {
        "lower_width": 4,
        "stem_width": 10,
        "pe_levels": 5,
        "token_width": 8,
        "modulation_width": 8,
        "feedforward_width": 8,
    },
    Backbone.VAST: {"lower_width": 4, "embedding_channels": 2, "grid_channels": 2},
}


def tiny_design(backbone: Backbone, strides: tuple[int, ...] | None = (2,)) -> NetworkDesign:
    return dataclasses.replace(NetworkDesign.of_authors(backbone), strides=strides, **_SMALL[backbone])


def tiny_spec(
    backbone: Backbone, width: int = 32, height: int = 24, num_frames: int = 4, **changes: Any
) -> NetworkSpec:
    spec = solve_network(tiny_design(backbone), width, height, num_frames, BUDGETS[backbone])
    return dataclasses.replace(spec, **changes)


def _tiny_preset(backbone: Backbone, epochs: int | None, rate: RateRecipe | None = None) -> Preset:
    recipe = Recipe(epochs or 1, learning_rate=1e-2, warmup_ratio=0.1, rate=rate)
    return Preset(recipe, tiny_design(backbone), num_parameters=BUDGETS[backbone], min_channels=4, encoder_width=4)


@contextlib.contextmanager
def tiny_presets(rate: RateRecipe | None = None) -> Iterator[None]:
    """Every preset is the tiny one, trained for a rate or not."""
    names = ("draft", "fast", "medium", "slow", "placebo", "paper")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "nvcodec.encoder.config.PRESETS", dict.fromkeys(names, functools.partial(_tiny_preset, rate=rate))
        )
        yield


def config(**settings: Any) -> EncoderConfig:
    return EncoderConfig(**{"preset": "draft", "device": "cpu", "chunk_frames": 3, **settings})


def tiny_encode(source: Any, target: Path, *, settings: dict[str, Any] | None = None, **options: Any) -> EncodeResult:
    with tiny_presets():
        return encode(source, target, config(**(settings or {})), **options)


def two_scene_frames(num_frames: int = 12, format: VideoFormat = clips.SMALL) -> list[Frame]:
    """The moving pattern in dark, then inverted: one cut, in the middle, and so two windows of equal length."""
    frames = []
    for idx in range(num_frames):
        planes = tuple(
            plane // 8 if idx < num_frames // 2 else 255 - plane // 8 for plane in clips.make_planes(format, idx)
        )
        frames.append(Frame(planes, idx, 1))
    return frames


def write_y4m(path: Path, frames: list[Frame], format: VideoFormat = clips.SMALL) -> Path:
    with open_sink(path, format, Fraction(1, 25), Fraction(25), overwrite=True) as sink:
        for frame in frames:
            sink.write(frame)
    return path


def two_scene_clip(folder: Path, num_frames: int = 12) -> Path:
    return write_y4m(folder / "two_scenes.y4m", two_scene_frames(num_frames))


def two_window_file(folder: Path) -> Path:
    """Two windows of two chunks of three frames each, which share half of their parameters."""
    target = folder / "two_windows.nvst"
    result = tiny_encode(two_scene_clip(folder), target, settings={"kappa": 0.5})
    assert [window.chunk_lengths for window in result.windows] == [(3, 3), (3, 3)]
    return target


def read_frames(path: Path) -> list[Frame]:
    with open_source(path) as source:
        return list(source)


def assert_same_frames(actual: list[Frame], expected: list[Frame]) -> None:
    assert len(actual) == len(expected)
    for one, other in zip(actual, expected, strict=True):
        for plane, other_plane in zip(one.planes, other.planes, strict=True):
            np.testing.assert_array_equal(plane, other_plane)


def num_windows(path: Path) -> int:
    with NvstReader(path) as reader:
        reader.verify()
        return len(reader.windows)


def chunk_frames(format: VideoFormat, num_frames: int, first: int = 0) -> ChunkFrames:
    frames = [Frame(clips.make_planes(format, first + idx), first + idx, 1) for idx in range(num_frames)]
    return ChunkFrames.of(frames, format, CPU)


def window_model(spec: NetworkSpec, chunk_lengths: tuple[int, ...], seed: int = 0) -> WindowModel:
    generator = torch.Generator().manual_seed(seed)
    return WindowModel(build_network(spec), chunk_lengths, generator=generator, device=CPU, encoder_width=4)


def run_command(name: str, *arguments: object, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """A command in a process of its own, on one thread."""
    return subprocess.run(
        command_line(name, *arguments), capture_output=True, env=environment(), check=False, **options
    )


def command_line(name: str, *arguments: object) -> list[str]:
    code = f"from nvcodec.cli.{name} import main; main(prog_name='{name}')"
    return [sys.executable, "-W", "error", "-c", code, *(str(argument) for argument in arguments)]


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}
