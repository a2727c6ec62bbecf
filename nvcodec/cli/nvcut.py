"""``nvcut``: trim a .nvst file at chunk borders, without encoding again. Needs neither torch nor av."""

from __future__ import annotations

from pathlib import Path

import click

from nvcodec import __version__
from nvcodec.bitstream import Limits
from nvcodec.bitstream.editing import cut
from nvcodec.cli.errors import OneLineCommand, report_errors
from nvcodec.cli.formatting import format_bytes
from nvcodec.cli.limits import limit_options
from nvcodec.cli.types import FrameRange, Seconds
from nvcodec.video.selection import Selection


@click.command(
    cls=OneLineCommand,
    context_settings={"help_option_names": ["-h", "--help"]},
    short_help="trim a .nvst file at chunk borders",
)
@click.argument("source", type=click.Path())
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FILE", help="The .nvst file to write."
)
@click.option("--frames", type=FrameRange(), help="Keep frames A up to B.")
@click.option("--start", type=Seconds(), help="Keep what begins at this time or later, e.g. 12.5 or 1:02.")
@click.option("--end", type=Seconds(), help="Keep what begins before this time.")
@click.option("--faststart", is_flag=True, help="Put a copy of the index in front, for reading over a network.")
@limit_options
@click.option("-y", "--overwrite", is_flag=True, help="Replace an existing output.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@click.version_option(__version__, prog_name="nvcut")
@report_errors
def main(
    source: str,
    output: Path,
    frames: tuple[int | None, int | None] | None,
    start: float | None,
    end: float | None,
    faststart: bool,
    overwrite: bool,
    quiet: bool,
    limits: Limits,
) -> None:
    """Trim the .nvst file SOURCE, a path or an address, to the chunks that hold a wanted frame.

    Chunks are copied as they are, so every frame stays exactly as it was, and more than asked for may stay; the command
    says which. Audio and subtitles that begin in their time go along. nvinfo --chunks shows where chunks begin. Times
    count from the first frame of SOURCE, and the result begins at 0.
    """
    first_frame, end_frame = frames or (None, None)
    selection = Selection(first_frame or 0, end_frame, start, end)
    result = cut(source, output, selection, overwrite=overwrite, faststart=faststart, limits=limits)
    if quiet:
        return
    for warning in result.warnings:
        click.echo(f"nvcut: warning: {warning}", err=True)
    last_frame = result.first_frame + result.num_frames - 1
    click.echo(
        f"kept frames {result.first_frame}-{last_frame}, {result.start_s:.3f} s to {result.end_s:.3f} s, "
        f"{format_bytes(result.file_bytes)}",
        err=True,
    )
