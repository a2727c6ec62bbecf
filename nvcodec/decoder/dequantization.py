"""From the integers of a window and a chunk to the network's parameters and inputs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nvcodec.bitstream import ChunkContent, WindowContent, step_size


def chunk_parameters(window: WindowContent, chunk: ChunkContent) -> npt.NDArray[np.float32]:
    """Parameters (S,) of a chunk's network: each symbol times its step; exact in float32.

    An own parameter's step is its tensor's step times ``2 ** own_step_shift``.
    """
    theta = np.empty(window.mask.shape, dtype=np.float32)
    theta[window.mask] = window.shared
    theta[~window.mask] = chunk.own
    layout = window.header.network.layout
    for tensor, step_idx, shift in zip(layout, window.header.step_idx, chunk.own_step_shift, strict=True):
        where = slice(tensor.offset, tensor.offset + tensor.size)
        # Symbols have 16 bits and steps 4: their products are exact.
        theta[where] *= np.float32(step_size(step_idx))
        if shift:
            theta[where][~window.mask[where]] *= np.float32(2.0**shift)
    return theta


def chunk_embeddings(chunk: ChunkContent) -> npt.NDArray[np.float32]:
    """Embeddings (T, C, h, w) of a chunk's frames: each symbol times the chunk's embedding step; exact in float32."""
    if chunk.embeddings is None:
        raise ValueError("the chunk's network takes no embeddings")
    return chunk.embeddings.astype(np.float32) * np.float32(step_size(chunk.embedding_step_idx))
