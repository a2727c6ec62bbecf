"""Makers of tiny streams that between them use everything the format has, written by the codec."""

from __future__ import annotations

import dataclasses
import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from nvcodec.bitstream import (
    ChunkContent,
    MaskGranularity,
    NvstWriter,
    StreamHeader,
    WindowContent,
    WindowHeader,
    step_idx_for,
    unit_indices,
)
from nvcodec.bitstream.network_spec import Activation, Backbone, NetworkSpec, OutputActivation, Stage, TensorKind
from nvcodec.video.format import ChromaSubsampling, ColorRange, VideoFormat
from nvcodec.video.sink import open_sink
from tests import clips, encodes

HNERV, NERV, ENERV = Backbone.HNERV, Backbone.NERV, Backbone.ENERV
GRAY, YUV422 = ChromaSubsampling.GRAY, ChromaSubsampling.YUV422
YUV444, RGB = ChromaSubsampling.YUV444, ChromaSubsampling.RGB
KERNEL = MaskGranularity.KERNEL

ENCODES: dict[str, tuple[VideoFormat, int, dict[str, Any]]] = {
    "hnerv kernel 420": (VideoFormat(32, 24), 4, {"kappa": 0.5}),
    "hnerv weight 10 bit odd": (VideoFormat(33, 27, 10), 4, {"kappa": 0.5, "granularity": MaskGranularity.WEIGHT}),
    "hnerv gray own": (VideoFormat(32, 24, chroma_subsampling=GRAY), 4, {"kappa": 0.0}),
    "hnerv one chunk shared": (VideoFormat(32, 24), 3, {"kappa": 1.0}),
    "nerv row 444": (
        VideoFormat(32, 24, chroma_subsampling=YUV444),
        4,
        {"kappa": 0.5, "backbone": NERV, "granularity": MaskGranularity.ROW},
    ),
    "nerv shared 422 odd": (
        VideoFormat(17, 19, chroma_subsampling=YUV422),
        4,
        {"kappa": 1.0, "backbone": NERV},
    ),
    "nerv kernel 10 bit": (VideoFormat(32, 24, 10), 4, {"kappa": 0.5, "backbone": NERV}),
    "enerv tensor rgb": (
        VideoFormat(32, 24, 10, chroma_subsampling=RGB),
        2,
        {"kappa": 0.5, "backbone": ENERV, "granularity": MaskGranularity.TENSOR},
    ),
}


def encoded(folder: Path, name: str) -> bytes:
    """One of ``ENCODES``: chunks of three frames, as the encoder makes it."""
    format, num_frames, settings = ENCODES[name]
    source = folder / "in.mkv"
    with open_sink(source, format, Fraction(1, 25), Fraction(25)) as sink:
        for frame in clips.make_frames(format, num_frames):
            sink.write(frame)
    return _encode(source, folder, settings)


def variable_rate(folder: Path) -> bytes:
    return _encode(clips.variable_rate_clip(folder), folder, {"kappa": 0.3})


def two_windows(folder: Path) -> bytes:
    return encodes.two_window_file(folder).read_bytes()


def _encode(source: Path, folder: Path, settings: dict[str, Any]) -> bytes:
    encodes.tiny_encode(source, folder / "a.nvst", settings=settings)
    return (folder / "a.nvst").read_bytes()


_SMALL_ENERV = NetworkSpec(
    ENERV,
    2,
    3,
    8,
    (Stage(3, 3, 9), Stage(2, 1, 5)),
    3,
    pe_levels=4,
    pe_base_num=2,
    pe_base_den=1,
    stem_width=6,
    token_width=5,
    modulation_width=7,
    feedforward_width=6,
)
_SMALL_NERV = NetworkSpec(
    NERV, 3, 4, 3, (Stage(2, 5, 4), Stage(2, 3, 3)), 7, pe_levels=128, pe_base_num=2, pe_base_den=1, stem_width=5
)
_SMALL_HNERV = NetworkSpec(HNERV, 3, 4, 5, (Stage(2, 7, 4), Stage(3, 1, 6), Stage(1, 3, 3)), 1, embedding_channels=3)
_SMALL = VideoFormat(12, 11, matrix_coefficients=9, color_range=ColorRange.FULL)
_SILU = {"activation": Activation.SILU, "output_activation": OutputActivation.SIGMOID}

HAND_MADE: dict[str, dict[str, Any]] = {
    "enerv strides 3 2": {"network": _SMALL_ENERV, "granularity": KERNEL},
    "enerv silu row": {
        "network": dataclasses.replace(_SMALL_ENERV, **_SILU),
        "granularity": MaskGranularity.ROW,
        "time": (3, 20),
    },
    "nerv kernel partly shared": {"network": _SMALL_NERV, "granularity": KERNEL, "first_pts": -1000},
    "nerv wide": {
        "network": dataclasses.replace(_SMALL_NERV, **_SILU),
        "granularity": MaskGranularity.WEIGHT,
        "spread": 9000.0,
    },
    "hnerv kernels 7 1 3": {"network": _SMALL_HNERV, "granularity": KERNEL, "kappa": 0.3},
    "hnerv gray single symbols": {
        "network": dataclasses.replace(_SMALL_HNERV, num_outputs=1),
        "granularity": MaskGranularity.TENSOR,
        "format": VideoFormat(24, 18, 10, chroma_subsampling=GRAY),
        "spread": 0.0,
    },
    "hnerv one frame": {"network": _SMALL_HNERV, "granularity": KERNEL, "lengths": (1,), "first_pts": -(2**62)},
}


def hand_made(
    network: NetworkSpec,
    granularity: MaskGranularity,
    *,
    lengths: tuple[int, ...] = (3, 1, 2),
    kappa: float = 0.6,
    spread: float = 20.0,
    first_pts: int = -3,
    time: tuple[int, int] = (0, 0),
    format: VideoFormat = _SMALL,
    num_windows: int = 1,
    is_finished: bool = True,
) -> bytes:
    """Windows of random symbols, with steps that keep the output in its range, variable durations and gaps."""
    rng = np.random.default_rng(len(lengths) + network.num_parameters)
    file = io.BytesIO()
    writer = NvstWriter(file, StreamHeader(format, Fraction(1, 1000), 5))
    writer.write_metadata({"made": "by hand"})
    units = unit_indices(network, granularity)
    for window_idx in range(num_windows):
        mask = (rng.random(units.max() + 1) < kappa)[units]
        steps = _steps(network, max(spread, 1.0))
        first_frame = writer.num_frames
        header = WindowHeader(window_idx, first_frame, lengths, network, granularity, steps, spread > 40, *time)
        chunks = []
        for chunk_idx, length in enumerate(lengths):
            chunk = _chunk(rng, header, chunk_idx, length, int(np.count_nonzero(~mask)), spread, first_pts)
            first_pts = chunk.end_pts + 2
            chunks.append(chunk)
        shared = _symbols(rng, int(np.count_nonzero(mask)), spread, header.max_symbol)
        writer.write_window(WindowContent(header, mask, shared), chunks)
    if is_finished:
        writer.finish(is_complete=False)
    return file.getvalue()


def _chunk(
    rng: np.random.Generator,
    header: WindowHeader,
    chunk_idx: int,
    length: int,
    num_own: int,
    spread: float,
    first_pts: int,
) -> ChunkContent:
    network = header.network
    durations = rng.integers(1, 5, length)
    pts = first_pts + np.concatenate([np.zeros(1, np.int64), np.cumsum(durations[:-1])])
    shifts = tuple(int(shift) for shift in rng.integers(-3, 2, len(network.layout)))
    own = _symbols(rng, num_own, spread, header.max_symbol)
    if not network.has_embedding:
        return ChunkContent(chunk_idx, pts, durations, shifts, own)
    embeddings = rng.integers(-16383, 16384, (length, *network.embedding_shape)).astype(np.int32)
    return ChunkContent(chunk_idx, pts, durations, shifts, own, step_idx_for(1 / 16383), embeddings)


def _steps(network: NetworkSpec, spread: float) -> tuple[int, ...]:
    """Symbols of this spread times these steps have the size of weights that neither vanish nor explode."""
    steps = []
    for tensor in network.layout:
        fan_in = tensor.size // tensor.shape[0] if tensor.kind != TensorKind.BIAS else 8
        steps.append(step_idx_for(1.5 / (spread * fan_in**0.5)))
    return tuple(steps)


def _symbols(rng: np.random.Generator, count: int, spread: float, bound: int) -> np.ndarray:
    return np.clip(np.rint(rng.normal(0, spread, count)), -bound, bound).astype(np.int32)
