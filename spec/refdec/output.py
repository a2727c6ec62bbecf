"""Decoded files as .npz (all integers and planes) or .y4m (planes)."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

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


def write_npz(path: Path, windows: list[DecodedWindow]) -> None:
    """All integers and planes."""
    np.savez_compressed(path, **arrays_of(windows))


def write_y4m(path: Path, stream: Stream, windows: list[DecodedWindow]) -> None:
    """All frames, as fast as the first one says."""
    if stream.chroma_subsampling == RGB:
        raise ValueError("y4m has no RGB")
    if not windows:
        raise ValueError("no frames")
    rate = 1 / (Fraction(*stream.time_base) * windows[0].chunks[0].chunk.header.durations[0])
    depth = "" if stream.bit_depth == 8 else ("" if stream.chroma_subsampling == GRAY else "p") + "10"
    name = Y4M_NAMES[stream.chroma_subsampling] + depth
    aspect = f"{stream.sample_aspect[0]}:{stream.sample_aspect[1]}" if stream.sample_aspect[0] else "0:0"
    with path.open("wb") as file:
        head = f"W{stream.width} H{stream.height} F{rate.numerator}:{rate.denominator} Ip A{aspect} C{name}"
        file.write(f"YUV4MPEG2 {head}\n".encode())
        for window in windows:
            for decoded in window.chunks:
                for planes in zip(*decoded.planes, strict=True):
                    file.write(b"FRAME\n")
                    for plane in planes:
                        file.write(plane.astype("<u2").tobytes() if stream.bit_depth > 8 else plane.tobytes())
