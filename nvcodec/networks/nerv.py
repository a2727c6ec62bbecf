"""NeRV (Chen et al., NeurIPS 2021): a frame as a function of its time."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from nvcodec.networks.network import Network, channels_last


class NeRV(Network):
    """A two-layer MLP of the time encoding, activated after both layers, viewed as the base grid, then stages."""

    def logits(self, weights: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """What :meth:`frames` returns, before its output activation."""
        spec = self.spec
        hidden = self._activate(self._linear(inputs, weights, "stem.0"))
        base = self._activate(self._linear(hidden, weights, "stem.1"))
        x = channels_last(base.view(-1, spec.base_channels, spec.base_height, spec.base_width))
        for stage_idx in range(len(spec.stages)):
            x = self._activate(self._upsample(x, weights, stage_idx))
        return self._conv(x, weights, "head")
