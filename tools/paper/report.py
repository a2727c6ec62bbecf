"""What the trials say: a Markdown table and a plot for each experiment, the paper's figures beside ours."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.paper.cost import Cost
from tools.paper.dynamics import Dynamics
from tools.paper.experiments import EXPERIMENTS, Experiment
from tools.paper.figures import draw, draw_costs
from tools.paper.results import Result, by_series, results_of
from tools.paper.running import Row
from tools.paper.scales import Scale
from tools.rd.summary import Metric, delta
from tools.rd.table import Table

COLUMNS = (
    *("clip", "system", "setting", "parameters, k", "bpp at 8 bits each", "bpp of the file", "mask, %"),
    *("luma PSNR, dB", "RGB PSNR, dB", "MS-SSIM", "encode, s", "seeds", "the paper"),
)


def write_report(folder: Path, scale: Scale) -> Path:
    """Write ``tables.md`` and a plot for each experiment of which something has been run."""
    rows = {row.key: row for row in Table(folder / "trials.csv", Row).rows}
    lines = [f"# The paper's evaluation at scale {scale.name}", ""]
    for experiment in EXPERIMENTS.values():
        results = results_of(experiment, scale, rows)
        if results:
            draw(experiment, results, folder)
            lines += [*_lines_of(experiment, results), ""]
    costs = Table(folder / "cost.csv", Cost).rows
    if costs:
        draw_costs(costs, folder)
        lines += [*_cost_lines(costs), ""]
    moving = Table(folder / "dynamics.csv", Dynamics).rows
    if moving:
        lines += [*_dynamics_lines(moving), ""]
    lines += _notes(rows.values())
    path = folder / "tables.md"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _lines_of(experiment: Experiment, results: Sequence[Result]) -> list[str]:
    lines = [f"## {experiment.title}", "", f"`{experiment.name}`, [plot]({experiment.name}.png)", ""]
    lines += [_line(COLUMNS), "|---|---|---|" + "---:|" * 9 + "---|"]
    lines += [_line(_cells(result)) for result in results]
    if experiment.has_deltas:
        lines += ["", *_delta_lines(results)]
    if experiment.name == "fig-6":
        lines += ["", *_stage_lines(results)]
    if experiment.name == "sharing":
        lines += ["", *_gain_lines(results)]
    return lines


def _cells(result: Result) -> list[str]:
    def of(name: str, form: str, factor: float = 1.0) -> str:
        return f"{result.mean(name) * factor:{form}}"

    psnrs = [of(name, ".2f") for name in ("psnr_y", "psnr_rgb")]
    if len(result.rows) > 1:
        psnrs[0] += f" ± {result.deviation('psnr_y'):.2f}"
    mask = f"{100 * result.mean('mask_bytes') / result.mean('file_bytes'):.1f}"
    return [
        *(result.clip, result.case.series, result.case.setting),
        *(of("volume", ".1f", 1e-3), of("bpp_volume", ".3f"), of("bpp", ".3f"), mask),
        *(*psnrs, of("ms_ssim", ".4f"), of("encode_s", ".0f"), str(len(result.rows)), result.case.paper),
    ]


def _delta_lines(results: Sequence[Result]) -> list[str]:
    """Bjøntegaard's deltas of each series against the first, by clip."""
    titles = [f"{measure}, {rate}" for measure in ("BD-rate", "BD-PSNR") for rate in ("parameters", "file")]
    lines = [_line(["clip", "system", "against", *titles]), "|---|---|---|---:|---:|---:|---:|"]
    for clip in dict.fromkeys(result.clip for result in results):
        series = by_series(result for result in results if result.clip == clip)
        anchor_name, anchor = next(iter(series.items()))
        for name, curve in list(series.items())[1:]:
            deltas = [_delta(anchor, curve, rate) for rate in ("bpp_volume", "bpp")]
            rates = ["—" if found is None else f"{found.rate_pct:+.1f} %" for found in deltas]
            gains = [
                "—" if found is None or found.quality_db is None else f"{found.quality_db:+.2f} dB" for found in deltas
            ]
            lines.append(_line([clip, name, anchor_name, *rates, *gains]))
    return lines


@dataclass(frozen=True)
class _Point:
    bpp: float
    psnr: float


def _delta(anchor: Sequence[Result], curve: Sequence[Result], rate: str):
    sides = [
        sorted((_Point(result.mean(rate), result.mean("psnr_y")) for result in side), key=lambda point: point.bpp)
        for side in (anchor, curve)
    ]
    return delta(*sides, Metric("PSNR Y", lambda point: point.psnr))


def _stage_lines(results: Sequence[Result]) -> list[str]:
    stages = ("windows_s", "mask_s", "training_s", "quantization_s", "coding_s", "decode_s")
    header = ["system", *(f"{stage.removesuffix('_s')}, s" for stage in stages), "decode, fps", "kMAC a pixel"]
    lines = [_line(header), "|---|" + "---:|" * (len(header) - 1)]
    for result in results:
        seconds = [f"{result.mean(stage):.2f}" for stage in stages]
        fps = result.mean("num_frames") / result.mean("decode_s")
        lines.append(_line([result.case.series, *seconds, f"{fps:.0f}", f"{result.mean('macs_per_pixel') / 1e3:.2f}"]))
    return lines


def _gain_lines(results: Sequence[Result]) -> list[str]:
    """What Fisher information gains over the other ways to spend as many parameters, and what sharing costs."""
    series = {
        "random": "Fisher over random masks",
        "random-in-layers": "over random ones within layers",
        "naive-split, same volume": "over smaller networks of about its volume",
        "naive-split": "over full size",
    }
    header = ["setting", *series.values(), "its volume over that of smaller ones", "shared of layers, seed 0"]
    lines = [_line(header), "|---|---:|---:|---:|---:|---:|---|"]
    for setting in dict.fromkeys(result.case.setting for result in results):
        of = {result.case.series: result for result in results if result.case.setting == setting}
        if "nervast" in of:
            gains = ["—" if name not in of else _gain(of["nervast"], of[name]) for name in series]
            smaller = of.get("naive-split, same volume")
            ratio = "—" if smaller is None else f"{of['nervast'].mean('volume') / smaller.mean('volume'):.2f}"
            lines.append(_line([setting, *gains, ratio, of["nervast"].rows[0].shared_of_layers]))
    return lines


def _gain(result: Result, other: Result) -> str:
    """Difference of luma PSNR, and its standard deviation over the seeds that both have."""
    of_seed = {row.seed: row.psnr_y for row in other.rows}
    gains = [row.psnr_y - of_seed[row.seed] for row in result.rows if row.seed in of_seed]
    if not gains:
        return "—"
    deviation = f" ± {statistics.stdev(gains):.2f}" if len(gains) > 1 else ""
    return f"{statistics.fmean(gains):+.2f}{deviation} dB"


def _cost_lines(costs: Sequence[Cost]) -> list[str]:
    header = ["seconds of video", "parameters, M", "GMAC a frame", "frames per second", "start-up, s"]
    lines = ["## Fig. 2: one network for the whole video", "", "`fig-2`, [plot](fig-2.png)", ""]
    lines += [_line(header), "|" + "---:|" * len(header)]
    for cost in costs:
        figures = (f"{cost.num_parameters / 1e6:.2f}", f"{cost.gmacs:.2f}", f"{cost.fps:.1f}", f"{cost.start_s:.1f}")
        lines.append(_line([str(cost.seconds), *figures]))
    return [*lines, "", f"NeRV, on {costs[0].device}. With chunks of 5 s everything stays as in the first line."]


def _dynamics_lines(clips: Sequence[Dynamics]) -> list[str]:
    header = ["clip", "temporal information", "optical flow, pixels"]
    lines = ["## Table 5: how much of the clips moves", "", "`table-5`; their deltas are those of Fig. 7 (a).", ""]
    lines += [_line(header), "|---|---:|---:|"]
    return [*lines, *(_line([clip.key, f"{clip.mean_difference:.2f}", f"{clip.optical_flow:.2f}"]) for clip in clips)]


def _notes(rows: Iterable[Row]) -> list[str]:
    rows = list(rows)
    return [
        "Parameters as the paper counts them: those that are shared once a window, all others once a chunk, embeddings",
        "included, pruned ones not; 8 bits each. Files: all bytes, masks and headers included; symbols of 8 bits,",
        "entropy coded, not trained for their rate. PSNR: mean over the frames, at most 60 dB each; ± the standard",
        "deviation over seeds. SIREN and NIRVANA have no file: their bytes are those of their symbols and tables,",
        "NIRVANA's trained for their rate, and the parameters are those of all its networks, of which it codes the",
        "differences. Seconds depend on what else the machine does.",
        "",
        f"Devices: {'; '.join(sorted({row.device for row in rows}))}. "
        f"Machine: {'; '.join(sorted({row.machine for row in rows}))}.",
    ]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
