"""The bits or the quality that a window is to come to, and what its trainings say about how to get there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

# Between which results may be, relative to the aim, without that more is trained: fractions of the bits, or dB. What is
# above is trimmed.
BITS_MET = (-0.025, 0.05)
PSNR_MET = (-0.05, 0.8)
# How many times farther above an aim a result may be than one below it, to be as near.
CHEAPER_ABOVE = 4.0
# What is planned for is so many dB above the quality.
AIM_ABOVE = 0.2
# dB that e times the bits bring: 2.5 for twice of them.
DB_PER_LOG_BITS = 3.6
# How near to one of two results, between which the aim lies, the next may be planned.
LEAST_PART = 0.1
# A training that is above its quality by more than can be trimmed, or below it by more dB than this, is begun anew with
# other bits; a few times, and not with many times fewer or more of them at once.
MOST_BELOW = 0.3
MOST_TRAININGS = 4
MOST_FACTOR = 4.0


@dataclass(frozen=True)
class Result:
    """What a training has come to.

    Attributes:
        symbol_bits: of the window in the file, beside those that it takes anyway.
        psnr: mean luma PSNR of its frames in dB; None where that is not the aim.
    """

    symbol_bits: float
    psnr: float | None


@dataclass(frozen=True)
class Aim:
    """Where a window is to come to.

    Attributes:
        symbol_bits: of the window in the file, beside those that it takes anyway.
        fixed_bits: those.
        psnr: mean luma PSNR of its frames in dB, whatever the bits; None: the bits are the aim.
    """

    symbol_bits: float
    fixed_bits: float
    psnr: float | None

    def excess(self, result: Result) -> float:
        """How far a result is above the aim: dB, or a fraction of all bits."""
        if self.psnr is not None and result.psnr is not None:
            return result.psnr - self.psnr
        return (result.symbol_bits - self.symbol_bits) / (self.symbol_bits + self.fixed_bits)

    def miss(self, result: Result) -> float:
        """How bad it would be to take a result, as dB or a fraction of the bits that it were below the aim."""
        excess = self.excess(result)
        return excess / CHEAPER_ABOVE if excess > 0 else -excess

    def is_met(self, result: Result) -> bool:
        """Whether a result is near enough."""
        least, most = BITS_MET if self.psnr is None else PSNR_MET
        return least <= self.excess(result) <= most

    def factor(self, results: Sequence[Result]) -> float:
        """How many times the last result's bits would come to the aim, by what all of them came to.

        Between two results, one above the quality and one below, dB are taken to follow the logarithm of the bits;
        where there are no two, as they mostly do.
        """
        last = results[-1]
        if self.psnr is None or last.psnr is None:
            return self.symbol_bits / last.symbol_bits
        aim = self.psnr + AIM_ABOVE
        known = [(result.psnr, math.log(result.symbol_bits)) for result in results if result.psnr is not None]
        below = max((point for point in known if point[0] <= aim), default=None)
        above = min((point for point in known if point[0] > aim), default=None)
        if below is None or above is None or below[1] >= above[1]:
            return math.exp((aim - last.psnr) / DB_PER_LOG_BITS)
        part = min(max((aim - below[0]) / (above[0] - below[0]), LEAST_PART), 1 - LEAST_PART)
        return math.exp(below[1] + part * (above[1] - below[1])) / last.symbol_bits


class Attempts:
    """The trainings of one window, until one of them comes near its quality."""

    def __init__(self) -> None:
        """None so far."""
        self._results: list[Result] = []

    def factor(self, aim: Aim, result: Result) -> float:
        """How many times the bits of the last attempt, which has come to ``result``, the next should have; 1: none."""
        self._results.append(result)
        if aim.psnr is None or result.psnr is None or len(self._results) == MOST_TRAININGS:
            return 1.0
        if -MOST_BELOW <= aim.excess(result) <= PSNR_MET[1]:
            return 1.0
        return min(max(aim.factor(self._results), 1 / MOST_FACTOR), MOST_FACTOR)
