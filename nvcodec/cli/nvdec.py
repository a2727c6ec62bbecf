"""``nvdec``: decode a .nvst file into a video.

PyTorch, PyAV and rich load when there is something to decode, so that help and wrong uses are told at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from nvcodec import __version__
from nvcodec.bitstream import Limits, NvstReader, SequentialReader
from nvcodec.bitstream.source import source_name
from nvcodec.cli.errors import OneLineCommand, report_errors
from nvcodec.cli.formatting import format_duration
from nvcodec.cli.limits import limit_options
from nvcodec.cli.types import FrameRange, Seconds
from nvcodec.video.selection import Selection

if TYPE_CHECKING:
    from nvcodec.decoder.decoding import DecodeProgress, DecodeResult


@click.command(
    cls=OneLineCommand,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    short_help="decode a .nvst file into a video",
)
@click.argument("source", type=click.Path())
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    metavar="FILE",
    help="Video to write: .y4m, .yuv (no header), any container, a folder for PNGs, or - for y4m on standard output.",
)
@click.option(
    "--codec",
    metavar="NAME",
    help="For containers: libx264, libx265, libsvtav1, libvpx-vp9 or ffv1.  [default: what the container takes]",
)
@click.option("--crf", type=float, help="Quality for the codec, e.g. 18; smaller is better.  [default: lossless]")
@click.option("--frames", type=FrameRange(), help="Decode only frames A up to B.")
@click.option("--start", type=Seconds(), help="Decode from this time on, e.g. 12.5 or 1:02.")
@click.option("--end", type=Seconds(), help="Decode up to this time.")
@click.option("--md5", is_flag=True, help="Print the MD5 of all decoded samples.")
@click.option("--verify", is_flag=True, help="Check every checksum, print a hash of all integers.")
@click.option("--recover", is_flag=True, help="Decode what damage has left; tell which frames are missing.")
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads.  [default: all cores]")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", help="Where to reconstruct.")
@click.option("--fast", is_flag=True, help="Reconstruct in bfloat16 where that is faster; samples differ a bit.")
@click.option("--no-audio", is_flag=True, help="Leave audio out.")
@click.option("--no-subtitles", is_flag=True, help="Leave subtitles out.")
@limit_options
@click.option("-y", "--overwrite", is_flag=True, help="Replace an existing output.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors and what was asked for.")
@click.version_option(__version__, prog_name="nvdec")
@report_errors
def main(
    source: str,
    output: str | None,
    codec: str | None,
    crf: float | None,
    frames: tuple[int | None, int | None] | None,
    start: float | None,
    end: float | None,
    md5: bool,
    verify: bool,
    recover: bool,
    threads: int | None,
    device: str,
    fast: bool,
    no_audio: bool,
    no_subtitles: bool,
    overwrite: bool,
    quiet: bool,
    limits: Limits,
) -> None:
    """Decode the .nvst file SOURCE, a path, an address such as https://… or - for standard input, into a video."""
    if output is None and not (md5 or verify):
        raise click.UsageError("nothing to do: give an output with -o, or --md5, or --verify")
    if output is None and (codec is not None or crf is not None):
        raise click.UsageError("--codec and --crf say how a video is written: give an output with -o")
    if verify and recover:
        raise click.UsageError("--verify wants a sound file and --recover a damaged one: give one of them")
    if verify:
        digest = _verify(source, limits, is_read_again=output is not None or md5)
        click.echo(f"INTEGERS={digest}", err=output == "-")
        if not quiet:
            click.echo(f"{source_name(source)}: all checksums and integers are sound", err=True)
    if output is None and not md5:
        return
    from nvcodec.decoder.decoding import decode
    from nvcodec.decoder.device import keep_freed_memory

    keep_freed_memory()
    first_frame, end_frame = frames or (None, None)
    selection = Selection(first_frame or 0, end_frame, start, end)
    with _progress(quiet) as progress:
        result = decode(
            source,
            output,
            selection=selection,
            device=device,
            threads=threads,
            fast=fast,
            md5=md5,
            recover=recover,
            codec=codec,
            crf=crf,
            audio=not no_audio,
            subtitles=not no_subtitles,
            overwrite=overwrite,
            limits=limits,
            progress=progress,
        )
    if result.md5 is not None:
        click.echo(f"MD5={result.md5}", err=output == "-")
    if not quiet:
        _summarise(source, result)


def _verify(source: str, limits: Limits, is_read_again: bool) -> str:
    if source != "-":
        with NvstReader(source, limits) as reader:
            return reader.verify()
    if is_read_again:
        raise click.UsageError("standard input is there only once: give either --verify or an output or --md5")
    return SequentialReader(sys.stdin.buffer, limits).verify()


def _summarise(source: str, result: DecodeResult) -> None:
    for warning in result.warnings:
        click.echo(f"nvdec: warning: {warning}", err=True)
    for missing in result.missing:
        click.echo(f"nvdec: warning: {missing}", err=True)
    if result.is_complete is False:
        click.echo(f"nvdec: warning: {source_name(source)}: unfinished, it has fewer frames than its source", err=True)
    fps = result.num_frames / result.seconds
    click.echo(
        f"{result.num_frames} frames in {format_duration(result.seconds)}, {fps:.1f} fps on {result.device}", err=True
    )


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[DecodeProgress], None] | None]:
    """A live bar with the speed on a terminal, nothing elsewhere: a decode is short and its summary has the speed."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        BarColumn(bar_width=24),
        TextColumn("{task.completed}{task.fields[of]} frames, {task.fields[fps]:.1f} fps,"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task("decode", total=None, of="", fps=0.0)

        def show(state: DecodeProgress) -> None:
            of = "" if state.num_frames is None else f"/{state.num_frames}"
            bar.update(task, total=state.num_frames, completed=state.num_done, of=of, fps=state.fps)

        yield show
