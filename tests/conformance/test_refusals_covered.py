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
# Modules that write, show, or read what damage has left, which have tests of their own.
OTHERS = {
    "dump.py",
    "editing.py",
    "front_index.py",
    "pieces.py",
    "recovery.py",
    "resync.py",
    "summary.py",
    "table_fitting.py",
    "whole_file.py",
    "writer.py",
}
ERRORS = {"ChecksumError", "LimitError", "MalformedError", "TruncatedError", "UnsupportedError"}
HELPERS = {"_check", "_require", "_require_place", "_require_range", "_require_unused", "_refuse"}

# Parts of "module: function: statement" for statements that no vector reaches, and why.
WRITERS = "checks what a writer is given; a reader makes it right by construction"
FIELDS = "the field's own range, checked when it was read, is as narrow"
UNREACHED = {
    "content.py: WindowContent.validate:": WRITERS,
    "content.py: ChunkContent.validate:": WRITERS,
    "content.py: ChunkContent._validate_embeddings:": WRITERS,
    "content.py: _check_per_tensor:": WRITERS,
    "content.py: _check_symbols:": WRITERS,
    "content.py: StreamHeader.validate: _require(0 < num": FIELDS,
    "content.py: WindowHeader.validate: _require(0 <= self.window_idx": FIELDS,
    "content.py: WindowHeader.validate: _require(1 <= len(self.chunk_lengths)": FIELDS,
    "content.py: WindowHeader.validate: _require(all((1 <= length": FIELDS,
    "content.py: WindowHeader.validate: _require(0 <= self.level_idx": FIELDS,
    "content.py: WindowHeader._validate_time: _require(0 < length": FIELDS,
    "network_spec.py: NetworkSpec.validate: self._require_range('base_channels', self.base_channels, 1, 4096)": FIELDS,
    "network_spec.py: NetworkSpec.validate: self._require_range('number of stages'": FIELDS,
    "network_spec.py: NetworkSpec.validate: self._require_range(name, getattr(self, name), 1, 1024)": FIELDS,
    "network_spec.py: NetworkSpec.validate: self._require_range('stage stride'": FIELDS,
    "network_spec.py: NetworkSpec.validate: self._require_range('stage channels'": FIELDS,
    "network_spec.py: NetworkSpec.validate: self._require_range('stage grid channels'": FIELDS,
    "network_spec.py: NetworkSpec.validate: self._require_range('pe_base_num'": FIELDS,
    "network_spec.py: NetworkSpec.validate: self._require_range('pe_base_den'": FIELDS,
    "fields.py: Record._pack_part:": "packs",
    "masks.py: pack_mask:": "packs",
    "metadata.py: pack_metadata:": "packs",
    "metadata.py: _decompress: MalformedError(f'metadata has": "the library finds it first",
    "ans.py: _panics_as_errors:": "no stream is known that makes the library panic",
    "limits.py: Limits.check_frames: _check('number of chunks'": "more than 2^20 chunks take a file of 32 MB",
    "limits.py: Limits.check_box:": "a box has at most 2^30 bytes, so only smaller limits refuse one",
    "limits.py: Limits.check_network: _check('multiply-acc": "the format's own bound comes first",
    "limits.py: Limits.check_packets:": "more than 2^20 packets take a file of 10 MB",
    "parts.py: _bytes_of_chunk:": "only when bytes are counted by part, which decodes nothing",
    "scan.py: Scanner.end: MalformedError('the trailer does not point": "the trailer is read before the boxes",
    "source.py: ByteSource.read: TruncatedError(f'{len(data)} of": "only a file that shrinks while it is read",
    "source.py: ByteSource.read: TruncatedError(f'the file ends": "what is read lies within the file, by index or scan",
}


def refusals(path: Path) -> Iterator[tuple[str, ast.expr]]:
    """Every place in a module where a file may be refused, with its name for the list above."""

    def walk(node: ast.AST, names: tuple[str, ...]) -> Iterator[tuple[str, ast.expr]]:
        for child in ast.iter_child_nodes(node):
            is_named = isinstance(child, (ast.ClassDef, ast.FunctionDef))
            yield from walk(child, (*names, child.name) if is_named else names)
            if is_refusal(child):
                place = child.exc if isinstance(child, ast.Raise) else child
                yield f"{path.name}: {'.'.join(names)}: {ast.unparse(place)}", place

    yield from walk(ast.parse(path.read_text(encoding="utf-8")), ())


def is_refusal(node: ast.AST) -> bool:
    if isinstance(node, ast.Raise):
        return isinstance(node.exc, ast.Call) and ast.unparse(node.exc.func) in ERRORS
    return isinstance(node, ast.Call) and ast.unparse(node.func).removeprefix("self.") in HELPERS


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
    missing = [
        name
        for path in sorted(ROOM.glob("*.py"))
        if path.name not in OTHERS
        for name, node in refusals(path)
        if not any((path.name, line) in reached for line in range(node.lineno, (node.end_lineno or 0) + 1))
    ]
    assert [name for name in missing if not name.startswith(tuple(UNREACHED))] == []
    # What has become reachable leaves the list.
    assert [part for part in UNREACHED if not any(name.startswith(part) for name in missing)] == []


def test_every_field_with_a_range_has_a_vector() -> None:
    entries = [entry.get("verification", entry) for entry in load_manifest().values()]
    reasons = [entry["reason"] for entry in entries if "error" in entry]
    for record in RECORDS:
        for part in record.parts:
            if not is_restricted(part) or part.name in ("magic", "sync"):
                continue
            assert any(reason.startswith(part.name) for reason in reasons), (record.name, part.name)


def is_restricted(part: Field | Array) -> bool:
    field = part if isinstance(part, Field) else part.element
    unrestricted = Field(field.name, field.kind, field.meaning).range
    return field.range != unrestricted or field.labels is not None
