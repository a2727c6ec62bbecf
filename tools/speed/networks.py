"""What is timed of a network: an iteration of its training, a frame, and whole decodes to several outputs."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch

from nvcodec.bitstream import NvstReader
from nvcodec.bitstream.network_spec import NetworkSpec
from nvcodec.decoder.decoding import decode
from nvcodec.decoder.device import resolve_device
from nvcodec.decoder.precision import is_bfloat16_fast
from nvcodec.decoder.reconstruction import ChunkReconstructor
from nvcodec.networks import build_network
from nvcodec.training.chunk_frames import ChunkFrames
from nvcodec.training.fit import fit
from nvcodec.training.recipe import Recipe
from nvcodec.training.window_model import WindowModel
from nvcodec.video.format import VideoFormat
from tools.speed.counting import count
from tools.speed.figures import Figure
from tools.speed.files import noise, random_file
from tools.speed.machine import copy_bandwidth, peak_flops
from tools.speed.timing import Case, in_turn

FRAMES_ALONE = 10
OUTPUTS = {"no output": None, "y4m": "out.y4m", "lossless mkv": "out.mkv"}


def evaluations(device: torch.device) -> tuple[bool, ...]:
    """Whether to be fast: where the device is, both."""
    return (False, True) if is_bfloat16_fast(device) else (False,)


def evaluation_name(fast: bool) -> str:
    """As the format calls it."""
    return "fast" if fast else "full"


def step(
    spec: NetworkSpec, video_format: VideoFormat, batch_size: int, encoder_width: int, is_reduced: bool
) -> Callable[[], object]:
    """One iteration of ``fit`` on noise: of one chunk with so many frames, all of them at once."""
    device, generator = resolve_device("auto"), torch.Generator().manual_seed(0)
    model = WindowModel(
        build_network(spec), (batch_size,), generator=generator, device=device, encoder_width=encoder_width
    )
    chunk = noise_frames(video_format, batch_size)
    recipe = Recipe(epochs=1, batch_size=batch_size, reduced_precision=is_reduced)
    return lambda: fit(model, [chunk], recipe, generator=generator)


def noise_frames(video_format: VideoFormat, num_frames: int) -> ChunkFrames:
    """Frames of noise on the device that is timed."""
    planes = tuple(torch.from_numpy(plane) for plane in noise(video_format, num_frames))
    return ChunkFrames(video_format, planes).to(resolve_device("auto"))


def frame(spec: NetworkSpec, video_format: VideoFormat, fast: bool) -> Callable[[], object]:
    """One frame of a file of noise, as its network gives it."""
    with NvstReader(io.BytesIO(random_file(spec, video_format, (4,)))) as reader:
        window = reader.read_window(0)
        chunk = reader.read_chunk(0, 0, window)
        reconstructor = ChunkReconstructor(window, chunk, video_format, resolve_device("auto"), fast=fast)
    return lambda: reconstructor.output(0)


def frames(spec: NetworkSpec, video_format: VideoFormat, fast: bool) -> Callable[[], object]:
    """Several of them."""
    one = frame(spec, video_format, fast)
    return lambda: [one() for _ in range(FRAMES_ALONE)]


def play(
    spec: NetworkSpec, video_format: VideoFormat, num_frames: int, fast: bool, output: str
) -> Callable[[], object]:
    """A whole decode of one chunk of noise."""
    data = random_file(spec, video_format, (num_frames,))
    folder = tempfile.TemporaryDirectory()
    target = OUTPUTS[output]

    def run() -> object:
        path = None if target is None else Path(folder.name) / target
        return decode(data, path, fast=fast, overwrite=True)

    return run


def measure_decodes(
    bench: str, name: str, spec: NetworkSpec, video_format: VideoFormat, num_frames: int, repeats: int
) -> list[Figure]:
    """Frames a second of a network alone, and of whole decodes of so many frames to every output."""
    device, figures = resolve_device("auto"), []
    for fast in evaluations(device):
        cases = {"network alone": Case(frames, (spec, video_format, fast))}
        for output in OUTPUTS:
            cases[output] = Case(play, (spec, video_format, num_frames, fast, output))
        seconds = in_turn(cases, repeats)
        alone = seconds["network alone"] / FRAMES_ALONE
        note = bound(frame(spec, video_format, fast), torch.bfloat16 if fast else torch.float32, alone)
        what = f"{name}: {evaluation_name(fast)}"
        figures.append(Figure(bench, f"{what}, network alone", 1 / alone, "fps", note))
        figures += [Figure(bench, f"{what}, {output}", num_frames / seconds[output], "fps") for output in OUTPUTS]
    return figures


def bound(run: Callable[[], object], dtype: torch.dtype, seconds: float) -> str:
    """What fraction of the device a computation takes that lasts so long, in words."""
    device = resolve_device("auto")
    return count(run).bound(peak_flops(dtype, device), copy_bandwidth(device), seconds)
