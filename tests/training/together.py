"""Trainings that one process, or several together, can run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, distributed

from nvcodec.bitstream.network_spec import Backbone
from nvcodec.training.fit import FitProgress, fit
from nvcodec.training.processes import ALONE, Processes
from nvcodec.training.recipe import RateRecipe, Recipe
from nvcodec.training.steering import RateGoal
from nvcodec.video.format import VideoFormat
from tests import encodes

FORMAT = VideoFormat(32, 24)
LENGTHS = (4, 3, 4)
ONE_CHUNK = "vast, one chunk, for its rate"
CASES = {
    "nerv, half shared": (Backbone.NERV, 0.5, None),
    "hnerv, nothing shared, for its rate": (Backbone.HNERV, 0.0, RateRecipe()),
    "hnerv, half shared, for its rate": (Backbone.HNERV, 0.5, RateRecipe()),
    "vast, all shared, for its rate": (Backbone.VAST, 1.0, RateRecipe()),
    ONE_CHUNK: (Backbone.VAST, 0.0, RateRecipe()),
}


def trained(name: str, processes: Processes = ALONE, num_iterations: int | None = None) -> dict[str, Tensor]:
    """What a training ends with."""
    backbone, kappa, rate = CASES[name]
    lengths = LENGTHS[:1] if name == ONE_CHUNK else LENGTHS
    model = encodes.window_model(encodes.tiny_spec(backbone), lengths)
    size = model.spec.num_parameters
    model.share(torch.arange(size) < round(kappa * size))
    chunks = [encodes.chunk_frames(FORMAT, length, first=7 * idx) for idx, length in enumerate(lengths)]
    states: list[FitProgress] = []
    fit(
        model,
        chunks,
        Recipe(epochs=6, learning_rate=3e-3, beta2=0.95, rate=rate),
        generator=torch.Generator().manual_seed(1),
        goal=RateGoal(bits=20_000.0),
        processes=processes,
        on_progress=states.append,
        should_stop=lambda: processes.is_first and len(states) == num_iterations,
    )
    embeddings = model.free_embeddings if model.coding is None else model.coding.embeddings
    return {
        "shared": model.shared.detach(),
        "own": torch.stack(model.own).detach(),
        "embeddings": torch.cat([values.detach().flatten() for values in embeddings] or [torch.zeros(0)]),
        "steps": torch.zeros(0) if model.coding is None else torch.tensor(model.coding.step_idx),
        "psnr": torch.tensor([state.psnr for state in states]),
        "bpp": torch.tensor([state.bpp or 0.0 for state in states]),
    }


def run_process(rank: int, count: int, folder: Path) -> None:
    """One of several processes: trains everything and leaves what it ends with in the folder."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/group", rank=rank, world_size=count)
    processes = Processes(rank, count)
    results = {name: trained(name, processes) for name in CASES}
    results["stopped"] = trained("nerv, half shared", processes, num_iterations=5)
    flat = {f"{name}/{key}": values.numpy() for name, of_case in results.items() for key, values in of_case.items()}
    np.savez(folder / f"{rank}.npz", **flat)
    distributed.destroy_process_group()
