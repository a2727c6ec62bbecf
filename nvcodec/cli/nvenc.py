"""``nvenc``: encode a video into a .nvst file."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from nvcodec import __version__
from nvcodec.bitstream import MaskGranularity
from nvcodec.bitstream.network_spec import Backbone
from nvcodec.cli.encode_display import EncodeDisplay, JsonDisplay, LiveDisplay, PlainDisplay, QuietDisplay
from nvcodec.cli.errors import OneLineCommand, report_errors
from nvcodec.cli.types import ChunkLength, ChunkLengthType, Duration, FrameRange, Kappa, Quantity, Seconds
from nvcodec.decoder.device import keep_freed_memory
from nvcodec.encoder.config import AUTOMATIC, DEFAULT_CHUNK_S, EncoderConfig
from nvcodec.encoder.following import train_along
from nvcodec.encoder.pipeline import encode
from nvcodec.encoder.presets import PRESETS
from nvcodec.sharing.selection import MaskThreshold
from nvcodec.training.processes import joined
from nvcodec.video.source import open_source

INTERRUPTED = 130


@click.command(
    cls=OneLineCommand,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    short_help="encode a video into a .nvst file",
)
@click.argument("source", type=click.Path())
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FILE", help="The .nvst file to write."
)
@click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    help="Effort: draft is a preview, paper the papers' own recipe (days on a CPU; not for vast).  "
    "[default: medium; with --max-time the one that suits the time]",
)
@click.option(
    "--backbone",
    type=click.Choice([backbone.name.lower() for backbone in Backbone]),
    default=EncoderConfig.backbone.name.lower(),
    help="Architecture of the networks.",
)
@click.option("--params", type=Quantity(), help="Parameters per chunk, e.g. 1.5M, embeddings included.")
@click.option("--bpp", type=click.FloatRange(min=0, min_open=True), help="Bits per pixel to aim at instead.")
@click.option("--bitrate", type=Quantity(), help="Bits per second to aim at instead, e.g. 800k.")
@click.option("--target-size", type=Quantity(), help="Bytes of the file to aim at instead, e.g. 20M or 20MiB.")
@click.option(
    "--psnr", type=click.FloatRange(min=0, min_open=True), help="Mean luma PSNR in dB to aim at instead, e.g. 38."
)
@click.option(
    "--quality",
    type=click.FloatRange(0, 100),
    help="What quality is worth, instead: bits go where they gain most. 50 is about 34 dB in a typical video, ten more "
    "are 3 dB and 2.5 times the bits.",
)
@click.option(
    "--lmbda",
    type=click.FloatRange(min=0, min_open=True),
    help="Minimise distortion + lmbda * bpp; --bpp then only sizes the network.  [default: by the aim or the size]",
)
@click.option(
    "--chunk",
    type=ChunkLengthType(),
    default=f"{DEFAULT_CHUNK_S:g}s",
    help="Length of a chunk, the unit of random access: seconds (5s) or frames (120).",
)
@click.option("--fixed-chunks", is_flag=True, help="Cut chunks on a fixed grid instead of at scene cuts.")
@click.option(
    "--kappa",
    type=Kappa(),
    show_default="auto",
    help="Fraction of the parameters that the chunks of a scene share; auto shares whole layers, as many as pay "
    "(preset paper: 0.5).",
)
@click.option(
    "--mask-granularity",
    type=click.Choice([granularity.name.lower() for granularity in MaskGranularity]),
    default=EncoderConfig.granularity.name.lower(),
    help="What is shared together if --kappa is given.",
)
@click.option(
    "--mask-threshold",
    type=click.Choice([threshold.value for threshold in MaskThreshold]),
    default=EncoderConfig.threshold.value,
    help="Choose the shared parameters over all of the network or within each tensor.",
)
@click.option("--epochs", type=click.IntRange(min=1), help="Passes over the frames.  [default: the preset's]")
@click.option(
    "--max-time", type=Duration(), metavar="TIME", help="Time for everything instead of epochs, e.g. 90s, 10m or 1h30m."
)
@click.option("--frames", type=FrameRange(), help="Encode only frames A up to B.")
@click.option("--start", type=Seconds(), help="Encode from this time on, e.g. 12.5 or 1:02.")
@click.option("--end", type=Seconds(), help="Encode up to this time.")
@click.option("--crop", metavar="WxH[+X+Y]", help="Encode only this part of the picture; without +X+Y its middle.")
@click.option("--scale", metavar="WxH|FACTOR", help="Scale the (cropped) video first, e.g. 640x360 or 0.5.")
@click.option("--deinterlace", is_flag=True, help="Make interlaced video progressive (bwdif), at the same frame rate.")
@click.option("--no-audio", is_flag=True, help="Leave audio out.")
@click.option("--no-subtitles", is_flag=True, help="Leave subtitles out.")
@click.option("--recon", type=click.Path(path_type=Path), metavar="FILE", help="Also write the decoded video here.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=EncoderConfig.seed, help="Same seed, same file, with as many threads."
)
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads for each window.  [default: all cores]")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", help="Where to train.")
@click.option("--deterministic", is_flag=True, help="Same seed, same file also on a GPU, if more slowly.")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Windows that are encoded at once, each by a process on a share of the cores (--threads: on so many), "
    "or on a GPU of its own.  [default: 1; with --cluster as many as fit]",
)
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Encode windows on the machines of a Ray cluster, ray://host:port or auto, each on --threads (default 1) CPUs "
    "or on a GPU.",
)
@click.option(
    "--max-memory",
    type=Quantity(is_bytes=True),
    default="4G",
    help="Bound on the source frames held at once; longer scenes become several windows.",
)
@click.option("--faststart", is_flag=True, help="Put a copy of the index in front, for reading over a network.")
@click.option("--strict", is_flag=True, help="Refuse damaged input instead of encoding what is sound.")
@click.option(
    "--resume", is_flag=True, help="Go on from what an earlier encode left of the output, also within a window."
)
@click.option("-y", "--overwrite", is_flag=True, help="Replace an existing output.")
@click.option("--json", "as_json", is_flag=True, help="Progress and result as JSON lines on standard output.")
@click.option("-v", "--verbose", count=True, help="Tell more.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@click.version_option(__version__, prog_name="nvenc")
@report_errors
def main(
    source: str,
    output: Path,
    preset: str | None,
    backbone: str,
    params: int | None,
    bpp: float | None,
    bitrate: int | None,
    target_size: int | None,
    psnr: float | None,
    quality: float | None,
    lmbda: float | None,
    chunk: ChunkLength,
    fixed_chunks: bool,
    kappa: float | None,
    mask_granularity: str,
    mask_threshold: str,
    epochs: int | None,
    max_time: float | None,
    frames: tuple[int | None, int | None] | None,
    start: float | None,
    end: float | None,
    crop: str | None,
    scale: str | None,
    deinterlace: bool,
    no_audio: bool,
    no_subtitles: bool,
    recon: Path | None,
    seed: int,
    threads: int | None,
    device: str,
    deterministic: bool,
    workers: int | None,
    cluster: str | None,
    max_memory: int,
    faststart: bool,
    strict: bool,
    resume: bool,
    overwrite: bool,
    as_json: bool,
    verbose: int,
    quiet: bool,
) -> None:
    """Encode the video SOURCE into a .nvst file.

    SOURCE is a video file, a folder or pattern of images, or - for y4m on standard input. Ctrl-C once ends training
    and closes a valid file; twice stops at once and keeps what is whole. The same command with --resume goes on from
    there, and from what a killed encode left.

    Under torchrun several processes, or GPUs, train the chunks of a window together: torchrun --nproc-per-node 2
    --no-python nvenc ... --threads 1
    """
    if resume and overwrite:
        raise click.UsageError("--resume and -y exclude each other: one keeps what is there, the other does not.")
    config = EncoderConfig(
        backbone=Backbone[backbone.upper()],
        num_parameters=params,
        bpp=bpp,
        bitrate=bitrate,
        target_bytes=target_size,
        psnr=psnr,
        quality=quality,
        lmbda=lmbda,
        chunk_s=DEFAULT_CHUNK_S if chunk.seconds is None else chunk.seconds,
        chunk_frames=chunk.frames,
        fixed_chunks=fixed_chunks,
        kappa=kappa,
        granularity=MaskGranularity[mask_granularity.upper()],
        threshold=MaskThreshold(mask_threshold),
        preset=preset or (EncoderConfig.preset if max_time is None else AUTOMATIC),
        epochs=epochs,
        max_time_s=max_time,
        seed=seed,
        threads=threads,
        device=device,
        deterministic=deterministic,
        max_memory_bytes=max_memory,
    )
    config.validate()
    keep_freed_memory()
    with joined(device) as processes:
        if processes.count > 1 and source == "-":
            raise click.UsageError("standard input is there for one process only; give a file")
        video = open_source(
            source,
            frames=frames,
            start_s=start,
            end_s=end,
            crop=crop,
            scale=scale,
            deinterlace=deinterlace,
            strict=strict,
            audio=not no_audio,
            subtitles=not no_subtitles,
        )
        if not processes.is_first:
            # The first one decides when to stop.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            with video:
                train_along(video, config, processes)
            return
        with video, _stop_on_interrupt() as stop, _display(as_json, quiet, verbose) as display:
            result = encode(
                video,
                output,
                config,
                progress=display.update,
                should_stop=stop.is_set,
                overwrite=overwrite,
                resume=resume,
                recon=recon,
                faststart=faststart,
                workers=workers,
                cluster=cluster,
                processes=processes,
            )
            display.finish(result)
    if not quiet:
        for warning in result.warnings:
            click.echo(f"nvenc: warning: {warning}", err=True)
    if not result.is_complete:
        sys.exit(INTERRUPTED)


def _display(as_json: bool, quiet: bool, verbose: int) -> EncodeDisplay:
    if as_json:
        return JsonDisplay()
    if quiet:
        return QuietDisplay()
    return LiveDisplay() if sys.stderr.isatty() else PlainDisplay(verbose)


@contextmanager
def _stop_on_interrupt() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C sets; the second is a ``KeyboardInterrupt``."""
    stop = threading.Event()

    def handle(signum: int, frame: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        click.echo("\nnvenc: finishing this window; Ctrl-C again to stop at once", err=True)

    previous = signal.signal(signal.SIGINT, handle)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, previous)
