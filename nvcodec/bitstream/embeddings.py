"""Embeddings of a chunk: the first frame as it is, the others as differences to the frame before.

Spec clause "Embeddings".
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nvcodec.bitstream.fields import Cursor
from nvcodec.bitstream.headers import MAX_EMBEDDING_SYMBOL
from nvcodec.bitstream.sections import pack_section, parse_section
from nvcodec.errors import MalformedError

Int32Array = npt.NDArray[np.int32]


def pack_embeddings(embeddings: Int32Array) -> bytes:
    """The coded section: one group for the first frame, then one per channel for all differences.

    Args:
        embeddings: int32 (N, C, h, w), N at least 1, within ±16383.
    """
    differences = np.diff(embeddings, axis=0)
    channels = [differences[:, channel].ravel() for channel in range(embeddings.shape[1])]
    return pack_section([embeddings[0].ravel(), *channels])


def parse_embeddings(cursor: Cursor, num_frames: int, shape: tuple[int, int, int]) -> Int32Array:
    """Read what :func:`pack_embeddings` wrote.

    Args:
        num_frames: N, within the reader's limits.
        shape: (C, h, w).

    Returns:
        int32 (N, C, h, w).

    Raises:
        BitstreamError: the section is damaged, or a value leaves ±16383.
    """
    channels, height, width = shape
    per_channel = height * width
    counts = [channels * per_channel] + [(num_frames - 1) * per_channel] * channels
    bound = 2 * MAX_EMBEDDING_SYMBOL
    symbols = parse_section(cursor, counts, -bound, bound)
    first, rest = np.split(symbols, [counts[0]])
    differences = rest.reshape(channels, num_frames - 1, height, width).swapaxes(0, 1)
    steps = np.concatenate([first.reshape(1, *shape), differences]).astype(np.int64)
    embeddings = np.cumsum(steps, axis=0)
    if np.abs(embeddings).max() > MAX_EMBEDDING_SYMBOL:
        raise MalformedError(f"an embedding symbol exceeds {MAX_EMBEDDING_SYMBOL}", cursor.place)
    return embeddings.astype(np.int32)
