"""VAST's texture: samples out of coefficients, and what a frame shows of them (spec clause 13, "Texture")."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from nvcodec.bitstream.network_spec import TEXTURE_BANDS, TEXTURE_BLOCK, VAST_BLOCK, NetworkSpec, coefficients_of_band
from nvcodec.networks.network import full_precision

MOTION_UNIT = 0.5
"""Pixels by which an embedding's motion of 1 moves the texture."""


class Texture:
    """Constants for the texture of one network, and the two steps from parameters to pixels."""

    def __init__(self, spec: NetworkSpec) -> None:
        """Prepare for a network with a texture."""
        self._spec = spec
        places = [u * TEXTURE_BLOCK + band - u for band in range(TEXTURE_BANDS) for u in frequencies_of_band(band)]
        # What each coefficient, in the order of the bands, adds to each sample of its block, row by row.
        self._waves = torch.kron(cosines(), cosines())[places]
        # Places on the texture run from -1 to 1, from the outer edge of the first sample to that of the last.
        _, height, width = spec.texture_shape
        self._unit = torch.tensor([2 / width, 2 / height], dtype=torch.float64)
        across, down = (
            (torch.arange(length, dtype=torch.float64) + spec.texture_margin + 0.5) * unit - 1
            for length, unit in zip((spec.coded_width, spec.coded_height), self._unit, strict=True)
        )
        # A pixel's place is a sum of products of what depends on its row with what depends on its column: that of each
        # row of motions, and the place of the pixel if nothing moves, across times one and one times down.
        self._columns = _interpolation(spec.base_width, spec.coded_width)
        rows = _interpolation(spec.base_height, spec.coded_height)
        rows = torch.cat((rows, torch.ones_like(down)[None], down[None])).T
        # The factors of the upper row of a block, and behind them those of the lower one.
        self._rows = rows.reshape(spec.coded_height // VAST_BLOCK, -1)
        still = torch.zeros(2, spec.coded_width, 2, dtype=torch.float64)
        still[0, :, 0], still[1, :, 1] = across, 1
        self._still = still.flatten(1)

    def to(self, device: torch.device | str | None) -> None:
        """Move the constants to a device."""
        self._waves, self._unit = (x.to(device) for x in (self._waves, self._unit))
        self._columns, self._rows, self._still = (x.to(device) for x in (self._columns, self._rows, self._still))

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
        coefficients = torch.cat(bands, dim=1).flatten(2)
        with full_precision(coefficients):
            # One product over both directions has more to add up than one after the other, but less to move.
            blocks = coefficients.transpose(1, 2) @ self._waves.to(coefficients)
        blocks = blocks.view(-1, down, across, TEXTURE_BLOCK, TEXTURE_BLOCK)
        return blocks.transpose(2, 3).reshape(spec.texture_shape)

    def moved(self, samples: Tensor, motion: Tensor) -> Tensor:
        """What each frame shows of the texture, for motion (N, 2, h, w).

        Between the positions of the base grid motion is interpolated bilinearly, between those of the texture the
        texture bicubically; beyond its edges it goes on as it is there.

        Returns:
            (N, 4 * channels, coded height / 2, coded width / 2), channels last in memory: the samples of blocks of 2 x
            2 pixels.
        """
        # On a GPU the gradient of this is summed up in no fixed order.
        where = "cpu" if torch.are_deterministic_algorithms_enabled() else samples.device
        sampled = _sampled(samples.to(where), self._places(motion).to(where)).to(samples.device)
        num_frames, channels, height, width = sampled.shape
        blocks = sampled.view(num_frames, channels, height, width // VAST_BLOCK**2, VAST_BLOCK**2)
        return blocks.permute(0, 2, 3, 1, 4).flatten(3).permute(0, 3, 1, 2)

    def _places(self, motion: Tensor) -> Tensor:
        """Where the frames' pixels lie on the texture: (N, coded height / 2, coded width * 2, 2), across and down.

        Those of a block are next to each other, so that blocks need not be made of what is sampled there. A matrix
        product takes a thirtieth of the time that enlarging the motion takes.
        """
        displacement = motion * (MOTION_UNIT * self._unit).to(motion)[:, None, None]
        of_rows = (displacement @ self._columns.to(motion)).permute(0, 2, 3, 1).flatten(2)
        still = self._still.to(motion).expand(len(motion), -1, -1)
        pairs = torch.cat((of_rows, still), dim=1)
        pairs = pairs.view(*pairs.shape[:2], -1, 2 * VAST_BLOCK)
        # Behind the upper pixels of a block come the lower ones, for which other factors are there.
        upper, lower = (functional.pad(pairs, sides) for sides in ((0, 2 * VAST_BLOCK), (2 * VAST_BLOCK, 0)))
        places = self._rows.to(motion) @ torch.cat((upper, lower), dim=1).flatten(2)
        return places.view(*places.shape[:2], -1, 2)


def _sampled(samples: Tensor, places: Tensor) -> Tensor:
    """Samples (C, H, W) interpolated bicubically at places (N, h, w, 2), -1..1: (N, C, h, w)."""
    num_frames, height, width, _ = places.shape
    parts = 1
    if places.device.type == "cpu" and not places.requires_grad and not samples.requires_grad:
        # PyTorch gives a picture to one thread. Which places are of one picture does not matter to it.
        parts = math.gcd(torch.get_num_threads(), height * width)
        places = places.reshape(num_frames * parts, 1, -1, 2)
    sampled = functional.grid_sample(
        samples.expand(len(places), -1, -1, -1), places, mode="bicubic", padding_mode="border", align_corners=False
    )
    return sampled.reshape(num_frames, parts, len(samples), -1).transpose(1, 2).reshape(num_frames, -1, height, width)


def _interpolation(num_positions: int, length: int) -> Tensor:
    """What each of so many positions adds (num_positions, length) where they are enlarged linearly."""
    unit = torch.eye(num_positions, dtype=torch.float64)
    return functional.interpolate(unit[None], size=length, mode="linear", align_corners=False)[0]


def frequencies_of_band(band: int) -> range:
    """Vertical frequencies of the coefficients of a band, in order."""
    return range(max(0, band - TEXTURE_BLOCK + 1), min(band, TEXTURE_BLOCK - 1) + 1)


def cosines() -> Tensor:
    """The orthonormal cosine transform (frequencies, samples)."""
    frequency, place = torch.meshgrid(*[torch.arange(TEXTURE_BLOCK, dtype=torch.float64)] * 2, indexing="ij")
    basis = torch.cos(math.pi * (2 * place + 1) * frequency / (2 * TEXTURE_BLOCK)) * math.sqrt(2 / TEXTURE_BLOCK)
    basis[0] /= math.sqrt(2)
    return basis
