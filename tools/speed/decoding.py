"""How fast files become frames: weights, playing, seeking."""

from __future__ import annotations

import io
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from nvcodec.bitstream import NvstReader
from nvcodec.bitstream.network_spec import Backbone, NetworkSpec
from nvcodec.decoder.decoding import decode
from nvcodec.decoder.device import resolve_device
from nvcodec.decoder.precision import is_bfloat16_fast
from nvcodec.decoder.reconstruction import ChunkReconstructor
from nvcodec.decoder.video_decoder import VideoDecoder
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.sizing import window_network
from nvcodec.networks import NetworkDesign, solve_network
from nvcodec.video.format import VideoFormat
from tools.speed.counting import count
from tools.speed.figures import Figure
from tools.speed.files import FRAME_RATE, random_file
from tools.speed.machine import copy_bandwidth, peak_flops
from tools.speed.timing import Case, in_turn

HD, FULL_HD = VideoFormat(1280, 720), VideoFormat(1920, 1080)
CHUNK_FRAMES, PLAYED_FRAMES = 5 * FRAME_RATE, 2 * FRAME_RATE
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
    device, figures = resolve_device("auto"), []
    evaluations = (False, True) if is_bfloat16_fast(device) else (False,)
    for preset, margin in (("draft", None), ("fast", None), ("fast", MARGIN)):
        spec = default_network(preset, margin)
        name = f"{preset}, {spec.num_parameters // 1000} k parameters{'' if margin is None else ' with a texture'}"
        work = count(frame(preset, margin, False))
        cases = {
            (fast, output): Case(frame if output == "network alone" else play, (preset, margin, fast, output))
            for fast in evaluations
            for output in ("network alone", "no output", "y4m", "lossless mkv")
        }
        names = {f"{'fast' if fast else 'full'}, {output}": case for (fast, output), case in cases.items()}
        for what, seconds in in_turn(names, 3).items():
            is_alone = "alone" in what
            num_frames = 1 if is_alone else PLAYED_FRAMES
            dtype = torch.bfloat16 if what.startswith("fast") else torch.float32
            note = work.bound(peak_flops(dtype, device), copy_bandwidth(device), seconds) if is_alone else ""
            figures.append(Figure("playing", f"{name}: {what}", num_frames / seconds, "fps", note))
    return figures


def frame(preset: str, margin: int | None, fast: bool, output: str = "") -> Callable[[], object]:
    """One frame's evaluation."""
    with NvstReader(io.BytesIO(random_file(default_network(preset, margin), HD, (CHUNK_FRAMES,)))) as reader:
        window = reader.read_window(0)
        device = resolve_device("auto")
        network = ChunkReconstructor(window, reader.read_chunk(0, 0, window), HD, device, fast=fast)
    return lambda: network.output(0)


def play(preset: str, margin: int | None, fast: bool, output: str) -> Callable[[], object]:
    """A whole decode of one chunk."""
    data = random_file(default_network(preset, margin), HD, (PLAYED_FRAMES,))
    folder = tempfile.TemporaryDirectory()
    target = {"no output": None, "y4m": "out.y4m", "lossless mkv": "out.mkv"}[output]

    def run() -> object:
        path = None if target is None else Path(folder.name) / target
        return decode(data, path, fast=fast, overwrite=True)

    return run


def measure_seeking() -> list[Figure]:
    """Frames of other chunks than the last with an open decoder, 1280x720, preset fast."""
    figures = []
    for fast in (False, True):
        data = random_file(default_network("fast", MARGIN), HD, (CHUNK_FRAMES,) * 8, kappa=0.5)
        decoder, times = VideoDecoder(data, device="auto", fast=fast), []
        order = random.Random(0)
        for _ in range(25):
            position = order.randrange(len(decoder))
            start = time.perf_counter()
            decoder.get_frame_at(position)
            times.append(time.perf_counter() - start)
        what = "fast" if fast else "full"
        figures.append(Figure("seeking", f"{what}, median", statistics.median(times[1:]), "s"))
        figures.append(Figure("seeking", f"{what}, slowest of 24", max(times[1:]), "s"))
    return figures


def default_network(preset: str, margin: int | None) -> NetworkSpec:
    """Of one chunk at 1280x720."""
    config = replace(EncoderConfig(), preset=preset)
    return window_network(config, HD, (CHUNK_FRAMES,), 1.0, margin, 0 if margin is None else 1)
