"""``nvreport``: a .nvst file as one HTML page.

PyTorch, PyAV, Jinja and rich load when there is something to report, so that help and wrong uses are told at once.
"""

from __future__ import annotations

from pathlib import Path

import click

from nvcodec import __version__
from nvcodec.bitstream import Limits
from nvcodec.bitstream.whole_file import whole_file
from nvcodec.cli.errors import OneLineCommand, report_errors
from nvcodec.cli.formatting import format_bytes
from nvcodec.cli.frame_display import frame_display
from nvcodec.cli.limits import limit_options


@click.command(
    cls=OneLineCommand,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    short_help="write a page about a .nvst file",
)
@click.argument("file", type=click.Path())
@click.option(
    "--source",
    type=click.Path(),
    metavar="VIDEO",
    help="What FILE was encoded from: for quality and frames side by side.",
)
@click.option("--crop", metavar="WxH[+X+Y]", help="Of the source, as it was encoded.")
@click.option("--deinterlace", is_flag=True, help="The source, as it was encoded.")
@click.option("--log", type=click.Path(path_type=Path), help="What nvenc --json printed: for the training's curves.")
@click.option("--x265", "with_x265", is_flag=True, help="Also encode the source with x265 into as many bytes.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="PAGE",
    help="The page to write.  [default: FILE's name with .html, in this folder]",
)
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads.  [default: all cores]")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", help="Where to decode.")
@limit_options
@click.option("-y", "--overwrite", is_flag=True, help="Replace an existing page.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@click.version_option(__version__, prog_name="nvreport")
@report_errors
def main(
    file: str,
    source: str | None,
    crop: str | None,
    deinterlace: bool,
    log: Path | None,
    with_x265: bool,
    output: Path | None,
    threads: int | None,
    device: str,
    overwrite: bool,
    quiet: bool,
    limits: Limits,
) -> None:
    """Write a page about FILE, a .nvst video, that any browser opens without a network.

    It shows the windows and scene cuts over time, where the bytes go and what the chunks of a window share; with
    --source each frame's PSNR and MS-SSIM and frames side by side; with --log how the training went.
    """
    if file == "-":
        raise click.UsageError("standard input cannot be searched: give a file")
    if with_x265 and source is None:
        raise click.UsageError("--x265 encodes the source: give it with --source")
    from nvcodec.decoder.device import keep_freed_memory, prepare_device
    from nvcodec.report.content import gather
    from nvcodec.report.page import render

    keep_freed_memory()
    torch_device = prepare_device(device, threads)
    page = output or Path(Path(file).with_suffix(".html").name)
    with whole_file(page, overwrite=overwrite) as target, frame_display(quiet) as show:
        content = gather(
            file,
            torch_device,
            source=source,
            crop=crop,
            deinterlace=deinterlace,
            log=log,
            with_x265=with_x265,
            limits=limits,
            progress=show,
        )
        target.write(render(content).encode())
    if not quiet:
        click.echo(f"{page}: {format_bytes(page.stat().st_size)}", err=True)
