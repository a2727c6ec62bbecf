"""The ablation tool: what its variants change, and that it goes on where it ended."""

from __future__ import annotations

import csv
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from nvcodec.bitstream import MaskGranularity
from nvcodec.encoder.config import EncoderConfig
from tests import clips
from tools import ablate


def variant_config(name: str) -> EncoderConfig:
    variant = ablate.VARIANTS[name]
    return ablate.VariantConfig(preset="fast", **variant.config, change=variant.change)


@pytest.mark.parametrize("name", [name for name in ablate.VARIANTS if name != "base"])
def test_a_variant_is_valid_and_differs_from_the_base(name: str) -> None:
    base, config = variant_config("base"), variant_config(name)
    config.validate()
    config.resolved_preset().design.validate()
    assert config.resolved_preset() != base.resolved_preset() or config != replace(base, change=config.change)


def test_variants_add_up() -> None:
    both = ablate.VARIANTS["mask-row"] + ablate.VARIANTS["kappa-0.5"] + ablate.VARIANTS["no-grid"]
    assert both.config == {"granularity": MaskGranularity.ROW, "kappa": 0.5}
    assert both.design == {"grid_channels": 0}


def test_the_base_is_what_users_get() -> None:
    assert variant_config("base").resolved_preset() == EncoderConfig(preset="fast").resolved_preset()


def test_a_row_that_is_there_is_not_encoded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip, table = clips.plain_clip(tmp_path), tmp_path / "table.csv"
    arguments = [
        "ablate",
        "--out",
        str(table),
        "--clips",
        str(clip),
        "--scale",
        "32x24",
        "--chunk",
        "4",
        "--targets",
        "params=20000",
    ]
    monkeypatch.setattr(sys, "argv", [*arguments, "--epochs", "1", "--variants", "kappa-0.5+mask-row", "kappa-0"])
    assert ablate.main() == 0
    before = table.read_bytes()
    assert ablate.main() == 0
    assert table.read_bytes() == before
    rows = list(csv.DictReader(before.decode().splitlines()))
    assert [row["variant"] for row in rows] == ["kappa-0.5+mask-row", "kappa-0"]
    assert [float(row["kappa"]) for row in rows] == [pytest.approx(0.5, abs=0.05), 0]
    assert all(float(row["psnr_y"]) > 5 for row in rows)
