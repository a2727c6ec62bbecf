"""Clause 6: the window (WNDW)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .boxes import Box
from .fields import Cursor, require
from .layout import ENERV, HNERV, NERV, VAST, Layer, Tensor, layers_of, macs_of, tensors_of
from .levels import MAX_LEVEL, check_window_level
from .limits import MAX_CHUNK_FRAMES, MAX_EMBEDDING_VALUES, MAX_PARAMETERS, MAX_PIXELS, limit
from .stream import GRAY, RGB, YUV420, YUV422, YUV444, Stream

WEIGHT, KERNEL, ROW, TENSOR = range(4)
WIDE_SYMBOLS = 1
ANS64 = 0
# "4 if the video is GRAY, 6 if YUV420, 8 if YUV422, 12 if YUV444 or RGB"
SAMPLES_OF_BLOCK = {GRAY: 4, YUV420: 6, YUV422: 8, YUV444: 12, RGB: 12}


@dataclass(frozen=True)
class Spec:
    """The network spec."""

    backbone: int
    activation: int
    output_activation: int
    num_outputs: int
    base_height: int
    base_width: int
    base_channels: int
    head_kernel: int
    embedding_channels: int
    pe_levels: int
    pe_base: tuple[int, int]
    stem_width: int
    token_width: int
    modulation_width: int
    feedforward_width: int
    texture_channels: int
    texture_margin: int
    stage_strides: list[int]
    stage_kernels: list[int]
    stage_channels: list[int]
    stage_grid_channels: list[int]

    @property
    def has_embeddings(self) -> bool:
        """'HNERV and VAST have embeddings'; 'NERV and ENERV have none'."""
        return self.backbone in (HNERV, VAST)

    @property
    def scale(self) -> int:
        """'the product of all strides, and for VAST times 2'."""
        return math.prod(self.stage_strides) * (2 if self.backbone == VAST else 1)

    @property
    def coded_height(self) -> int:
        """'coded_height is base_height times the product of all strides, and for VAST times 2'."""
        return self.base_height * self.scale

    @property
    def coded_width(self) -> int:
        """'coded_width likewise'."""
        return self.base_width * self.scale

    @property
    def num_features(self) -> int:
        """'F = embedding_channels, less 2 if T > 0' (clause 12)."""
        return self.embedding_channels - (2 if self.texture_channels > 0 else 0)

    @property
    def texture_blocks(self) -> tuple[int, int]:
        """'BH = (coded_height + 2 * texture_margin + 7) div 8 from top to bottom and BW = (coded_width +
        2 * texture_margin + 7) div 8 from left to right' (clause 12)."""
        bh = (self.coded_height + 2 * self.texture_margin + 7) // 8
        bw = (self.coded_width + 2 * self.texture_margin + 7) // 8
        return bh, bw

    @property
    def texture_size(self) -> tuple[int, int]:
        """'So the texture has 8 * BH rows and 8 * BW columns.' (clause 13)"""
        bh, bw = self.texture_blocks
        return 8 * bh, 8 * bw


@dataclass(frozen=True)
class Window:
    """A WNDW payload."""

    window_idx: int
    num_parameters: int
    first_frame: int
    num_shared: int
    granularity: int
    max_symbol: int
    time_offset: int
    time_length: int
    level_idx: int
    coder: int
    chunk_lengths: list[int]
    spec: Spec
    layers: list[Layer]
    tensors: list[Tensor]
    step_idx: list[int]
    macs: int


def read_kernels(cursor: Cursor, name: str, count: int) -> list[int]:
    """'1, 3, 5 or 7'."""
    offset = cursor.offset
    kernels = cursor.numbers(name, "u8", count, 1, 7)
    require(all(kernel % 2 == 1 for kernel in kernels), f"{name} is not 1, 3, 5 or 7", offset)
    return kernels


def read_spec(cursor: Cursor, stream: Stream) -> Spec:
    """The network spec and its rules."""
    offset = cursor.offset
    backbone = cursor.choice("backbone", "u8", NERV, VAST)
    activation = cursor.choice("activation", "u8", 0, 1)
    output_activation = cursor.choice("output_activation", "u8", 0, 1)
    num_outputs = cursor.number("num_outputs", "u8", 1, 12)
    base_height = cursor.number("base_height", "u16", 1, 1024)
    base_width = cursor.number("base_width", "u16", 1, 1024)
    base_channels = cursor.number("base_channels", "u16", 1, 4096)
    (head_kernel,) = read_kernels(cursor, "head_kernel", 1)
    num_stages = cursor.number("num_stages", "u8", 1, 8)
    embedding_channels = cursor.number("embedding_channels", "u16", 0, 256)
    pe_levels = cursor.number("pe_levels", "u8", 0, 128)
    pe_base_num = cursor.number("pe_base_num", "u8", 1)
    pe_base_den = cursor.number("pe_base_den", "u8", 1)
    texture_channels = cursor.number("texture_channels", "u8", 0, 16)
    stem_width = cursor.number("stem_width", "u16", 0, 4096)
    token_width = cursor.number("token_width", "u16", 0, 4096)
    modulation_width = cursor.number("modulation_width", "u16", 0, 4096)
    feedforward_width = cursor.number("feedforward_width", "u16", 0, 4096)
    texture_margin = cursor.number("texture_margin", "u16", 0, 1024)
    stage_strides = cursor.numbers("stage_strides", "u8", num_stages, 1, 8)
    stage_kernels = read_kernels(cursor, "stage_kernels", num_stages)
    stage_channels = cursor.numbers("stage_channels", "u16", num_stages, 1, 4096)
    stage_grid_channels = cursor.numbers("stage_grid_channels", "u8", num_stages, 0, 255)

    if backbone in (HNERV, VAST):
        # "HNERV and VAST have embeddings: embedding_channels is at least 1, and pe_levels and stem_width are 0."
        require(embedding_channels >= 1, "HNERV or VAST without embeddings", offset)
        require(pe_levels == 0 and stem_width == 0, "HNERV or VAST with pe_levels or stem_width", offset)
    else:
        # "NERV and ENERV have none: embedding_channels is 0, pe_levels and stem_width are at least 1, and pe_base_den ≤
        # pe_base_num ≤ 2 * pe_base_den."
        require(embedding_channels == 0, "embeddings without HNERV and VAST", offset)
        require(pe_levels >= 1 and stem_width >= 1, "no pe_levels or no stem_width", offset)
        require(pe_base_den <= pe_base_num <= 2 * pe_base_den, "the encoding's base is not within 1..2", offset)
    if backbone == ENERV:
        # "For ENERV token_width, modulation_width and feedforward_width are at least 1 and 4 ≤ base_channels ≤
        # stage_channels[0]"
        require(min(token_width, modulation_width, feedforward_width) >= 1, "a width of ENERV is 0", offset)
        require(4 <= base_channels <= stage_channels[0], "base_channels is not in 4..stage_channels[0]", offset)
    else:
        # "for the others these three widths are 0"
        require(token_width == modulation_width == feedforward_width == 0, "a width of ENERV is not 0", offset)
    # "Only VAST has grids: for the others all stage_grid_channels are 0."
    require(backbone == VAST or not any(stage_grid_channels), "a grid without VAST", offset)
    # "Only VAST may have a texture: for the others texture_channels is 0, and where it is 0 so is texture_margin. With
    # a texture the last two channels of the embeddings are its motion: embedding_channels counts them and is at least
    # 3."
    require(backbone == VAST or texture_channels == 0, "a texture without VAST", offset)
    require(texture_channels > 0 or texture_margin == 0, "a margin without a texture", offset)
    require(texture_channels == 0 or embedding_channels >= 3, "a texture without motion", offset)
    if backbone == VAST:
        # "For VAST num_outputs is the number of samples of all planes in a block of 2 x 2 pixels"
        expected = SAMPLES_OF_BLOCK[stream.chroma_subsampling]
    else:
        # "For the others it is 1 if the video is GRAY and 3 otherwise, RGB or not."
        expected = 1 if stream.chroma_subsampling == GRAY else 3
    require(num_outputs == expected, "num_outputs does not fit", offset)
    spec = Spec(
        backbone,
        activation,
        output_activation,
        num_outputs,
        base_height,
        base_width,
        base_channels,
        head_kernel,
        embedding_channels,
        pe_levels,
        (pe_base_num, pe_base_den),
        stem_width,
        token_width,
        modulation_width,
        feedforward_width,
        texture_channels,
        texture_margin,
        stage_strides,
        stage_kernels,
        stage_channels,
        stage_grid_channels,
    )
    # "They are at least the frame's height and width and at most 32768."
    require(stream.height <= spec.coded_height <= 32768, "coded_height is out of range", offset)
    require(stream.width <= spec.coded_width <= 32768, "coded_width is out of range", offset)
    # "The sum is at most 262144 * coded_height * coded_width."
    coded_pixels = spec.coded_height * spec.coded_width
    require(macs_of(spec) <= 262144 * coded_pixels, "too many multiply-accumulates per pixel", offset)
    limit(coded_pixels <= MAX_PIXELS, f"more than {MAX_PIXELS} pixels of a coded size", offset)
    return spec


def read_window(data: bytes, box: Box, stream: Stream) -> Window:
    """'The payload is a window header, a network spec and the steps.'"""
    cursor = box.payload(data)
    offset = cursor.offset
    window_idx = cursor.number("window_idx", "u32")
    num_parameters = cursor.number("num_parameters", "u32", 1)
    first_frame = cursor.number("first_frame", "u64")
    num_shared = cursor.number("num_shared", "u32")
    num_chunks = cursor.number("num_chunks", "u16", 1, 4096)
    granularity = cursor.choice("granularity", "u8", WEIGHT, TENSOR)
    # "bit 0, wide_symbols"; "The other bits are reserved."
    flags = cursor.number("flags", "u8", 0, 1)
    time_offset = cursor.number("time_offset", "u32")
    time_length = cursor.number("time_length", "u32")
    level_idx = cursor.choice("level_idx", "u8", 0, MAX_LEVEL)
    # "coder is the entropy coder of MASK, SHRD and all CHNK boxes: 0 ANS64, that of clause 9."
    coder = cursor.choice("coder", "u8", ANS64, ANS64)
    cursor.reserved("u16")
    chunk_lengths = cursor.numbers("chunk_lengths", "u32", num_chunks, 1)
    spec = read_spec(cursor, stream)
    # "The frames of a file are fewer than 2^63."
    num_frames = sum(chunk_lengths)
    require(first_frame + num_frames < 2**63, "too many frames", offset + 8)
    # "num_parameters is the S of clause 12, at most 2^30. num_shared is at most S."
    layers = layers_of(spec)
    tensors = tensors_of(layers)
    require(num_parameters == tensors[-1].end, f"num_parameters is not {tensors[-1].end}", offset + 4)
    require(num_parameters <= 2**30, "too many parameters", offset + 4)
    require(num_shared <= num_parameters, "more shared parameters than parameters", offset + 16)
    # "If time_length is 0 it runs over each chunk, and time_offset is 0. Otherwise it runs over time_length frames, of
    # which those of the window are the ones from time_offset on: time_offset plus the window's frames is at most
    # time_length."
    if time_length == 0:
        require(time_offset == 0, "time_offset without time_length", offset + 24)
    else:
        require(time_offset + num_frames <= time_length, "the window's frames are beyond time_length", offset + 24)
    # "With embeddings both are 0."
    require(time_length == 0 or not spec.has_embeddings, "time_length with embeddings", offset + 28)
    # "embedding_channels * base_height * base_width times the frames of any chunk is at most 2^30"
    values = spec.embedding_channels * spec.base_height * spec.base_width * max(chunk_lengths)
    require(values <= 2**30, "too many embedding values in a chunk", offset)
    # "num_tensors is the number of tensors in the layout of clause 12."
    step_idx = cursor.numbers("step_idx", "u8", len(tensors), 0, 255)
    cursor.finish("the steps")
    limit(max(chunk_lengths) <= MAX_CHUNK_FRAMES, f"more than {MAX_CHUNK_FRAMES} frames of a chunk", offset + 36)
    limit(num_parameters <= MAX_PARAMETERS, f"more than {MAX_PARAMETERS} parameters", offset + 4)
    limit(values <= MAX_EMBEDDING_VALUES, f"more than {MAX_EMBEDDING_VALUES} embedding values of a chunk", offset + 36)
    window = Window(
        window_idx,
        num_parameters,
        first_frame,
        num_shared,
        granularity,
        # "wide_symbols: the symbols of SHRD and of the own parameters in CHNK lie within ±32767; otherwise within
        # ±127."
        32767 if flags & WIDE_SYMBOLS else 127,
        time_offset,
        time_length,
        level_idx,
        coder,
        chunk_lengths,
        spec,
        layers,
        tensors,
        step_idx,
        macs_of(spec),
    )
    # "level_idx is the level whose bounds the window keeps (clause 18)."
    check_window_level(window, offset + 32)
    return window
