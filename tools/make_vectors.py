"""Makes the conformance vectors in tests/conformance: streams, reference values, manifest and the README's tables.

    python -m tools.make_vectors            in the root of the repository

The streams are the same bytes on every machine. Reference values are real numbers, whose last bits are not: stored
ones that agree are left as they are.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tools.check_conformance import plane_sizes
from tools.vectors import faulty, uncommon, valid
from tools.vectors.manifest import Entry, entry_of, manifest_text, with_tables
from tools.vectors.reference import Float64Array, reference_values
from tools.vectors.vector import Vector

TARGET = Path(__file__).resolve().parents[1] / "tests" / "conformance"
GROUPS = {"valid": valid.vectors, "uncommon": uncommon.vectors, "faulty": faulty.vectors}
TOLERANCE = 1e-6
MIN_SPAN, MIN_CHROMA_SPAN = 0.5, 0.1
"""Of the range of samples, in the first and in the other planes of a valid file."""
MAX_CLIPPED = 0.4
"""Part of the samples of the first plane."""


def all_vectors() -> Iterator[tuple[str, Vector]]:
    """Every vector with the name of its file in the folder."""
    for group, vectors in GROUPS.items():
        for vector in vectors():
            yield f"{group}/{vector.name}.nvst", vector


def main() -> int:
    """Write everything and remove files that are no longer made."""
    entries, written = {}, set()
    for name, vector in all_vectors():
        path = TARGET / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(vector.data)
        written.add(path)
        values = None
        if not name.startswith("faulty/") and vector.limit is None:
            values = stored_values(path.with_suffix(".f64"), vector)
            written.add(path.with_suffix(".f64"))
        entries[name] = entry_of(vector, values)
        if name.startswith("valid/") and entries[name]["num_frames"]:
            check_shown(name, entries[name], np.frombuffer(values or b"", "<f8"))
    for group in GROUPS:
        for stray in set((TARGET / group).iterdir()) - written:
            stray.unlink()
    (TARGET / "manifest.json").write_text(manifest_text(entries), encoding="utf-8")
    readme = TARGET / "README.md"
    readme.write_text(with_tables(readme.read_text(encoding="utf-8"), entries), encoding="utf-8")
    print(f"{len(entries)} files in {TARGET}")
    return 0


def stored_values(path: Path, vector: Vector) -> bytes:
    """The reference values in the file, which is written if it is not there or says something else."""
    fresh = reference_values(vector.data).astype("<f8")
    stored = np.fromfile(path, "<f8") if path.exists() else None
    if stored is None or stored.shape != fresh.shape or not np.allclose(stored, fresh, rtol=0, atol=TOLERANCE):
        fresh.tofile(path)
    return path.read_bytes()


def check_shown(name: str, entry: Entry, values: Float64Array) -> None:
    """Raise ValueError if the frames show nothing of the network: where they are flat or clipped."""
    largest = 2 ** entry["bit_depth"] - 1
    borders = np.cumsum(plane_sizes(entry))[:-1]
    planes = np.split(np.clip(values, 0, largest).reshape(entry["num_frames"], -1), borders, axis=1)
    spans = [float(np.ptp(plane)) / largest for plane in planes]
    clipped = float(np.mean((planes[0] == 0) | (planes[0] == largest)))
    if spans[0] < MIN_SPAN or min(spans) < MIN_CHROMA_SPAN or clipped > MAX_CLIPPED:
        raise ValueError(f"{name}: the planes span {spans} of their range, {clipped} of the first is clipped")


if __name__ == "__main__":
    sys.exit(main())
