"""Decoded files as .npz (all integers and planes), .y4m (frames), .yuv (samples) or .f64 (reference values)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import numpy as np

from .comparing import reference_values, sample_bytes
from .container import File
from .decode import DecodedWindow
from .stream import GRAY, RGB, YUV420, YUV422, YUV444, Stream

Y4M_NAMES = {GRAY: "mono", YUV420: "420", YUV422: "422", YUV444: "444"}


def arrays_of(windows: list[DecodedWindow]) -> dict[str, np.ndarray]:
    """All integers and planes by name."""
    arrays: dict[str, np.ndarray] = {}
    for w, window in enumerate(windows):
        arrays[f"w{w}_mask"] = window.mask
        arrays[f"w{w}_shared"] = window.shared.astype(np.int32)
        for c, decoded in enumerate(window.chunks):
            name = f"w{w}_c{c}"
            arrays[f"{name}_own"] = decoded.chunk.own.astype(np.int32)
            if decoded.chunk.embeddings is not None:
                arrays[f"{name}_embeddings"] = decoded.chunk.embeddings.astype(np.int32)
            arrays[f"{name}_pts"] = np.array(decoded.chunk.header.pts, np.int64)
            arrays[f"{name}_durations"] = np.array(decoded.chunk.header.durations, np.int64)
            for k, plane in enumerate(decoded.planes):
                arrays[f"{name}_plane{k}"] = plane
    return arrays


class OutputError(Exception):
    """The file is valid, but what is asked for cannot hold it."""


def write_parts(file: BinaryIO, parts: Iterable[bytes]) -> None:
    """One behind the other."""
    for part in parts:
        file.write(part)


def y4m_parts(stream: Stream, windows: list[DecodedWindow]) -> Iterator[bytes]:
    """All frames, as fast as the first one says."""
    if stream.chroma_subsampling == RGB:
        raise OutputError("y4m has no RGB")
    if not windows:
        raise OutputError("y4m needs a frame, for the frame rate")
    rate = 1 / (Fraction(*stream.time_base) * windows[0].chunks[0].chunk.header.durations[0])
    depth = "" if stream.bit_depth == 8 else ("" if stream.chroma_subsampling == GRAY else "p") + str(stream.bit_depth)
    name = Y4M_NAMES[stream.chroma_subsampling] + depth
    aspect = f"{stream.sample_aspect[0]}:{stream.sample_aspect[1]}" if stream.sample_aspect[0] else "0:0"
    head = f"W{stream.width} H{stream.height} F{rate.numerator}:{rate.denominator} Ip A{aspect} C{name}"
    yield f"YUV4MPEG2 {head}\n".encode()
    for i, plane in enumerate(sample_bytes(windows)):
        if i % len(stream.plane_sizes) == 0:
            yield b"FRAME\n"
        yield plane


def write_output(path: Path, file: File, windows: list[DecodedWindow]) -> None:
    """The kind of output that the name asks for. What is written under another name gets its own when it is whole."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as output:
            if path.suffix == ".npz":
                np.savez_compressed(output, **arrays_of(windows))
            elif path.suffix == ".y4m":
                write_parts(output, y4m_parts(file.stream, windows))
            elif path.suffix == ".yuv":
                write_parts(output, sample_bytes(windows))
            else:
                write_parts(output, (v.astype("<f8").tobytes() for v in reference_values(file, windows)))
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
