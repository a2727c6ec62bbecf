"""``nvcat``: join .nvst files without encoding again. Needs neither torch nor av."""

from __future__ import annotations

from pathlib import Path

import click

from nvcodec import __version__
from nvcodec.bitstream import Limits
from nvcodec.bitstream.editing import concatenate
from nvcodec.cli.errors import OneLineCommand, report_errors
from nvcodec.cli.formatting import format_bytes
from nvcodec.cli.limits import limit_options


@click.command(
    cls=OneLineCommand, context_settings={"help_option_names": ["-h", "--help"]}, short_help="join .nvst files"
)
@click.argument("sources", type=click.Path(), nargs=-1, required=True)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FILE", help="The .nvst file to write."
)
@click.option("--faststart", is_flag=True, help="Put a copy of the index in front, for reading over a network.")
@limit_options
@click.option("-y", "--overwrite", is_flag=True, help="Replace an existing output.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@click.version_option(__version__, prog_name="nvcat")
@report_errors
def main(sources: tuple[str, ...], output: Path, faststart: bool, overwrite: bool, quiet: bool, limits: Limits) -> None:
    """Join the .nvst files SOURCES, paths or addresses, one behind the other.

    They have the same size, format, time base and tracks. Chunks, audio and subtitles are copied as they are, so every
    frame stays exactly as it was; each file begins where the one before it ends. Of an unfinished file the whole
    windows are taken.
    """
    result = concatenate(sources, output, overwrite=overwrite, faststart=faststart, limits=limits)
    if quiet:
        return
    for warning in result.warnings:
        click.echo(f"nvcat: warning: {warning}", err=True)
    files = "1 file" if len(sources) == 1 else f"{len(sources)} files"
    click.echo(
        f"{result.num_frames} frames of {files}, {result.end_s:.3f} s, {format_bytes(result.file_bytes)}", err=True
    )
