"""The reference values of a file (spec clauses 13, 15 and 20)."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch

from nvcodec.bitstream import NvstReader
from nvcodec.decoder.reconstruction import ChunkReconstructor
from nvcodec.video.format import ChromaSubsampling, ColorRange, VideoFormat

Float64Array = npt.NDArray[np.float64]

_COVERED = {ChromaSubsampling.YUV420: (2, 2), ChromaSubsampling.YUV422: (1, 2), ChromaSubsampling.YUV444: (1, 1)}


def reference_values(data: bytes) -> Float64Array:
    """The numbers v of clause 15 of all frames, in the order of clause 20."""
    with NvstReader(io.BytesIO(data)) as reader:
        return np.concatenate([np.zeros(0), *(plane.ravel() for plane in _planes(reader))])


def _planes(reader: NvstReader) -> Iterator[Float64Array]:
    format = reader.header.format
    for window_idx, entry in enumerate(reader.windows):
        window = reader.read_window(window_idx)
        for chunk_idx in range(len(entry.chunks)):
            chunk = reader.read_chunk(window_idx, chunk_idx, window)
            network = ChunkReconstructor(window, chunk, format, torch.device("cpu"), torch.float64)
            for position in range(network.num_frames):
                yield from _values(network.rgb(position)[0].numpy(), format)


def _values(x: Float64Array, format: VideoFormat) -> list[Float64Array]:
    """The planes of one frame before they are rounded."""
    scale = 2 ** (format.bit_depth - 8)
    middle, peak = 128 * scale, 256 * scale - 1
    is_full = format.color_range == ColorRange.FULL
    offset, luma_range, chroma_range = (0, peak, peak) if is_full else (16 * scale, 219 * scale, 224 * scale)
    if format.chroma_subsampling not in _COVERED:
        return [offset + luma_range * channel for channel in x]
    kr, kb = format.luma_coefficients
    red, green, blue = x
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    differences = (blue - luma) / (2 * (1 - kb)), (red - luma) / (2 * (1 - kr))
    covered = _COVERED[format.chroma_subsampling]
    return [offset + luma_range * luma, *(middle + chroma_range * _means(plane, *covered) for plane in differences)]


def _means(plane: Float64Array, rows: int, columns: int) -> Float64Array:
    """Means over the pixels that exist of each box."""
    ones = np.ones_like(plane)
    sums = [
        np.add.reduceat(
            np.add.reduceat(values, range(0, plane.shape[0], rows), 0), range(0, plane.shape[1], columns), 1
        )
        for values in (plane, ones)
    ]
    return sums[0] / sums[1]
