"""Plots of the experiments, and Fig. 5's pictures."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from nvcodec.video.color import planes_to_rgb
from nvcodec.video.source import open_source
from tools.paper.cost import Cost
from tools.paper.experiments import Experiment
from tools.paper.results import Result, by_series
from tools.paper.running import curve_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PICTURE_WIDTH = 480
RATES = {"bpp_volume": "bits per pixel, 8 a parameter", "bpp": "bits per pixel of the file"}


def draw(experiment: Experiment, results: Sequence[Result], folder: Path) -> None:
    """Plot an experiment into ``folder/<name>.png``."""
    if experiment.name == "fig-10":
        figure = _training_curves(results, folder)
    elif experiment.name == "sharing":
        figure = _gains(results)
    else:
        figure = _rates(results)
    figure.savefig(folder / f"{experiment.name}.png", dpi=70)


def draw_costs(costs: Sequence[Cost], folder: Path) -> None:
    """Plot what one network costs over the length of the video."""
    figure = _figure(12, 4)
    for panel, (name, label) in zip(
        figure.subplots(1, 3),
        {"gmacs": "GMAC a frame", "fps": "frames per second", "start_s": "seconds to start"}.items(),
        strict=True,
    ):
        values = [getattr(cost, name) for cost in costs]
        panel.plot([cost.seconds for cost in costs], values, marker="o", label="one network")
        panel.axhline(values[0], color="C1", label="chunks of 5 s")
        panel.set(xlabel="seconds of video", ylabel=label, xscale="log", yscale="log")
        panel.grid(visible=True, which="both", alpha=0.3)
    figure.legend(*panel.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    figure.savefig(folder / "fig-2.png", dpi=70)


def write_pictures(videos: Sequence[Path], frame_idx: int, path: Path) -> None:
    """One frame of each video, side by side; small ones enlarged."""
    from PIL import Image

    pictures = []
    for name in videos:
        with open_source(name, frames=(frame_idx, frame_idx + 1)) as video:
            (frame,) = video
            planes = [torch.from_numpy(plane)[None] for plane in frame.planes]
            rgb = planes_to_rgb(planes, video.format).clamp(0, 1)[0]
        pictures.append((rgb.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8))
    joined = Image.fromarray(np.concatenate(pictures, axis=1))
    factor = max(1, PICTURE_WIDTH // pictures[0].shape[1])
    joined.resize((joined.width * factor, joined.height * factor), Image.Resampling.NEAREST).save(path, quality=92)


def _rates(results: Sequence[Result]) -> Figure:
    """Luma PSNR over the bits that the paper counts and over those of the file, a row of panels for each clip."""
    clips = list(dict.fromkeys(result.clip for result in results))
    figure = _figure(12, 4 * len(clips))
    for clip, panels in zip(clips, figure.subplots(len(clips), 2, squeeze=False), strict=True):
        series = by_series(result for result in results if result.clip == clip)
        for panel, (rate, label) in zip(panels, RATES.items(), strict=True):
            for name, members in series.items():
                x, y = ([member.mean(column) for member in members] for column in (rate, "psnr_y"))
                bars = [member.deviation("psnr_y") for member in members]
                panel.errorbar(x, y, bars, marker="o", markersize=4, linewidth=1, capsize=2, label=name)
                for place, member in zip(zip(x, y, strict=True), members, strict=True):
                    panel.annotate(member.case.setting, place, fontsize="x-small", alpha=0.7)
            panel.set(xlabel=label, ylabel="luma PSNR, dB", title=clip)
            panel.grid(visible=True, alpha=0.3)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure


def _training_curves(results: Sequence[Result], folder: Path) -> Figure:
    """PSNR of each epoch over the seconds of training; a sequential training begins anew with each chunk."""
    clips = list(dict.fromkeys(result.clip for result in results))
    figure = _figure(6 * len(clips), 4)
    for clip, panel in zip(clips, figure.subplots(1, len(clips), squeeze=False)[0], strict=True):
        of_clip = [result for result in results if result.clip == clip]
        for result_idx, result in enumerate(of_clip):
            paths = [path for path in (curve_path(trial, folder) for trial in result.case.trials) if path.exists()]
            for path_idx, path in enumerate(paths):
                rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
                x, y = ([float(row[column]) for row in rows] for column in ("seconds", "psnr"))
                label = None if path_idx else result.case.series
                panel.plot(x, y, color=f"C{result_idx}", linewidth=1, label=label)
        panel.set(xlabel="seconds of training", ylabel="PSNR of the epoch, RGB, dB", title=clip)
        panel.grid(visible=True, alpha=0.3)
        _name_lines(panel)
    return figure


def _gains(results: Sequence[Result]) -> Figure:
    """Luma PSNR of each way to spend the parameters, relative to Fisher masks, by setting."""
    settings = list(dict.fromkeys(result.case.setting for result in results))
    fisher = {result.case.setting: result.mean("psnr_y") for result in results if result.case.series == "nervast"}
    others = [name for name in by_series(results) if name != "nervast"]
    figure = _figure(12, 5)
    panel = figure.subplots()
    for series_idx, name in enumerate(others):
        members = [result for result in results if result.case.series == name and result.case.setting in fisher]
        places = [settings.index(member.case.setting) + (series_idx - 1.5) * 0.21 for member in members]
        gains = [member.mean("psnr_y") - fisher[member.case.setting] for member in members]
        panel.bar(places, gains, 0.2, yerr=[member.deviation("psnr_y") for member in members], label=name)
    panel.axhline(0, color="black", linewidth=1)
    panel.set_xticks(range(len(settings)), settings, rotation=20, ha="right")
    panel.set(ylabel="luma PSNR relative to Fisher masks, dB")
    panel.grid(visible=True, axis="y", alpha=0.3)
    _name_lines(panel)
    return figure


def _name_lines(panel: Axes) -> None:
    if panel.get_legend_handles_labels()[0]:
        panel.legend()


def _figure(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure
