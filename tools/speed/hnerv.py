"""HNeRV here and by its authors' code: an iteration of the training, a frame of the decode.

The size is theirs for Big Buck Bunny: 1.5 M parameters, 1280x640, 132 frames, batches of two.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import torch

from nvcodec.bitstream import NvstReader
from nvcodec.bitstream.network_spec import Backbone, NetworkSpec
from nvcodec.decoder.precision import is_bfloat16_fast
from nvcodec.decoder.reconstruction import ChunkReconstructor
from nvcodec.networks import NetworkDesign, build_network, solve_network
from nvcodec.training.chunk_frames import ChunkFrames
from nvcodec.training.fit import fit
from nvcodec.training.recipe import Recipe
from nvcodec.training.window_model import WindowModel
from nvcodec.video.format import VideoFormat
from tools.speed.authors import AuthorsHNeRV
from tools.speed.counting import Work, count
from tools.speed.figures import Figure
from tools.speed.files import noise, random_file
from tools.speed.machine import copy_bandwidth, peak_flops
from tools.speed.timing import Case, in_turn

FORMAT = VideoFormat(1280, 640)
NUM_FRAMES, NUM_PARAMETERS, BATCH_SIZE = 132, 1_500_000, 2
REPEATS = 5
CPU = torch.device("cpu")


def measure_steps(hnerv: Path | None) -> list[Figure]:
    """An iteration of the same network on the same frames."""
    cases = {
        "ours, float32": Case(our_step, (64, False)),
        "ours, bfloat16": Case(our_step, (64, True)),
        "ours, float32, encoder of width 16": Case(our_step, (16, False)),
        "ours, bfloat16, encoder of width 16": Case(our_step, (16, True)),
    }
    if not is_bfloat16_fast(CPU):
        cases = {name: case for name, case in cases.items() if "bfloat16" not in name}
    if hnerv is not None:
        cases["authors"] = Case(authors_step, (hnerv,), keeps_memory=False)
    return _compared("hnerv-step", "s", in_turn(cases, REPEATS), count(our_step(64, False)), lambda s: s)


def measure_frames(hnerv: Path | None) -> list[Figure]:
    """A frame of the same network, from its embedding to its output."""
    cases = {"ours, full": Case(our_frame, (False,)), "ours, fast": Case(our_frame, (True,))}
    if not is_bfloat16_fast(CPU):
        del cases["ours, fast"]
    if hnerv is not None:
        cases["authors"] = Case(authors_frame, (hnerv,), keeps_memory=False)
    return _compared("hnerv-frame", "fps", in_turn(cases, REPEATS), count(our_frame(False)), lambda s: 1 / s)


def _compared(
    bench: str, unit: str, seconds: dict[str, float], work: Work, shown: Callable[[float], float]
) -> list[Figure]:
    bandwidth, figures = copy_bandwidth(CPU), []
    for name, of_case in seconds.items():
        dtype = torch.bfloat16 if "bfloat16" in name or "fast" in name else torch.float32
        note = work.bound(peak_flops(dtype, CPU), bandwidth, of_case) if "width" not in name else ""
        if "authors" in seconds and name != "authors":
            note = f"{seconds['authors'] / of_case:.2f} times the authors' speed. {note}"
        figures.append(Figure(bench, name, shown(of_case), unit, note.strip()))
    return figures


def our_step(encoder_width: int, is_reduced: bool) -> Callable[[], object]:
    """One iteration of ``fit``."""
    spec = network()
    generator = torch.Generator().manual_seed(0)
    model = WindowModel(
        build_network(spec), (BATCH_SIZE,), generator=generator, device=CPU, encoder_width=encoder_width
    )
    chunk = ChunkFrames(FORMAT, tuple(torch.from_numpy(plane) for plane in noise(FORMAT, BATCH_SIZE)))
    recipe = Recipe(epochs=1, batch_size=BATCH_SIZE, reduced_precision=is_reduced)
    return lambda: fit(model, [chunk], recipe, generator=generator)


def authors_step(hnerv: Path) -> Callable[[], object]:
    """One iteration of their loop."""
    theirs = AuthorsHNeRV(hnerv, network())
    batch = ChunkFrames(FORMAT, tuple(torch.from_numpy(plane) for plane in noise(FORMAT, BATCH_SIZE))).rgb(
        torch.arange(BATCH_SIZE)
    )
    return lambda: theirs.step(batch)


def our_frame(fast: bool) -> Callable[[], object]:
    """One frame of a file."""
    with NvstReader(io.BytesIO(random_file(network(), FORMAT, (4,)))) as reader:
        window = reader.read_window(0)
        network_of_chunk = ChunkReconstructor(window, reader.read_chunk(0, 0, window), FORMAT, CPU, fast=fast)
    return lambda: network_of_chunk.output(0)


def authors_frame(hnerv: Path) -> Callable[[], object]:
    """One frame by their decoder."""
    decoder = AuthorsHNeRV(hnerv, network()).decoder
    embedding = torch.randn(1, *network().embedding_shape)

    def run() -> object:
        with torch.no_grad():
            return decoder(embedding)

    return run


def network() -> NetworkSpec:
    """Of that size."""
    design = NetworkDesign.of_authors(Backbone.HNERV)
    return solve_network(design, FORMAT.width, FORMAT.height, NUM_FRAMES, NUM_PARAMETERS, 3, None)
