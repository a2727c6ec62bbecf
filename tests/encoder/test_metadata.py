from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from nvcodec import __version__
from nvcodec.bitstream import MaskGranularity
from nvcodec.bitstream.network_spec import Backbone
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.metadata import file_metadata, require_same_metadata
from nvcodec.errors import ConfigError
from nvcodec.sharing.selection import MaskThreshold

CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "backbone": ({"backbone": Backbone.NERV}, "backbone"),
    "num_parameters": ({"num_parameters": 7000}, "params"),
    "bpp": ({"bpp": 0.1}, "bpp"),
    "lmbda": ({"lmbda": 0.01}, "lmbda"),
    "chunk_s": ({"chunk_s": 0.1}, "chunk"),
    "chunk_frames": ({"chunk_frames": 5}, "chunk"),
    "fixed_chunks": ({"fixed_chunks": True}, "fixed-chunks"),
    "kappa": ({"kappa": 0.5 + 2**-50}, "kappa"),
    "bitrate": ({"bitrate": 800_000.0}, "bitrate"),
    "target_bytes": ({"target_bytes": 20_000}, "target-size"),
    "psnr": ({"psnr": 38.0}, "psnr"),
    "quality": ({"quality": 50.0}, "quality"),
    "granularity": ({"granularity": MaskGranularity.ROW}, "mask-granularity"),
    "threshold": ({"threshold": MaskThreshold.TENSOR}, "mask-threshold"),
    "preset": ({"preset": "draft"}, "preset"),
    "epochs": ({"epochs": 60}, "epochs"),
    "seed": ({"seed": 1}, "seed"),
    "max_memory_bytes": ({"max_memory_bytes": 1 << 24}, "max-memory"),
}
WITHOUT_MEANING = {"threads", "device", "deterministic", "max_time_s"}


def test_the_settings_are_readable() -> None:
    config = EncoderConfig(preset="fast", num_parameters=1_500_000, chunk_frames=120)
    assert file_metadata(config) == {
        "encoder": f"nvcodec {__version__}",
        "settings": "preset=fast backbone=vast params=1500000 chunk=120 fixed-chunks=no "
        "mask-granularity=kernel mask-threshold=global seed=0 max-memory=4294967296",
    }


def test_kappa_is_recorded_only_if_it_was_given() -> None:
    assert "kappa" not in file_metadata(EncoderConfig(kappa=None))["settings"]
    assert " kappa=1.0 " in file_metadata(EncoderConfig(kappa=1))["settings"]
    recorded = file_metadata(EncoderConfig(kappa=None))
    require_same_metadata(recorded, EncoderConfig(), "a.nvst")
    with pytest.raises(ConfigError, match=r"begun with the preset's, not 1\.0"):
        require_same_metadata(recorded, EncoderConfig(kappa=1), "a.nvst")


def test_every_setting_is_recorded_or_without_meaning() -> None:
    assert CHANGES.keys() | WITHOUT_MEANING == {field.name for field in dataclasses.fields(EncoderConfig)}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("is_back", [False, True])
def test_a_setting_that_differs_is_named(name: str, is_back: bool) -> None:
    change, option = CHANGES[name]
    then, now = EncoderConfig(), EncoderConfig(**change)
    if is_back:
        then, now = now, then
    with pytest.raises(ConfigError, match=r"a\.nvst was begun with .*, not ") as caught:
        require_same_metadata(file_metadata(then), now, "a.nvst")
    assert caught.value.place == option


def test_the_same_settings_pass_on_any_device() -> None:
    recorded = file_metadata(EncoderConfig(kappa=1, chunk_s=5))
    require_same_metadata(recorded, EncoderConfig(kappa=1.0, threads=3, device="cpu"), "a.nvst")


@pytest.mark.parametrize("recorded", [{}, {"encoder": "nvcodec 0.0.1"}])
def test_another_version_is_refused(recorded: dict[str, str]) -> None:
    recorded = {**recorded, "settings": file_metadata(EncoderConfig())["settings"]}
    with pytest.raises(ConfigError, match=r"a\.nvst was begun by") as caught:
        require_same_metadata(recorded, EncoderConfig(), "a.nvst")
    assert caught.value.place == "version"
