"""``nvinfo``: what is inside a .nvst file. Needs neither torch nor av."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from nvcodec.bitstream.dump import dump
from nvcodec.bitstream.limits import Limits
from nvcodec.bitstream.reader import NvstReader
from nvcodec.bitstream.summary import (
    ChapterSummary,
    ChunkSummary,
    StreamSummary,
    TrackSummary,
    WindowSummary,
    summarize,
)
from nvcodec.cli.errors import OneLineCommand, report_errors
from nvcodec.cli.formatting import printable, table
from nvcodec.cli.limits import limit_options


@click.command(
    cls=OneLineCommand,
    context_settings={"help_option_names": ["-h", "--help"]},
    short_help="show what is inside a .nvst file",
)
@click.argument("file", type=click.Path())
@click.option("--chunks", "with_chunks", is_flag=True, help="Also list every chunk: where nvcut can cut.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("--dump", "as_dump", is_flag=True, help="Print every field of every box.")
@limit_options
@click.version_option(package_name="nvcodec")
@report_errors
def main(file: str, with_chunks: bool, as_json: bool, as_dump: bool, limits: Limits) -> None:
    """Show what is inside FILE, a .nvst video: a path or an address such as https://….

    Prints the video's format, its windows and chunks, which share of the parameters the chunks of a window really
    share (kappa), and where the bytes go.
    """
    if file == "-":
        raise click.UsageError("standard input cannot be searched: give a file")
    with NvstReader(file, limits) as reader:
        if as_dump:
            for line in dump(reader):
                click.echo(line)
            return
        summary = summarize(reader)
        click.echo(json.dumps(summary.as_dict(), indent=2) if as_json else _page(summary, with_chunks))


def _page(summary: StreamSummary, with_chunks: bool) -> str:
    blocks = [_stream_block(summary), _windows_block(summary.windows)]
    if with_chunks:
        blocks.append(_chunks_block(summary.windows))
    blocks += [_tracks_block(summary.tracks), _chapters_block(summary.chapters), _bytes_block(summary)]
    if summary.metadata:
        blocks.append("\n".join(printable(f"{key}: {value}") for key, value in summary.metadata.items()))
    return "\n\n".join(block for block in blocks if block)


def _stream_block(summary: StreamSummary) -> str:
    color = f"{summary.color_primaries}/{summary.transfer_characteristics}/{summary.matrix_coefficients}"
    chunks = sum(len(window.chunks) for window in summary.windows)
    rows = [
        ("file", f"{summary.name}, {summary.file_bytes:,} bytes, {state(summary)}"),
        (
            "video",
            f"{summary.width}x{summary.height}, {summary.chroma_subsampling} {summary.bit_depth} bit, "
            f"{summary.color_range.lower()} range, primaries/transfer/matrix {color}",
        ),
        ("frames", f"{summary.num_frames} in {summary.duration_s:.3f} s ({summary.frame_rate:.4g} per second)"),
        ("parts", f"{len(summary.windows)} windows, {chunks} chunks"),
        ("level", str(summary.level_idx) if summary.level_idx else "none: beyond every level"),
        ("kappa", f"{summary.kappa:.4f} of the parameters are shared"),
        ("rate", f"{summary.bpp:.5f} bits per pixel, {summary.bits_per_parameter:.3f} bits per stored parameter"),
    ]
    if summary.mastering_display:
        rows.insert(2, ("display", summary.mastering_display))
    if summary.max_content_light or summary.max_average_light:
        rows.insert(2, ("light", f"MaxCLL {summary.max_content_light}, MaxFALL {summary.max_average_light} cd/m²"))
    return table(rows, left=2)


def state(summary: StreamSummary) -> str:
    """Whether the file holds all of its source, in words."""
    if summary.is_complete:
        return "complete"
    how = "closed before the end of its source" if summary.is_finished else "cut off or still being written"
    if not summary.num_source_frames:
        return f"unfinished: {summary.num_frames} frames of a source of unknown length, {how}"
    missing = max(0, summary.num_source_frames - summary.num_frames)
    return f"unfinished: {summary.num_frames} of {summary.num_source_frames} frames, {missing} missing, {how}"


def _windows_block(windows: Sequence[WindowSummary]) -> str:
    if not windows:
        return ""
    head = ("window", "frames", "start s", "chunks", "backbone", "parameters", "shared", "kappa", "mask", "bytes")
    rows = [
        (
            str(window_idx),
            _frames(window),
            f"{window.start_s:.3f}",
            _lengths(window.chunks),
            window.backbone,
            f"{window.num_parameters:,}",
            f"{window.num_shared:,}",
            f"{window.kappa:.4f}",
            window.granularity.lower(),
            f"{sum(window.bytes_by_part.values()):,}",
        )
        for window_idx, window in enumerate(windows)
    ]
    return table([head, *rows])


def _chunks_block(windows: Sequence[WindowSummary]) -> str:
    head = ("window", "chunk", "frames", "start s", "end s", "bytes")
    rows = [
        (
            str(window_idx),
            str(chunk_idx),
            _frames(chunk),
            f"{chunk.start_s:.3f}",
            f"{chunk.end_s:.3f}",
            f"{chunk.num_bytes:,}",
        )
        for window_idx, window in enumerate(windows)
        for chunk_idx, chunk in enumerate(window.chunks)
    ]
    return table([head, *rows]) if rows else ""


def _frames(part: WindowSummary | ChunkSummary) -> str:
    return f"{part.first_frame}..{part.first_frame + part.num_frames - 1}"


def _lengths(chunks: Sequence[ChunkSummary]) -> str:
    lengths = [chunk.num_frames for chunk in chunks]
    shortest, longest = min(lengths), max(lengths)
    return f"{len(chunks)} x {shortest if shortest == longest else f'{shortest}..{longest}'}"


def _tracks_block(tracks: Sequence[TrackSummary]) -> str:
    head = ("track", "kind", "codec", "language", "layout", "Hz", "packets", "bytes", "start s", "title")
    rows = [
        (
            str(track_idx),
            track.kind.lower(),
            printable(track.codec),
            printable(track.language) or "-",
            printable(track.channel_layout) or "-",
            str(track.sample_rate or "-"),
            f"{track.num_packets:,}",
            f"{track.num_bytes:,}",
            "-" if track.start_s is None else f"{track.start_s:.3f}",
            printable(track.title),
        )
        for track_idx, track in enumerate(tracks)
    ]
    return table([head, *rows]) if rows else ""


def _chapters_block(chapters: Sequence[ChapterSummary]) -> str:
    rows = [(f"{chapter.start_s:.3f}", f"{chapter.end_s:.3f}", printable(chapter.title)) for chapter in chapters]
    return table([("start s", "end s", "chapter"), *rows]) if rows else ""


def _bytes_block(summary: StreamSummary) -> str:
    rows = [
        (part, f"{size:,}", f"{100 * size / summary.file_bytes:.2f} %") for part, size in summary.bytes_by_part.items()
    ]
    return table([("part", "bytes", "of file"), *rows], left=1)
