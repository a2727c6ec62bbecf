from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector

from nvcodec.bitstream.network_spec import Backbone
from nvcodec.networks import build_network
from nvcodec.sharing.fisher import empirical_fisher
from nvcodec.video.format import VideoFormat
from tests import encodes


def test_a_line_by_hand() -> None:
    """Frames y = x·a + b, squared error e²: the gradient is (2 e x, 2 e), squared per frame, then averaged."""
    theta = torch.tensor([0.5, -1.0])
    frames = [(1.0, 2.0), (3.0, -1.0), (-2.0, 0.5)]

    def frame_loss(x: float, y: float):
        return lambda parameters: (parameters[0] * x + parameters[1] - y) ** 2

    errors = [(theta[0] * x + theta[1] - y).item() for x, y in frames]
    slope = sum((2 * error * x) ** 2 for error, (x, _) in zip(errors, frames, strict=True)) / 3
    offset = sum((2 * error) ** 2 for error in errors) / 3
    scores = empirical_fisher(theta, [frame_loss(x, y) for x, y in frames])
    assert scores.dtype == torch.float64
    assert scores.tolist() == pytest.approx([slope, offset], rel=1e-6)


def test_gradients_are_squared_per_frame_before_they_are_averaged() -> None:
    """Two frames that pull in opposite directions are informative, although their gradients cancel."""
    scores = empirical_fisher(torch.zeros(1), [lambda theta: theta.sum() * 3, lambda theta: theta.sum() * -3])
    assert scores.tolist() == [9.0]


def test_equals_the_squared_gradients_of_a_module() -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    inputs, targets = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0)), torch.zeros(5, 2)
    theta = parameters_to_vector(module.parameters())

    def frame_loss(idx: int):
        def loss(parameters: Tensor) -> Tensor:
            w1, b1, w2, b2 = torch.split(parameters, [12, 4, 8, 2])
            hidden = torch.tanh(inputs[0, idx] @ w1.view(4, 3).T + b1)
            return ((hidden @ w2.view(2, 4).T + b2 - targets[idx]) ** 2).mean()

        return loss

    expected = torch.zeros(theta.numel())
    for idx in range(5):
        module.zero_grad()
        ((module(inputs[0, idx]) - targets[idx]) ** 2).mean().backward()
        expected += parameters_to_vector([parameter.grad for parameter in module.parameters()]) ** 2 / 5
    scores = empirical_fisher(theta, [frame_loss(idx) for idx in range(5)])
    torch.testing.assert_close(scores.float(), expected, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("backbone", [Backbone.HNERV, Backbone.NERV, Backbone.VAST])
def test_every_tensor_of_a_network_has_information_and_the_parameters_stay(backbone: Backbone) -> None:
    spec = encodes.tiny_spec(backbone)
    model, chunk = encodes.window_model(spec, (3,)), encodes.chunk_frames(VideoFormat(32, 24), 3)
    network, before = build_network(spec), model.shared.detach().clone()

    def frame_loss(idx: int):
        targets = chunk.targets(torch.tensor([idx]), backbone)
        inputs = model.inputs(0, torch.tensor([idx]), targets).detach()
        height, width = targets.shape[2:]
        return lambda theta: ((network(theta, inputs)[:, :, :height, :width] - targets) ** 2).mean()

    scores = empirical_fisher(model.shared, [frame_loss(idx) for idx in range(3)])
    assert scores.shape == (spec.num_parameters,)
    assert (scores >= 0).all()
    for tensor in spec.layout:
        assert scores[tensor.offset : tensor.offset + tensor.size].max() > 0, tensor.name
    assert torch.equal(model.shared, before)
    assert model.shared.grad is None
