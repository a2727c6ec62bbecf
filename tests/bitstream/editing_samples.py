"""A file to cut and join, and what is in it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from nvcodec.bitstream import NvstReader, StreamHeader
from tests.bitstream.nvst_samples import (
    STREAM,
    make_file,
    three_windows,
)


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def contents(path: Path) -> list[tuple[Any, ...]]:
    """What makes the frames of each chunk: its window's and its own integers, its frames' times in the network."""
    chunks = []
    with NvstReader(path) as reader:
        reader.verify()
        for window_idx, entry in enumerate(reader.windows):
            window = reader.read_window(window_idx)
            header = window.header
            for chunk_idx in range(len(entry.chunks)):
                chunk = reader.read_chunk(window_idx, chunk_idx, window)
                arrays = (window.mask, window.shared, chunk.own, chunk.durations, chunk.embeddings)
                time = header.time_offset + sum(header.chunk_lengths[:chunk_idx]) if header.time_length else 0
                integers = hashlib.sha256(repr([np.asarray(array).tolist() for array in arrays]).encode()).digest()
                steps = header.step_idx, chunk.own_step_shift, chunk.embedding_step_idx
                chunks.append((header.network, steps, integers, chunk.num_frames, time, header.time_length))
    return chunks


def source_bytes(**options: Any) -> bytes:
    """Three windows of two chunks of 2 and 1 frames."""
    return make_file(
        three_windows(), {"a": "b", "c": "d"}, stream=StreamHeader(STREAM.format, STREAM.time_base, 9), **options
    )
