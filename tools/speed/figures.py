"""What was measured, and the table of it by machine."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from tools.speed.machine import describe_machine


@dataclass(frozen=True)
class Figure:
    """One number.

    Attributes:
        bench: that measured it.
        what: is measured.
        value: how much of ``unit``; medians where it was measured several times.
        note: what it is to be compared with, what bounds it.
    """

    bench: str
    what: str
    value: float
    unit: str
    note: str = ""


def store(folder: Path, bench: str, figures: Sequence[Figure]) -> None:
    """Replace a bench's figures in this machine's table."""
    name = re.sub(r"[^a-z0-9]+", "-", describe_machine().lower()).strip("-")
    path = folder / f"{name}.csv"
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, str]] = []
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["bench"] != bench]
    rows += [{name: str(value) for name, value in asdict(figure).items()} for figure in figures]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Figure)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    path.with_suffix(".md").write_text(_markdown(rows), encoding="utf-8")


def _markdown(rows: Sequence[dict[str, str]]) -> str:
    lines = [
        f"# {describe_machine()}",
        "",
        "    python -m tools.bench_speed --out DIR [--hnerv FOLDER] [BENCH ...]",
        "",
    ]
    lines += ["| bench | what | | |", "|---|---|---|---|"]
    for row in rows:
        lines.append(
            f"| {row['bench']} | {row['what']} | {format_value(float(row['value']), row['unit'])} | {row['note']} |"
        )
    return "\n".join(lines) + "\n"


def format_value(value: float, unit: str) -> str:
    """A number with three digits, and its unit."""
    digits = f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{digits} {unit}".strip()
