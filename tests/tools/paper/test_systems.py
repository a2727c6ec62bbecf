"""The systems that the paper compares with do what their names say, each on a window of two small chunks."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from nvcodec.bitstream import StreamHeader
from nvcodec.bitstream.network_spec import Backbone
from nvcodec.encoder.window_encoding import WindowFrames, WindowJob, prepare_window, quantize_window
from nvcodec.sharing.windows import Window
from nvcodec.training.fit import fit
from nvcodec.training.window_model import WindowModel
from tests import clips, encodes
from tools.paper import systems
from tools.paper.encoding import TrialConfig
from tools.paper.scales import SCALES, Scale
from tools.paper.systems import SCORES, prune, share, train_in_order, train_jointly
from tools.paper.trials import System, Trial

HEADER = StreamHeader(clips.SMALL, Fraction(1, 25))
CPU = SCALES["cpu"]


def make_trial(system: System, backbone: Backbone = Backbone.NERV, scale: Scale = CPU, **changes: object) -> Trial:
    return scale.trial("moving", system, backbone, **{"chunk_frames": 4, "num_frames": 8, "epochs": 3, **changes})


def _stacked(window: Window) -> WindowFrames:
    return WindowFrames.of(window, HEADER.format, encodes.CPU)


def make_job(trial: Trial) -> tuple[WindowJob, TrialConfig]:
    config = TrialConfig.of(trial, CPU)
    frames = tuple(encodes.two_scene_frames(8))
    return prepare_window(_stacked(Window(frames, (4, 4))), 0, 0, HEADER, config, encodes.CPU), config


def untold(progress: object) -> None:
    """Takes a training's progress."""


@pytest.mark.parametrize("system", [System.NERVAST, *SCORES])
def test_a_mask_shares_its_fraction_and_leaves_the_training_unbegun(system: System) -> None:
    trial = make_trial(system)
    job, config = make_job(trial)
    before = [own.clone() for own in job.model.own]
    share(job, trial, config)
    assert abs(float(job.model.mask.float().mean()) - 0.5) < 0.001
    assert all(torch.equal(own, start) for own, start in zip(job.model.own, before, strict=True))


def test_masks_differ() -> None:
    masks = []
    for system in (System.NERVAST, *SCORES):
        trial = make_trial(system)
        job, config = make_job(trial)
        share(job, trial, config)
        masks.append(job.model.mask)
    for first_idx, first in enumerate(masks):
        assert not any(torch.equal(first, other) for other in masks[first_idx + 1 :])


def test_random_masks_in_layers_share_as_much_of_each_tensor_as_fishers() -> None:
    masks = []
    for system in (System.NERVAST, System.RANDOM_IN_LAYERS):
        trial = make_trial(system)
        job, config = make_job(trial)
        share(job, trial, config)
        masks.append(job.model.mask)
    fisher, shuffled = ([int(part.sum()) for part in torch.split(mask, sizes_of(job))] for mask in masks)
    assert fisher == shuffled
    assert not torch.equal(*masks)


def sizes_of(job: WindowJob) -> list[int]:
    return [tensor.size for tensor in job.spec.layout]


def test_variance_is_nothing_where_the_chunks_are_the_same() -> None:
    job, config = make_job(make_trial(System.VARIANCE))
    assert SCORES[System.VARIANCE](job, config).max() > 0
    # A chunk of one frame has but one order of its frames.
    same = [encodes.two_scene_frames(8)[0]] * 2
    window = Window(tuple(same), (1, 1))
    job = prepare_window(_stacked(window), 0, 0, HEADER, config, encodes.CPU)
    assert SCORES[System.VARIANCE](job, config).max() == 0
    assert SCORES[System.DIFFERENCE](job, config).max() > 0


def test_without_sharing_no_mask_is_chosen() -> None:
    trial = make_trial(System.NAIVE_SPLIT)
    job, config = make_job(trial)
    share(job, trial, config)
    assert not job.model.mask.any()


@pytest.mark.parametrize("backbone", [Backbone.NERV, Backbone.HNERV])
def test_sequential_training_freezes_what_the_first_chunk_made_of_the_shared_parameters(
    backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = []

    def fit_and_note(model: WindowModel, *others: object, **options: object) -> None:
        given.append(model.theta(0).detach().clone())
        fit(model, *others, **options)

    monkeypatch.setattr(systems, "fit", fit_and_note)
    trial = make_trial(System.SEQUENTIAL, backbone)
    job, config = make_job(trial)
    start = job.model.shared.detach().clone()
    share(job, trial, config)
    told = []
    train_in_order(job, config, HEADER, told.append)
    mask, model = job.model.mask, job.model
    assert torch.equal(model.shared[mask], model.own[0][mask])
    # The second chunk was trained with what it is decoded with.
    assert torch.equal(given[1][mask], model.shared[mask])
    assert torch.equal(given[1][~mask], start[~mask])
    assert not torch.equal(model.shared[mask], start[mask])
    assert torch.equal(model.own[1][mask], start[mask])
    assert not torch.equal(model.own[1][~mask], start[~mask])
    assert [progress.fraction for progress in told].count(1) == 2
    content, chunks = quantize_window(job, config)
    assert np.array_equal(content.mask, mask.numpy())
    assert len(chunks) == 2


@pytest.mark.parametrize("system", [System.NAIVE_SPLIT, System.NERVAST])
def test_pruned_weights_stay_zero_in_the_file_and_the_others_go_on_learning(system: System) -> None:
    trial = make_trial(system, sparsity=0.4, is_fine_tuned=True)
    job, config = make_job(trial)
    share(job, trial, config)
    train_jointly(job, config, HEADER, untold)
    before = [job.model.theta(idx).detach().clone() for idx in range(2)]
    num_pruned = prune(job, trial, config, untold)
    is_weight = np.zeros(job.spec.num_parameters, bool)
    for tensor in job.spec.layout:
        is_weight[tensor.offset : tensor.offset + tensor.size] = tensor.kind.is_weight
    mask = job.model.mask.numpy()
    num_stored = int((is_weight & mask).sum()) + 2 * int((is_weight & ~mask).sum())
    assert num_pruned == pytest.approx(0.4 * num_stored, abs=1)
    window, chunks = quantize_window(job, config)
    zeros = int((window.shared[is_weight[mask]] == 0).sum())
    zeros += sum(int((chunk.own[is_weight[~mask]] == 0).sum()) for chunk in chunks)
    assert zeros >= num_pruned
    for idx in range(2):
        theta = job.model.theta(idx).detach()
        assert not torch.equal(theta[theta != 0], before[idx][theta != 0])
