"""How fast files become frames: weights, playing, seeking."""

from __future__ import annotations

import io
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import torch

from nvcodec.bitstream import NvstReader
from nvcodec.bitstream.network_spec import Backbone, NetworkSpec
from nvcodec.decoder.device import resolve_device
from nvcodec.decoder.reconstruction import ChunkReconstructor
from nvcodec.decoder.video_decoder import VideoDecoder
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.sizing import window_network
from nvcodec.networks import NetworkDesign, solve_network
from nvcodec.video.format import VideoFormat
from tools.speed.figures import Figure
from tools.speed.files import FRAME_RATE, random_file
from tools.speed.networks import evaluation_name, evaluations, measure_decodes
from tools.speed.timing import Case, in_turn

HD, FULL_HD = VideoFormat(1280, 720), VideoFormat(1920, 1080)
CHUNK_FRAMES, PLAYED_FRAMES = 5 * FRAME_RATE, 2 * FRAME_RATE
NUM_CHUNKS, NUM_SEEKS = 8, 24
MARGIN = 32
"""Of a texture, in pixels."""


def measure_weights() -> list[Figure]:
    """From bytes to a network that can be evaluated, on one core: the paper's 6.5 M parameters."""
    cases = {
        "6.5 M parameters of a chunk": Case(weights, (0.0,), threads=1),
        "the same, half of them shared": Case(weights, (0.5,), threads=1),
    }
    return [Figure("weights", name, seconds, "s") for name, seconds in in_turn(cases, 5).items()]


def weights(kappa: float) -> Callable[[], object]:
    """A file of NeRV at 1920x1080, read up to its first chunk's network."""
    spec = solve_network(
        NetworkDesign.of_authors(Backbone.NERV), FULL_HD.width, FULL_HD.height, 150, 6_500_000, 3, None
    )
    data = random_file(spec, FULL_HD, (150,), kappa)

    def run() -> object:
        with NvstReader(io.BytesIO(data)) as reader:
            window = reader.read_window(0)
            return ChunkReconstructor(window, reader.read_chunk(0, 0, window), FULL_HD, torch.device("cpu"))

    return run


def measure_playing() -> list[Figure]:
    """1280x720 with the networks that the presets draft and fast choose, from the file to several outputs."""
    figures = []
    for preset, margin in (("draft", None), ("fast", None), ("fast", MARGIN)):
        spec = default_network(preset, margin)
        name = f"{preset}, {spec.num_parameters // 1000} k parameters{'' if margin is None else ' with a texture'}"
        figures += measure_decodes("playing", name, spec, HD, PLAYED_FRAMES, 3)
    return figures


def measure_seeking() -> list[Figure]:
    """Frames of other chunks than the last with an open decoder, 1280x720, preset fast."""
    figures, order = [], random.Random(0)
    data = random_file(default_network("fast", MARGIN), HD, (CHUNK_FRAMES,) * NUM_CHUNKS, kappa=0.5)
    for fast in evaluations(resolve_device("auto")):
        decoder, times, chunk_idx = VideoDecoder(data, device="auto", fast=fast), [], 0
        for _ in range(NUM_SEEKS + 1):
            chunk_idx = (chunk_idx + order.randrange(1, NUM_CHUNKS)) % NUM_CHUNKS
            start = time.perf_counter()
            decoder.get_frame_at(chunk_idx * CHUNK_FRAMES + order.randrange(CHUNK_FRAMES)).data.cpu()
            times.append(time.perf_counter() - start)
        figures.append(Figure("seeking", f"{evaluation_name(fast)}, median", statistics.median(times[1:]), "s"))
        figures.append(Figure("seeking", f"{evaluation_name(fast)}, slowest of {NUM_SEEKS}", max(times[1:]), "s"))
    return figures


def default_network(preset: str, margin: int | None) -> NetworkSpec:
    """Of one chunk at 1280x720."""
    config = replace(EncoderConfig(), preset=preset)
    return window_network(config, HD, (CHUNK_FRAMES,), 1.0, margin, 0 if margin is None else 1)
