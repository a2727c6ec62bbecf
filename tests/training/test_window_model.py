"""The parameters of a window: what is shared, what is each chunk's own, and what the networks are fed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nvcodec.bitstream.network_spec import Backbone
from nvcodec.networks import build_network, time_encoding
from nvcodec.networks.texture import MOTION_UNIT
from nvcodec.training.window_model import WindowModel
from nvcodec.video.format import ChromaSubsampling, VideoFormat
from nvcodec.video.packing import blocks_to_planes, values_to_samples
from tests import encodes

LENGTHS = (3, 4)
FORMAT = VideoFormat(32, 24)
TIME_BACKBONES = [Backbone.NERV, Backbone.ENERV]


def make_model(backbone: Backbone, lengths: tuple[int, ...] = LENGTHS) -> WindowModel:
    return encodes.window_model(encodes.tiny_spec(backbone), lengths)


def half_mask(model: WindowModel) -> torch.Tensor:
    return torch.arange(model.spec.num_parameters) % 2 == 0


@pytest.mark.parametrize("backbone", list(Backbone))
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
    for model in (make_model(Backbone.NERV, (4,)), make_model(Backbone.HNERV), make_model(Backbone.VAST)):
        model.share(torch.ones(model.spec.num_parameters, dtype=torch.bool))
        assert not model.time_over_window


@pytest.mark.parametrize("subsampling", [ChromaSubsampling.YUV420, ChromaSubsampling.GRAY])
def test_embeddings_are_made_of_the_frames_padded_to_the_coded_size(subsampling: ChromaSubsampling) -> None:
    num_outputs = 1 if subsampling == ChromaSubsampling.GRAY else 3
    spec = encodes.tiny_spec(Backbone.HNERV, 31, 23, num_outputs=num_outputs)
    assert (spec.coded_width, spec.coded_height) != (31, 23)
    model = encodes.window_model(spec, LENGTHS)
    targets = encodes.chunk_frames(VideoFormat(31, 23, chroma_subsampling=subsampling), 3).rgb(torch.arange(3))
    assert targets.shape == (3, num_outputs, 23, 31)
    inputs = model.inputs(0, torch.arange(3), targets)
    assert inputs.shape == (3, *spec.embedding_shape)
    assert not torch.equal(inputs[0], inputs[1])
    assert model.reconstruct(model.theta(0), inputs, 23, 31).shape == targets.shape


@pytest.mark.parametrize("backbone", list(Backbone))
def test_targets_are_real_values_from_0_to_1(backbone: Backbone) -> None:
    chunk = encodes.chunk_frames(VideoFormat(32, 24, bit_depth=10), 3)
    targets = chunk.targets(torch.tensor([2, 0]), backbone)
    assert len(chunk) == 3
    assert targets.dtype == torch.float32
    assert targets.min() >= 0
    assert targets.max() <= 1
    assert targets.std() > 0.02
    assert torch.equal(targets[1], chunk.targets(torch.tensor([0]), backbone)[0])


@pytest.mark.parametrize("subsampling", list(ChromaSubsampling))
@pytest.mark.parametrize("bit_depth", [8, 10])
def test_vast_s_targets_are_the_samples_of_the_planes(subsampling: ChromaSubsampling, bit_depth: int) -> None:
    format = VideoFormat(33, 27, bit_depth=bit_depth, chroma_subsampling=subsampling)
    chunk = encodes.chunk_frames(format, 3)
    targets = chunk.targets(torch.tensor([2, 0]), Backbone.VAST)
    assert targets.shape == (2, format.samples_per_block, 14, 17)
    planes = blocks_to_planes(values_to_samples(targets, format), format)
    for plane, source in zip(planes, chunk.planes, strict=True):
        assert torch.equal(plane.to(torch.int32), torch.stack([source[2], source[0]]).to(torch.int32))


@pytest.mark.parametrize("backbone", [backbone for backbone in Backbone if backbone != Backbone.VAST])
def test_the_others_targets_are_rgb(backbone: Backbone) -> None:
    chunk, frame_idx = encodes.chunk_frames(FORMAT, 3), torch.tensor([1])
    assert torch.equal(chunk.targets(frame_idx, backbone), chunk.rgb(frame_idx))


def test_vast_s_embeddings_follow_from_the_generator_and_are_nearly_equal() -> None:
    spec = encodes.tiny_spec(Backbone.VAST)
    first, again, other = (encodes.window_model(spec, LENGTHS, seed).free_embeddings for seed in (0, 0, 1))
    assert [tuple(values.shape) for values in first] == [(length, *spec.embedding_shape) for length in LENGTHS]
    assert all(torch.equal(one, same) for one, same in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])
    frames = torch.cat(first).detach()
    assert len({tuple(frame.flatten().tolist()) for frame in frames}) == sum(LENGTHS)
    assert (frames - frames.mean(0)).std() < 0.5 * frames.mean(0).std()


def test_only_vast_begins_with_embeddings_of_its_own() -> None:
    for backbone in Backbone:
        model = make_model(backbone)
        assert bool(model.free_embeddings) == (backbone == Backbone.VAST)
        assert bool(model.embedded()) == backbone.has_embedding


def test_vast_s_inputs_are_the_embeddings_themselves() -> None:
    model = make_model(Backbone.VAST)
    inputs = model.inputs(1, torch.tensor([3, 0]), torch.empty(0))
    assert torch.equal(inputs, model.free_embeddings[1][[3, 0]])
    assert inputs.requires_grad


@pytest.mark.parametrize("backbone", [Backbone.HNERV, Backbone.VAST])
def test_coding_takes_the_embeddings_over(backbone: Backbone) -> None:
    model = make_model(backbone)
    model.share(half_mask(model))
    chunks = [encodes.chunk_frames(FORMAT, length) for length in LENGTHS]
    before = [model.embeddings(idx, chunk) for idx, chunk in enumerate(chunks)]
    model.begin_coding(chunks, 1e-3)
    assert (model.encoders, model.free_embeddings) == ([], [])
    for idx, chunk in enumerate(chunks):
        torch.testing.assert_close(model.embeddings(idx, chunk), before[idx], rtol=0, atol=1e-2)


def test_the_motion_of_the_frames_is_where_embeddings_begin() -> None:
    motion = [torch.tensor([[-5.0, 0.5]] * 3), torch.tensor([[1.0, 2.0]] * 4)]
    spec = encodes.tiny_spec(Backbone.VAST, embedding_channels=4, texture_channels=1, texture_margin=5)
    generator = torch.Generator().manual_seed(0)
    model = WindowModel(
        build_network(spec), LENGTHS, generator=generator, device=encodes.CPU, encoder_width=4, motion=motion
    )
    of_first, of_second = (values[:, spec.num_features :] * MOTION_UNIT for values in model.free_embeddings)
    assert torch.equal(of_first[:, :, 0, 0], torch.tensor([[-5.0, 0.5]] * 3))
    assert torch.equal(of_second[:, :, 1, 0], torch.tensor([[1.0, 2.0]] * 4))


def test_a_far_motion_does_not_coarsen_the_steps_of_embeddings() -> None:
    spec = encodes.tiny_spec(Backbone.VAST, embedding_channels=4, texture_channels=1, texture_margin=9)
    steps = []
    for far in (0.0, 9.0):
        motion = [torch.linspace(-far, far, 2 * length).view(length, 2) for length in LENGTHS]
        generator = torch.Generator().manual_seed(0)
        model = WindowModel(
            build_network(spec), LENGTHS, generator=generator, device=encodes.CPU, encoder_width=4, motion=motion
        )
        chunks = [encodes.chunk_frames(FORMAT, length) for length in LENGTHS]
        steps.append(model.begin_coding(chunks, 0.25).log_embedding_steps)
    assert torch.equal(*steps)
