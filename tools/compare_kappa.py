"""Encode one multi-chunk window shared and not shared, and print what sharing costs and saves, in file bytes.

    python tools/compare_kappa.py [--kappa 0.5] [--granularity kernel] > kappa.csv

Uses the demo's clip, size and chunks, and HNeRV. Three encodes: the network without sharing (Naive-split), the same
network with κ shared, and a smaller network without sharing that is aimed at the bits per pixel of the second.
"""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import click

from demo import CHUNK_FRAMES, bundled_clip, open_video
from nvcodec.bitstream import MaskGranularity, NvstReader
from nvcodec.bitstream.network_spec import Backbone
from nvcodec.bitstream.parts import bytes_by_part
from nvcodec.decoder.device import keep_freed_memory
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.pipeline import encode

COLUMNS = (
    "setting,kappa,granularity,parameters_each,parameters_stored,psnr_y,psnr_rgb,file_bytes,mask_bytes,bpp,seconds"
)


@click.command()
@click.option("--kappa", default=0.5, show_default=True)
@click.option(
    "--granularity",
    type=click.Choice([granularity.name.lower() for granularity in MaskGranularity]),
    default="kernel",
    show_default=True,
)
@click.option("--params", default=250_000, show_default=True, help="Parameters per chunk, embeddings included.")
@click.option("--epochs", default=20, show_default=True)
def main(kappa: float, granularity: str, params: int, epochs: int) -> None:
    """Print a CSV."""
    keep_freed_memory()
    settings = EncoderConfig(
        backbone=Backbone.HNERV,
        preset="fast",
        chunk_frames=CHUNK_FRAMES,
        granularity=MaskGranularity[granularity.upper()],
        epochs=epochs,
    )
    click.echo(COLUMNS)
    run("not shared", dataclasses.replace(settings, kappa=0.0, num_parameters=params))
    bpp = run("shared", dataclasses.replace(settings, kappa=kappa, num_parameters=params))
    run("not shared, smaller", dataclasses.replace(settings, kappa=0.0, bpp=bpp))


def run(setting: str, config: EncoderConfig) -> float:
    """Encode once, print a row, and return the bits per pixel."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "clip.nvst"
        with open_video(str(bundled_clip())) as video:
            result = encode(video, target, config)
        with NvstReader(target) as reader:
            mask_bytes = bytes_by_part(reader)["mask"]
    (window,) = result.windows
    num_shared = round(window.kappa * window.num_parameters)
    stored = num_shared + (window.num_parameters - num_shared) * len(window.chunk_lengths)
    click.echo(
        f"{setting},{window.kappa:.4f},{config.granularity.name.lower()},{window.num_parameters},{stored},"
        f"{result.psnr_y:.3f},{result.psnr_rgb:.3f},{result.file_bytes},{mask_bytes},{result.bpp:.4f},{result.seconds:.0f}"
    )
    return result.bpp


if __name__ == "__main__":
    main()
