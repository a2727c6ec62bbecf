"""Runs any .nvst decoder over the conformance vectors and says where it differs from the specification.

    python tools/check_conformance.py "nvdec -q -y --verify {input} -o {output}"
    python tools/check_conformance.py --group faulty "mydecoder {input} {output}"

The command is given an input .nvst file and an output .yuv file to write: the samples of all frames as clause 20 of
spec/nvst.md orders them, without any header. Exit status 0 means decoded, any other means refused. If the command
prints a line ``INTEGERS=`` or ``integers:`` with the digest of the integers (clause 20), it is compared too.
Needs Python and numpy, and nothing of nvcodec.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

VECTORS = Path(__file__).resolve().parents[1] / "tests" / "conformance"
GROUPS = ("valid", "uncommon", "faulty")
DIGEST = re.compile(r"^integers(?:=|: *)([0-9a-f]{64})\s*$", re.IGNORECASE | re.MULTILINE)
NOT_REPORTED = "integers not reported"
REFUSED = "refused, which the manifest allows"

Entry = dict[str, Any]
Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """What a decoder made of a file.

    Attributes:
        is_decoded: it said that it decoded it.
        integers: the digest it gave, None if none.
        samples: of all frames; None if it wrote none.
        crash: what happened if it neither decoded nor refused, otherwise empty.
    """

    is_decoded: bool
    integers: str | None = None
    samples: bytes | None = None
    crash: str = ""


@dataclass(frozen=True)
class Verdict:
    """What is wrong with an outcome, and what is worth saying of it."""

    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def load_manifest(folder: Path = VECTORS) -> dict[str, Entry]:
    """The entries of all files by name, e.g. ``valid/one-frame.nvst``."""
    entries: dict[str, Entry] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["files"]
    return entries


def load_values(name: str, folder: Path = VECTORS) -> Float64Array:
    """The reference values of a file."""
    return np.fromfile((folder / name).with_suffix(".f64"), "<f8")


def judge(name: str, entry: Entry, outcome: Outcome, fast: bool = False, folder: Path = VECTORS) -> Verdict:
    """Hold an outcome against the manifest.

    Args:
        name: of the file.
        entry: its entry.
        outcome: the decoder's.
        fast: by the bounds of a fast evaluation.
        folder: of the vectors.
    """
    if outcome.crash:
        return Verdict([outcome.crash])
    if "error" in entry:
        return Verdict([f"accepted, expected a refusal: {entry['reason']}"] if outcome.is_decoded else [])
    # Without frames there is nothing to write, which a decoder may call an error.
    may_refuse = "limit" in entry or "verification" in entry or entry["num_frames"] == 0
    if not outcome.is_decoded and not may_refuse:
        return Verdict(["refused"])
    failures, notes = [], []
    if outcome.integers is None:
        notes.append(NOT_REPORTED if outcome.is_decoded else REFUSED)
    elif outcome.integers != entry["integers"]:
        failures.append(f"the digest of the integers is {outcome.integers}, not {entry['integers']}")
    if outcome.is_decoded and "values_sha256" in entry:
        failures += sample_failures(entry, outcome.samples or b"", load_values(name, folder), fast)
    return Verdict(failures, notes)


def sample_failures(entry: Entry, samples: bytes, values: Float64Array, fast: bool = False) -> list[str]:
    """Hold samples against reference values by the bounds of clause 13, plane by plane.

    Args:
        entry: gives the format.
        samples: of all frames.
        values: (samples of all frames,).
        fast: by the bounds of a fast evaluation.
    """
    dtype = np.dtype("<u1" if entry["bit_depth"] == 8 else "<u2")
    if len(samples) != values.size * dtype.itemsize:
        return [f"{len(samples)} bytes of samples, expected {values.size * dtype.itemsize}"]
    scale = 2 ** (entry["bit_depth"] - 8)
    reference = np.clip(np.floor(values + 0.5), 0, 256 * scale - 1)
    differences = np.abs(np.frombuffer(samples, dtype) - reference)
    failures = []
    start = 0
    for frame_idx in range(entry["num_frames"]):
        for plane_idx, size in enumerate(plane_sizes(entry)):
            plane = differences[start : start + size]
            start += size
            problem = fast_problem(plane, scale) if fast else full_problem(plane)
            if problem:
                failures.append(f"frame {frame_idx} plane {plane_idx}: {problem}")
    return failures


def full_problem(differences: Float64Array) -> str:
    """What of a plane's differences is above the bounds of a full evaluation; empty if nothing is."""
    count = int(np.count_nonzero(differences))
    if differences.max() > 1:
        return f"a sample differs by {differences.max():.0f}, allowed is 1"
    if count > max(2, differences.size / 1000):
        return f"{count} of {differences.size} samples differ"
    return ""


def fast_problem(differences: Float64Array, scale: int) -> str:
    """The same for a fast evaluation of samples of 8 bits times ``scale``."""
    rms = float(np.sqrt(np.mean(differences**2)))
    if differences.max() > 4 * scale:
        return f"a sample differs by {differences.max():.0f}, allowed is {4 * scale}"
    if rms > 0.75 * scale:
        return f"the root of the mean square of the differences is {rms:.3f}, allowed is {0.75 * scale}"
    return ""


def plane_sizes(entry: Entry) -> list[int]:
    """Samples of each plane of a frame."""
    width, height = entry["width"], entry["height"]
    chroma = {
        "GRAY": [],
        "YUV420": [-(-width // 2) * -(-height // 2)] * 2,
        "YUV422": [-(-width // 2) * height] * 2,
        "YUV444": [width * height] * 2,
        "RGB": [width * height] * 2,
    }
    return [width * height, *chroma[entry["chroma_subsampling"]]]


def run_decoder(command: str, stream: Path, target: Path, timeout_s: float) -> Outcome:
    """Run a decoder's command on one file."""
    words = [word.replace("{input}", str(stream)).replace("{output}", str(target)) for word in shlex.split(command)]
    try:
        process = subprocess.run(words, capture_output=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        return Outcome(False, crash=f"took longer than {timeout_s:g} s")
    if process.returncode < 0:
        return Outcome(False, crash=f"ended by signal {-process.returncode}")
    found = DIGEST.search(process.stdout.decode("utf-8", "replace"))
    samples = target.read_bytes() if target.is_file() else None
    return Outcome(process.returncode == 0, found[1].lower() if found else None, samples)


def main(arguments: list[str] | None = None) -> int:
    """Returns 1 if the decoder failed on any file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", help="with {input} and {output} in the places of the two files")
    parser.add_argument("--class", dest="kind", choices=("full", "fast"), default="full", help="bounds of clause 13")
    parser.add_argument("--group", choices=GROUPS, action="append", help="only these files; may be repeated")
    parser.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS", help="for each file")
    parser.add_argument("--vectors", type=Path, default=VECTORS, metavar="FOLDER", help="that of manifest.json")
    options = parser.parse_args(arguments)
    if "{input}" not in options.command or "{output}" not in options.command:
        parser.error("the command needs {input} and {output}")
    results: Counter[tuple[str, str]] = Counter()
    for name, entry in load_manifest(options.vectors).items():
        group = name.split("/")[0]
        if group not in (options.group or GROUPS):
            continue
        with tempfile.TemporaryDirectory() as folder:
            outcome = run_decoder(options.command, options.vectors / name, Path(folder, "out.yuv"), options.timeout)
        verdict = judge(name, entry, outcome, options.kind == "fast", options.vectors)
        results[group, "failed" if verdict.failures else "passed"] += 1
        results.update((group, note) for note in verdict.notes)
        if verdict.failures:
            more = f" (and {len(verdict.failures) - 1} more)" if len(verdict.failures) > 1 else ""
            print(f"FAILED {name}: {verdict.failures[0]}{more}\n       {entry['about']}")
    print_summary(results)
    return int(any(what == "failed" for _, what in results))


def print_summary(results: Counter[tuple[str, str]]) -> None:
    """A table of groups and results."""
    columns = ("passed", "failed", NOT_REPORTED, REFUSED)
    print(f"{'group':<10}" + "".join(f"  {column}" for column in columns))
    for group in GROUPS:
        if any(group == found for found, _ in results):
            print(f"{group:<10}" + "".join(f"  {results[group, column]:>{len(column)}}" for column in columns))


if __name__ == "__main__":
    sys.exit(main())
