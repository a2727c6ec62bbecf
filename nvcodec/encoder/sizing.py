"""How large a window's networks are."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nvcodec.bitstream.network_spec import MAX_MACS_PER_PIXEL, NetworkSpec
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.presets import Preset
from nvcodec.errors import ConfigError
from nvcodec.networks import NetworkDesign, budget_of_width, choose_strides, solve_network
from nvcodec.video.format import ChromaSubsampling, VideoFormat

# Measured after entropy coding of 8-bit weights and of 6-bit embeddings with temporal differences.
BITS_PER_PARAMETER = 6.2
BITS_PER_EMBEDDING_SYMBOL = 1.5


def window_network(config: EncoderConfig, video_format: VideoFormat, chunk_lengths: Sequence[int]) -> NetworkSpec:
    """The network of a window's chunks: solved for the parameters, or the bits per pixel, that the user asks for.

    Args:
        config: the user's settings.
        video_format: format of the frames.
        chunk_lengths: frames of each chunk of the window.

    Raises:
        ConfigError: the smallest network is larger than what is asked for, or one so large takes too many operations.
    """
    preset = config.resolved_preset()
    chunk_frames = max(chunk_lengths)
    frame = (preset.design, video_format.width, video_format.height, chunk_frames)
    num_outputs = 1 if video_format.chroma_subsampling == ChromaSubsampling.GRAY else 3
    if config.num_parameters is not None:
        num_parameters = config.num_parameters
    elif config.bpp is not None:
        num_parameters = _parameters_for(config.bpp, preset, config.kappa, video_format, chunk_lengths)
    elif preset.num_parameters is not None:
        num_parameters = preset.num_parameters
    else:
        # Nobody asked for a size, so a small clip gets a network that can be watched and a large one that can be run.
        wanted = _parameters_for(preset.bpp, preset, config.kappa, video_format, chunk_lengths)
        embeddings = _embedding_symbols(preset.design, video_format) * chunk_frames
        most = preset.max_parameters + embeddings
        num_parameters = max(min(wanted, most), budget_of_width(*frame, preset.min_channels, num_outputs))
    spec = solve_network(*frame, num_parameters, num_outputs)
    macs_per_pixel = spec.macs_per_frame / (spec.coded_width * spec.coded_height)
    if macs_per_pixel > MAX_MACS_PER_PIXEL:
        reason = f"{num_parameters} parameters per chunk take {macs_per_pixel:.0f} multiply-accumulates per pixel"
        raise ConfigError(f"{reason}, the format allows {MAX_MACS_PER_PIXEL}; ask for fewer", "params")
    return spec


def _parameters_for(
    bpp: float, preset: Preset, kappa: float, video_format: VideoFormat, chunk_lengths: Sequence[int]
) -> int:
    """Parameters per chunk, embeddings included, whose coded size comes to ``bpp`` over the window."""
    num_chunks, num_frames = len(chunk_lengths), sum(chunk_lengths)
    bits = bpp * num_frames * video_format.width * video_format.height
    embedding_symbols = _embedding_symbols(preset.design, video_format)
    bits -= BITS_PER_EMBEDDING_SYMBOL * embedding_symbols * num_frames
    volume = kappa + num_chunks * (1 - kappa)
    return int(bits / (BITS_PER_PARAMETER * volume)) + embedding_symbols * max(chunk_lengths)


def _embedding_symbols(design: NetworkDesign, video_format: VideoFormat) -> int:
    """Coded values of one frame's embedding; 0 for functions of time."""
    scale = math.prod(choose_strides(video_format.width, video_format.height, design))
    return design.embedding_channels * math.ceil(video_format.height / scale) * math.ceil(video_format.width / scale)
