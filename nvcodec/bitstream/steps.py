"""Step sizes: a small integer index to an exact real number (spec clause "Steps")."""

from __future__ import annotations

import math

from nvcodec.errors import ConfigError

NUM_STEPS = 256
MIN_STEP_SHIFT = -16
MAX_STEP_SHIFT = 16
"""Range of ``own_step_shift``: an own step is the shared step times two to that power."""

_MANTISSAS = 8
_LOWEST_EXPONENT = -32


def step_size(step_idx: int) -> float:
    """Real step of index ``step_idx``, 0..255: ``(8 + idx mod 8) * 2**(idx div 8 - 32)``, exact in float32.

    Raises:
        ConfigError: the index is out of range.
    """
    if not 0 <= step_idx < NUM_STEPS:
        raise ConfigError(f"step_idx is {step_idx}, allowed is 0..{NUM_STEPS - 1}")
    octave, position = divmod(step_idx, _MANTISSAS)
    return math.ldexp(_MANTISSAS + position, octave + _LOWEST_EXPONENT)


def step_idx_for(minimum: float) -> int:
    """Smallest index whose step is at least ``minimum``.

    Raises:
        ConfigError: no step is that large, or ``minimum`` is not a number.
    """
    if not minimum <= step_size(NUM_STEPS - 1):
        raise ConfigError(f"no step is as large as {minimum}, the largest is {step_size(NUM_STEPS - 1)}")
    if minimum <= step_size(0):
        return 0
    _, exponent = math.frexp(minimum)
    start = (exponent - 4 - _LOWEST_EXPONENT) * _MANTISSAS
    candidates = range(max(start, 0), NUM_STEPS)
    return next(step_idx for step_idx in candidates if step_size(step_idx) >= minimum)


def nearest_step_idx(step: float) -> int:
    """Index whose step is nearest to ``step``, a positive number, in ratio; the first or last where it is outside.

    Raises:
        ConfigError: ``step`` is not a number.
    """
    above = step_idx_for(min(step, step_size(NUM_STEPS - 1)))
    below = max(above - 1, 0)
    return below if step**2 < step_size(above) * step_size(below) else above
