"""VAST: HNeRV's graph with grids of what stands still, whose output is the samples of the video's own planes."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from nvcodec.networks.network import Network, channels_last


class VAST(Network):
    """HNeRV's stages, some of them with a grid of parameters behind the channels of their input (spec clause 13).

    A grid is the same for all frames, so it holds what they have in common and the embeddings need not tell. One
    position of the output is a block of 2 x 2 pixels, its channels the samples of that block, plane after plane.
    """

    def _evaluate(self, weights: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        x = self._activate(self._conv(channels_last(inputs), weights, "stem"))
        for stage_idx, stage in enumerate(self.spec.stages):
            if stage.grid_channels:
                grid = weights[f"stages.{stage_idx}.grid"].expand(len(x), -1, -1, -1)
                x = channels_last(torch.cat((x, grid), dim=1))
            x = self._activate(self._upsample(x, weights, stage_idx))
        return self._conv(x, weights, "head")
