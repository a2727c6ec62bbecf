"""E-NeRV (Li et al., ECCV 2022): NeRV with space and time disentangled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

from nvcodec.bitstream.network_spec import ENERV_FIRST_HEADS, ENERV_HEAD_WIDTH, ENERV_SECOND_HEADS, NetworkSpec
from nvcodec.networks.network import StagedNetwork, channels_last, full_precision
from nvcodec.networks.positional import grid_encoding

INSTANCE_NORM_EPSILON = 1e-5


class ENeRV(StagedNetwork):
    """Tokens of the base grid, mixed by attention and multiplied by a time vector; stages modulated by time."""

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__(spec)
        self._grid = torch.from_numpy(grid_encoding(spec))

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> Self:
        """Move the grid's encoding to a device and a type; calls then need no transfer. Returns itself."""
        self._grid = self._grid.to(device=device, dtype=dtype)
        return self

    def _stages(self, x: Tensor, weights: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        modulation = inputs
        with full_precision(inputs):
            for layer in ("modulation.0", "modulation.1"):
                modulation = self._activate(self._linear(modulation, weights, layer))
        for stage_idx in range(len(self.spec.stages)):
            with full_precision(x):
                x = self._modulate(x.to(inputs.dtype), modulation, weights, stage_idx)
            x = self._upsample(x, weights, stage_idx)
            if stage_idx == 0:
                x = self._conv(x, weights, "stages.0.expand")
            x = self._activate(x)
        return x

    def _base(self, weights: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        spec = self.spec
        time = inputs
        for layer in ("stem_t.0", "stem_t.1"):
            time = self._activate(self._linear(time, weights, layer))
        tokens = self._activate(self._linear(self._grid.to(inputs), weights, "stem_xy")).unsqueeze(0)
        tokens = self._transform(tokens, weights, "trans1", ENERV_FIRST_HEADS) * time.unsqueeze(1)
        tokens = self._transform(tokens, weights, "trans2", ENERV_SECOND_HEADS)
        base = self._activate(self._linear(tokens, weights, "to_base"))
        return channels_last(base.transpose(1, 2).reshape(-1, spec.base_channels, spec.base_height, spec.base_width))

    def _transform(self, tokens: Tensor, weights: Mapping[str, Tensor], name: str, heads: int) -> Tensor:
        """Transformer block without normalisation: (N, positions, token_width) to the same."""
        qkv = self._linear(tokens, weights, f"{name}.qkv")
        query, key, value = qkv.view(*tokens.shape[:2], 3, heads, ENERV_HEAD_WIDTH).permute(2, 0, 3, 1, 4)
        attention = torch.softmax(query @ key.transpose(-1, -2) * ENERV_HEAD_WIDTH**-0.5, dim=-1)
        mixed = (attention @ value).transpose(1, 2).flatten(2)
        tokens = tokens + self._linear(mixed, weights, f"{name}.out")
        # The authors' transformer always uses GELU here, whatever the network's activation is.
        hidden = functional.gelu(self._linear(tokens, weights, f"{name}.feedforward.0"))
        return tokens + self._linear(hidden, weights, f"{name}.feedforward.1")

    def _modulate(self, x: Tensor, modulation: Tensor, weights: Mapping[str, Tensor], stage_idx: int) -> Tensor:
        """Normalise each channel of each frame, then scale and shift it by functions of time."""
        factors = self._activate(self._linear(modulation, weights, f"stages.{stage_idx}.modulation"))
        scale, shift = factors[:, :, None, None].chunk(2, dim=1)
        variance, mean = torch.var_mean(x, dim=(2, 3), correction=0, keepdim=True)
        return torch.addcmul(shift, x - mean, scale * torch.rsqrt(variance + INSTANCE_NORM_EPSILON))
