"""The parameters of a window: what is shared, what is each chunk's own, and what the networks are fed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nvcodec.bitstream.network_spec import Backbone
from nvcodec.networks import time_encoding
from nvcodec.training.window_model import WindowModel
from nvcodec.video.format import ChromaSubsampling, VideoFormat
from tests import encodes

LENGTHS = (3, 4)
FORMAT = VideoFormat(32, 24)
TIME_BACKBONES = [Backbone.NERV, Backbone.ENERV]


def make_model(backbone: Backbone, lengths: tuple[int, ...] = LENGTHS) -> WindowModel:
    return encodes.window_model(encodes.tiny_spec(backbone), lengths)


def half_mask(model: WindowModel) -> torch.Tensor:
    return torch.arange(model.spec.num_parameters) % 2 == 0


@pytest.mark.parametrize("backbone", encodes.TRAINED)
def test_all_chunks_begin_with_the_same_parameters(backbone: Backbone) -> None:
    model = make_model(backbone)
    assert torch.equal(model.theta(0), model.theta(1))
    assert torch.equal(model.theta(0), model.shared)
    if backbone is Backbone.HNERV:
        first, second = (dict(encoder.named_parameters()) for encoder in model.encoders)
        assert all(torch.equal(value, second[name]) for name, value in first.items())
        assert all(value is not second[name] for name, value in first.items())
    else:
        assert model.encoders == []


def test_theta_takes_shared_where_the_mask_is_true_and_own_elsewhere() -> None:
    model = make_model(Backbone.NERV)
    mask = half_mask(model)
    model.share(mask)
    with torch.no_grad():
        model.shared.fill_(1)
        for chunk_idx, own in enumerate(model.own):
            own.fill_(10 + chunk_idx)
    for chunk_idx in range(2):
        theta = model.theta(chunk_idx)
        assert set(theta[mask].tolist()) == {1}
        assert set(theta[~mask].tolist()) == {10 + chunk_idx}


@pytest.mark.parametrize("backbone", TIME_BACKBONES)
def test_time_runs_over_the_chunk_if_anything_is_own(backbone: Backbone) -> None:
    model = make_model(backbone)
    mask = torch.ones(model.spec.num_parameters, dtype=torch.bool)
    mask[-1] = False
    model.share(mask)
    assert not model.time_over_window
    inputs = model.inputs(1, torch.tensor([0, 3]), torch.empty(0))
    np.testing.assert_array_equal(inputs.numpy(), time_encoding([0, 3], 4, model.spec))


@pytest.mark.parametrize("backbone", TIME_BACKBONES)
def test_time_runs_over_the_window_if_everything_is_shared(backbone: Backbone) -> None:
    model = make_model(backbone)
    model.share(torch.ones(model.spec.num_parameters, dtype=torch.bool))
    assert model.time_over_window
    inputs = model.inputs(1, torch.tensor([0, 3]), torch.empty(0))
    np.testing.assert_array_equal(inputs.numpy(), time_encoding([3, 6], 7, model.spec))


def test_one_chunk_and_embeddings_need_no_time_over_the_window() -> None:
    for model in (make_model(Backbone.NERV, (4,)), make_model(Backbone.HNERV)):
        model.share(torch.ones(model.spec.num_parameters, dtype=torch.bool))
        assert not model.time_over_window


@pytest.mark.parametrize("subsampling", [ChromaSubsampling.YUV420, ChromaSubsampling.GRAY])
def test_embeddings_are_made_of_the_frames_padded_to_the_coded_size(subsampling: ChromaSubsampling) -> None:
    num_outputs = 1 if subsampling == ChromaSubsampling.GRAY else 3
    spec = encodes.tiny_spec(Backbone.HNERV, 31, 23, num_outputs=num_outputs)
    assert (spec.coded_width, spec.coded_height) != (31, 23)
    model = encodes.window_model(spec, LENGTHS)
    targets = encodes.chunk_frames(VideoFormat(31, 23, chroma_subsampling=subsampling), 3).targets(torch.arange(3))
    assert targets.shape == (3, num_outputs, 23, 31)
    inputs = model.inputs(0, torch.arange(3), targets)
    assert inputs.shape == (3, *spec.embedding_shape)
    assert not torch.equal(inputs[0], inputs[1])
    assert model.reconstruct(model.theta(0), inputs, 23, 31).shape == targets.shape


def test_targets_are_real_values_from_0_to_1() -> None:
    chunk = encodes.chunk_frames(VideoFormat(32, 24, bit_depth=10), 3)
    targets = chunk.targets(torch.tensor([2, 0]))
    assert len(chunk) == 3
    assert targets.dtype == torch.float32
    assert targets.min() >= 0
    assert targets.max() <= 1
    assert targets.std() > 0.05
    assert torch.equal(targets[1], chunk.targets(torch.tensor([0]))[0])
