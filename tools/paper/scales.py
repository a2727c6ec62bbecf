"""At what size the experiments run: in minutes on two CPU cores, or as the paper has them on a GPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from nvcodec.bitstream.network_spec import Backbone
from nvcodec.encoder.presets import PRESETS, Preset
from nvcodec.networks import NetworkDesign
from tools.paper.trials import System, Trial


@dataclass(frozen=True)
class Scale:
    """Sizes that all experiments of a scale have in common.

    Attributes:
        name: of the scale.
        max_width, max_height: clips are scaled to fit, in pixels.
        cropped_height: rows in the middle that are kept of clips that are higher; None: all.
        num_frames, chunk_frames: most frames of a clip, and frames of a chunk, where nothing else is said.
        clips: both, for some clips by their names.
        epochs: passes over the frames, where an experiment does not say.
        num_parameters: of a chunk's network, by backbone.
        designs: changes to the authors' designs, by backbone.
        recipe: changes to the recipe of the preset ``base``.
        base: the preset that the recipe comes from.
        num_seeds: most seeds of a trial.
        group_frames: frames of NIRVANA's groups.
        clips_by_length: clips of Table 1, frames taken of each, and the fraction that is shared.
        papers_lengths: what the paper has for those, without and with sharing.
        static_clip, dynamic_clip: of little and of much motion.
        clip_with_cuts: the clip for windows, frames taken of it, and frames of its chunks.
        mask_size: factor on the number of parameters where masks are compared.
        sizes: factors on the number of parameters, for curves.
        chunk_lengths: frames of a chunk, for curves.
        cost_size: width and height of the networks whose cost is counted, and the bits per second of their video.
    """

    name: str
    max_width: int
    max_height: int
    cropped_height: int | None
    num_frames: int
    chunk_frames: int
    clips: Mapping[str, tuple[int, int]]
    epochs: int
    num_parameters: Mapping[Backbone, int]
    designs: Mapping[Backbone, Mapping[str, Any]]
    recipe: Mapping[str, Any]
    base: str
    num_seeds: int
    group_frames: int
    clips_by_length: Sequence[tuple[str, int, float]]
    papers_lengths: Sequence[str]
    static_clip: str
    dynamic_clip: str
    clip_with_cuts: tuple[str, int, int]
    mask_size: float
    sizes: Sequence[float]
    chunk_lengths: Sequence[int]
    cost_size: tuple[int, int, int]

    def preset(self, backbone: Backbone, epochs: int | None) -> Preset:
        """The recipe and the design of a backbone. Bits have no part in the training, as in the paper."""
        preset = PRESETS[self.base](backbone, epochs)
        design = replace(NetworkDesign.of_authors(backbone), **self.designs.get(backbone, {}))
        return replace(preset, design=design, recipe=replace(preset.recipe, rate=None, **self.recipe))

    def trial(self, clip: str, system: System, backbone: Backbone = Backbone.NERV, **changes: Any) -> Trial:
        """A trial with this scale's sizes but for ``changes``; ``size`` is a factor on the number of parameters."""
        size = changes.pop("size", 1.0)
        num_frames, chunk_frames = self.clips.get(clip, (self.num_frames, self.chunk_frames))
        defaults = {
            "kappa": 0.5 if system.shares else 0.0,
            "num_frames": num_frames,
            "chunk_frames": chunk_frames,
            "epochs": self.epochs,
        }
        num_parameters = round(self.num_parameters[backbone] * size)
        return Trial(clip, system, backbone, num_parameters, **{**defaults, **changes})


SCALES: Mapping[str, Scale] = MappingProxyType(
    {
        # The authors' designs made small, with two thirds of NeRV's weights in its connected layer as in the paper.
        "cpu": Scale(
            name="cpu",
            max_width=160,
            max_height=90,
            cropped_height=80,
            num_frames=96,
            chunk_frames=24,
            clips={},
            epochs=30,
            num_parameters={
                Backbone.NERV: 40_000,
                Backbone.ENERV: 60_000,
                Backbone.HNERV: 40_000,
                Backbone.VAST: 40_000,
            },
            designs={
                Backbone.NERV: {"strides": (4, 2, 2), "stem_width": 48, "lower_width": 8, "pe_levels": 40},
                Backbone.ENERV: {
                    "strides": (4, 2, 2),
                    "stem_width": 48,
                    "lower_width": 8,
                    "token_width": 8,
                    "modulation_width": 16,
                    "feedforward_width": 8,
                    "pe_levels": 40,
                },
                Backbone.HNERV: {"strides": (4, 2, 2), "kernel_max": 3, "lower_width": 8, "embedding_channels": 8},
                Backbone.VAST: {"texture_channels": 0},
            },
            recipe={"min_iterations": 0},
            base="fast",
            num_seeds=3,
            group_frames=3,
            clips_by_length=(
                ("bigbuckbunny", 132, 0.5),
                ("foreman_cif_300f", 300, 0.5),
                ("carpark_768x432_30s_static", 377, 0.5),
                ("bbb_opening_720p_30s", 720, 0.5),
            ),
            papers_lengths=(),
            static_clip="carpark_768x432_30s_static",
            dynamic_clip="basketballpass_416x240_100f",
            clip_with_cuts=("bbb_opening_720p_30s", 720, 24),
            mask_size=1.0,
            sizes=(0.5, 0.75, 1.0, 1.5),
            chunk_lengths=(12, 16, 24, 48),
            cost_size=(320, 180, 312_500),
        ),
        "full": Scale(
            name="full",
            max_width=1920,
            max_height=1080,
            cropped_height=None,
            num_frames=132,
            chunk_frames=33,
            clips={
                "ShakeNDry": (300, 150),
                "HoneyBee": (600, 150),
                "Jockey": (600, 150),
                "ElephantsDream": (1440, 120),
                "BigBuckBunny": (7200, 120),
            },
            epochs=300,
            num_parameters={Backbone.NERV: 6_570_000, Backbone.ENERV: 6_570_000, Backbone.HNERV: 4_500_000},
            designs={},
            recipe={},
            base="paper",
            num_seeds=1,
            group_frames=3,
            clips_by_length=(("ShakeNDry", 300, 0.7), ("ElephantsDream", 1440, 0.5), ("BigBuckBunny", 7200, 0.5)),
            papers_lengths=(
                "13.14 M, 34.96 dB, 0.9513",
                "8.54 M, 34.76 dB, 0.9516",
                "78.8 M, 39.64 dB, 0.9847",
                "42.7 M, 39.57 dB, 0.985",
                "394.2 M, 38.11 dB, 0.981",
                "246.4 M, 38.99 dB, 0.984",
            ),
            static_clip="HoneyBee",
            dynamic_clip="Jockey",
            clip_with_cuts=("BigBuckBunny", 1440, 45),
            # 3.36 M.
            mask_size=0.511,
            sizes=(0.5, 0.75, 1.0, 1.5),
            chunk_lengths=(48, 75, 150, 300),
            cost_size=(1280, 720, 5_000_000),
        ),
    }
)
