"""VAST: HNeRV's graph with what stands still, or moves as a whole, kept apart; it gives the video's own samples."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from nvcodec.bitstream.network_spec import VAST_BLOCK
from nvcodec.networks.network import Network, channels_last

MOTION_UNIT = 0.5
"""Pixels by which an embedding's motion of 1 moves the texture."""


class VAST(Network):
    """HNeRV's stages, some of them with a grid of parameters behind the channels of their input (spec clause 13).

    A grid is the same for all frames, so it holds what they have in common and the embeddings need not tell. One
    position of the output is a block of 2 x 2 pixels, its channels the samples of that block, plane after plane. A
    texture is a grid as fine as the pixels and may be larger than the frame; each frame's motion says where the frame
    lies on it, and the head sees what is there.
    """

    def _evaluate(self, weights: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        features = inputs[:, : self.spec.num_features]
        x = self._activate(self._conv(channels_last(features), weights, "stem"))
        for stage_idx, stage in enumerate(self.spec.stages):
            if stage.grid_channels:
                grid = weights[f"stages.{stage_idx}.grid"].expand(len(x), -1, -1, -1)
                x = channels_last(torch.cat((x, grid), dim=1))
            x = self._activate(self._upsample(x, weights, stage_idx))
        if self.spec.texture_channels:
            moved = self._moved(weights["texture"], inputs[:, self.spec.num_features :])
            blocks = functional.pixel_unshuffle(moved, VAST_BLOCK).to(x.dtype)
            x = channels_last(torch.cat((x, blocks), dim=1))
        return self._conv(x, weights, "head")

    def _moved(self, texture: Tensor, motion: Tensor) -> Tensor:
        """What each frame shows of the texture (C, H + 2 margin, W + 2 margin), for motion (N, 2, h, w): (N, C, H, W).

        Between the positions of the base grid motion is interpolated bilinearly, between those of the texture the
        texture bicubically; beyond its edges it goes on as it is there.
        """
        height, width = self.spec.coded_height, self.spec.coded_width
        motion = functional.interpolate(
            motion * MOTION_UNIT, size=(height, width), mode="bilinear", align_corners=False
        )
        margin = self.spec.texture_margin
        # A sample's place as grid_sample wants it: -1 and 1 are the outer edges of the first and the last sample.
        across = torch.arange(width, device=motion.device, dtype=motion.dtype) + margin + 0.5
        down = torch.arange(height, device=motion.device, dtype=motion.dtype)[:, None] + margin + 0.5
        x = (across + motion[:, 0]) * (2 / (width + 2 * margin)) - 1
        y = (down + motion[:, 1]) * (2 / (height + 2 * margin)) - 1
        return functional.grid_sample(
            texture.expand(len(motion), -1, -1, -1),
            torch.stack((x, y), dim=-1),
            mode="bicubic",
            padding_mode="border",
            align_corners=False,
        )
