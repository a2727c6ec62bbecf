"""Positional encoding, exact: every value is the float32 nearest to the real sine or cosine.

Level ``l`` of position ``i / N`` is the angle ``pi * p`` with the phase ``p = (i * num**l) / (N * den**l)``. At base
5/4 and 80 levels the phase reaches 10**8, where a product of floats has lost its meaning; the phase is therefore
reduced with integers, and only the reduced angle, at most ``pi / 4``, is evaluated in float64 and rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nvcodec.bitstream.network_spec import NetworkSpec


def time_encoding(frame_idx: Sequence[int], num_frames: int, spec: NetworkSpec) -> npt.NDArray[np.float32]:
    """Encode frame positions ``frame_idx / num_frames``: the input of NeRV and E-NeRV.

    Args:
        frame_idx: N positions, counted from the first frame of the chunk (or window).
        num_frames: frames of that chunk (or window), at least 1.
        spec: gives the levels and the base.

    Returns:
        (N, 2 * pe_levels), each row as :func:`encode_position` says.
    """
    return np.stack([encode_position(idx, num_frames, spec) for idx in frame_idx])


def grid_encoding(spec: NetworkSpec) -> npt.NDArray[np.float32]:
    """Encode the base grid's positions, row by row: the constant input of E-NeRV.

    Returns:
        (base_height * base_width, 4 * pe_levels): the encoding of row / base_height, then of column / base_width.
    """
    rows = time_encoding(range(spec.base_height), spec.base_height, spec)
    columns = time_encoding(range(spec.base_width), spec.base_width, spec)
    return np.concatenate([np.repeat(rows, spec.base_width, axis=0), np.tile(columns, (spec.base_height, 1))], axis=1)


def encode_position(numerator: int, denominator: int, spec: NetworkSpec) -> npt.NDArray[np.float32]:
    """Encode one rational position (NeRV, section 3.1).

    Returns:
        (2 * pe_levels,): sin(pi p_0), cos(pi p_0), sin(pi p_1), ... with
        p_l = numerator * pe_base_num**l / (denominator * pe_base_den**l).
    """
    values: list[float] = []
    for _ in range(spec.pe_levels):
        values += _sin_cos_of_half_turns(numerator, denominator)
        numerator *= spec.pe_base_num
        denominator *= spec.pe_base_den
    return np.array(values, np.float64).astype(np.float32)


def _sin_cos_of_half_turns(numerator: int, denominator: int) -> tuple[float, float]:
    """Sine and cosine of ``pi * numerator / denominator``, both accurate to a few float64 ulps, zeros exact."""
    quadrant, rest = divmod(2 * numerator, denominator)
    if 2 * rest <= denominator:
        angle = math.pi / 2 * (rest / denominator)
        sine, cosine = math.sin(angle), math.cos(angle)
    else:
        angle = math.pi / 2 * ((denominator - rest) / denominator)
        sine, cosine = math.cos(angle), math.sin(angle)
    return ((sine, cosine), (cosine, -sine), (-sine, -cosine), (-cosine, sine))[quadrant % 4]
