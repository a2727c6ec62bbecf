"""HNeRV's encoder: computes the embeddings while a chunk trains, and is never stored."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from nvcodec.bitstream.network_spec import NetworkSpec

NORM_EPSILON = 1e-6
LAYER_SCALE = 1e-6
WEIGHT_STD = 0.02
BLOCK_KERNEL = 7
BLOCK_EXPANSION = 4


class EmbeddingEncoder(nn.Module):
    """A ConvNeXt with one block per stage, whose strides mirror the decoder's (HNeRV, section 3.1).

    Args:
        spec: an HNeRV network; gives the strides and the embedding's channels.
        width: channels of every stage but the last.
        generator: source of the initial weights; None is PyTorch's global one.
    """

    def __init__(self, spec: NetworkSpec, width: int = 64, generator: torch.Generator | None = None) -> None:
        super().__init__()
        widths = [width] * (len(spec.stages) - 1) + [spec.embedding_channels]
        channels = spec.num_outputs
        self.patchify = nn.ModuleList()
        self.norms = nn.ModuleList()
        self.blocks = nn.ModuleList()
        for idx, (stage, stage_width) in enumerate(zip(spec.stages, widths, strict=True)):
            self.patchify.append(nn.Conv2d(channels, stage_width, stage.stride, stage.stride))
            # The first stage normalises after its convolution, the others before.
            self.norms.append(_ChannelNorm(stage_width if idx == 0 else channels))
            self.blocks.append(_Block(stage_width))
            channels = stage_width
        self._initialise(generator)

    def forward(self, frames: Tensor) -> Tensor:
        """Compute embeddings.

        Args:
            frames: (N, num_outputs, coded_height, coded_width) in 0..1; the caller pads frames to the coded size.

        Returns:
            (N, embedding_channels, base_height, base_width), unbounded.
        """
        x = frames.contiguous(memory_format=torch.channels_last)
        for idx, (patchify, norm, block) in enumerate(zip(self.patchify, self.norms, self.blocks, strict=True)):
            x = norm(patchify(x)) if idx == 0 else patchify(norm(x))
            x = block(x)
        return x

    def _initialise(self, generator: torch.Generator | None) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                # Truncated at 100 standard deviations, as the authors' initialiser (-2..2) is.
                nn.init.trunc_normal_(module.weight, std=WEIGHT_STD, generator=generator)
                nn.init.zeros_(cast(Tensor, module.bias))


class _ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of images (N, C, H, W) that lie channels-last in memory."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=NORM_EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class _Block(nn.Module):
    """ConvNeXt block: depthwise convolution, normalisation and a pointwise MLP, scaled, added to its input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, BLOCK_KERNEL, padding=BLOCK_KERNEL // 2, groups=width)
        self.norm = nn.LayerNorm(width, eps=NORM_EPSILON)
        self.expand = nn.Linear(width, BLOCK_EXPANSION * width)
        self.project = nn.Linear(BLOCK_EXPANSION * width, width)
        self.scale = nn.Parameter(torch.full((width,), LAYER_SCALE))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.project(functional.gelu(self.expand(y))) * self.scale
        return cast(Tensor, x + y.permute(0, 3, 1, 2))
