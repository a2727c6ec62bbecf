"""Writes the field tables of spec/nvst.md from the declarations in nvcodec.bitstream.headers.

    python tools/spec_tables.py          rewrite the tables
    python tools/spec_tables.py --check  exit with 1 if they differ from the declarations

A table stands between ``<!-- fields: NAME -->`` and ``<!-- end -->``.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from nvcodec.bitstream.fields import Array, Field, Record
from nvcodec.bitstream.headers import RECORDS

SPEC = Path(__file__).resolve().parent.parent / "spec" / "nvst.md"
BLOCK = re.compile(r"(<!-- fields: (?P<name>.*?) -->\n).*?(<!-- end -->)", re.DOTALL)
HUGE = 2**31


def table(record: Record) -> str:
    """The record as a Markdown table; offsets are given up to the first array."""
    lines = ["| offset | type | field | allowed | meaning |", "|---|---|---|---|---|"]
    offset: int | None = 0
    for part in record.parts:
        where = "" if offset is None else str(offset)
        if isinstance(part, Field):
            lines.append(f"| {where} | {part.kind} | `{part.name}` | {allowed(part)} | {meaning(part)} |")
            offset = None if offset is None else offset + part.dtype.itemsize
        else:
            kind = f"{part.kind}[`{part.count}`]"
            lines.append(f"| {where} | {kind} | `{part.name}` | {allowed(part.element)} | {meaning(part)} |")
            offset = None
    return "\n".join(lines) + "\n"


def allowed(field: Field) -> str:
    """The allowed range, empty where it is the type's own."""
    if field.labels is not None or (field.low is None and field.high is None):
        return ""
    low, high = field.range
    if low == high:
        return "fixed" if low > HUGE else str(low)
    return f"at least {low}" if field.high is None else f"{low}..{high}"


def meaning(part: Field | Array) -> str:
    """The meaning, with the names of the values."""
    if isinstance(part, Array) or part.labels is None:
        return part.meaning
    names = ", ".join(f"{int(label)} {label.name}" for label in part.labels)
    return f"{part.meaning}: {names}" if part.meaning else names


def rewritten(text: str) -> str:
    """The specification with its tables made anew.

    Raises:
        ValueError: a record has no place in the specification, or a place names no record.
    """
    records = {record.name: record for record in RECORDS}
    named = [match["name"] for match in BLOCK.finditer(text)]
    if sorted(named) != sorted(records):
        raise ValueError(f"tables without a record or records without a table: {set(named) ^ set(records)}")
    return BLOCK.sub(lambda match: match[1] + table(records[match["name"]]) + match[3], text)


def main() -> int:
    """Rewrite or check; returns the exit code."""
    text = SPEC.read_text(encoding="utf-8")
    fresh = rewritten(text)
    if "--check" in sys.argv[1:]:
        if fresh != text:
            print("spec/nvst.md differs from the declarations: run python tools/spec_tables.py", file=sys.stderr)
        return int(fresh != text)
    SPEC.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
