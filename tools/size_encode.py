"""How much work the encode of an hour of video is, for each preset.

    python -m tools.size_encode [--width 1920] [--height 1080] [--fps 30]

Prints a table in Markdown. An iteration's operations are counted while it runs once, for one chunk; how many iterations
there are follows from the preset. Nothing is timed: hours are what the operations take at a machine's full speed, or
what their bytes take if every operation reads and writes its own in float32, whichever is longer.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from nvcodec.bitstream.network_spec import Backbone
from nvcodec.encoder.config import DEFAULT_CHUNK_S, EncoderConfig
from nvcodec.encoder.sizing import window_kappa, window_network
from nvcodec.networks import build_network
from nvcodec.training.chunk_frames import ChunkFrames
from nvcodec.training.fit import joint_loss
from nvcodec.training.recipe import Recipe
from nvcodec.training.window_model import WindowModel
from nvcodec.video.format import VideoFormat
from tools.speed.counting import Work, count

HOUR_S = 3600
WINDOW_CHUNKS = 4
# What the makers say, dense: bfloat16 operations and bytes a second.
MACHINES = {"H100 SXM": (989e12, 3.35e12), "A100 80 GB": (312e12, 2.04e12), "L4": (121e12, 0.3e12)}
PRESETS = (
    ("draft", Backbone.VAST),
    ("fast", Backbone.VAST),
    ("medium", Backbone.VAST),
    ("slow", Backbone.VAST),
    ("placebo", Backbone.VAST),
    ("paper", Backbone.HNERV),
)


@dataclass(frozen=True)
class Encode:
    """The work of an hour of video.

    Attributes:
        num_parameters: of each network.
        num_iterations: of a window.
        work: of all iterations.
    """

    num_parameters: int
    num_iterations: int
    work: Work


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=1920)
    parser.add_argument("--height", type=int, default=1080)
    parser.add_argument("--fps", type=int, default=30)
    options = parser.parse_args()
    video_format = VideoFormat(options.width, options.height)
    print("| preset | parameters | iterations a window | PFLOP | PB |", *(f" {name} |" for name in MACHINES), sep="")
    print("|---" * (5 + len(MACHINES)) + "|")
    for preset, backbone in PRESETS:
        config = EncoderConfig(preset=preset, backbone=backbone)
        encode = hour_of_video(config, video_format, options.fps)
        hours = [f"{full_speed_hours(encode.work, *machine):.2f} h" for machine in MACHINES.values()]
        work = f"{encode.work.flops / 1e15:.3g} | {encode.work.num_bytes / 1e15:.3g}"
        name = f"{preset} ({backbone.name.lower()})"
        columns = (name, f"{encode.num_parameters / 1e6:.2f} M", encode.num_iterations, work, *hours)
        print("|", " | ".join(str(column) for column in columns), "|", flush=True)


def full_speed_hours(work: Work, flops_per_s: float, bytes_per_s: float) -> float:
    """Hours that the longer of the two takes."""
    return max(work.flops / flops_per_s, work.num_bytes / bytes_per_s) / HOUR_S


def hour_of_video(config: EncoderConfig, video_format: VideoFormat, fps: int) -> Encode:
    """The training of an hour, in windows of four chunks that share what the preset shares, without a texture."""
    preset = config.resolved_preset()
    length = round(DEFAULT_CHUNK_S * fps)
    lengths = [length] * WINDOW_CHUNKS
    spec = window_network(config, video_format, lengths, window_kappa(config, video_format, lengths))
    model = WindowModel(
        build_network(spec),
        [length],
        generator=torch.Generator().manual_seed(0),
        device=torch.device("cpu"),
        encoder_width=preset.encoder_width,
    )
    recipe = replace(preset.recipe, reduced_precision=False)
    num_iterations = recipe.num_epochs(lengths) * recipe.num_iterations(lengths)
    of_chunk = count(_iteration(model, _frames(video_format, length), recipe.batch_size, recipe))
    times = num_iterations * HOUR_S / DEFAULT_CHUNK_S
    return Encode(spec.num_parameters, num_iterations, Work(of_chunk.flops * times, of_chunk.num_bytes * times))


def _iteration(model: WindowModel, chunk: ChunkFrames, batch_size: int, recipe: Recipe) -> Callable[[], object]:
    def run() -> None:
        loss, _ = joint_loss(model, [chunk], {0: torch.arange(batch_size)}, recipe)
        loss.backward()

    return run


def _frames(video_format: VideoFormat, length: int) -> ChunkFrames:
    """A chunk of one gray frame, which is in memory once."""
    shapes = [video_format.plane_shape(idx) for idx in range(video_format.num_planes)]
    return ChunkFrames(
        video_format, tuple(torch.full((1, *shape), 128, dtype=torch.uint8).expand(length, -1, -1) for shape in shapes)
    )


if __name__ == "__main__":
    main()
