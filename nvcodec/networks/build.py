"""From a spec to its network, and the network's parameters before training."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nvcodec.bitstream.layout import TensorKind
from nvcodec.bitstream.network_spec import Backbone, NetworkSpec
from nvcodec.networks.enerv import ENeRV
from nvcodec.networks.hnerv import HNeRV
from nvcodec.networks.nerv import NeRV
from nvcodec.networks.network import Network
from nvcodec.networks.vast import VAST

_NETWORKS: dict[Backbone, type[Network]] = {
    Backbone.NERV: NeRV,
    Backbone.ENERV: ENeRV,
    Backbone.HNERV: HNeRV,
    Backbone.VAST: VAST,
}


def build_network(spec: NetworkSpec) -> Network:
    """The network that a spec describes, as a function of the flat parameter vector.

    Raises:
        MalformedError: the spec is not valid.
    """
    return _NETWORKS[spec.backbone](spec)


def initial_parameters(spec: NetworkSpec, generator: torch.Generator) -> Tensor:
    """Draw a network's initial parameters as the authors' networks start: PyTorch's defaults.

    Every element is uniform in +-1/sqrt(fan_in) of its layer, biases too (Kaiming's uniform rule with a = sqrt(5)).
    Grids are 0: a network begins as if it had none.

    Returns:
        (S,) float32 on the generator's device, a function of the generator's state alone.
    """
    theta = torch.empty(spec.num_parameters, device=generator.device)
    bound = 0.0
    for tensor in spec.layout:
        if tensor.kind.is_weight:
            bound = 1 / math.sqrt(math.prod(tensor.shape[1:]))
        part = theta[tensor.offset : tensor.offset + tensor.size]
        if tensor.kind == TensorKind.GRID:
            part.zero_()
        else:
            part.uniform_(-bound, bound, generator=generator)
    return theta
