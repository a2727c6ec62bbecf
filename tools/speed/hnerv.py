"""HNeRV here and by its authors' code: an iteration of the training, a frame of the decode.

The size is theirs for Big Buck Bunny: 1.5 M parameters, 1280x640, 132 frames, batches of two.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from nvcodec.bitstream.network_spec import Backbone, NetworkSpec
from nvcodec.decoder.device import resolve_device
from nvcodec.decoder.precision import is_bfloat16_fast
from nvcodec.networks import NetworkDesign, solve_network
from nvcodec.video.format import VideoFormat
from tools.speed.authors import AuthorsHNeRV
from tools.speed.counting import Work, count
from tools.speed.figures import Figure
from tools.speed.machine import copy_bandwidth, peak_flops
from tools.speed.networks import frame, noise_frames, step
from tools.speed.timing import Case, in_turn

FORMAT = VideoFormat(1280, 640)
NUM_FRAMES, NUM_PARAMETERS, BATCH_SIZE = 132, 1_500_000, 2
REPEATS = 5


def measure_steps(hnerv: Path | None) -> list[Figure]:
    """An iteration of the same network on the same frames."""
    ours = network(), FORMAT, BATCH_SIZE
    cases = {
        "ours, float32": Case(step, (*ours, 64, False)),
        "ours, bfloat16": Case(step, (*ours, 64, True)),
        "ours, float32, encoder of width 16": Case(step, (*ours, 16, False)),
        "ours, bfloat16, encoder of width 16": Case(step, (*ours, 16, True)),
    }
    if not is_bfloat16_fast(resolve_device("auto")):
        cases = {name: case for name, case in cases.items() if "bfloat16" not in name}
    if hnerv is not None:
        cases["authors"] = Case(authors_step, (hnerv,), keeps_memory=False)
    return _compared("hnerv-step", "s", in_turn(cases, REPEATS), count(step(*ours, 64, False)), lambda s: s)


def measure_frames(hnerv: Path | None) -> list[Figure]:
    """A frame of the same network, from its embedding to its output."""
    ours = network(), FORMAT
    cases = {"ours, full": Case(frame, (*ours, False)), "ours, fast": Case(frame, (*ours, True))}
    if not is_bfloat16_fast(resolve_device("auto")):
        del cases["ours, fast"]
    if hnerv is not None:
        cases["authors"] = Case(authors_frame, (hnerv,), keeps_memory=False)
    return _compared("hnerv-frame", "fps", in_turn(cases, REPEATS), count(frame(*ours, False)), lambda s: 1 / s)


def _compared(
    bench: str, unit: str, seconds: dict[str, float], work: Work, shown: Callable[[float], float]
) -> list[Figure]:
    device = resolve_device("auto")
    bandwidth, figures = copy_bandwidth(device), []
    for name, of_case in seconds.items():
        dtype = torch.bfloat16 if "bfloat16" in name or "fast" in name else torch.float32
        note = work.bound(peak_flops(dtype, device), bandwidth, of_case) if "width" not in name else ""
        if "authors" in seconds and name != "authors":
            note = f"{seconds['authors'] / of_case:.2f} times the authors' speed. {note}"
        figures.append(Figure(bench, name, shown(of_case), unit, note.strip()))
    return figures


def authors_step(hnerv: Path) -> Callable[[], object]:
    """One iteration of their loop."""
    device = resolve_device("auto")
    theirs = AuthorsHNeRV(hnerv, network(), device)
    batch = noise_frames(FORMAT, BATCH_SIZE).rgb(torch.arange(BATCH_SIZE, device=device))
    return lambda: theirs.step(batch)


def authors_frame(hnerv: Path) -> Callable[[], object]:
    """One frame by their decoder."""
    device = resolve_device("auto")
    decoder = AuthorsHNeRV(hnerv, network(), device).decoder
    embedding = torch.randn(1, *network().embedding_shape, device=device)

    def run() -> object:
        with torch.no_grad():
            return decoder(embedding)

    return run


def network() -> NetworkSpec:
    """Of that size."""
    design = NetworkDesign.of_authors(Backbone.HNERV)
    return solve_network(design, FORMAT.width, FORMAT.height, NUM_FRAMES, NUM_PARAMETERS, 3, None)
