"""HNeRV (Chen et al., CVPR 2023): a decoder of coded per-frame embeddings."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from nvcodec.networks.network import Network, channels_last


class HNeRV(Network):
    """A pointwise convolution of the embedding, then upsampling stages of balanced width."""

    def logits(self, weights: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """What :meth:`frames` returns, before its output activation."""
        x = self._activate(self._conv(channels_last(inputs), weights, "stem"))
        for stage_idx in range(len(self.spec.stages)):
            x = self._activate(self._upsample(x, weights, stage_idx))
        return self._conv(x, weights, "head")
