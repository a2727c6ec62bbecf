"""Numbers and times for people."""

from __future__ import annotations

from collections.abc import Sequence


def format_duration(seconds: float) -> str:
    """A time span in its two largest units, e.g. ``3 min 20 s``, ``2 days 4 h``."""
    rest = max(0, round(seconds))
    if rest < 60:
        return f"{rest} s"
    if rest < 3600:
        return f"{rest // 60} min {rest % 60} s"
    if rest < 48 * 3600:
        return f"{rest // 3600} h {rest % 3600 // 60} min"
    return f"{rest // 86400} days {rest % 86400 // 3600} h"


def format_bytes(num_bytes: int) -> str:
    """A size in the largest unit that leaves at least 1, e.g. ``1.25 MB`` (powers of 1000)."""
    if num_bytes < 1000:
        return f"{num_bytes} B"
    if num_bytes < 1000**2:
        return f"{num_bytes / 1000:.1f} kB"
    return f"{num_bytes / 1000**2:.2f} MB"


def format_count(count: int) -> str:
    """A count with a suffix, e.g. ``57.3 k``, ``1.50 M``."""
    if count < 1000:
        return str(count)
    if count < 1000**2:
        return f"{count / 1000:.1f} k"
    return f"{count / 1000**2:.2f} M"


def printable(text: str) -> str:
    """Text that may come from a file, without what a terminal would take for control sequences."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def table(rows: Sequence[Sequence[str]], left: int = 0) -> str:
    """Columns of equal width; the first ``left`` of them flush left."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
