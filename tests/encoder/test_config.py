from __future__ import annotations

import math

import pytest

from nvcodec.bitstream.network_spec import Backbone
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.presets import PRESETS
from nvcodec.errors import ConfigError


def test_the_defaults_are_valid() -> None:
    config = EncoderConfig()
    config.validate()
    assert (config.backbone, config.kappa) == (Backbone.VAST, None)


@pytest.mark.parametrize("backbone", [backbone for backbone in Backbone if backbone != Backbone.VAST])
def test_the_papers_own_recipes_share_half(backbone: Backbone) -> None:
    config = EncoderConfig(preset="paper", backbone=backbone)
    config.validate()
    assert config.resolved_preset().kappa == 0.5


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"preset": "best"}, "preset"),
        ({"preset": "auto"}, "preset"),
        ({"max_time_s": 0.0}, "max-time"),
        ({"max_time_s": math.inf}, "max-time"),
        ({"max_time_s": 5.0, "epochs": 2}, "epochs"),
        ({"kappa": -0.01}, "kappa"),
        ({"kappa": 1.01}, "kappa"),
        ({"kappa": math.nan}, "kappa"),
        ({"chunk_s": 0.0}, "chunk"),
        ({"chunk_s": math.nan}, "chunk"),
        ({"chunk_s": math.inf}, "chunk"),
        ({"chunk_frames": 0}, "chunk"),
        ({"num_parameters": 0}, "params"),
        ({"bpp": 0.0}, "bpp"),
        ({"bpp": math.nan}, "bpp"),
        ({"bpp": math.inf}, "bpp"),
        ({"lmbda": 0.0}, "lmbda"),
        ({"lmbda": math.nan}, "lmbda"),
        ({"lmbda": math.inf}, "lmbda"),
        ({"lmbda": 0.01, "preset": "paper", "backbone": Backbone.HNERV}, "lmbda"),
        ({"preset": "paper"}, "preset"),
        ({"preset": "paper", "backbone": Backbone.VAST, "kappa": 0.5}, "preset"),
        ({"num_parameters": 1000, "bpp": 0.1}, "params"),
        ({"bitrate": 0.0}, "bitrate"),
        ({"bitrate": math.nan}, "bitrate"),
        ({"target_bytes": 0}, "target-size"),
        ({"psnr": 0.0}, "psnr"),
        ({"psnr": 60.5}, "psnr"),
        ({"quality": -1.0}, "quality"),
        ({"quality": 100.5}, "quality"),
        ({"bpp": 0.1, "bitrate": 1000.0}, "bpp"),
        ({"target_bytes": 1000, "psnr": 30.0}, "target-size"),
        ({"psnr": 30.0, "quality": 50.0}, "psnr"),
        ({"lmbda": 0.01, "quality": 50.0}, "lmbda"),
        ({"psnr": 30.0, "preset": "paper", "backbone": Backbone.HNERV}, "psnr"),
        ({"quality": 50.0, "preset": "paper", "backbone": Backbone.HNERV}, "quality"),
        ({"epochs": 0}, "epochs"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"threads": 0}, "threads"),
        ({"max_memory_bytes": (16 << 20) - 1}, "max-memory"),
    ],
)
def test_a_setting_out_of_range_is_refused_by_its_name(settings: dict[str, object], place: str) -> None:
    with pytest.raises(ConfigError) as caught:
        EncoderConfig(**settings).validate()
    assert caught.value.place == place
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"kappa": 0.0},
        {"kappa": 1.0},
        {"kappa": None},
        {"preset": "paper", "backbone": Backbone.NERV},
        {"chunk_frames": 1},
        {"epochs": 1},
        {"seed": 2**63 - 1},
        {"threads": 1},
        {"max_memory_bytes": 16 << 20},
        {"num_parameters": 1},
        {"bpp": 1e-6},
        {"lmbda": 1e-6, "bpp": 0.1},
    ],
)
def test_the_ends_of_the_ranges_are_allowed(settings: dict[str, object]) -> None:
    EncoderConfig(**settings).validate()


@pytest.mark.parametrize("backbone", list(Backbone))
@pytest.mark.parametrize("name", list(PRESETS))
def test_epochs_override_the_preset_s_and_nothing_else_changes(name: str, backbone: Backbone) -> None:
    default = EncoderConfig(preset=name, backbone=backbone).resolved_preset()
    changed = EncoderConfig(preset=name, backbone=backbone, epochs=7).resolved_preset()
    assert changed.recipe.epochs == 7
    assert default.recipe.epochs >= 1
    assert changed.design == default.design
    assert default.design.backbone is backbone
    default.design.validate()


@pytest.mark.parametrize("backbone", list(Backbone))
def test_every_preset_but_the_papers_own_trains_for_the_rate(backbone: Backbone) -> None:
    presets = {name: EncoderConfig(preset=name, backbone=backbone).resolved_preset() for name in PRESETS}
    assert [name for name, preset in presets.items() if preset.recipe.rate is None] == ["paper"]
