"""Networks and windows that are well formed and more than the format or a level allows (clauses 6 and 18)."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from nvcodec.bitstream import headers as h
from nvcodec.bitstream.headers import BoxType
from nvcodec.bitstream.network_spec import NetworkSpec, Stage
from nvcodec.bitstream.payloads import pack_network
from tools.vectors import faulty_bases as bases
from tools.vectors.networks import TINY, TINY_NERV, TINY_TEXTURE, TINY_VAST, gray
from tools.vectors.recipes import WindowRecipe
from tools.vectors.surgery import Box, join, take_apart
from tools.vectors.vector import Vector, faulty


def window_faults() -> list[Vector]:
    """Clauses 6 and 18: networks and windows that are well formed and not allowed."""
    half = replace(TINY, base_width=1)
    wide = replace(TINY_NERV, base_width=1024, stages=(Stage(8, 1, 1), Stage(8, 1, 1)))
    scale = replace(TINY_NERV, stages=(Stage(8, 1, 1),) * 8)
    huge = replace(TINY_NERV, base_height=64, base_width=64, base_channels=4096, stem_width=4096)
    heavy = replace(TINY_NERV, stem_width=4096, base_channels=1024, pe_levels=128)
    large = replace(TINY_NERV, base_width=64, base_height=64, stages=(Stage(8, 1, 1), Stage(2, 1, 1)))
    flat = replace(TINY_VAST, base_width=1)
    grids = replace(TINY_VAST, base_height=1024, base_width=1024, stages=(Stage(8, 1, 1), Stage(2, 1, 1, 255)))
    grid = replace(TINY_VAST, base_height=128, base_width=128, stages=(Stage(2, 1, 1, 255),))
    textured = replace(TINY, embedding_channels=3, texture_channels=1)
    margins = replace(TINY_TEXTURE, base_height=128, base_width=128, texture_channels=16, texture_margin=1024)
    textures = replace(margins, stages=(Stage(8, 1, 1), Stage(8, 1, 1)))
    deep = replace(TINY, base_width=8, base_height=8, embedding_channels=256)
    fast = bases.cut(bases.of(WindowRecipe(TINY, duration=1, level_idx=1), time_base=Fraction(1, 2**31 - 1)))
    fast_finished = bases.of(WindowRecipe(TINY, duration=1, level_idx=1), time_base=Fraction(1, 2**31 - 1))
    return [
        faulty(
            "window-coded-size", "the coded size does not cover the frame (clause 6)", stated(half), "does not cover"
        ),
        faulty("window-outputs", "one output for three planes", stated(gray(TINY)), "num_outputs is 1, not 3"),
        *(
            faulty(
                f"window-outputs-vast-{count}",
                f"VAST with {count} outputs for YUV420",
                stated(replace(TINY_VAST, num_outputs=count)),
                f"num_outputs is {count}, not 6",
            )
            for count in (4, 8, 12)
        ),
        faulty(
            "window-coded-size-vast",
            "VAST: twice the positions of its output do not cover the frame",
            stated(flat),
            "does not cover",
        ),
        faulty("window-coded-width", "coded_width above 32768", stated(wide), "coded_width is 65536"),
        faulty("window-coded-height", "eight stages of stride 8", stated(scale), "coded_height is 16777216"),
        faulty("window-parameters", "more than 2^30 parameters", stated(huge), "num_parameters is"),
        faulty(
            "window-parameters-grid",
            "more than 2^30 parameters, nearly all in a grid",
            stated(grids),
            "num_parameters is",
        ),
        faulty(
            "window-parameters-texture",
            "more than 2^30 parameters, nearly all in a texture",
            stated(textures),
            "num_parameters is",
        ),
        faulty(
            "window-texture-hnerv", "HNeRV with a texture", stated(textured), "texture_channels is 1, allowed is 0..0"
        ),
        faulty(
            "window-macs",
            "more than 262144 multiply-accumulates per pixel",
            stated(heavy),
            "multiply-accumulates per pixel is",
        ),
        faulty(
            "window-embeddings",
            "more than 2^30 integers of embeddings in a chunk",
            stated(deep, 2**16 + 1),
            "embedding values in a chunk",
        ),
        faulty(
            "level-pixels",
            "more pixels than level 1 has (clause 18)",
            stated(large, level=1),
            "above its level 1: 1048576 pixels",
        ),
        faulty(
            "level-parameters",
            "more parameters than level 1 has",
            stated(
                replace(
                    TINY_NERV, base_width=64, base_height=8, base_channels=64, stem_width=64, stages=(Stage(8, 1, 1),)
                ),
                level=1,
            ),
            "above its level 1: ",
        ),
        faulty(
            "level-parameters-grid",
            "more parameters than level 1 has, nearly all in a grid",
            stated(grid, level=1),
            "above its level 1: ",
        ),
        faulty(
            "level-parameters-texture",
            "more parameters than level 1 has, nearly all in the margin of a texture",
            stated(margins, level=1),
            "above its level 1: ",
        ),
        faulty(
            "level-memory",
            "more memory than level 1 has",
            stated(deep, 2048, level=1),
            "bytes of memory, allowed are 536870912",
        ),
        faulty(
            "level-speed",
            "more multiply-accumulates per second than level 1 has",
            fast,
            "multiply-accumulates per second",
        ),
        faulty("level-speed-finished", "the same in a finished file", fast_finished, "multiply-accumulates per second"),
    ]


def stated(network: NetworkSpec, length: int = 1, level: int = 0) -> bytes:
    """An unfinished file that ends with the WNDW box of a window of one chunk, for frames of 8 x 4 pixels in colour."""
    fields = {
        "window_idx": 0,
        "num_parameters": min(network.num_parameters, 2**32 - 1),
        "first_frame": 0,
        "num_shared": 0,
        "num_chunks": 1,
        "granularity": 3,
        "flags": 0,
        "time_offset": 0,
        "time_length": 0,
        "level_idx": level,
        "coder": 0,
        "reserved": 0,
        "chunk_lengths": [length],
    }
    steps = h.STEPS.pack({"step_idx": np.zeros(len(network.layout), np.uint8)})
    file_header, boxes = take_apart(bases.of())
    return join(file_header, [boxes[0], Box(BoxType.WINDOW, h.WINDOW.pack(fields) + pack_network(network) + steps)])
