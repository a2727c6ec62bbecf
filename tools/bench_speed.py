"""How fast the codec is on this machine.

    python -m tools.bench_speed --out DIR [--hnerv FOLDER] [BENCH ...]

Writes DIR/<machine>.csv and .md, in which only the benches that are run are replaced. What is compared runs in turn, in
processes of its own; figures are medians. FOLDER has ``model_all.py`` of github.com/haochen-rye/HNeRV, to be timed
beside ours. Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import torch

from nvcodec.decoder.device import keep_freed_memory, resolve_device
from tools.speed.clip_loading import measure_clips
from tools.speed.decoding import measure_playing, measure_seeking, measure_weights
from tools.speed.figures import Figure, format_value, store
from tools.speed.growth import measure_growth
from tools.speed.hnerv import measure_frames, measure_steps
from tools.speed.machine import copy_bandwidth, peak_flops
from tools.speed.paper import measure_paper_decodes, measure_paper_steps
from tools.speed.sharing import measure_sharing
from tools.speed.starting import measure_starts


def main() -> None:
    """Run benches."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benches", nargs="*", metavar="BENCH", help="only these")
    parser.add_argument("--out", type=Path, required=True, help="folder for the tables")
    parser.add_argument("--hnerv", type=Path, metavar="FOLDER", help="the authors' code of HNeRV")
    options = parser.parse_args()
    benches: Mapping[str, Callable[[], Sequence[Figure]]] = {
        "machine": measure_machine,
        "start": measure_starts,
        "weights": measure_weights,
        "seeking": measure_seeking,
        "playing": measure_playing,
        "clips": measure_clips,
        "hnerv-frame": partial(measure_frames, options.hnerv),
        "hnerv-step": partial(measure_steps, options.hnerv),
        "paper-step": measure_paper_steps,
        "paper-decode": measure_paper_decodes,
        "sharing": measure_sharing,
        "growth": measure_growth,
    }
    if unknown := set(options.benches) - set(benches):
        parser.error(f"there is no bench {', '.join(sorted(unknown))}; there are {', '.join(benches)}")
    keep_freed_memory()
    for name in options.benches or benches:
        figures = benches[name]()
        store(options.out, name, figures)
        for figure in figures:
            print(f"{figure.bench}: {figure.what}: {format_value(figure.value, figure.unit)} {figure.note}", flush=True)


def measure_machine() -> list[Figure]:
    """What figures are fractions of."""
    device = resolve_device("auto")
    return [
        Figure("machine", "matrix product, float32", peak_flops(torch.float32, device) / 1e9, "GFLOP/s"),
        Figure("machine", "matrix product, bfloat16", peak_flops(torch.bfloat16, device) / 1e9, "GFLOP/s"),
        Figure("machine", "copy", copy_bandwidth(device) / 1e9, "GB/s"),
    ]


if __name__ == "__main__":
    main()
