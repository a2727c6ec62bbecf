from __future__ import annotations

import pytest
import torch

from nvcodec.bitstream.network_spec import Backbone, NetworkSpec, OutputActivation
from nvcodec.networks import output_activation
from nvcodec.training.saturation import floored_output
from tests import encodes

ACTIVATIONS = list(OutputActivation)


def spec_of(activation: OutputActivation) -> NetworkSpec:
    return encodes.tiny_spec(Backbone.HNERV, output_activation=activation)


def gradient(logits: torch.Tensor, spec: NetworkSpec, floor: float | None) -> torch.Tensor:
    leaf = logits.clone().requires_grad_()
    output = output_activation(leaf, spec) if floor is None else floored_output(leaf, spec, floor)
    output.sum().backward()
    assert leaf.grad is not None
    return leaf.grad


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_values_and_the_gradient_without_a_floor_are_those_of_the_activation(activation: OutputActivation) -> None:
    logits, spec = torch.linspace(-4, 4, 33, dtype=torch.float64), spec_of(activation)
    assert torch.equal(floored_output(logits, spec, 0.3), output_activation(logits, spec))
    torch.testing.assert_close(gradient(logits, spec, 0.0), gradient(logits, spec, None))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_saturated_output_keeps_a_gradient(activation: OutputActivation) -> None:
    logits, spec = torch.tensor([-200.0, 0.0, 200.0]), spec_of(activation)
    steepest = float(gradient(torch.zeros(1), spec, None))
    assert gradient(logits, spec, None)[0] == 0
    torch.testing.assert_close(gradient(logits, spec, 0.1), steepest * torch.tensor([0.1, 1.0, 0.1]))
