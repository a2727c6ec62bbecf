"""How many parameters a trial stores, and networks that store as many without sharing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from nvcodec.errors import ConfigError
from nvcodec.networks import solve_network
from tools.paper.scales import Scale
from tools.paper.trials import System, Trial

# Budgets that are tried, in parts of the budget with sharing.
PARTS = 200


def volume(trial: Trial, scale: Scale) -> int:
    """Parameters that are stored for one window of whole chunks, as the paper counts them, embeddings included.

    Raises:
        ConfigError: there is no network of that size.
    """
    design = scale.preset(trial.backbone, trial.epochs).design
    height = min(scale.cropped_height or scale.max_height, scale.max_height)
    spec = solve_network(design, scale.max_width, height, trial.chunk_frames, trial.num_parameters)
    num_chunks = trial.num_frames // trial.chunk_frames
    embeddings = trial.chunk_frames * spec.embedding_channels * spec.base_height * spec.base_width
    num_shared = round(trial.kappa * spec.num_parameters) if num_chunks > 1 else 0
    return num_shared + num_chunks * (spec.num_parameters - num_shared + embeddings)


def same_volume(trial: Trial, scale: Scale) -> Trial:
    """The trial without sharing, of the network whose volume is nearest."""
    wanted = volume(trial, scale)

    def candidates() -> Iterator[tuple[int, Trial]]:
        for part in range(1, PARTS + 1):
            smaller = replace(
                trial, system=System.NAIVE_SPLIT, kappa=0.0, num_parameters=trial.num_parameters * part // PARTS
            )
            try:
                yield abs(volume(smaller, scale) - wanted), smaller
            except ConfigError:
                continue

    return min(candidates(), key=lambda candidate: candidate[0])[1]
