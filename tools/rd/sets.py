"""The sets: which clips at which size, and which operating points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from nvcodec.bitstream.network_spec import Backbone
from tools.rd.conventional import ENCODERS, ConventionalPoint
from tools.rd.ours import OurPoint
from tools.rd.points import Point

OURS = "nvcodec"
CODECS = (OURS, *ENCODERS)


@dataclass(frozen=True)
class BenchSet:
    """What a run of the bench covers.

    Attributes:
        num_clips: most clips, from the first; None for all.
        max_width, max_height: the clips are scaled down to fit within.
        cropped_height: rows then kept, those in the middle; None: all.
        num_frames: taken of each clip.
        interval: frames of our chunks and between the others' keyframes.
        crfs: constant rate factors of each library.
        backbones, kappas, seeds: of our encodes, in every combination; κ None is chosen by the encoder.
        trainings: presets of our encodes and their epochs, None for those of the preset.
        bpps: bits per pixel that our encodes aim at.
        min_encode_s: seconds that each of our encodes is meant to take at least.
    """

    num_clips: int | None
    max_width: int
    max_height: int
    num_frames: int
    interval: int
    crfs: Mapping[str, tuple[int, ...]]
    backbones: tuple[Backbone, ...]
    kappas: tuple[float | None, ...]
    seeds: tuple[int, ...]
    trainings: tuple[tuple[str, int | None], ...]
    bpps: tuple[float, ...]
    min_encode_s: float
    cropped_height: int | None = None

    def points(self, codecs: tuple[str, ...]) -> list[Point]:
        """The operating points of some of ``CODECS``; the others' come first, as they are done soon."""
        points: list[Point] = [
            ConventionalPoint(name, interval, crf)
            for name, encoder in ENCODERS.items()
            if name in codecs
            for interval in (self.interval, None)
            for crf in self.crfs[encoder.library]
        ]
        if OURS in codecs:
            points += [
                OurPoint(backbone, kappa, preset, epochs, seed, self.interval, bpp)
                for preset, epochs in self.trainings
                for backbone in self.backbones
                for seed in self.seeds
                for kappa in self.kappas
                for bpp in self.bpps
            ]
        return points


SETS: Mapping[str, BenchSet] = MappingProxyType(
    {
        # Low qualities of the others, to meet those that our networks reach in minutes.
        "cpu": BenchSet(
            num_clips=2,
            max_width=320,
            max_height=180,
            num_frames=132,
            interval=33,
            crfs={"libx264": (26, 33, 40, 47), "libx265": (26, 33, 40, 47), "libsvtav1": (42, 49, 56, 63)},
            backbones=(Backbone.VAST,),
            kappas=(None, 0.0, 0.5),
            seeds=(0,),
            trainings=(("fast", 200),),
            bpps=(0.03, 0.06, 0.12),
            min_encode_s=180,
        ),
        # The frames and the encode of tools/demo.py.
        "demo": BenchSet(
            num_clips=1,
            max_width=640,
            max_height=360,
            num_frames=132,
            interval=33,
            crfs={"libx264": (30, 36, 42, 48), "libx265": (32, 38, 44, 50), "libsvtav1": (45, 52, 58, 63)},
            backbones=(Backbone.VAST,),
            kappas=(None,),
            seeds=(0,),
            trainings=(("fast", 60),),
            bpps=(0.03,),
            min_encode_s=0,
        ),
        # Big Buck Bunny as papers since HNeRV measure it.
        "papers": BenchSet(
            num_clips=1,
            max_width=1280,
            max_height=720,
            cropped_height=640,
            num_frames=132,
            interval=33,
            crfs={"libx264": (24, 28, 32, 38), "libx265": (24, 28, 32, 38), "libsvtav1": (35, 42, 50, 58)},
            backbones=(Backbone.VAST,),
            kappas=(None,),
            seeds=(0,),
            trainings=(("fast", 60),),
            bpps=(0.0125, 0.025, 0.05, 0.1),
            min_encode_s=600,
        ),
        # What the presets take and give, at a size at which all of them can be run.
        "presets": BenchSet(
            num_clips=1,
            max_width=160,
            max_height=90,
            num_frames=48,
            interval=12,
            crfs={"libx264": (24, 30, 36, 42), "libx265": (24, 30, 36, 42), "libsvtav1": (38, 46, 54, 62)},
            backbones=(Backbone.VAST,),
            kappas=(None,),
            seeds=(0,),
            trainings=(("draft", None), ("fast", None), ("medium", None), ("slow", None), ("placebo", None)),
            bpps=(0.06, 0.12, 0.24),
            min_encode_s=0,
        ),
        "full": BenchSet(
            num_clips=None,
            max_width=1280,
            max_height=720,
            num_frames=600,
            interval=120,
            crfs={
                "libx264": (25, 30, 35, 40, 45),
                "libx265": (25, 30, 35, 40, 45),
                "libsvtav1": (31, 39, 47, 55, 63),
            },
            backbones=(Backbone.VAST, Backbone.HNERV, Backbone.NERV, Backbone.ENERV),
            kappas=(None, 0.0, 0.5),
            seeds=(0, 1),
            trainings=(("medium", 300),),
            bpps=(0.02, 0.04, 0.08, 0.16),
            min_encode_s=180,
        ),
    }
)
