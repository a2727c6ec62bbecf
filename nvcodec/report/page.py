"""The report as one HTML file that needs nothing else: no network, no other file."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from importlib import resources
from pathlib import PurePath
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from nvcodec import __version__
from nvcodec.report import charts
from nvcodec.report.charts import Chart, Line, Points, Scale, chart, thinned
from nvcodec.report.content import MAX_WINDOW_MAPS, ReportContent
from nvcodec.video.stills import gray_png

MAX_WINDOWS = 300
"""Windows that are drawn and listed."""


@dataclass(frozen=True)
class Band:
    """A window on the time line: where it begins and how wide it is, in the charts' units, and its chunks' borders."""

    window_idx: int
    left: float
    width: float
    borders: tuple[float, ...]
    title: str


def render(content: ReportContent) -> str:
    """The page. Whatever comes out of a file is escaped, and a policy lets no script run but the page's own."""
    package = resources.files("nvcodec.report")
    style, script, template = (
        package.joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "page.js", "page.html")
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["jpeg"] = lambda data: _data_address("image/jpeg", data)
    environment.filters["png"] = lambda levels: _data_address("image/png", gray_png(levels))
    return environment.from_string(template).render(
        content=content,
        summary=content.summary,
        name=PurePath(content.summary.name).name,
        version=__version__,
        # Our own, and part of this package.
        style=Markup(style),
        script=Markup(script),
        script_digest=digest,
        geometry=charts,
        scale=_time_scale(content),
        bands=_bands(content),
        quality_charts=_quality_charts(content),
        training_charts=_training_charts(content),
        frame_values=_frame_values(content),
        parts=list(content.summary.bytes_by_part),
        max_windows=MAX_WINDOWS,
        max_window_maps=MAX_WINDOW_MAPS,
    )


def _data_address(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _time_scale(content: ReportContent) -> Scale:
    """Frames, counted over the file."""
    return Scale(0, max(1, content.summary.num_frames))


def _bands(content: ReportContent) -> list[Band]:
    scale = _time_scale(content)
    bands = []
    for window_idx, window in enumerate(content.summary.windows[:MAX_WINDOWS]):
        last = window.first_frame + window.num_frames
        left = scale.at(window.first_frame)
        borders = tuple(scale.at(chunk.first_frame) for chunk in window.chunks[1:])
        size = f"{len(window.chunks)} chunk{'s' if len(window.chunks) > 1 else ''}"
        title = f"window {window_idx}: frames {window.first_frame} to {last - 1}, {size}"
        bands.append(Band(window_idx, left, round(scale.at(last) - left, 2), borders, title))
    return bands


def _quality_charts(content: ReportContent) -> list[Chart]:
    if content.comparison is None:
        return []
    scale = _time_scale(content)
    result = []
    for title, name in (("PSNR of the luma in dB, by frame", "psnr_y"), ("MS-SSIM, by frame", "ms_ssim")):
        ours = [(frame_idx + 0.5, getattr(quality, name)) for frame_idx, quality in content.qualities.items()]
        lines = [Line("nvcodec", "ours", ours)]
        if content.x265 is not None:
            qualities = zip(content.qualities, content.x265.comparison.frames, strict=True)
            lines.append(Line("x265", "other", [(idx + 0.5, getattr(quality, name)) for idx, quality in qualities]))
        result.append(chart(title, lines, scale))
    return result


def _training_charts(content: ReportContent) -> list[Chart]:
    """Quality and rate over the iterations of all windows, one behind the other."""
    psnr, rate, done = [], [], 0
    for curve in content.curves or ():
        style = f"training{curve.window_idx % 2}"
        name = f"window {curve.window_idx}"
        psnr.append(Line(name, style, [(done + point.iteration, point.psnr) for point in curve.points]))
        quantised: Points = [(done + point.iteration, point.bpp) for point in curve.points if point.bpp is not None]
        rate.append(Line(name, style, quantised))
        done += curve.points[-1].iteration if curve.points else 0
    if not done:
        return []
    scale = Scale(0, done)
    result = [chart("PSNR of the batches in dB, by iteration", psnr, scale)]
    if any(line.points for line in rate):
        result.append(chart("Bits per pixel, estimated, by iteration", rate, scale))
    return result


def _frame_values(content: ReportContent) -> dict[str, Any]:
    """What the page's script tells of the frame under the pointer."""
    rows = thinned([(float(frame_idx), quality.psnr_y) for frame_idx, quality in content.qualities.items()])
    x265: dict[int, float] = {}
    if content.x265 is not None:
        qualities = zip(content.qualities, content.x265.comparison.frames, strict=True)
        x265 = {frame_idx: quality.psnr_y for frame_idx, quality in qualities}
    frames = [
        {
            "frame": frame_idx,
            "time": round(content.times[frame_idx], 3),
            "psnr": round(content.qualities[frame_idx].psnr_y, 2),
            "similarity": round(content.qualities[frame_idx].ms_ssim, 4),
            "x265": None if frame_idx not in x265 else round(x265[frame_idx], 2),
        }
        for frame_idx in (int(row) for row, _ in rows)
    ]
    geometry = {"left": charts.LEFT, "plotWidth": charts.PLOT_WIDTH, "width": charts.WIDTH}
    return {"frames": frames, "numFrames": max(1, content.summary.num_frames), **geometry}
