"""Levels: how much work and memory a window may ask of a decoder (spec clause "Levels")."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from nvcodec.bitstream.headers import NUM_LEVELS
from nvcodec.bitstream.network_spec import (
    ENERV_FIRST_HEADS,
    ENERV_HEAD_WIDTH,
    ENERV_SECOND_HEADS,
    MOTION_CHANNELS,
    Backbone,
    NetworkSpec,
)
from nvcodec.errors import MalformedError

BYTES_PER_PARAMETER = 32
BYTES_PER_EMBEDDING_VALUE = 32
BYTES_PER_ACTIVATION = 4


@dataclass(frozen=True)
class Level:
    """Upper bounds of a window.

    Attributes:
        max_pixels: pixels of the coded size.
        max_parameters: S.
        max_macs_per_s: multiply-accumulates per second of any chunk played at its own speed.
        max_memory: bytes as :func:`window_memory` counts them.
    """

    max_pixels: int
    max_parameters: int
    max_macs_per_s: int
    max_memory: int

    def violation(self, network: NetworkSpec, chunk_frames: int) -> str | None:
        """What of a window whose longest chunk has ``chunk_frames`` frames is above the level, for an error."""
        pixels = network.coded_width * network.coded_height
        memory = window_memory(network, chunk_frames)
        if pixels > self.max_pixels:
            return f"{pixels} pixels, allowed are {self.max_pixels}"
        if network.num_parameters > self.max_parameters:
            return f"{network.num_parameters} parameters, allowed are {self.max_parameters}"
        if memory > self.max_memory:
            return f"{memory} bytes of memory, allowed are {self.max_memory}"
        return None

    def rate_violation(self, network: NetworkSpec, num_frames: int, duration_s: Fraction) -> str | None:
        """Whether a chunk of ``num_frames`` frames, played in ``duration_s`` seconds, is above the level."""
        macs = network.macs_per_frame * num_frames
        if macs > self.max_macs_per_s * duration_s:
            rate = int(macs / duration_s)
            return f"{rate} multiply-accumulates per second, allowed are {self.max_macs_per_s}"
        return None


LEVELS = {
    1: Level(1 << 18, 1 << 21, 10**12, 1 << 29),
    2: Level(1 << 20, 1 << 23, 4 * 10**12, 1 << 31),
    3: Level(2_359_296, 1 << 23, 8 * 10**12, 1 << 32),
    4: Level(2_359_296, 1 << 24, 32 * 10**12, 1 << 32),
    5: Level(8_912_896, 1 << 25, 32 * 10**12, 1 << 34),
    NUM_LEVELS: Level(8_912_896, 1 << 26, 128 * 10**12, 1 << 34),
}
"""The levels by ``level_idx``; 0, no level, has no bounds but the format's own."""


def smallest_level(network: NetworkSpec, chunks: Iterable[tuple[int, Fraction]]) -> int:
    """The first level whose bounds a window keeps, 0 if there is none.

    Args:
        chunks: frames and duration in seconds of each of its chunks.
    """
    chunks = list(chunks)
    chunk_frames = max(num_frames for num_frames, _ in chunks)
    for level_idx, level in LEVELS.items():
        if level.violation(network, chunk_frames) is None and all(
            level.rate_violation(network, *chunk) is None for chunk in chunks
        ):
            return level_idx
    return 0


def check_level(level_idx: int, network: NetworkSpec, chunk_frames: int, place: str) -> None:
    """Raise MalformedError if a window is above its level in anything but speed."""
    if level_idx:
        _refuse(level_idx, LEVELS[level_idx].violation(network, chunk_frames), place)


def check_rate(level_idx: int, network: NetworkSpec, num_frames: int, duration_s: Fraction, place: str) -> None:
    """Raise MalformedError if a chunk takes more multiply-accumulates per second than its window's level allows."""
    if level_idx:
        _refuse(level_idx, LEVELS[level_idx].rate_violation(network, num_frames, duration_s), place)


def file_level(level_idx: Iterable[int]) -> int:
    """The level of a file from those of its windows: the largest, 0 if any is 0 or there are no windows."""
    levels = list(level_idx)
    return 0 if 0 in levels else max(levels, default=0)


def window_memory(network: NetworkSpec, chunk_frames: int) -> int:
    """Bytes for one chunk of a window: its parameters, its embeddings and the activations of one frame.

    The activations are all layers' outputs for one frame, those that a grid or the moved texture is put behind once
    more with it, the texture's samples, its motion and the moved texture, and the largest of them twice more: before
    and after its layer at once.
    """
    positions = network.base_height * network.base_width
    values = [network.base_channels * positions, math.prod(network.output_shape)]
    if network.backbone == Backbone.ENERV:
        heads = max(ENERV_FIRST_HEADS, ENERV_SECOND_HEADS)
        inner = 3 * heads * ENERV_HEAD_WIDTH
        values.append(
            positions
            * max(inner, heads * positions, network.token_width, network.feedforward_width, 4 * network.pe_levels)
        )
    embedding_values = chunk_frames * network.embedding_channels * positions
    channels = network.base_channels
    for stage in network.stages:
        if stage.grid_channels:
            values.append((channels + stage.grid_channels) * positions)
        channels = stage.channels
        positions *= stage.stride**2
        values.append(stage.channels * positions)
    if network.texture_channels:
        pixels = network.coded_height * network.coded_width
        values += [math.prod(network.texture_shape), MOTION_CHANNELS * pixels, network.texture_channels * pixels]
        values.append(channels * positions + network.texture_channels * pixels)
    return (
        BYTES_PER_PARAMETER * network.num_parameters
        + BYTES_PER_EMBEDDING_VALUE * embedding_values
        + BYTES_PER_ACTIVATION * (sum(values) + 2 * max(values))
    )


def _refuse(level_idx: int, violation: str | None, place: str) -> None:
    if violation is not None:
        raise MalformedError(f"above its level {level_idx}: {violation}", place)
