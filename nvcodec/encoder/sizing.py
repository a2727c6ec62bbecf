"""How large a window's networks are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nvcodec.bitstream.network_spec import MAX_MACS_PER_PIXEL, TEXTURE_BLOCK, NetworkSpec
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.presets import Preset
from nvcodec.errors import ConfigError
from nvcodec.networks import NetworkDesign, base_grid, budget_of_width, solve_network
from nvcodec.video.format import VideoFormat


@dataclass(frozen=True)
class CodedBits:
    """Bits after entropy coding.

    Attributes:
        per_parameter: of the network.
        per_embedding_symbol: of an embedding.
    """

    per_parameter: float
    per_embedding_symbol: float


# Measured with 8-bit weights and 6-bit embeddings with temporal differences.
QUANTIZED_AFTER_TRAINING = CodedBits(6.2, 1.5)
# Chosen: what training is steered to where the user names no rate. Larger networks of fewer bits each are no better.
TRAINED_FOR_RATE = CodedBits(2.5, 0.6)
# Bits of a texture's sample relative to those of a parameter; most of them relative to all that is not for embeddings,
# and how much of that is left to the network even so. Where bits are few, the steps of a texture get coarser.
TEXTURE_BITS = 0.35
MOST_TEXTURE = 2.0
LEAST_NETWORK = 0.5
# How many times the bits of the preset's largest network there may be beside a texture that all chunks share, before it
# is better that each has more of a network of its own, and before each had better have its own texture, too.
MOST_SHARED = 1.3
MOST_SHARED_TEXTURE = 12.0
# Of the base grid; a network that is narrower shows next to nothing.
LEAST_CHANNELS = 6


def window_kappa(
    config: EncoderConfig,
    video_format: VideoFormat,
    chunk_lengths: Sequence[int],
    reach: tuple[float, float] | None = None,
) -> float:
    """The fraction κ of the parameters that the chunks of a window share, a texture left aside, 0..1.

    Where neither the user nor the preset says it, everything is shared, which makes the most of the bits, as long as
    the network that all of them go into is not larger than the preset's largest.

    Args:
        config: the user's settings.
        video_format: format of the frames.
        chunk_lengths: frames of each chunk of the window.
        reach: pixels across and down by which frames lie off the middle of a texture that all chunks share; None:
            without one.
    """
    preset = config.resolved_preset()
    for kappa in (config.kappa, preset.kappa):
        if kappa is not None:
            return kappa
    num_chunks = len(chunk_lengths)
    if config.num_parameters is not None or num_chunks == 1:
        return 1.0
    volume = _volume(config.bpp or preset.bpp, config, video_format, chunk_lengths) / preset.max_parameters
    if reach is not None:
        volume = _crowding(config, video_format, chunk_lengths, reach) / MOST_SHARED
    return min(max((num_chunks - volume) / (num_chunks - 1), 0.0), 1.0)


def is_texture_crowded(
    config: EncoderConfig, video_format: VideoFormat, chunk_lengths: Sequence[int], reach: tuple[float, float]
) -> bool:
    """Whether a window has so many bits that a texture, frames off whose middle reach so far, is better not shared."""
    if config.num_parameters is not None:
        return False
    return _crowding(config, video_format, chunk_lengths, reach) > MOST_SHARED_TEXTURE


def texture_fits(
    config: EncoderConfig,
    video_format: VideoFormat,
    chunk_lengths: Sequence[int],
    num_textures: int,
    reach: tuple[float, float],
) -> bool:
    """Whether the bits of a window suffice for textures.

    What lies beyond all frames takes none.

    Args:
        config: the user's settings.
        video_format: format of the frames.
        chunk_lengths: frames of each chunk of the window.
        num_textures: 1 if the chunks share it, their number if each has its own.
        reach: pixels across and down by which frames lie off the middle of their texture.
    """
    preset = config.resolved_preset()
    seen = _seen_samples(preset.design, video_format, reach)
    num_parameters = config.num_parameters or (preset.num_parameters if config.bpp is None else None)
    if num_parameters is not None:
        embeddings = _embedding_symbols(preset.design, video_format) * max(chunk_lengths)
        return seen <= (1 - LEAST_NETWORK) * (num_parameters - embeddings)
    volume = _volume(config.bpp or preset.bpp, config, video_format, chunk_lengths)
    return TEXTURE_BITS * seen * num_textures <= MOST_TEXTURE * volume


def window_network(
    config: EncoderConfig,
    video_format: VideoFormat,
    chunk_lengths: Sequence[int],
    kappa: float,
    texture_margin: int | None = None,
    num_textures: int = 0,
) -> NetworkSpec:
    """The network of a window's chunks: solved for the parameters, or the bits per pixel, that the user asks for.

    Args:
        config: the user's settings.
        video_format: format of the frames.
        chunk_lengths: frames of each chunk of the window.
        kappa: fraction of the parameters that the chunks share, textures left aside.
        texture_margin: pixels of a texture beyond each side of the frame; None: without textures.
        num_textures: 1 if the chunks share it, their number if each has its own.

    Raises:
        ConfigError: the smallest network is larger than what is asked for, or one so large takes too many operations.
    """
    preset = config.resolved_preset()
    chunk_frames = max(chunk_lengths)
    frame = (preset.design, video_format.width, video_format.height, chunk_frames)
    kind = (preset.design.backbone.num_outputs(video_format), texture_margin)
    texture = 0 if texture_margin is None else _texture_samples(preset.design, video_format, texture_margin)
    if config.num_parameters is not None:
        num_parameters = config.num_parameters
    elif config.bpp is None and preset.num_parameters is not None:
        num_parameters = preset.num_parameters
    else:
        bpp, textures = config.bpp or preset.bpp, (texture, num_textures)
        num_parameters = _parameters_for(bpp, config, video_format, chunk_lengths, kappa, textures)
        if config.bpp is None or texture:
            # A large clip gets a network that can be run.
            embeddings = _embedding_symbols(preset.design, video_format) * chunk_frames
            num_parameters = min(num_parameters, preset.max_parameters + embeddings + texture)
        if config.bpp is None:
            # Nobody asked for a size, so a small clip gets a network that can be watched.
            num_parameters = max(num_parameters, budget_of_width(*frame, preset.min_channels, *kind))
    if config.num_parameters is None and preset.recipe.rate is not None:
        # Training can make a network's bits fewer than its size says.
        num_parameters = max(num_parameters, budget_of_width(*frame, LEAST_CHANNELS, *kind))
    spec = solve_network(*frame, num_parameters, *kind)
    macs_per_pixel = spec.macs_per_frame / (spec.coded_width * spec.coded_height)
    if macs_per_pixel > MAX_MACS_PER_PIXEL:
        reason = f"{num_parameters} parameters per chunk take {macs_per_pixel:.0f} multiply-accumulates per pixel"
        raise ConfigError(f"{reason}, the format allows {MAX_MACS_PER_PIXEL}; ask for fewer", "params")
    return spec


def target_bits(
    config: EncoderConfig,
    video_format: VideoFormat,
    spec: NetworkSpec,
    chunk_lengths: Sequence[int],
    num_shared: int,
    num_textures: int,
    fixed_bits: int,
) -> float:
    """All bits of a window that its training should aim at: the user's bits per pixel, else what suits its network.

    Args:
        config: the user's settings.
        video_format: format of the frames.
        spec: the network.
        chunk_lengths: frames of each chunk of the window.
        num_shared: K, the parameters that the chunks share.
        num_textures: 0 without, 1 if the chunks share it, their number if each has its own.
        fixed_bits: what the window takes beside its symbols.
    """
    num_chunks, num_frames = len(chunk_lengths), sum(chunk_lengths)
    if config.bpp is not None:
        return config.bpp * num_frames * video_format.width * video_format.height
    stored = num_shared + num_chunks * (spec.num_parameters - num_shared)
    excess = (1 - TEXTURE_BITS) * math.prod(spec.texture_shape) * num_textures
    symbols = num_frames * math.prod(spec.embedding_shape)
    coded = _coded_bits(config.resolved_preset())
    return coded.per_parameter * (stored - excess) + coded.per_embedding_symbol * symbols + fixed_bits


def _coded_bits(preset: Preset) -> CodedBits:
    return QUANTIZED_AFTER_TRAINING if preset.recipe.rate is None else TRAINED_FOR_RATE


def _parameters_for(
    bpp: float,
    config: EncoderConfig,
    video_format: VideoFormat,
    chunk_lengths: Sequence[int],
    kappa: float,
    textures: tuple[int, int],
) -> int:
    """Parameters per chunk, embeddings and texture included, whose coded size comes to ``bpp``.

    ``textures`` are the samples of one, and how many are stored.
    """
    volume = _volume(bpp, config, video_format, chunk_lengths)
    texture, num_textures = textures
    if texture:
        volume = max(volume - TEXTURE_BITS * texture * num_textures, LEAST_NETWORK * volume)
    # Shared ones are counted once.
    networks = kappa + len(chunk_lengths) * (1 - kappa)
    embeddings = _embedding_symbols(config.resolved_preset().design, video_format) * max(chunk_lengths)
    return int(volume / networks) + texture + embeddings


def _volume(bpp: float, config: EncoderConfig, video_format: VideoFormat, chunk_lengths: Sequence[int]) -> float:
    """Network parameters, shared ones counted once, whose coded size comes with the embeddings to ``bpp``."""
    preset, num_frames = config.resolved_preset(), sum(chunk_lengths)
    coded = _coded_bits(preset)
    bits = bpp * num_frames * video_format.width * video_format.height
    bits -= coded.per_embedding_symbol * _embedding_symbols(preset.design, video_format) * num_frames
    return bits / coded.per_parameter


def _crowding(
    config: EncoderConfig, video_format: VideoFormat, chunk_lengths: Sequence[int], reach: tuple[float, float]
) -> float:
    """Bits of a window beside a shared texture, relative to those of the preset's largest network."""
    preset = config.resolved_preset()
    volume = _volume(config.bpp or preset.bpp, config, video_format, chunk_lengths)
    return (volume - TEXTURE_BITS * _seen_samples(preset.design, video_format, reach)) / preset.max_parameters


def _seen_samples(design: NetworkDesign, video_format: VideoFormat, reach: tuple[float, float]) -> float:
    """Samples of a texture that some frame shows; the corners of its margin are not among them."""
    return design.texture_channels * (video_format.width + 2 * reach[0]) * (video_format.height + 2 * reach[1])


def _texture_samples(design: NetworkDesign, video_format: VideoFormat, margin: int) -> int:
    """Samples of a texture."""
    grid = base_grid(video_format.width, video_format.height, design)
    scale = math.prod(grid.strides) * design.backbone.block_side
    blocks = [math.ceil((length * scale + 2 * margin) / TEXTURE_BLOCK) for length in (grid.width, grid.height)]
    return design.texture_channels * TEXTURE_BLOCK**2 * math.prod(blocks)


def _embedding_symbols(design: NetworkDesign, video_format: VideoFormat) -> int:
    """Coded values of one frame's embedding; 0 for functions of time."""
    grid = base_grid(video_format.width, video_format.height, design)
    return design.embedding_channels * grid.height * grid.width
