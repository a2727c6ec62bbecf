"""Clause 15: from network to planes."""

from __future__ import annotations

import numpy as np

from .layout import VAST
from .stream import FULL, GRAY, RGB, YUV420, YUV422, YUV444, Stream
from .window import Spec

# matrix_coefficients: (kr, kb)
COEFFICIENTS = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
    10: (0.2627, 0.0593),
}
# rows and columns of pixels that a chroma sample covers
COVERED = {YUV420: (2, 2), YUV422: (1, 2), YUV444: (1, 1)}


def samples(v: np.ndarray, n: int) -> np.ndarray:
    """'Each sample is ⌊v + 1/2⌋, clipped to 0..2^n − 1'."""
    clipped = np.clip(np.floor(v + 0.5), 0, 2**n - 1)
    return clipped.astype(np.uint8 if n == 8 else np.uint16)


def mean_over_pixels(x: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """'over the pixels of the frame that the chroma sample covers [...]; at an odd edge fewer'."""
    shape = (-(-x.shape[0] // rows), -(-x.shape[1] // columns))
    total, count = np.zeros(shape), np.zeros(shape)
    for a in range(rows):
        for b in range(columns):
            covered = x[a::rows, b::columns]
            total[: covered.shape[0], : covered.shape[1]] += covered
            count[: covered.shape[0], : covered.shape[1]] += 1
    return total / count


def values_of(stream: Stream, spec: Spec, output: np.ndarray) -> list[np.ndarray]:
    """The numbers v of the planes of a frame from the output of its network: 'v is real and rounded nowhere before'"""
    return values_of_blocks(stream, output) if spec.backbone == VAST else values_of_rgb(stream, output)


def values_of_blocks(stream: Stream, output: np.ndarray) -> list[np.ndarray]:
    """VAST."""
    values = []
    f = 0
    for k, (rows, columns) in enumerate(stream.plane_sizes):
        # "A plane has r x c samples in a block: 1 x 1 if it is chroma of YUV420, 2 x 1 (two rows) if it is chroma of
        # YUV422, and 2 x 2 otherwise."
        r, c = {YUV420: (1, 1), YUV422: (2, 1)}.get(stream.chroma_subsampling, (2, 2)) if k > 0 else (2, 2)
        v = np.zeros((output.shape[1] * r, output.shape[2] * c))
        for a in range(r):
            for b in range(c):
                # "with f the number of channels before those of the plane, the sample at row y * r + a and column
                # x * c + b has v = (2^n − 1) * out[f + a*c + b][y][x]"
                v[a::r, b::c] = (2**stream.bit_depth - 1) * output[f + a * c + b]
        # "What lies outside the plane (clause 4) is left out."
        values.append(v[:rows, :columns])
        f += r * c
    return values


def values_of_rgb(stream: Stream, output: np.ndarray) -> list[np.ndarray]:
    """NERV, ENERV, HNERV."""
    # "The frame is its top left part of width x height."; "with n = bit_depth"
    x = output[:, : stream.height, : stream.width]
    n = stream.bit_depth
    if stream.color_range == FULL:
        luma_offset, luma_range, chroma_range = 0, 2**n - 1, 2**n - 1
    else:
        luma_offset, luma_range, chroma_range = 16 * 2 ** (n - 8), 219 * 2 ** (n - 8), 224 * 2 ** (n - 8)
    chroma_offset = 2 ** (n - 1)
    if stream.chroma_subsampling in (GRAY, RGB):
        # "GRAY: v = (offset of luma) + (range of luma) * x, x being the channel's value. RGB: the same for R, G and B
        # each."
        return [luma_offset + luma_range * channel for channel in x]
    # "other: as 1 if height ≥ 720, else as 6"
    kr, kb = COEFFICIENTS.get(stream.matrix_coefficients, COEFFICIENTS[1 if stream.height >= 720 else 6])
    # "Y = kr R + (1 − kr − kb) G + kb B, Cb = (B − Y) / (2 (1 − kb)), Cr = (R − Y) / (2 (1 − kr))"
    # "Three channels are R, G, B in this order, for YUV as for RGB."
    red, green, blue = x
    y = kr * red + (1 - kr - kb) * green + kb * blue
    cb = (blue - y) / (2 * (1 - kb))
    cr = (red - y) / (2 * (1 - kr))
    # "Luma: v = (offset of luma) + (range of luma) * Y. Chroma: v = (offset of chroma) + (range of chroma) * (mean of
    # Cb, or Cr, over the pixels of the frame that the chroma sample covers)"
    covered = COVERED[stream.chroma_subsampling]
    chroma = [chroma_offset + chroma_range * mean_over_pixels(c, *covered) for c in (cb, cr)]
    return [luma_offset + luma_range * y, *chroma]
