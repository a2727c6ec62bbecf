"""VAST: HNeRV's graph with what stands still, or moves as a whole, kept apart; it gives the video's own samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import torch
from torch import Tensor

from nvcodec.bitstream.network_spec import NetworkSpec
from nvcodec.networks.network import StagedNetwork, channels_last, convolution
from nvcodec.networks.texture import Texture


class VAST(StagedNetwork):
    """HNeRV's stages, some of them with a grid of parameters behind the channels of their input (spec clause 13).

    A grid is the same for all frames, so it holds what they have in common and the embeddings need not tell. One
    position of the output is a block of 2 x 2 pixels, its channels the samples of that block, plane after plane. A
    texture is as fine as the pixels and may be larger than the frame; each frame's motion says where the frame lies on
    it, and the head sees what is there.
    """

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__(spec)
        self._texture = Texture(spec) if spec.texture_channels else None

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> Self:
        """Move the texture's constants to a device; calls then need no transfer. Returns itself."""
        if self._texture is not None:
            self._texture.to(device)
        return self

    def weights(self, theta: Tensor) -> Mapping[str, Tensor]:
        """The parameters by name, and the samples of the texture as ``texture``."""
        weights = super().weights(theta)
        return weights if self._texture is None else {**weights, "texture": self._texture.samples(weights)}

    def _base(self, weights: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        features = inputs[:, : self.spec.num_features]
        return self._activate(self._conv(channels_last(features), weights, "stem"))

    def _stages(self, x: Tensor, weights: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        for stage_idx, stage in enumerate(self.spec.stages):
            if stage.grid_channels:
                grid = weights[f"stages.{stage_idx}.grid"].expand(len(x), -1, -1, -1)
                x = channels_last(torch.cat((x, grid), dim=1))
            x = self._activate(self._upsample(x, weights, stage_idx))
        return x

    def _head(self, x: Tensor, weights: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        if self._texture is None:
            return super()._head(x, weights, inputs)
        blocks = self._texture.moved(weights["texture"], inputs[:, self.spec.num_features :])
        # As if the blocks were behind the features, but with nothing copied, there and back.
        of_features, of_texture = torch.tensor_split(weights["head.weight"], [x.shape[1]], dim=1)
        return super()._head(x, {**weights, "head.weight": of_features}, inputs) + convolution(blocks, of_texture)
