"""Valid files that every decoder reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from nvcodec.bitstream import MaskGranularity
from nvcodec.bitstream.headers import BOX_HEADER, MAX_PTS
from nvcodec.bitstream.network_spec import Backbone, NetworkSpec, OutputActivation, Stage
from nvcodec.video.format import ChromaSubsampling, ColorRange, LightMetadata
from tools.vectors import metadata, tracks
from tools.vectors.building import build
from tools.vectors.networks import ENERV, HNERV, NERV, TEXTURE, TINY, VAST, gray, silu
from tools.vectors.recipes import FORMAT, StreamRecipe, WindowRecipe
from tools.vectors.sections import explicit_table, two_parameter_table
from tools.vectors.surgery import offset_of
from tools.vectors.vector import Vector

GRAY, YUV420, YUV422 = ChromaSubsampling.GRAY, ChromaSubsampling.YUV420, ChromaSubsampling.YUV422
YUV444, RGB = ChromaSubsampling.YUV444, ChromaSubsampling.RGB
LIMITED = ColorRange.LIMITED
WEIGHT, ROW, TENSOR = MaskGranularity.WEIGHT, MaskGranularity.ROW, MaskGranularity.TENSOR
SMALL = replace(FORMAT, width=8, height=4)
HDR10 = replace(
    FORMAT,
    bit_depth=10,
    color_primaries=9,
    transfer_characteristics=16,
    matrix_coefficients=9,
    color_range=LIMITED,
    light=LightMetadata(34000, 16000, 13250, 34500, 7500, 3000, 15635, 16450, 10_000_000, 50, 1000, 400),
)


def vectors() -> list[Vector]:
    """All of them."""
    finished = [Vector(name, about, build(recipe)) for name, (about, recipe) in RECIPES.items()]
    return [*finished, *_unfinished(), *tracks.valid()]


def one(network: NetworkSpec, seed: int = 0, **fields: object) -> StreamRecipe:
    """A file of one window; fields of the stream are told from those of the window by their names."""
    of_stream = {name: value for name, value in fields.items() if name in StreamRecipe.__dataclass_fields__}
    of_window = {name: value for name, value in fields.items() if name not in of_stream}
    # Their many tensors would each take a large explicit table.
    if network.backbone == Backbone.ENERV or network.texture_channels:
        of_window = {"make_table": two_parameter_table, **of_window}
    return StreamRecipe((WindowRecipe(network, **of_window),), seed=seed, **of_stream)  # type: ignore[arg-type]


DEEP = replace(HNERV, base_height=1, base_width=1, stages=(Stage(2, 3, 4),) * 4 + (Stage(1, 3, 4),) * 4)
KERNELS = replace(HNERV, stages=(Stage(2, 7, 4), Stage(2, 1, 5), Stage(1, 5, 4)), head_kernel=1)
STRIDES = replace(HNERV, base_height=1, base_width=1, stages=(Stage(3, 3, 4), Stage(5, 1, 4), Stage(1, 3, 3)))
EIGHT = replace(NERV, base_height=2, base_width=2, stages=(Stage(8, 3, 3),), head_kernel=7)
ENERV_STRIDES = replace(ENERV, base_height=2, base_width=2, stages=(Stage(3, 3, 9), Stage(2, 5, 5)), head_kernel=1)
BASES = replace(NERV, pe_levels=128, pe_base_num=2, pe_base_den=1)
FLAT_BASE = replace(NERV, pe_levels=9, pe_base_num=255, pe_base_den=254)
TWO_GRIDS = replace(VAST, stages=(Stage(3, 3, 4, 2), Stage(1, 5, 5, 1)))
FULL_BLOCKS = replace(TEXTURE, base_height=4, base_width=4, stages=(Stage(2, 3, 4), Stage(1, 3, 5)), texture_margin=4)
NO_GRIDS = replace(VAST, stages=(Stage(3, 3, 4), Stage(1, 3, 5)))

RECIPES: dict[str, tuple[str, StreamRecipe]] = {
    "hnerv-kernel": ("HNeRV, masks by kernel (clauses 10, 13)", one(HNERV)),
    "hnerv-weight": ("HNeRV, masks by weight (clause 10)", one(HNERV, granularity=WEIGHT)),
    "hnerv-row": ("HNeRV, masks by row, biases with their weights (clause 10)", one(HNERV, granularity=ROW)),
    "hnerv-tensor": ("HNeRV, masks by tensor (clause 10)", one(HNERV, granularity=TENSOR)),
    "nerv-kernel": ("NeRV, masks by kernel, with num_positions in stem.1 (clause 10)", one(NERV)),
    "nerv-weight": ("NeRV, masks by weight", one(NERV, granularity=WEIGHT)),
    "nerv-row": ("NeRV, masks by row", one(NERV, granularity=ROW)),
    "nerv-tensor": ("NeRV, masks by tensor", one(NERV, granularity=TENSOR)),
    "enerv-kernel": ("E-NeRV, masks by kernel (clause 13)", one(ENERV, make_table=explicit_table)),
    "enerv-weight": ("E-NeRV, masks by weight", one(ENERV, granularity=WEIGHT)),
    "enerv-row": ("E-NeRV, masks by row; qkv has no bias (clause 12)", one(ENERV, granularity=ROW)),
    "enerv-tensor": ("E-NeRV, masks by tensor", one(ENERV, granularity=TENSOR)),
    "kappa-0": ("nothing is shared: SHRD without symbols, tables and words (clause 7)", one(HNERV, shared_pct=0)),
    "kappa-1": ("everything is shared: own sections without symbols", one(HNERV, shared_pct=100)),
    "kappa-1-nerv": ("everything is shared: the chunks differ in nothing", one(NERV, shared_pct=100)),
    "kappa-0-enerv": ("nothing is shared", one(ENERV, shared_pct=0, gain=8)),
    "one-frame": (
        "one chunk of one frame: groups of differences without symbols (clause 11)",
        one(HNERV, lengths=(1,), gain=6),
    ),
    "one-frame-nerv": ("one frame: the time 0 / 1 (clause 14)", one(NERV, lengths=(1,))),
    "one-chunk": ("one chunk of four frames", one(HNERV, lengths=(4,), gain=6)),
    "many-chunks": ("nine chunks of one frame", one(HNERV, lengths=(1,) * 9, is_table_shared=True)),
    "unequal-chunks": ("chunks of 1, 5 and 2 frames, with random durations", one(NERV, lengths=(1, 5, 2), duration=0)),
    "gray-8": (
        "gray, 8 bits: one plane and one output (clause 4)",
        one(gray(HNERV), format=replace(FORMAT, chroma_subsampling=GRAY)),
    ),
    "gray-10-limited": (
        "gray, 10 bits, limited range (clause 15)",
        one(gray(NERV), format=replace(FORMAT, bit_depth=10, chroma_subsampling=GRAY, color_range=LIMITED)),
    ),
    "yuv420-10": ("YUV420, 10 bits, odd height (clause 15)", one(HNERV, format=replace(FORMAT, bit_depth=10))),
    "yuv420-12-limited": (
        "YUV420, 12 bits, limited range (clause 15)",
        one(HNERV, format=replace(FORMAT, bit_depth=12, color_range=LIMITED)),
    ),
    "yuv420-odd-limited": (
        "YUV420, odd width and height: chroma over fewer pixels at the edges (clause 15)",
        one(HNERV, format=replace(FORMAT, width=11, height=9, color_range=LIMITED)),
    ),
    "yuv422-odd": (
        "YUV422, odd width, 8 bits",
        one(ENERV, format=replace(FORMAT, width=11, chroma_subsampling=YUV422)),
    ),
    "yuv422-10-limited": (
        "YUV422, 10 bits, limited range",
        one(HNERV, format=replace(FORMAT, bit_depth=10, chroma_subsampling=YUV422, color_range=LIMITED)),
    ),
    "yuv444-8-limited": (
        "YUV444, 8 bits, limited range",
        one(NERV, format=replace(FORMAT, chroma_subsampling=YUV444, color_range=LIMITED)),
    ),
    "yuv444-10": ("YUV444, 10 bits", one(HNERV, format=replace(FORMAT, bit_depth=10, chroma_subsampling=YUV444))),
    "rgb-8": (
        "RGB, 8 bits: planes in the order R, G, B (clause 4)",
        one(HNERV, format=replace(FORMAT, chroma_subsampling=RGB)),
    ),
    "rgb-10-limited": (
        "RGB, 10 bits, limited range: all three planes as luma (clause 15)",
        one(ENERV, format=replace(FORMAT, bit_depth=10, chroma_subsampling=RGB, color_range=LIMITED)),
    ),
    **{
        f"matrix-{code}": (
            f"matrix_coefficients {code} (clause 15)",
            one(HNERV, format=replace(FORMAT, matrix_coefficients=code)),
        )
        for code in (0, 1, 4, 5, 7, 9, 10)
    },
    "tags": (
        "color tags, chroma location and an aspect ratio not in lowest terms change no sample (clauses 4, 15)",
        one(
            HNERV,
            format=replace(
                FORMAT,
                color_primaries=255,
                transfer_characteristics=16,
                chroma_location=6,
                sample_aspect_num=2**31 - 1,
                sample_aspect_den=2**31 - 1,
            ),
        ),
    ),
    "silu-tanh": ("SiLU and TANH (clause 13)", one(silu(HNERV, OutputActivation.TANH))),
    "silu-sigmoid": ("SiLU and SIGMOID", one(silu(NERV))),
    "gelu-sigmoid": ("GELU and SIGMOID", one(replace(NERV, output_activation=OutputActivation.SIGMOID))),
    "enerv-silu": ("E-NeRV with SiLU: the transformer's MLPs keep GELU (clause 13)", one(silu(ENERV), gain=8)),
    "kernels": ("kernels 7, 1, 5 and a head of 1 (clause 13)", one(KERNELS, gain=8)),
    "strides": ("strides 3, 5 and 1; the frame is smaller than the coded size of 15 x 15 (clause 15)", one(STRIDES)),
    "stride-8": ("stride 8, a head of kernel 7", one(EIGHT)),
    "enerv-strides": ("E-NeRV with strides 3, 2 and b = C(0) div 4 (clause 12)", one(ENERV_STRIDES, gain=5)),
    "enerv-bottleneck": ("E-NeRV with C(0) = 7: b = 1", one(replace(ENERV, base_channels=7))),
    "eight-stages": ("eight stages on a grid of one position", one(DEEP, gain=20)),
    "pe-levels-128": ("128 levels of base 2: arguments up to 2^128 pi (clause 14)", one(BASES, lengths=(3, 2))),
    "pe-base": ("base 255/254 of the positional encoding", one(FLAT_BASE, 1)),
    "pe-base-unused": (
        "HNeRV: pe_base_num and pe_base_den have no meaning (clause 6)",
        one(replace(HNERV, pe_base_num=1, pe_base_den=255)),
    ),
    "vast-kernel": ("VAST, masks by kernel: a unit is a channel of the grid (clauses 10, 12, 13, 15)", one(VAST)),
    "vast-weight": ("VAST, masks by weight: also within a channel of the grid", one(VAST, granularity=WEIGHT)),
    "vast-row": ("VAST, masks by row: a unit is a channel of the grid", one(VAST, granularity=ROW)),
    "vast-tensor": ("VAST, masks by tensor: the grid is one", one(VAST, granularity=TENSOR)),
    "vast-kappa-0": ("VAST: each chunk has its own grid", one(VAST, shared_pct=0)),
    "vast-kappa-1": ("VAST: all chunks have the same grid, and differ in their embeddings", one(VAST, shared_pct=100)),
    "vast-no-grids": ("VAST without grids", one(NO_GRIDS)),
    "vast-two-grids": ("VAST with a grid before each stage", one(TWO_GRIDS)),
    "vast-odd": (
        "VAST, odd width and height: blocks over the edges (clause 15)",
        one(TWO_GRIDS, granularity=ROW, format=replace(FORMAT, width=11, height=9)),
    ),
    "vast-10": ("VAST, YUV420, 10 bits", one(VAST, format=replace(FORMAT, bit_depth=10))),
    "vast-444-12": (
        "VAST, YUV444, 12 bits",
        one(replace(VAST, num_outputs=12), format=replace(FORMAT, bit_depth=12, chroma_subsampling=YUV444)),
    ),
    "hdr10": (
        "HDR10: colour tags, mastering display and content light levels, which change no sample (clause 4)",
        one(VAST, format=HDR10),
    ),
    "vast-422-odd": (
        "VAST, YUV422, odd width and height: a block has two chroma samples, one above the other (clause 15)",
        one(replace(VAST, num_outputs=8), format=replace(FORMAT, width=11, chroma_subsampling=YUV422)),
    ),
    "vast-422-10": (
        "VAST, YUV422, 10 bits",
        one(replace(VAST, num_outputs=8), format=replace(FORMAT, bit_depth=10, chroma_subsampling=YUV422)),
    ),
    "vast-444-limited": (
        "VAST, YUV444, limited range, matrix_coefficients 9: neither changes a sample (clause 15)",
        one(
            replace(VAST, num_outputs=12),
            format=replace(FORMAT, chroma_subsampling=YUV444, color_range=LIMITED, matrix_coefficients=9),
        ),
    ),
    "vast-rgb-10": (
        "VAST, RGB, 10 bits: planes in the order R, G, B",
        one(silu(replace(VAST, num_outputs=12)), format=replace(FORMAT, bit_depth=10, chroma_subsampling=RGB)),
    ),
    "vast-gray": ("VAST, gray, odd height", one(gray(VAST), format=replace(FORMAT, chroma_subsampling=GRAY))),
    "vast-texture": (
        "VAST with a texture without a margin, larger than the frame to fill its blocks, all of it shared (clause 12)",
        one(TEXTURE, shared_pct=100, lengths=(3, 2), embedding_range=(20, 8), motion=4),
    ),
    "vast-texture-margin": (
        "VAST, YUV444, 10 bits, two channels of a texture whose margin ends with a block at the right, not at the "
        "bottom; motion that goes beyond its edges (clause 13)",
        one(
            replace(TEXTURE, num_outputs=12, texture_channels=2, texture_margin=3),
            lengths=(2, 2),
            embedding_range=(20, 16),
            motion=24,
            format=replace(FORMAT, bit_depth=10, chroma_subsampling=YUV444),
        ),
    ),
    "vast-texture-blocks": (
        "VAST, masks by tensor: own and shared bands of a texture of two channels, whose margin ends within blocks; "
        "motion over what fills these and beyond the edges (clauses 12, 13)",
        one(
            replace(TEXTURE, texture_channels=2, texture_margin=5),
            granularity=TENSOR,
            lengths=(2, 2),
            embedding_range=(20, 16),
            motion=24,
        ),
    ),
    "vast-texture-full": (
        "VAST with a texture whose margins end with blocks, all of it own: no block more (clause 12)",
        one(FULL_BLOCKS, shared_pct=0, lengths=(1, 1), embedding_range=(20, 8), motion=4),
    ),
    "vast-texture-row": (
        "VAST, masks by row: a unit is a channel of a band of the texture, and each chunk has own ones (clause 10)",
        one(replace(TEXTURE, texture_channels=3, texture_margin=1), granularity=ROW, motion=8),
    ),
    "vast-and-nerv": (
        "windows of VAST and of NeRV: different ways to the same planes",
        StreamRecipe((WindowRecipe(VAST, lengths=(1, 1)), WindowRecipe(NERV, lengths=(1,), first_pts=None))),
    ),
    "time-over-window": ("time_length: time runs over the window (clause 14)", one(NERV, lengths=(2, 3), time=(0, 5))),
    "time-offset": ("time_offset: a window that is part of a longer run", one(ENERV, lengths=(1, 2), time=(7, 20))),
    "wide-symbols": (
        "wide_symbols: symbols up to 32767 (clause 6), one two-parameter table",
        one(NERV, spread=9000, make_table=two_parameter_table, is_table_shared=True),
    ),
    "tables-two-parameter": (
        "two-parameter tables of every section (clause 8)",
        one(HNERV, make_table=two_parameter_table),
    ),
    "tables-shared": (
        "one explicit table for all groups, also the empty ones (clause 7)",
        one(HNERV, is_table_shared=True),
    ),
    "tables-shared-two-parameter": (
        "one two-parameter table for all groups",
        one(NERV, make_table=two_parameter_table, is_table_shared=True),
    ),
    "tables-single": (
        "constant symbols of parameters: SINGLE tables, no words (clauses 8, 9)",
        one(HNERV, is_constant=True, shifts=(0, 0)),
    ),
    "embeddings-constant": (
        "embeddings that never change: SINGLE tables of the differences (clause 11)",
        one(HNERV, lengths=(3,), embedding_range=(100, 0)),
    ),
    "embeddings-extreme": (
        "embeddings that jump between -16383 and 16383: differences up to 32766 (clause 11)",
        one(HNERV, lengths=(4,), embedding_range=(16383, 32766), make_table=two_parameter_table, is_table_shared=True),
    ),
    "own-steps": (
        "own_step_shift from -16 to 16 (clause 11)",
        one(HNERV, shifts=(-16, 16), spread=120, make_table=two_parameter_table),
    ),
    "durations-variable": ("num_durations is num_frames (clause 11)", one(HNERV, lengths=(3, 3), duration=0)),
    "durations-long": ("durations of 2^32 - 1 units", one(NERV, duration=2**32 - 1, time_base=Fraction(1, 2**31 - 1))),
    "time-base-large": ("time_base 2147483647/2 (clause 4)", one(HNERV, time_base=Fraction(2**31 - 1, 2))),
    "pts-negative": (
        "first_pts below 0, gaps between chunks (clause 11)",
        one(NERV, lengths=(1, 1, 2), first_pts=-70, gap=9),
    ),
    "pts-first": ("the first timestamp is -2^62 (clause 11)", one(HNERV, first_pts=-MAX_PTS)),
    "pts-last": ("the file ends at 2^62", one(HNERV, lengths=(2, 1), first_pts=MAX_PTS - 120)),
    "metadata": (
        "metadata in a compressed block (clause 5)",
        one(TINY, 1, gain=4, format=SMALL, metadata=metadata.COMPRESSED),
    ),
    "metadata-empty": ("metadata without pairs", one(TINY, 1, gain=4, format=SMALL, metadata=metadata.stored({}))),
    "metadata-non-ascii": (
        "metadata in UTF-8, an empty value, in a raw block",
        one(TINY, 1, gain=4, format=SMALL, metadata=metadata.stored({"título": "七人の侍 🎞", "empty": ""})),
    ),
    "front-index": (
        "indx behind STRM, then metadata (clause 16)",
        one(HNERV, has_front_index=True, metadata=metadata.stored({"a": "b"})),
    ),
    "incomplete": (
        "is_complete 0, num_source_frames not the number of frames (clause 4)",
        one(HNERV, is_complete=False, num_source_frames=2**63 - 1),
    ),
    "compatible-flags": (
        "unknown bits of compatible_flags are ignored (clause 2)",
        one(TINY, 1, gain=4, format=SMALL, compatible_flags=2**32 - 1),
    ),
    "several-windows": (
        "three windows of different backbones, granularities and lengths; gaps between them (clause 6)",
        StreamRecipe(
            (
                WindowRecipe(HNERV, lengths=(2, 1)),
                WindowRecipe(NERV, ROW, (1,), first_pts=None, gap=5),
                WindowRecipe(silu(ENERV), WEIGHT, (1, 2), 80, first_pts=None, make_table=two_parameter_table),
            )
        ),
    ),
    "levels": (
        "windows of levels 2 and 6: the file has the larger (clause 18)",
        StreamRecipe((WindowRecipe(HNERV, level_idx=2), WindowRecipe(NERV, level_idx=6, first_pts=None))),
    ),
    "level-0": (
        "windows of levels 1 and 0: the file has none (clause 18)",
        StreamRecipe((WindowRecipe(HNERV, level_idx=1), WindowRecipe(NERV, level_idx=0, first_pts=None))),
    ),
    "unknown-boxes": (
        "unknown ancillary boxes before, between and behind windows, one of them empty (clause 3)",
        StreamRecipe(
            (WindowRecipe(HNERV, lengths=(1,)), WindowRecipe(NERV, lengths=(1,), first_pts=None)),
            metadata=metadata.stored({"a": "b"}),
            extra={0: b"anything", 1: b"", 2: b"\0" * 40},
            extra_types={1: b"4 ?~", 2: b" box"},
        ),
    ),
    "no-windows": ("a finished file without windows or frames (clause 17)", StreamRecipe()),
}

_TWO = StreamRecipe(
    (WindowRecipe(HNERV, lengths=(1, 1), gain=6), WindowRecipe(NERV, lengths=(1, 1), first_pts=None)),
    metadata=metadata.stored({"a": "b"}),
    extra={1: b"between"},
)


def _unfinished() -> Iterator[Vector]:
    """Clause 17: what is cut off is not damage."""
    data = build(_TWO)
    second = offset_of(data, b"WNDW", 1)
    yield Vector(
        "unfinished-no-trailer",
        "cut before TRLR: INDX is held against the boxes (clause 17)",
        data[: offset_of(data, b"TRLR")],
    )
    yield Vector("unfinished-trailer-cut", "the last byte is missing", data[:-1])
    yield Vector("unfinished-no-index", "cut before INDX: as good as any other", data[: offset_of(data, b"INDX")])
    yield Vector("unfinished-index-cut", "cut within INDX", data[: offset_of(data, b"INDX") + 60])
    yield Vector(
        "unfinished-short-tail",
        "less than a box header left at the end, whatever it is, ends the file (clause 17)",
        data[: offset_of(data, b"INDX")] + b"x" * (BOX_HEADER.size - 1),
    )
    yield Vector(
        "unfinished-in-chunk",
        "cut within the last chunk: the second window is not whole",
        data[: offset_of(data, b"INDX") - 5],
    )
    yield Vector("unfinished-in-header", "cut within a box header", data[: second + BOX_HEADER.size - 1])
    yield Vector("unfinished-in-window", "cut behind MASK of the second window", data[: offset_of(data, b"SHRD", 1)])
    yield Vector("unfinished-at-window", "cut before the second window", data[:second])
    yield Vector("unfinished-no-windows", "cut within the first window: no windows", data[: offset_of(data, b"MASK")])
    yield Vector("unfinished-only-stream", "ends behind STRM", data[: offset_of(data, b"meta")])
    front = build(replace(_TWO, has_front_index=True, metadata=None))
    yield Vector(
        "unfinished-front-index",
        "indx without INDX: held against nothing but itself (clause 17)",
        front[: offset_of(front, b"INDX")],
    )
