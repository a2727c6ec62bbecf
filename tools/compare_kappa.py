"""Encode one multi-chunk window with several κ, everything else equal, and print what sharing costs and saves.

    python tools/compare_kappa.py [--kappa 0 --kappa 0.5] [--granularity kernel] > kappa.csv

Uses the demo's clip, size and chunks. Two questions, two rows per κ > 0: the same network shared (fewer bytes, some
quality lost), and a larger network shared to the bytes of κ = 0 (the same bytes, some quality won).
"""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import click
from demo import CHUNK_FRAMES, bundled_clip, open_video

from nvcodec.bitstream import MaskGranularity, NvstReader
from nvcodec.decoder.device import keep_freed_memory
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.pipeline import encode

COLUMNS = (
    "setting,kappa,granularity,parameters_each,parameters_stored,psnr_y,psnr_rgb,file_bytes,mask_bytes,bpp,seconds"
)


@click.command()
@click.option("--kappa", "kappas", multiple=True, type=float, default=(0.0, 0.5), show_default=True)
@click.option(
    "--granularity",
    type=click.Choice([granularity.name.lower() for granularity in MaskGranularity]),
    default="kernel",
    show_default=True,
)
@click.option("--params", default=250_000, show_default=True, help="Parameters per chunk, embeddings included.")
@click.option("--epochs", type=int, help="Epochs.  [default: those of the preset fast]")
def main(kappas: tuple[float, ...], granularity: str, params: int, epochs: int | None) -> None:
    """Print a CSV."""
    keep_freed_memory()
    click.echo(COLUMNS)
    settings = EncoderConfig(
        preset="fast",
        chunk_frames=CHUNK_FRAMES,
        granularity=MaskGranularity[granularity.upper()],
        epochs=epochs,
    )
    for kappa in kappas:
        click.echo(row("same network", settings, kappa=kappa, num_parameters=params))
    bpp = EncoderConfig(preset="fast").resolved_preset().bpp
    for kappa in kappas:
        click.echo(row(f"aimed at {bpp} bpp", settings, kappa=kappa, bpp=bpp))


def row(setting: str, settings: EncoderConfig, **changes: float | int) -> str:
    """Encode once and describe the file."""
    config = dataclasses.replace(settings, **changes)  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "clip.nvst"
        with open_video(str(bundled_clip())) as video:
            result = encode(video, target, config)
        with NvstReader(target) as reader:
            mask_bytes = reader.bytes_by_part()["mask"]
    (window,) = result.windows
    num_shared = round(window.kappa * window.num_parameters)
    stored = num_shared + (window.num_parameters - num_shared) * len(window.chunk_lengths)
    return (
        f"{setting},{window.kappa:.4f},{config.granularity.name.lower()},{window.num_parameters},{stored},"
        f"{result.psnr_y:.3f},{result.psnr_rgb:.3f},{result.file_bytes},{mask_bytes},{result.bpp:.4f},{result.seconds:.0f}"
    )


if __name__ == "__main__":
    main()
