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
FRAMES_ALONE = 10
NUM_CHUNKS, NUM_SEEKS = 8, 24
OUTPUTS = {"no output": None, "y4m": "out.y4m", "lossless mkv": "out.mkv"}
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
    for preset, margin in (("draft", None), ("fast", None), ("fast", MARGIN)):
        spec = default_network(preset, margin)
        name = f"{preset}, {spec.num_parameters // 1000} k parameters{'' if margin is None else ' with a texture'}"
        for fast in _evaluations(device):
            cases = {"network alone": Case(frames, (preset, margin, fast))}
            for output in OUTPUTS:
                cases[output] = Case(play, (preset, margin, fast, output))
            seconds = in_turn(cases, 3)
            dtype = torch.bfloat16 if fast else torch.float32
            alone = seconds["network alone"] / FRAMES_ALONE
            note = count(one_frame(preset, margin, fast)).bound(
                peak_flops(dtype, device), copy_bandwidth(device), alone
            )
            what = f"{name}: {_name(fast)}"
            figures.append(Figure("playing", f"{what}, network alone", 1 / alone, "fps", note))
            figures += [
                Figure("playing", f"{what}, {output}", PLAYED_FRAMES / seconds[output], "fps") for output in OUTPUTS
            ]
    return figures


def one_frame(preset: str, margin: int | None, fast: bool) -> Callable[[], object]:
    """One frame's evaluation."""
    with NvstReader(io.BytesIO(random_file(default_network(preset, margin), HD, (CHUNK_FRAMES,)))) as reader:
        window = reader.read_window(0)
        device = resolve_device("auto")
        network = ChunkReconstructor(window, reader.read_chunk(0, 0, window), HD, device, fast=fast)
    return lambda: network.output(0)


def frames(preset: str, margin: int | None, fast: bool) -> Callable[[], object]:
    """The evaluation of several."""
    one = one_frame(preset, margin, fast)
    return lambda: [one() for _ in range(FRAMES_ALONE)]


def play(preset: str, margin: int | None, fast: bool, output: str) -> Callable[[], object]:
    """A whole decode of one chunk."""
    data = random_file(default_network(preset, margin), HD, (PLAYED_FRAMES,))
    folder = tempfile.TemporaryDirectory()
    target = OUTPUTS[output]

    def run() -> object:
        path = None if target is None else Path(folder.name) / target
        return decode(data, path, fast=fast, overwrite=True)

    return run


def measure_seeking() -> list[Figure]:
    """Frames of other chunks than the last with an open decoder, 1280x720, preset fast."""
    figures, order = [], random.Random(0)
    data = random_file(default_network("fast", MARGIN), HD, (CHUNK_FRAMES,) * NUM_CHUNKS, kappa=0.5)
    for fast in _evaluations(resolve_device("auto")):
        decoder, times, chunk_idx = VideoDecoder(data, device="auto", fast=fast), [], 0
        for _ in range(NUM_SEEKS + 1):
            chunk_idx = (chunk_idx + order.randrange(1, NUM_CHUNKS)) % NUM_CHUNKS
            start = time.perf_counter()
            decoder.get_frame_at(chunk_idx * CHUNK_FRAMES + order.randrange(CHUNK_FRAMES)).data.cpu()
            times.append(time.perf_counter() - start)
        figures.append(Figure("seeking", f"{_name(fast)}, median", statistics.median(times[1:]), "s"))
        figures.append(Figure("seeking", f"{_name(fast)}, slowest of {NUM_SEEKS}", max(times[1:]), "s"))
    return figures


def _evaluations(device: torch.device) -> tuple[bool, ...]:
    """Whether to be fast: where the device is, both."""
    return (False, True) if is_bfloat16_fast(device) else (False,)


def _name(fast: bool) -> str:
    return "fast" if fast else "full"


def default_network(preset: str, margin: int | None) -> NetworkSpec:
    """Of one chunk at 1280x720."""
    config = replace(EncoderConfig(), preset=preset)
    return window_network(config, HD, (CHUNK_FRAMES,), 1.0, margin, 0 if margin is None else 1)
