"""All integers of a file in one order, for comparing decoders by a hash (spec clause "Comparing decoders")."""

from __future__ import annotations

from collections.abc import Iterator

from nvcodec.bitstream.content import ChunkContent, WindowContent


def window_integers(window: WindowContent) -> Iterator[bytes]:
    """The mask, u8 each, and the shared symbols, i32 each."""
    yield window.mask.astype("u1").tobytes()
    yield window.shared.astype("<i4").tobytes()


def chunk_integers(chunk: ChunkContent) -> Iterator[bytes]:
    """Pts, i64 each; durations, u32 each; own symbols, i32 each; embeddings, i32 each, frame by frame."""
    yield chunk.pts.astype("<i8").tobytes()
    yield chunk.durations.astype("<u4").tobytes()
    yield chunk.own.astype("<i4").tobytes()
    if chunk.embeddings is not None:
        yield chunk.embeddings.astype("<i4").tobytes()
