"""Presets: how much effort an encode takes, from a preview to the papers' own recipes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from nvcodec.bitstream.network_spec import Backbone
from nvcodec.networks import NetworkDesign
from nvcodec.training.losses import Loss
from nvcodec.training.recipe import RateRecipe, Recipe

# Enough for a fade from black to be learned with a fast recipe; more costs quality elsewhere.
OUTPUT_FLOOR = 0.01
# Wide layers that learn at the full rate of the short recipes die on fades.
FULL_RATE_FAN_IN = 300


@dataclass(frozen=True)
class Preset:
    """Everything that a preset decides.

    Attributes:
        recipe: how a window is trained.
        design: the rules of the network; the size comes from the user.
        bpp: target of all bits per pixel if the user names no size.
        num_parameters: parameters per chunk if the user names no size; overrides ``bpp``.
        min_channels: least base channels of a network whose size follows from ``bpp``; keeps small clips watchable.
        max_parameters: most network parameters of such a network; keeps large clips computable.
        encoder_width: channels of HNeRV's embedding encoder, which is not stored.
        kappa: fraction of the parameters that is shared if the user names none; None: chosen for each window.
        weight_bits, embedding_bits: bits of a symbol before entropy coding, where training does not choose the steps.
    """

    recipe: Recipe
    design: NetworkDesign
    bpp: float = 0.1
    num_parameters: int | None = None
    min_channels: int = 16
    max_parameters: int = 3_000_000
    encoder_width: int = 64
    kappa: float | None = None
    weight_bits: int = 8
    embedding_bits: int = 6


def _authors(backbone: Backbone, epochs: int | None) -> Preset:
    """The papers' own recipe; sizes as NerVast's main evaluation uses them."""
    design = NetworkDesign.of_authors(backbone)
    if backbone == Backbone.HNERV:
        return Preset(Recipe(epochs or 300, batch_size=2), design, num_parameters=1_500_000, kappa=0.5)
    recipe = Recipe(epochs or 300, learning_rate=5e-4, beta1=0.5, warmup_ratio=0.2, loss=Loss.FUSION6)
    return Preset(recipe, design, num_parameters=6_000_000, kappa=0.5)


def _draft(backbone: Backbone, epochs: int | None) -> Preset:
    if backbone == Backbone.VAST:
        return _vast(epochs, 4, min_iterations=300, bpp=0.015, max_parameters=100_000)
    design = replace(_narrow_design(backbone), reduction=4.0, lower_width=8)
    # A preview has no time for careful steps.
    recipe = replace(_short_recipe(epochs, 2, min_iterations=200), full_rate_fan_in=None)
    return Preset(recipe, design, bpp=0.04, encoder_width=16)


def _fast(backbone: Backbone, epochs: int | None) -> Preset:
    if backbone == Backbone.VAST:
        return _vast(epochs, 20, min_iterations=2000, bpp=0.03, max_parameters=250_000)
    return Preset(_short_recipe(epochs, 20, min_iterations=1500), _narrow_design(backbone), bpp=0.125, encoder_width=16)


def _medium(backbone: Backbone, epochs: int | None) -> Preset:
    if backbone == Backbone.VAST:
        return _vast(epochs, 60, min_iterations=6000, bpp=0.04, max_parameters=1_000_000)
    return Preset(_short_recipe(epochs, 60, min_iterations=3000), _narrow_design(backbone), bpp=0.125, encoder_width=32)


def _slow(backbone: Backbone, epochs: int | None) -> Preset:
    if backbone == Backbone.VAST:
        return _vast(epochs, 200, min_iterations=20000, bpp=0.05, max_parameters=4_000_000)
    recipe = Recipe(epochs or 150, learning_rate=4e-3, beta2=0.99, warmup_ratio=0.3, rate=RateRecipe())
    return Preset(recipe, NetworkDesign.of_authors(backbone), bpp=0.125)


def _placebo(backbone: Backbone, epochs: int | None) -> Preset:
    """The networks of ``slow``, trained three times as long."""
    if backbone == Backbone.VAST:
        return _vast(epochs, 600, min_iterations=60000, bpp=0.05, max_parameters=4_000_000)
    return _slow(backbone, epochs or 450)


def _vast(epochs: int | None, default_epochs: int, *, min_iterations: int, bpp: float, max_parameters: int) -> Preset:
    """Twice the learning rate of the short recipes is 0.24 dB better with this backbone, three times as much worse.

    Wide layers take it worse: without their lower rates a network of 178 k parameters lost 3.4 dB.
    """
    recipe = replace(
        _short_recipe(epochs, default_epochs, min_iterations),
        learning_rate=2e-2,
        full_rate_fan_in=150,
        reduced_precision=True,
    )
    return Preset(recipe, NetworkDesign.of_authors(Backbone.VAST), bpp=bpp, max_parameters=max_parameters)


def _short_recipe(epochs: int | None, default_epochs: int, min_iterations: int) -> Recipe:
    """A recipe for few steps: ten times the authors' learning rate.

    A long warm-up and Adam's short memory of squares keep it from diverging. Epochs that the user asks for are kept;
    else short chunks get more, since a network needs its steps however few its frames.
    """
    return Recipe(
        epochs or default_epochs,
        min_iterations=0 if epochs else min_iterations,
        learning_rate=1e-2,
        beta2=0.95,
        warmup_ratio=0.3,
        output_floor=OUTPUT_FLOOR,
        full_rate_fan_in=FULL_RATE_FAN_IN,
        rate=RateRecipe(),
    )


def _narrow_design(backbone: Backbone) -> NetworkDesign:
    """The authors' design with the computation moved to the early stages, which are small.

    Late stages have 16 channels or, where stated, 8: a CPU's convolutions are twice as fast on multiples of 8 as on the
    numbers between them.
    """
    design = replace(NetworkDesign.of_authors(backbone), reduction=2.0, lower_width=16, max_merged_stride=4)
    if backbone == Backbone.HNERV:
        return replace(design, kernel_min=3, kernel_max=3)
    design = replace(design, stem_width=128)
    if backbone == Backbone.NERV:
        return design
    return replace(design, token_width=64, modulation_width=64, feedforward_width=64)


PRESETS: Mapping[str, Callable[[Backbone, int | None], Preset]] = MappingProxyType(
    {"draft": _draft, "fast": _fast, "medium": _medium, "slow": _slow, "placebo": _placebo, "paper": _authors}
)
