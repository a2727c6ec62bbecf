"""What the systems do otherwise than the product: how they choose a mask, and how they train."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nvcodec.bitstream import StreamHeader
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.window_encoding import WindowJob, choose_mask
from nvcodec.encoder.window_training import train
from nvcodec.sharing.selection import select_mask
from nvcodec.training.fit import FitProgress, fit
from nvcodec.training.processes import ALONE
from nvcodec.training.window_model import WindowModel
from tools.paper.trials import System, Trial

Scores = npt.NDArray[np.float64]
Progress = Callable[[FitProgress], None]
# NeRV's ratio of epochs after pruning to those before (its README has 100 after 300), without a warm-up.
FINE_TUNING = 1 / 3


def share(job: WindowJob, trial: Trial, config: EncoderConfig) -> None:
    """Choose what the chunks of a window share."""
    if trial.system not in SCORES:
        choose_mask(job, config, ALONE)
    elif len(job.chunks) > 1:
        scores = SCORES[trial.system](job, config)
        mask = select_mask(scores, job.spec, trial.kappa, job.granularity, config.threshold)
        job.model.share(torch.from_numpy(mask))


def random_scores(job: WindowJob, config: EncoderConfig) -> Scores:
    """Any parameters."""
    return np.random.default_rng(config.seed + job.window_idx).random(job.spec.num_parameters)


def random_scores_in_layers(job: WindowJob, config: EncoderConfig) -> Scores:
    """Any parameters, but as many of each tensor as have the least Fisher information."""
    choose_mask(job, config, ALONE)
    mask, generator = job.model.mask.cpu().numpy(), np.random.default_rng(config.seed + job.window_idx)
    for tensor in job.spec.layout:
        generator.shuffle(mask[tensor.offset : tensor.offset + tensor.size])
    return 1.0 - mask


def variance_scores(job: WindowJob, config: EncoderConfig) -> Scores:
    """Variance over the chunks' networks, each trained alone for an epoch (paper, section 4.5)."""
    return _after_an_epoch(job, config).var(dim=0, correction=0).numpy()


def difference_scores(job: WindowJob, config: EncoderConfig) -> Scores:
    """How far parameters move when the chunks' networks are each trained alone for an epoch, their mean."""
    return (_after_an_epoch(job, config) - job.model.shared.detach().cpu()).abs().mean(dim=0).to(torch.float64).numpy()


SCORES: Mapping[System, Callable[[WindowJob, EncoderConfig], Scores]] = MappingProxyType(
    {
        System.RANDOM: random_scores,
        System.RANDOM_IN_LAYERS: random_scores_in_layers,
        System.VARIANCE: variance_scores,
        System.DIFFERENCE: difference_scores,
    }
)


def _after_an_epoch(job: WindowJob, config: EncoderConfig) -> Tensor:
    """Parameters (N, S) of the N chunks after an epoch without sharing; the job's own stay as they are."""
    model = copy.deepcopy(job.model)
    recipe = replace(config.resolved_preset().recipe, epochs=1, min_iterations=0)
    fit(model, job.chunks, recipe, generator=torch.Generator().manual_seed(config.seed))
    return torch.stack([own.detach().cpu() for own in model.own]).to(torch.float64)


def train_jointly(job: WindowJob, config: EncoderConfig, stream: StreamHeader, on_progress: Progress) -> None:
    """The product's training."""
    train(job, config, stream, ALONE, on_progress)


def train_in_order(job: WindowJob, config: EncoderConfig, stream: StreamHeader, on_progress: Progress) -> None:
    """Train chunk after chunk; the first is free, and what it makes of the shared parameters is frozen for the others.

    The paper's sequential training, after SRVC. Progress is told per chunk, one after the other.
    """
    mask = job.model.mask
    for chunk_idx, chunk in enumerate(job.chunks):
        model = _ChunkModel(job.model, chunk_idx)
        if chunk_idx:
            model.share(mask)
        fit(model, [chunk], config.resolved_preset().recipe, generator=job.generator, on_progress=on_progress)
        if chunk_idx == 0:
            job.model.shared = model.own[0].detach().clone()


class _ChunkModel(WindowModel):
    """One chunk of a window as a window of its own, over the same tensors; what is shared is not trained."""

    def __init__(self, window: WindowModel, chunk_idx: int) -> None:
        self.spec, self.device, self.network = window.spec, window.device, window.network
        self.chunk_lengths = (window.chunk_lengths[chunk_idx],)
        self.shared, self.own = window.shared.detach(), [window.own[chunk_idx]]
        self.encoders = window.encoders[chunk_idx : chunk_idx + 1]
        self.free_embeddings = window.free_embeddings[chunk_idx : chunk_idx + 1]
        self.coding = None
        self.share(torch.zeros_like(window.mask))

    def vectors(self) -> list[Tensor]:
        return self.own


def prune(job: WindowJob, trial: Trial, config: EncoderConfig, on_progress: Progress) -> int:
    """Set the smallest weights of a trained window to zero, and train the others further.

    The threshold is one for all weights that the window stores, what is shared counted once.

    Returns:
        Weights that are zero, as stored.
    """
    model, is_weight = job.model, torch.zeros(job.spec.num_parameters, dtype=torch.bool, device=job.model.device)
    for tensor in job.spec.layout:
        is_weight[tensor.offset : tensor.offset + tensor.size] = tensor.kind.is_weight
    vectors = [(model.shared, model.mask & is_weight), *((own, ~model.mask & is_weight) for own in model.own)]
    stored = torch.cat([vector.detach()[where].abs() for vector, where in vectors])
    num_pruned = round(trial.sparsity * len(stored))
    threshold = torch.kthvalue(stored, num_pruned).values if num_pruned else torch.tensor(-1.0)
    hooks = []
    for vector, where in vectors:
        kept = ~(where & (vector.detach().abs() <= threshold))
        with torch.no_grad():
            vector.mul_(kept)
        # Adam leaves alone what never had a gradient.
        hooks.append(vector.register_hook(lambda gradient, kept=kept: gradient * kept))
    recipe = config.resolved_preset().recipe
    fine = replace(recipe, epochs=max(1, round(recipe.epochs * FINE_TUNING)), min_iterations=0, warmup_ratio=0.0)
    fit(model, job.chunks, fine, generator=job.generator, on_progress=on_progress)
    for hook in hooks:
        hook.remove()
    return int((stored <= threshold).sum())
