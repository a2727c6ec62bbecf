"""Learning-rate schedule of the NeRV family."""

from __future__ import annotations

import math

WARMUP_START = 0.1


def learning_rate_multiplier(progress: float, warmup_ratio: float) -> float:
    """Linear warm-up from 0.1 to 1, then half a cosine down to 0.

    HNeRV's ``cosine_0.1_1_0.1`` is this with ``warmup_ratio`` 0.1.

    Args:
        progress: fraction of the training that is done, 0..1.
        warmup_ratio: fraction of the training that warms up, 0..1 (exclusive).

    Returns:
        Factor on the peak learning rate, 0..1.
    """
    if progress < warmup_ratio:
        return WARMUP_START + (1 - WARMUP_START) * progress / warmup_ratio
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup_ratio) / (1 - warmup_ratio)))
