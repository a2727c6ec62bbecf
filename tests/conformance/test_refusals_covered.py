"""The faulty vectors reach every refusal that a reader has."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import nvcodec.bitstream
from nvcodec.bitstream.fields import Array, Field
from nvcodec.bitstream.headers import RECORDS
from tools.check_conformance import VECTORS, load_manifest
from tools.vectors.manifest import refusal_of, verification_of

ROOM = Path(nvcodec.bitstream.__file__).parent
ONLY_WRITE = {"dump.py", "front_index.py", "summary.py", "table_fitting.py", "writer.py"}
ERRORS = {"ChecksumError", "LimitError", "MalformedError", "TruncatedError", "UnsupportedError"}
HELPERS = {"_check", "_require", "_require_place", "_require_range", "_require_unused", "_refuse"}

# Modules and a part of the statement, for statements that no file of this size, or no file at all, can reach.
UNREACHED: dict[tuple[str, str], str] = {}


def refusals(path: Path) -> Iterator[ast.expr]:
    """Every place in a module where a file may be refused."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and ast.unparse(node.exc.func) in ERRORS:
            yield node.exc
        elif isinstance(node, ast.Call) and ast.unparse(node.func).removeprefix("self.") in HELPERS:
            yield node


def lines_on_the_way(error: BaseException | None) -> Iterator[tuple[str, int]]:
    """Module and line of every call in the codec's room that an error went through."""
    while error is not None:
        traceback = error.__traceback__
        while traceback is not None:
            path = Path(traceback.tb_frame.f_code.co_filename)
            if path.parent == ROOM:
                yield path.name, traceback.tb_lineno
            traceback = traceback.tb_next
        error = error.__cause__


def test_every_refusal_of_the_reader_has_a_vector() -> None:
    reached = set()
    for name, entry in load_manifest().items():
        data = (VECTORS / name).read_bytes()
        if "error" in entry or "limit" in entry:
            reached |= set(lines_on_the_way(refusal_of(data)))
        elif "verification" in entry:
            reached |= set(lines_on_the_way(verification_of(data)))
    missing = set()
    for path in sorted(ROOM.glob("*.py")):
        if path.name in ONLY_WRITE:
            continue
        for node in refusals(path):
            lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
            if not any((path.name, line) in reached for line in lines):
                missing.add((path.name, ast.unparse(node)))
    excused = {(module, text) for module, text in missing if any(module == m and part in text for m, part in UNREACHED)}
    assert missing - excused == set()
    # What has become reachable leaves the list.
    assert all(any(module == m and part in text for module, text in missing) for m, part in UNREACHED)


def test_every_field_with_a_range_has_a_vector() -> None:
    reasons = [entry["reason"] for entry in load_manifest().values() if "error" in entry]
    for record in RECORDS:
        for part in record.parts:
            if not is_restricted(part) or part.name in ("magic", "sync"):
                continue
            assert any(reason.startswith(part.name) for reason in reasons), (record.name, part.name)


def is_restricted(part: Field | Array) -> bool:
    field = part if isinstance(part, Field) else part.element
    unrestricted = Field(field.name, field.kind, field.meaning).range
    return field.range != unrestricted or field.labels is not None
