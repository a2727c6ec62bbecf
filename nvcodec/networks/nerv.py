"""NeRV (Chen et al., NeurIPS 2021): a frame as a function of its time."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from nvcodec.networks.network import StagedNetwork, channels_last


class NeRV(StagedNetwork):
    """A two-layer MLP of the time encoding, activated after both layers, viewed as the base grid, then stages."""

    def _base(self, weights: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        spec = self.spec
        hidden = self._activate(self._linear(inputs, weights, "stem.0"))
        base = self._activate(self._linear(hidden, weights, "stem.1"))
        return channels_last(base.view(-1, spec.base_channels, spec.base_height, spec.base_width))
