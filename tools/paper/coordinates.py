"""Networks of coordinates, SIREN and NIRVANA's, trained by the product's loop through its network interface."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

from nvcodec.bitstream.layout import LayoutBuilder, TensorKind, TensorSpec
from nvcodec.bitstream.network_spec import Backbone, OutputActivation
from nvcodec.networks import Network

OMEGA = 30.0
# Channels of the map that a patch of NIRVANA's network is made of, and how much smaller than the patch it is.
FEATURES, UPSAMPLING = 16, 2


@dataclass(frozen=True)
class CoordinateSpec:
    """A network of sine layers and a linear one: what training asks of a ``NetworkSpec``.

    Attributes:
        width, height: of the frames, in pixels.
        hidden_width: of the sine layers.
        num_layers: sine layers.
        num_coordinates: inputs.
        num_values: outputs.
    """

    width: int
    height: int
    hidden_width: int
    num_layers: int
    num_coordinates: int
    num_values: int
    # As NeRV's: frames in RGB, of which the time is told.
    backbone: Backbone = Backbone.NERV
    output_activation: OutputActivation = OutputActivation.TANH
    has_embedding: bool = False

    def validate(self) -> None:
        """Nothing of this is read from a file."""

    @property
    def num_parameters(self) -> int:
        """S, the length of the flat parameter vector."""
        return self.layout[-1].offset + self.layout[-1].size

    @cached_property
    def layout(self) -> tuple[TensorSpec, ...]:
        """The tensors of the flat parameter vector."""
        tensors = LayoutBuilder()
        self._append_layers(tensors)
        return tuple(tensors.tensors)

    def _append_layers(self, tensors: LayoutBuilder) -> None:
        num_inputs = self.num_coordinates
        for idx in range(self.num_layers):
            tensors.linear(f"layers.{idx}", num_inputs, self.hidden_width)
            num_inputs = self.hidden_width
        tensors.linear("head", num_inputs, self.num_values)


class SineNetwork(Network):
    """Sine layers as SIREN starts them (Sitzmann et al., NeurIPS 2020, sections 3.2 and A.1.5).

    The last layer's values go through the product's output activation, where SIREN has none.
    """

    def initial_parameters(self, generator: torch.Generator) -> Tensor:
        """SIREN's start: the first layer within 1 / inputs, the others within sqrt(6 / inputs) / omega."""
        theta, bound = torch.empty(self.spec.num_parameters), 0.0
        for tensor in self.spec.layout:
            if tensor.kind == TensorKind.CONV:
                bound = 1 / math.sqrt(math.prod(tensor.shape[1:]))
            elif tensor.kind.is_weight:
                num_inputs = tensor.shape[1]
                bound = 1 / num_inputs if tensor.offset == 0 else math.sqrt(6 / num_inputs) / OMEGA
            theta[tensor.offset : tensor.offset + tensor.size].uniform_(-bound, bound, generator=generator)
        return theta

    def values(self, weights: Mapping[str, Tensor], coordinates: Tensor) -> Tensor:
        """Outputs (..., num_values) at coordinates (..., num_coordinates), each in -1..1."""
        x = coordinates
        for idx in range(self.spec.num_layers):
            x = torch.sin(OMEGA * self._linear(x, weights, f"layers.{idx}"))
        return self._linear(x, weights, "head")


class Siren(SineNetwork):
    """A pixel's colour as a function of its place and its frame's time."""

    @classmethod
    def of_size(cls, width: int, height: int, num_parameters: int, num_layers: int = 4) -> Siren:
        """The network whose number of parameters is nearest."""
        return cls(_nearest(lambda hidden: CoordinateSpec(width, height, hidden, num_layers, 3, 3), num_parameters))

    def time_inputs(self, frame_idx: Sequence[int], num_frames: int) -> Tensor:
        """Times (N, 1) in -1..1."""
        return _positions(num_frames)[list(frame_idx), None]

    def logits(self, weights: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """Frames (N, 3, H, W) before the output activation."""
        spec = self.spec
        places = _grid(spec.height, spec.width).to(inputs)
        times = inputs[:, None].expand(-1, len(places), 1)
        values = self.values(weights, torch.cat([places.expand(len(inputs), -1, -1), times], dim=2))
        return values.view(-1, spec.height, spec.width, 3).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class PatchSpec(CoordinateSpec):
    """As :class:`CoordinateSpec`, whose values become a patch.

    Attributes:
        group_frames: frames that a patch reaches through.
        patch_side: of the patch, in pixels; a multiple of ``UPSAMPLING``.
    """

    group_frames: int = 1
    patch_side: int = UPSAMPLING

    @cached_property
    def layout(self) -> tuple[TensorSpec, ...]:
        """The tensors of the flat parameter vector."""
        tensors = LayoutBuilder()
        self._append_layers(tensors)
        tensors.conv("upsampling", FEATURES, 3 * self.group_frames * UPSAMPLING**2, kernel=3)
        return tuple(tensors.tensors)


class PatchNetwork(SineNetwork):
    """A patch of a group of frames as a function of the patch's place (NIRVANA, Maiya et al., CVPR 2023, section 3).

    Sine layers make a small map of features for each patch, a convolution and a pixel shuffle make pixels of that. No
    public code says how wide and how many they are.
    """

    @classmethod
    def of_size(
        cls, width: int, height: int, num_parameters: int, group_frames: int, patch_side: int, num_layers: int = 4
    ) -> PatchNetwork:
        """The network whose number of parameters is nearest."""
        num_values = FEATURES * (patch_side // UPSAMPLING) ** 2

        def spec_of_width(hidden: int) -> PatchSpec:
            return PatchSpec(
                width, height, hidden, num_layers, 2, num_values, group_frames=group_frames, patch_side=patch_side
            )

        return cls(_nearest(spec_of_width, num_parameters))

    @property
    def group_frames(self) -> int:
        """Frames of a group."""
        return self.spec.group_frames

    def time_inputs(self, frame_idx: Sequence[int], num_frames: int) -> Tensor:
        """Positions (N,) within the group."""
        return torch.tensor(list(frame_idx))

    def logits(self, weights: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """Frames (N, 3, H, W) before the output activation, larger than asked for by a part of a patch."""
        side = self.spec.patch_side
        down, across = -(-self.spec.height // side), -(-self.spec.width // side)
        values = self.values(weights, _grid(down, across).to(weights["head.weight"]))
        maps = values.view(down * across, FEATURES, side // UPSAMPLING, side // UPSAMPLING)
        patches = functional.pixel_shuffle(self._conv(maps, weights, "upsampling"), UPSAMPLING)
        patches = patches.view(down, across, self.group_frames, 3, side, side)
        frames = patches.permute(2, 3, 0, 4, 1, 5).reshape(self.group_frames, 3, down * side, across * side)
        return frames[inputs]


def _positions(count: int) -> Tensor:
    """(count,) middles of as many equal parts of -1..1."""
    return (torch.arange(count) + 0.5) * (2 / count) - 1


def _grid(height: int, width: int) -> Tensor:
    """(height * width, 2) places, row by row."""
    return torch.cartesian_prod(_positions(height), _positions(width))


def _nearest(spec_of_width, num_parameters: int) -> CoordinateSpec:
    """The spec, by its hidden width, whose number of parameters is nearest."""
    specs = [spec_of_width(1)]
    while specs[-1].num_parameters < num_parameters:
        specs.append(spec_of_width(specs[-1].hidden_width + 1))
    return min(specs, key=lambda spec: abs(spec.num_parameters - num_parameters))
