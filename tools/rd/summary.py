"""What the table says: Bjøntegaard deltas against an anchor as Markdown, and the curves as plots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nvcodec.errors import ConfigError
from nvcodec.metrics.bd_rate import Delta, bjontegaard_delta, similarity_db
from tools.rd.table import Row


@dataclass(frozen=True)
class Metric:
    """What a curve shows over the rate: a name and a value in dB of a row."""

    name: str
    of: Callable[[Row], float]


METRICS = (
    Metric("PSNR Y", lambda row: row.psnr_y),
    Metric("PSNR 6:1:1", lambda row: row.psnr_611),
    Metric("MS-SSIM", lambda row: similarity_db(row.ms_ssim)),
)

Curves = dict[str, list[Row]]


def curves_of(rows: Sequence[Row]) -> Curves:
    """The rows by curve, each by rising rate."""
    curves: Curves = {}
    for row in rows:
        curves.setdefault(row.curve, []).append(row)
    return {name: sorted(points, key=lambda row: row.bpp) for name, points in curves.items()}


def delta(anchor: Sequence[Row], curve: Sequence[Row], metric: Metric) -> Delta | None:
    """Deltas of a curve against the anchor's, both by rising rate; None where they cannot be compared."""
    points = ([(row.bpp, metric.of(row)) for row in rows] for rows in (anchor, curve))
    return bjontegaard_delta(*points)


def write_summary(rows: Sequence[Row], folder: Path, anchor: str) -> Path:
    """Write ``summary.md``, and ``<clip>.png`` for each clip.

    Raises:
        ConfigError: no curve of the anchor's name.
    """
    names = sorted({row.curve for row in rows})
    if anchor not in names:
        raise ConfigError(f"there is no curve {anchor!r}; there are {', '.join(names)}", "anchor")
    clips = sorted({row.clip for row in rows})
    lines = ["# Rate and distortion", ""]
    for clip in clips:
        of_clip = [row for row in rows if row.clip == clip]
        plot(clip, curves_of(of_clip), folder / f"{clip}.png")
        lines += [*_clip_lines(clip, of_clip, anchor), ""]
    lines += _notes(rows, anchor)
    path = folder / "summary.md"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _clip_lines(clip: str, rows: Sequence[Row], anchor: str) -> list[str]:
    curves = curves_of(rows)
    first = rows[0]
    titles = [title for metric in METRICS for title in (f"BD-rate, {metric.name}", "BD-PSNR", "overlap")]
    titles = [title if title != "BD-PSNR" else "BD-quality" for title in titles]
    header = ["curve", "bpp", "PSNR Y, dB", *titles, "encode, s", "decode, s"]
    lines = [
        f"## {clip}",
        "",
        f"{first.num_frames} frames of {first.width}x{first.height}. [Plot]({clip}.png).",
        "",
        _table_line(header),
        "|---|" + "---:|" * (len(header) - 1),
    ]
    for name, points in sorted(curves.items()):
        cells = [name, _range([row.bpp for row in points], ".4f"), _range([row.psnr_y for row in points], ".2f")]
        for metric in METRICS:
            cells += _delta_cells(delta(curves[anchor], points, metric) if anchor in curves else None)
        cells += [_range([row.encode_s for row in points], ".1f"), _range([row.decode_s for row in points], ".2f")]
        lines.append(_table_line(cells))
    return lines


def _delta_cells(delta: Delta | None) -> list[str]:
    if delta is None:
        return ["—", "—", "0"]
    quality = "—" if delta.quality_db is None else f"{delta.quality_db:+.2f} dB"
    return [f"{delta.rate_pct:+.1f} %", quality, f"{delta.overlap:.0%}"]


def _range(values: Sequence[float], form: str) -> str:
    texts = [f"{value:{form}}" for value in (min(values), max(values))]
    return " – ".join(dict.fromkeys(texts))


def _table_line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _notes(rows: Sequence[Row], anchor: str) -> list[str]:
    def listed(values: set[str]) -> str:
        return "; ".join(sorted(values))

    return [
        f"Anchor: {anchor}. BD-rate: rate at equal quality, negative is better; BD-quality: dB at equal rate, positive",
        "is better; both by PCHIP over log rate, where the curves overlap (the fraction of their joint range of",
        "qualities is given). A dash: no overlap, under three points, or a curve that does not rise everywhere.",
        "",
        "All codecs encode the same 8-bit 4:2:0 frames. Rate: all bytes of the video: for nvcodec its file, for the",
        "others the elementary stream, whose keyframes repeat the headers. `-k33`: at most 33 frames from keyframe to",
        "keyframe (closed groups), or in a chunk; `-default`: the encoder's own choice. PSNR: mean over the",
        "frames of the frames' PSNRs, at most 60 dB each; 6:1:1 is (6 Y + U + V) / 8; MS-SSIM (luma) is compared as",
        f"-10 log10(1 - MS-SSIM). RGB in the CSV: {listed({row.rgb_conversion for row in rows})}.",
        "The encoders' own tuning is left as it is, also where it favours the eye over the PSNR.",
        "Seconds: of one encode, and of a decode into a y4m file; they depend on what else the machine does.",
        "",
        f"Encoders: {listed({row.encoder for row in rows})}.",
        f"Devices: {listed({row.device for row in rows})}. Machine: {listed({row.machine for row in rows})}.",
    ]


def plot(clip: str, curves: Curves, path: Path) -> None:
    """All curves of a clip, a panel for each metric; curves at the codecs' default interval are dashed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6 * len(METRICS), 5), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(METRICS))
    # A color for each codec, whatever its interval.
    colors = {name: f"C{idx % 10}" for idx, name in enumerate(dict.fromkeys(map(_codec_of, sorted(curves))))}
    for panel, metric in zip(panels, METRICS, strict=True):
        for name, points in sorted(curves.items()):
            style = "--" if name.endswith("-default") else "-"
            rates, values = [row.bpp for row in points], [metric.of(row) for row in points]
            width = 2.5 if name.startswith("nvcodec") else 1.2
            color = colors[_codec_of(name)]
            panel.plot(rates, values, style, marker="o", markersize=3, linewidth=width, color=color, label=name)
        panel.set_xscale("log")
        panel.set(xlabel="bits per pixel", ylabel=f"{metric.name}, dB")
        panel.grid(visible=True, which="both", alpha=0.3)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize="small")
    figure.suptitle(clip)
    figure.savefig(path, dpi=80)


def _codec_of(curve: str) -> str:
    return curve.rsplit("-", 1)[0]
