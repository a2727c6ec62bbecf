"""HNeRV (Chen et al., CVPR 2023): a decoder of coded per-frame embeddings."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from nvcodec.networks.network import StagedNetwork, channels_last


class HNeRV(StagedNetwork):
    """A pointwise convolution of the embedding, then upsampling stages of balanced width."""

    def _base(self, weights: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        return self._activate(self._conv(channels_last(inputs), weights, "stem"))
