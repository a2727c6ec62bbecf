"""Clause 20: comparing decoders."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from .container import File
from .decode import DecodedWindow, check_evaluation, decode_values


def integers_digest(windows: list[DecodedWindow]) -> str:
    """'All of these one behind the other, little-endian, are the text whose SHA-256 is the *digest of the integers*';
    in hexadecimal."""
    digest = hashlib.sha256()

    def add(values: np.ndarray | list[int], kind: str) -> None:
        digest.update(np.ascontiguousarray(values, kind).tobytes())

    for window in windows:
        # "the mask, one u8 for each parameter, 1 if it is shared and 0 if it is own; the shared symbols, each an i32"
        add(window.mask, "<u1")
        add(window.shared, "<i4")
        for decoded in window.chunks:
            chunk = decoded.chunk
            # "pts, each an i64; durations, each a u32, one for each frame; the own symbols, each an i32"
            add(chunk.header.pts, "<i8")
            add(chunk.header.durations, "<u4")
            add(chunk.own, "<i4")
            # "the embeddings, if there are any, each an i32, in the order frame, channel, row, column, with the
            # differences of clause 11 added up"
            if chunk.embeddings is not None:
                add(chunk.embeddings, "<i4")
    return digest.hexdigest()


def sample_bytes(windows: list[DecodedWindow]) -> Iterator[bytes]:
    """'The *samples* of a file', plane by plane: 'those of all frames in order: the planes in the order of clause 4,
    each plane row by row from the top, each row from the left'."""
    for window in windows:
        for decoded in window.chunks:
            for planes in zip(*decoded.planes, strict=True):
                for plane in planes:
                    # "A sample is a u8 if bit_depth is 8 and a u16 otherwise."
                    yield plane.astype("u1" if plane.itemsize == 1 else "<u2").tobytes()


def reference_values(file: File, windows: list[DecodedWindow]) -> Iterator[np.ndarray]:
    """'The *reference values* are the numbers v of clause 15 in the same order, each a binary64, of the reference of
    clause 13': plane by plane. windows may be decoded without planes; raises LimitError before the first plane."""
    check_evaluation(file)
    for window in windows:
        for chunk_idx, decoded in enumerate(window.chunks):
            values = decode_values(file.stream, window.window, chunk_idx, window.mask, window.shared, decoded.chunk)
            for planes in values:
                yield from planes
