"""Encode and decode the first frames of videos and compare the result with the videos and with their mean frames.

    python tools/clip_report.py --preset fast --max-frames 50 --pictures DIR CLIP... > report.md

The mean frame of a chunk is what a codec without any model of motion or detail would show for all of it; its PSNR is
the floor that an encode has to beat. Checks that size, number of frames, times and colour tags survive.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
import numpy as np
import torch

from demo import DIFFERENCE_GAIN, rgb_of, save_picture
from nvcodec.decoder.decoding import decode
from nvcodec.decoder.device import keep_freed_memory
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.pipeline import encode
from nvcodec.encoder.presets import PRESETS
from nvcodec.metrics import frame_psnr
from nvcodec.video.format import ChromaSubsampling, VideoFormat
from nvcodec.video.frame import Frame
from nvcodec.video.source import open_source


@click.command()
@click.argument("clips", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--preset", type=click.Choice(list(PRESETS)), default="fast", show_default=True)
@click.option("--max-frames", default=50, show_default=True)
@click.option("--chunk-frames", default=25, show_default=True)
@click.option("--pictures", type=click.Path(path_type=Path), help="Folder for source, decoded, difference x8.")
def main(clips: tuple[Path, ...], preset: str, max_frames: int, chunk_frames: int, pictures: Path | None) -> None:
    """Print a Markdown table, a row per clip."""
    keep_freed_memory()
    click.echo("| clip | format | frames | chunks | bpp | PSNR Y | mean frame | gain | encode s | decode fps | kept |")
    click.echo("|---|---|---|---|---|---|---|---|---|---|---|")
    for clip in clips:
        config = EncoderConfig(preset=preset, chunk_frames=chunk_frames)
        click.echo(report(clip, config, max_frames, pictures))


def report(clip: Path, config: EncoderConfig, max_frames: int, pictures: Path | None) -> str:
    """One row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        target, decoded_path = Path(folder) / "clip.nvst", Path(folder) / "decoded.mkv"
        with open_source(clip, frames=(0, max_frames)) as source:
            video_format, time_base = source.format, source.time_base
            encoded = encode(source, target, config)
        result = decode(target, decoded_path)
        with open_source(clip, frames=(0, max_frames)) as source:
            frames = list(source)
        with open_source(decoded_path) as source:
            decoded = list(source)
            kept = what_is_kept(frames, video_format, time_base, decoded, source.format, source.time_base)
    if pictures is not None:
        pictures.mkdir(parents=True, exist_ok=True)
        draw(frames, decoded, video_format, pictures / f"{clip.stem}.png")
    quality = np.mean([luma_psnr(a, b, video_format) for a, b in zip(frames, decoded, strict=True)])
    lengths = [length for window in encoded.windows for length in window.chunk_lengths]
    floor = mean_frame_psnr(frames, lengths, video_format)
    windows = " / ".join("+".join(map(str, window.chunk_lengths)) for window in encoded.windows)
    size = f"{video_format.width}x{video_format.height} {video_format.chroma_subsampling.name} {video_format.bit_depth}"
    return (
        f"| {clip.name} | {size} | {len(frames)} | {windows} | {encoded.bpp:.3f} | {quality:.2f} | {floor:.2f} | "
        f"{quality - floor:+.2f} | {encoded.seconds:.0f} | {result.num_frames / result.seconds:.1f} | {kept} |"
    )


def what_is_kept(frames, video_format, time_base, decoded, decoded_format, decoded_time_base) -> str:  # type: ignore[no-untyped-def]
    """``all``, or what differs between the source and the decoded video (times within Matroska's millisecond)."""
    times = [float(frame.pts * time_base) for frame in frames]
    decoded_times = [float(frame.pts * decoded_time_base) for frame in decoded]
    tags = ("color_primaries", "transfer_characteristics", "matrix_coefficients", "color_range")
    checks = {
        "size": (video_format.width, video_format.height) == (decoded_format.width, decoded_format.height),
        "depth": video_format.bit_depth == decoded_format.bit_depth,
        "subsampling": video_format.chroma_subsampling == decoded_format.chroma_subsampling,
        "frames": len(frames) == len(decoded),
        "times": len(times) == len(decoded_times) and np.allclose(times, decoded_times, atol=0.001),
        "tags": all(getattr(video_format, tag) == getattr(decoded_format, tag) for tag in tags),
    }
    return ", ".join(f"not {name}" for name, holds in checks.items() if not holds) or "all"


def luma(frame: Frame, video_format: VideoFormat) -> np.ndarray:
    """The luma plane, or all three planes of RGB, as float64."""
    num_planes = 3 if video_format.chroma_subsampling == ChromaSubsampling.RGB else 1
    return np.stack([plane.astype(np.float64) for plane in frame.planes[:num_planes]])


def luma_psnr(frame: Frame, decoded: Frame, video_format: VideoFormat) -> float:
    """PSNR in dB of one frame."""
    mse = np.mean((luma(frame, video_format) - luma(decoded, video_format)) ** 2)
    return frame_psnr(float(mse), 2**video_format.bit_depth - 1, video_format.bit_depth)


def mean_frame_psnr(frames: list[Frame], chunk_lengths: list[int], video_format: VideoFormat) -> float:
    """Mean over the frames of the PSNR of their chunk's mean frame."""
    values: list[float] = []
    for first, length in zip(np.cumsum([0, *chunk_lengths[:-1]]), chunk_lengths, strict=True):
        chunk = np.stack([luma(frame, video_format) for frame in frames[first : first + length]])
        errors = np.mean((chunk - chunk.mean(axis=0)) ** 2, axis=(1, 2, 3))
        values += [frame_psnr(float(mse), 2**video_format.bit_depth - 1, video_format.bit_depth) for mse in errors]
    return float(np.mean(values))


def draw(frames: list[Frame], decoded: list[Frame], video_format: VideoFormat, path: Path) -> None:
    """Three frames side by side: source, decoded, difference."""
    rows = []
    for position in np.linspace(0, len(frames) - 1, 3).round().astype(int):
        original, result = rgb_of(frames[position], video_format), rgb_of(decoded[position], video_format)
        difference = ((result - original) * DIFFERENCE_GAIN + 0.5).clamp(0, 1)
        rows.append(torch.cat([original, result, difference], dim=3))
    save_picture(torch.cat(rows, dim=2), path)


if __name__ == "__main__":
    main()
