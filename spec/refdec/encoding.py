"""Clause 14: time and positional encoding."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from .window import Spec


def sin_pi(x: Fraction) -> np.float32:
    """sin(π x), rounded to binary32."""
    # "it is reduced modulo 2π by integer arithmetic on the fraction u * b^l, never in floating point"
    x %= 2
    sign = 1.0
    if x >= 1:
        x, sign = x - 1, -1.0
    x = min(x, 1 - x)
    # x is within 0..1/2 now; each half of that goes to the function that is accurate near its zero.
    # "Each value is that of the exact real argument, rounded once to binary32 (an error of one unit in the last place
    # is allowed)": the binary64 value is off by some 1e-16 of itself, so its rounding is off by at most one unit.
    value = math.sin(math.pi * float(x)) if x <= Fraction(1, 4) else math.cos(math.pi * float(Fraction(1, 2) - x))
    return np.float32(sign * value)


def encode(i: int, n: int, spec: Spec) -> np.ndarray:
    """'The encoding of a rational number u = i / N is, for l = 0 … L − 1, sin(π * u * b^l), cos(π * u * b^l), in this
    order, with b = pe_base_num / pe_base_den.'"""
    values = []
    for level in range(spec.pe_levels):
        argument = Fraction(i, n) * Fraction(*spec.pe_base) ** level
        values.append(sin_pi(argument))
        values.append(sin_pi(argument + Fraction(1, 2)))
    return np.array(values, np.float64)
