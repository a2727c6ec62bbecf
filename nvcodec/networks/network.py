"""What the backbones have in common: the split of the flat vector, the upsampling stages and the head."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

from nvcodec.bitstream.layout import TensorKind
from nvcodec.bitstream.network_spec import Activation, NetworkSpec, OutputActivation
from nvcodec.networks.positional import time_encoding


class Network(ABC):
    """A chunk's decoder network as a function of its flat parameter vector; it holds no parameters.

    Computes in the type and on the device of the parameters. Images are kept channels-last in memory, which makes
    the convolutions faster on a CPU, and are (N, C, H, W) to every caller.
    """

    def __init__(self, spec: NetworkSpec) -> None:
        """Prepare the network that ``spec`` describes.

        Raises:
            MalformedError: the spec is not valid.
        """
        spec.validate()
        self.spec = spec
        self._names = [tensor.name for tensor in spec.layout]
        self._shapes = [tensor.shape for tensor in spec.layout]
        self._sizes = [tensor.size for tensor in spec.layout]

    def __call__(self, theta: Tensor, inputs: Tensor) -> Tensor:
        """Reconstruct frames.

        Args:
            theta: (S,) parameters in the order of ``spec.layout``.
            inputs: embeddings (N, C, h, w) for HNeRV and VAST, time encodings (N, 2 * pe_levels) for NeRV and E-NeRV.

        Returns:
            (N, *spec.output_shape), in 0..1.
        """
        return self.frames(self.weights(theta), inputs)

    def weights(self, theta: Tensor) -> Mapping[str, Tensor]:
        """What the parameters (S,) are, by name, and what is made of them once for all frames."""
        # One split, so that the gradient is one concatenation.
        parts = torch.split(theta, self._sizes)
        return {name: part.view(shape) for name, part, shape in zip(self._names, parts, self._shapes, strict=True)}

    def frames(self, weights: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """What :meth:`__call__` returns, of :meth:`weights` instead of the parameters."""
        return output_activation(self.logits(weights, inputs), self.spec)

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> Self:
        """Move the constants (not parameters) to a device and a type; calls then need no transfer. Returns itself."""
        return self

    def initial_parameters(self, generator: torch.Generator) -> Tensor:
        """Draw parameters to start a training from, as the authors' networks start: PyTorch's defaults.

        Every element is uniform in +-1/sqrt(fan_in) of its layer, biases too (Kaiming's uniform rule with a = sqrt(5)).
        Grids are 0: a network begins as if it had none.

        Returns:
            (S,) float32 on the generator's device, a function of the generator's state alone.
        """
        theta = torch.empty(self.spec.num_parameters, device=generator.device)
        bound = 0.0
        for tensor in self.spec.layout:
            if tensor.kind.is_weight:
                bound = 1 / math.sqrt(math.prod(tensor.shape[1:]))
            part = theta[tensor.offset : tensor.offset + tensor.size]
            if tensor.kind == TensorKind.GRID:
                part.zero_()
            else:
                part.uniform_(-bound, bound, generator=generator)
        return theta

    def time_inputs(self, frame_idx: Sequence[int], num_frames: int) -> Tensor:
        """What a network without embeddings is told of N frames: the encodings of ``frame_idx / num_frames``."""
        return torch.from_numpy(time_encoding(frame_idx, num_frames, self.spec))

    @abstractmethod
    def logits(self, weights: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """What :meth:`frames` returns, before its output activation."""

    def _activate(self, x: Tensor) -> Tensor:
        return functional.gelu(x) if self.spec.activation == Activation.GELU else functional.silu(x)

    def _linear(self, x: Tensor, weights: Mapping[str, Tensor], name: str) -> Tensor:
        return functional.linear(x, weights[f"{name}.weight"], weights.get(f"{name}.bias"))

    def _conv(self, x: Tensor, weights: Mapping[str, Tensor], name: str) -> Tensor:
        return convolution(x, weights[f"{name}.weight"], weights[f"{name}.bias"])


class StagedNetwork(Network):
    """A network of the format: what a frame begins with on the base grid, stages that upsample it, and a head."""

    def logits(self, weights: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """What :meth:`frames` returns, before its output activation.

        Under autocast the stages are of its type, which are nearly all of the work, but not what comes before them,
        which is about the whole frame. The head is so in training, where its rounding does no harm; in a decode it
        would be seen.
        """
        with full_precision(inputs):
            x = self._base(weights, inputs)
        x = self._stages(x, weights, inputs)
        with full_precision(inputs):
            return self._head(x if torch.is_grad_enabled() else x.to(inputs.dtype), weights, inputs)

    @abstractmethod
    def _base(self, weights: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """What the first stage works on, (N, base_channels, base_height, base_width)."""

    def _stages(self, x: Tensor, weights: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """The upsampling stages."""
        for stage_idx in range(len(self.spec.stages)):
            x = self._activate(self._upsample(x, weights, stage_idx))
        return x

    def _head(self, x: Tensor, weights: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """The last convolution, computed in the type of ``x``, of which it gives that of the inputs."""
        return convolution(x, *(weights[f"head.{name}"].to(x.dtype) for name in ("weight", "bias"))).to(inputs.dtype)

    def _upsample(self, x: Tensor, weights: Mapping[str, Tensor], stage_idx: int) -> Tensor:
        """Convolution and pixel shuffle of a stage, without its activation."""
        name, stride = f"stages.{stage_idx}.conv", self.spec.stages[stage_idx].stride
        return shuffled_convolution(x, weights[f"{name}.weight"], weights[f"{name}.bias"], stride)


def convolution(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Convolution with zero padding that keeps the size."""
    return functional.conv2d(x, weight, bias, padding=weight.shape[-1] // 2)


def shuffled_convolution(x: Tensor, weight: Tensor, bias: Tensor, stride: int) -> Tensor:
    """``pixel_shuffle(convolution(x, weight, bias), stride)``, for channels that lie last in memory.

    The convolution has its outputs in an order in which all channels of a position, and of its neighbours in the row,
    are one run of memory to be moved. With its back PyTorch's shuffle takes twice to three times as long.
    """
    channels, (height, width) = weight.shape[0] // stride**2, x.shape[2:]
    by_position = (
        values.view(channels, stride**2, *values.shape[1:]).transpose(0, 1).reshape(values.shape)
        for values in (weight, bias)
    )
    runs = convolution(x, *by_position).permute(0, 2, 3, 1).reshape(-1, height, width, stride, stride * channels)
    shuffled = runs.transpose(2, 3).reshape(-1, height * stride, width * stride, channels)
    return shuffled.permute(0, 3, 1, 2)


def output_activation(logits: Tensor, spec: NetworkSpec) -> Tensor:
    """Map the head's output to 0..1."""
    if spec.output_activation == OutputActivation.SIGMOID:
        return torch.sigmoid(logits)
    return (torch.tanh(logits) * 0.5).add_(0.5)


def full_precision(x: Tensor) -> AbstractContextManager[object]:
    """Turn autocast off for what is on the device of ``x``."""
    return torch.autocast(x.device.type, enabled=False)


def channels_last(x: Tensor) -> Tensor:
    """The same images with their channels last in memory."""
    return x.contiguous(memory_format=torch.channels_last)
