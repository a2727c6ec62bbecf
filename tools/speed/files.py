"""Files and frames for measurements, to whose speed it does not matter what they show."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from nvcodec.bitstream import ChunkContent, MaskGranularity, NvstWriter, StreamHeader, WindowContent, WindowHeader
from nvcodec.bitstream.network_spec import NetworkSpec
from nvcodec.bitstream.steps import nearest_step_idx
from nvcodec.video.format import Plane, VideoFormat

FRAME_RATE = 25
STEP = 0.02
DEVIATION = 2.0
"""Of symbols: about 3 bits each."""


def random_file(
    spec: NetworkSpec, video_format: VideoFormat, chunk_lengths: Sequence[int], kappa: float = 0.0
) -> bytes:
    """A file of one window whose parameters and embeddings are noise, a fraction ``kappa`` of them shared."""
    rng = np.random.default_rng(0)
    mask = np.arange(spec.num_parameters) < round(kappa * spec.num_parameters)
    header = WindowHeader(
        window_idx=0,
        first_frame=0,
        chunk_lengths=tuple(chunk_lengths),
        network=spec,
        granularity=MaskGranularity.WEIGHT,
        step_idx=(nearest_step_idx(STEP),) * len(spec.layout),
    )
    chunks = []
    for chunk_idx, length in enumerate(chunk_lengths):
        first = sum(chunk_lengths[:chunk_idx])
        chunks.append(
            ChunkContent(
                chunk_idx=chunk_idx,
                pts=np.arange(first, first + length, dtype=np.int64),
                durations=np.ones(length, np.int64),
                own_step_shift=(0,) * len(spec.layout),
                own=_symbols(rng, int((~mask).sum())),
                embedding_step_idx=nearest_step_idx(STEP) if spec.has_embedding else 0,
                embeddings=_symbols(rng, length, *spec.embedding_shape) if spec.has_embedding else None,
            )
        )
    file = io.BytesIO()
    writer = NvstWriter(file, StreamHeader(video_format, Fraction(1, FRAME_RATE), sum(chunk_lengths)))
    writer.write_window(WindowContent(header, mask, _symbols(rng, int(mask.sum()))), chunks)
    writer.finish(is_complete=True)
    return file.getvalue()


def noise(video_format: VideoFormat, num_frames: int) -> tuple[Plane, ...]:
    """Planes (T, h, w) of noise."""
    rng = np.random.default_rng(0)
    shapes = [(num_frames, *video_format.plane_shape(idx)) for idx in range(video_format.num_planes)]
    return tuple(rng.integers(0, 256, shape).astype(video_format.dtype) for shape in shapes)


def _symbols(rng: np.random.Generator, *shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    return np.round(rng.laplace(0, DEVIATION / np.sqrt(2), shape)).clip(-100, 100).astype(np.int32)
