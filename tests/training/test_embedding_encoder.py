from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from nvcodec.bitstream.network_spec import Backbone, NetworkSpec
from nvcodec.networks import NetworkDesign, solve_network
from nvcodec.training.embedding_encoder import EmbeddingEncoder

DESIGN = dataclasses.replace(NetworkDesign.of_authors(Backbone.HNERV), strides=(5, 2, 2), embedding_channels=6)
SPEC = solve_network(DESIGN, 60, 40, 8, 30_000)


def encoder_of(spec: NetworkSpec = SPEC, seed: int = 1, width: int = 10) -> EmbeddingEncoder:
    return EmbeddingEncoder(spec, width, generator=torch.Generator().manual_seed(seed))


def frames_of(spec: NetworkSpec = SPEC) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.rand(2, spec.num_outputs, spec.coded_height, spec.coded_width, generator=generator)


def normalise(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Over channels, on (N, C, H, W)."""
    centred = x - x.mean(1, keepdim=True)
    x = centred / torch.sqrt(centred.pow(2).mean(1, keepdim=True) + 1e-6)
    return weight[:, None, None] * x + bias[:, None, None]


def reference(parameters: list[Tensor], frames: Tensor, strides: tuple[int, ...]) -> Tensor:
    """ConvNeXt with 1 x 1 convolutions in place of linear layers."""
    x = frames
    for idx, stride in enumerate(strides):
        (conv_w, conv_b, norm_w, norm_b, scale, depth_w, depth_b, inner_w, inner_b, up_w, up_b, down_w, down_b) = (
            parameters[13 * idx : 13 * idx + 13]
        )
        if idx == 0:
            x = normalise(functional.conv2d(x, conv_w, conv_b, stride=stride), norm_w, norm_b)
        else:
            x = functional.conv2d(normalise(x, norm_w, norm_b), conv_w, conv_b, stride=stride)
        y = functional.conv2d(x, depth_w, depth_b, padding=3, groups=x.shape[1])
        y = functional.conv2d(normalise(y, inner_w, inner_b), up_w[:, :, None, None], up_b)
        y = functional.conv2d(functional.gelu(y), down_w[:, :, None, None], down_b)
        x = x + scale[:, None, None] * y
    return x


def test_equals_its_reference() -> None:
    encoder = encoder_of()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.3)
    parts = [
        parameter.detach()
        for patchify, norm, block in zip(encoder.patchify, encoder.norms, encoder.blocks, strict=True)
        for module in (patchify, norm, block)
        for parameter in module.parameters()
    ]
    embeddings = encoder(frames_of())
    assert embeddings.shape == (2, *SPEC.embedding_shape) == (2, 6, 2, 3)
    torch.testing.assert_close(embeddings, reference(parts, frames_of(), (5, 2, 2)), rtol=1e-4, atol=1e-4)


def test_starts_as_its_authors_start() -> None:
    encoder = EmbeddingEncoder(SPEC, generator=torch.Generator().manual_seed(0))
    for name, parameter in encoder.named_parameters():
        if name.endswith("scale"):
            torch.testing.assert_close(parameter, torch.full_like(parameter, 1e-6))
        elif parameter.dim() > 1:
            assert parameter.std().item() == pytest.approx(0.02, rel=0.15), name
        else:
            expected = torch.ones_like if "norm" in name and name.endswith("weight") else torch.zeros_like
            assert torch.equal(parameter, expected(parameter)), name


def test_default_encoder_has_its_authors_size() -> None:
    spec = solve_network(NetworkDesign.of_authors(Backbone.HNERV), 1280, 640, 132, 1_500_000)
    num_parameters = sum(parameter.numel() for parameter in EmbeddingEncoder(spec).parameters())
    assert num_parameters == sum(
        channels_in * out * stride**2 + out + 2 * (out if idx == 0 else channels_in) + 8 * out**2 + 58 * out
        for idx, (channels_in, out, stride) in enumerate(
            [(3, 64, 5), (64, 64, 4), (64, 64, 4), (64, 64, 2), (64, 16, 2)]
        )
    )


def test_gradient_reaches_every_parameter() -> None:
    encoder = encoder_of()
    encoder(frames_of()).square().sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_weights_follow_from_the_generator_alone() -> None:
    embeddings = encoder_of()(frames_of())
    assert torch.equal(embeddings, encoder_of()(frames_of()))
    assert not torch.equal(embeddings, encoder_of(seed=2)(frames_of()))


def test_gray_frames_have_one_channel() -> None:
    gray = dataclasses.replace(SPEC, num_outputs=1)
    assert encoder_of(gray)(frames_of(gray)).shape == (2, *SPEC.embedding_shape)
