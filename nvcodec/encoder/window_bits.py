"""What a window takes in the file."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np

from nvcodec.bitstream import ChunkContent, NvstWriter, StreamHeader, WindowContent
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.metadata import file_metadata
from nvcodec.encoder.quantization import QuantizedParameters, QuantizedWindow, trained_symbols
from nvcodec.encoder.window_encoding import WindowJob, window_content


def trained_bits(job: WindowJob, config: EncoderConfig, stream: StreamHeader) -> int:
    """Bits of a window in the file, as its training has left it."""
    assert job.model.coding is not None
    return file_bits(job, config, stream, trained_symbols(job.model.coding))


def bits_of_zeros(job: WindowJob, config: EncoderConfig, stream: StreamHeader, num_shared: int) -> int:
    """Bits of the window if its symbols are all zero and so take none."""
    own = np.zeros(job.spec.num_parameters - num_shared, np.int32)
    parameters = QuantizedParameters(
        (0,) * len(job.spec.layout), np.zeros(num_shared, np.int32), (own,) * len(job.chunks)
    )
    embeddings = [(0, np.zeros((length, *job.spec.embedding_shape), np.int32)) for length in job.chunk_lengths]
    quantized = QuantizedWindow(parameters, tuple(embeddings) if job.spec.has_embedding else ())
    return file_bits(job, config, stream, quantized)


def file_bits(job: WindowJob, config: EncoderConfig, stream: StreamHeader, quantized: QuantizedWindow) -> int:
    """Bits that a file grows by with a window; those of the file itself are the first window's."""
    alone = replace(job, window_idx=0, first_frame=0)
    num_bytes = _file_bytes(stream, config, window_content(alone, quantized))
    return 8 * (num_bytes if job.window_idx == 0 else num_bytes - _file_bytes(stream, config, None))


def _file_bytes(
    stream: StreamHeader, config: EncoderConfig, window: tuple[WindowContent, tuple[ChunkContent, ...]] | None
) -> int:
    file = io.BytesIO()
    writer = NvstWriter(file, stream)
    writer.write_metadata(file_metadata(config))
    if window is not None:
        writer.write_window(*window)
    writer.finish(is_complete=True)
    return file.tell()
