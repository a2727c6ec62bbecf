"""``nvcompare``: how good videos are, beside their source.

PyTorch, PyAV and rich load when there is something to compare, so that help and wrong uses are told at once.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nvcodec import __version__
from nvcodec.bitstream import Limits
from nvcodec.cli.errors import OneLineCommand, report_errors
from nvcodec.cli.formatting import printable, table
from nvcodec.cli.frame_display import frame_display
from nvcodec.cli.limits import limit_options
from nvcodec.cli.types import FrameRange, Seconds
from nvcodec.errors import BitstreamError, ConfigError
from nvcodec.video.format import VideoFormat
from nvcodec.video.selection import Selection

if TYPE_CHECKING:
    from nvcodec.metrics.bd_rate import Delta
    from nvcodec.report.comparison import Comparison

    Deltas = dict[str, dict[str, Delta | None]]

TITLES = ("PSNR Y", "PSNR RGB", "MS-SSIM")


@click.command(
    cls=OneLineCommand,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    short_help="compare videos with their source",
)
@click.argument("source", type=click.Path())
@click.argument("videos", nargs=-1, required=True, metavar="[NAME=]VIDEO...")
@click.option("--frames", type=FrameRange(), help="Only frames A up to B of SOURCE.")
@click.option("--start", type=Seconds(), help="SOURCE from this time on, e.g. 12.5 or 1:02.")
@click.option("--end", type=Seconds(), help="SOURCE up to this time.")
@click.option("--crop", metavar="WxH[+X+Y]", help="Of the source, as it was encoded.")
@click.option("--deinterlace", is_flag=True, help="The source, as it was encoded.")
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads.  [default: all cores]")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", help="Where .nvst files decode.")
@click.option("--json", "as_json", is_flag=True, help="Print everything, each frame's quality too, as JSON.")
@limit_options
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@click.version_option(__version__, prog_name="nvcompare")
@report_errors
def main(
    source: str,
    videos: tuple[str, ...],
    frames: tuple[int | None, int | None] | None,
    start: float | None,
    end: float | None,
    crop: str | None,
    deinterlace: bool,
    threads: int | None,
    device: str,
    as_json: bool,
    quiet: bool,
    limits: Limits,
) -> None:
    """Compare VIDEOs, .nvst files or any others, with SOURCE, of which they were made.

    A video with as many frames as the source is compared frame by frame; one with fewer, with the frames of the source
    that are shown at its frames' times. The source is scaled to the video's size if that is another.

    PSNR (of the luma, and of R, G and B together) and MS-SSIM (of the luma) are means over the frames.

    Videos that are given a NAME are points of that curve, and from four points each on, curves are compared with the
    first one by BD-rate: nvcompare in.mp4 ours={a,b,c,d}.nvst x265={1,2,3,4}.mp4
    """
    from nvcodec.decoder.device import keep_freed_memory, prepare_device
    from nvcodec.report.comparison import compare
    from nvcodec.report.curves import bd_rates
    from nvcodec.report.videos import open_compared, open_source_video

    keep_freed_memory()
    torch_device = prepare_device(device, threads)
    first_frame, end_frame = frames or (None, None)
    selection = Selection(first_frame or 0, end_frame, start, end)
    reference = open_source_video(source, selection, crop=crop, deinterlace=deinterlace)
    named = [_label_and_path(video) for video in videos]
    comparisons = []
    with frame_display(quiet) as show:
        for _, path in named:
            try:
                video = open_compared(path, torch_device, limits)
                comparisons.append(compare(reference, video, functools.partial(show, path)))
            except BitstreamError as error:
                # Of several files, it matters which.
                raise type(error)(error.reason, f"{path}: {error.place}") from error
    curves: dict[str, list[Comparison]] = {}
    for (label, _), comparison in zip(named, comparisons, strict=True):
        if label is not None:
            curves.setdefault(label, []).append(comparison)
    remarks = _scaling_remarks(comparisons, reference.facts.format)
    deltas: Deltas = {}
    try:
        deltas = bd_rates(curves) if curves else {}
    except ConfigError as error:
        remarks.append(error.reason)
    if as_json:
        labels = [label for label, _ in named]
        click.echo(json.dumps(_as_dict(source, labels, comparisons, deltas), indent=2))
    else:
        click.echo(_page(comparisons))
        if deltas:
            click.echo(f"\nBD-rate against {next(iter(curves))}, negative is better\n{_delta_table(deltas)}")
    for remark in remarks:
        click.echo(f"nvcompare: {printable(remark)}", err=True)


def _label_and_path(video: str) -> tuple[str | None, str]:
    """The two parts of ``name=path``; what exists as a whole is a path."""
    label, separator, path = video.partition("=")
    if not separator or not label or "/" in label or Path(video).exists():
        return None, video
    return label, path


def _page(comparisons: Sequence[Comparison]) -> str:
    head = ("video", "size", "frames", "source s", *TITLES, "bpp", "kbit/s", "bytes")
    rows = [
        (
            printable(comparison.name),
            f"{comparison.width}x{comparison.height}",
            str(len(comparison.frames)),
            f"{comparison.first_source_s:.2f}..{comparison.last_source_s:.2f}",
            f"{comparison.psnr_y:.2f}",
            f"{comparison.psnr_rgb:.2f}",
            f"{comparison.ms_ssim:.4f}",
            "?" if comparison.bpp is None else f"{comparison.bpp:.5f}",
            "?" if comparison.bit_rate is None else f"{comparison.bit_rate / 1000:.1f}",
            "?" if comparison.num_bytes is None else f"{comparison.num_bytes:,}",
        )
        for comparison in comparisons
    ]
    return table([head, *rows], left=1)


def _delta_table(deltas: Deltas) -> str:
    rows = [(printable(name), *map(_delta_cell, by_metric.values())) for name, by_metric in deltas.items()]
    return table([("curve", *TITLES), *rows], left=1)


def _delta_cell(delta: Delta | None) -> str:
    return "cannot be told" if delta is None else f"{delta.rate_pct:+.1f} % ({delta.overlap:.0%} overlap)"


def _scaling_remarks(comparisons: Sequence[Comparison], own: VideoFormat) -> list[str]:
    return [
        f"{comparison.name} is {comparison.width}x{comparison.height}; the source, {own.width}x{own.height}, was "
        "scaled to it"
        for comparison in comparisons
        if comparison.is_source_scaled
    ]


def _as_dict(
    source: str, labels: Sequence[str | None], comparisons: Sequence[Comparison], deltas: Deltas
) -> dict[str, Any]:
    videos = [
        {
            "label": label,
            "psnr_y": comparison.psnr_y,
            "psnr_rgb": comparison.psnr_rgb,
            "ms_ssim": comparison.ms_ssim,
            "bpp": comparison.bpp,
            "bit_rate": comparison.bit_rate,
            **asdict(comparison),
        }
        for label, comparison in zip(labels, comparisons, strict=True)
    ]
    bd_rate = {
        name: {metric: None if delta is None else asdict(delta) for metric, delta in by_metric.items()}
        for name, by_metric in deltas.items()
    }
    return {"source": source, "videos": videos, "bd_rate": bd_rate}
