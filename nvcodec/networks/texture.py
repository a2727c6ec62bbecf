"""VAST's texture: samples out of coefficients, and what a frame shows of them (spec clause 13, "Texture")."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from nvcodec.bitstream.network_spec import TEXTURE_BANDS, TEXTURE_BLOCK, NetworkSpec, coefficients_of_band

MOTION_UNIT = 0.5
"""Pixels by which an embedding's motion of 1 moves the texture."""


class Texture:
    """Constants for the texture of one network, and the two steps from parameters to pixels."""

    def __init__(self, spec: NetworkSpec) -> None:
        """Prepare for a network with a texture."""
        self._spec = spec
        self._basis = cosines()
        places = [u * TEXTURE_BLOCK + band - u for band in range(TEXTURE_BANDS) for u in frequencies_of_band(band)]
        # Where each coefficient, row by row, lies in the bands behind each other.
        self._order = torch.argsort(torch.tensor(places))

    def to(self, device: torch.device | str | None) -> None:
        """Move the constants to a device."""
        self._basis, self._order = self._basis.to(device), self._order.to(device)

    def samples(self, weights: Mapping[str, Tensor]) -> Tensor:
        """The texture (channels, height, width): the inverse cosine transform of each block.

        Args:
            weights: a tensor ``texture.<band>`` of each band, (channels * coefficients of the band, blocks down, blocks
                across), the coefficients of a channel from the lowest vertical frequency to the highest.
        """
        spec, (down, across) = self._spec, self._spec.texture_blocks
        bands = [
            weights[f"texture.{band}"].view(spec.texture_channels, coefficients_of_band(band), down, across)
            for band in range(TEXTURE_BANDS)
        ]
        coefficients = torch.cat(bands, dim=1)[:, self._order]
        coefficients = coefficients.view(-1, TEXTURE_BLOCK, TEXTURE_BLOCK, down, across)
        # What is interpolated has to be precise.
        with torch.autocast(coefficients.device.type, enabled=False):
            basis = self._basis.to(coefficients)
            return torch.einsum("cuvij,uy,vx->ciyjx", coefficients, basis, basis).reshape(spec.texture_shape)

    def moved(self, samples: Tensor, motion: Tensor) -> Tensor:
        """What each frame shows of the texture, for motion (N, 2, h, w): (N, channels, coded height, coded width).

        Between the positions of the base grid motion is interpolated bilinearly, between those of the texture the
        texture bicubically; beyond its edges it goes on as it is there.
        """
        height, width = self._spec.coded_height, self._spec.coded_width
        motion = functional.interpolate(
            motion * MOTION_UNIT, size=(height, width), mode="bilinear", align_corners=False
        )
        margin = self._spec.texture_margin
        # A sample's place as grid_sample wants it: -1 and 1 are the outer edges of the first and the last sample.
        across = torch.arange(width, device=motion.device, dtype=motion.dtype) + margin + 0.5
        down = torch.arange(height, device=motion.device, dtype=motion.dtype)[:, None] + margin + 0.5
        x = (across + motion[:, 0]) * (2 / samples.shape[2]) - 1
        y = (down + motion[:, 1]) * (2 / samples.shape[1]) - 1
        return functional.grid_sample(
            samples.expand(len(motion), -1, -1, -1),
            torch.stack((x, y), dim=-1),
            mode="bicubic",
            padding_mode="border",
            align_corners=False,
        )


def frequencies_of_band(band: int) -> range:
    """Vertical frequencies of the coefficients of a band, in order."""
    return range(max(0, band - TEXTURE_BLOCK + 1), min(band, TEXTURE_BLOCK - 1) + 1)


def cosines() -> Tensor:
    """The orthonormal cosine transform (frequencies, samples)."""
    frequency, place = torch.meshgrid(*[torch.arange(TEXTURE_BLOCK, dtype=torch.float64)] * 2, indexing="ij")
    basis = torch.cos(math.pi * (2 * place + 1) * frequency / (2 * TEXTURE_BLOCK)) * math.sqrt(2 / TEXTURE_BLOCK)
    basis[0] /= math.sqrt(2)
    return basis
