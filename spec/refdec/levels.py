"""Clause 18: levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .fields import require
from .layout import activations_of

if TYPE_CHECKING:
    from .window import Window


@dataclass(frozen=True)
class Level:
    """A row of the table."""

    pixels: int
    parameters: int
    macs_per_second: int
    memory_bytes: int


LEVELS = {
    1: Level(262144, 2**21, 10**12, 2**29),
    2: Level(1048576, 2**23, 4 * 10**12, 2**31),
    3: Level(2359296, 2**23, 8 * 10**12, 2**32),
    4: Level(2359296, 2**24, 32 * 10**12, 2**32),
    5: Level(8912896, 2**25, 32 * 10**12, 2**34),
    6: Level(8912896, 2**26, 128 * 10**12, 2**34),
}
MAX_LEVEL = 6


def memory_bytes(window: Window) -> int:
    """'bytes of memory'."""
    spec = window.spec
    # "32 * S, plus 32 * embedding_channels * P * (frames of the longest chunk)"
    num_positions = spec.base_height * spec.base_width
    parameters = 32 * window.num_parameters
    embeddings = 32 * spec.embedding_channels * num_positions * max(window.chunk_lengths)
    # "plus 4 times the sum of the following activations of one frame, plus 8 times the largest of them"
    activations = activations_of(spec)
    return parameters + embeddings + 4 * sum(activations) + 8 * max(activations)


def check_window_level(window: Window, offset: int) -> None:
    """'A window above its level makes the file invalid'; 'the other bounds with WNDW'."""
    # "Level 0 is none: only the bounds of the other clauses hold."
    if window.level_idx == 0:
        return
    level, spec = LEVELS[window.level_idx], window.spec
    # "pixels: coded_width * coded_height. parameters: S."
    pixels = spec.coded_width * spec.coded_height
    require(pixels <= level.pixels, "more pixels than the window's level allows", offset)
    require(window.num_parameters <= level.parameters, "more parameters than the window's level allows", offset)
    require(memory_bytes(window) <= level.memory_bytes, "more memory than the window's level allows", offset)


def check_chunk_level(window: Window, time_base: tuple[int, int], durations: list[int], offset: int) -> None:
    """'A reader checks this with the timestamps of the chunk'."""
    if window.level_idx == 0:
        return
    # "of each chunk, those of one frame (clause 6) times its frames, over its duration in seconds (the sum of its
    # durations times the time base)"
    macs = window.macs * len(durations)
    allowed = LEVELS[window.level_idx].macs_per_second
    within = macs * time_base[1] <= allowed * sum(durations) * time_base[0]
    require(within, "more multiply-accumulates per second than the window's level allows", offset)


def level_of(windows: list[Window]) -> int:
    """'The level_idx of the index is that of the file: the largest of its windows', or 0 if any of them is 0'; 'is 0 if
    there are no windows' (clause 16)."""
    levels = [window.level_idx for window in windows]
    return max(levels) if levels and min(levels) > 0 else 0
