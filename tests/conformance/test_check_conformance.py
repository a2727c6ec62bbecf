"""tools/check_conformance.py passes a right decoder and finds wrong ones."""

from __future__ import annotations

import ast
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conformance.decoders import DECODERS
from tools.check_conformance import NOT_REPORTED, VECTORS, Outcome, judge, load_manifest, load_values, main

CHECKER = Path(__file__).parents[2] / "tools" / "check_conformance.py"
VALID, TEN_BITS, FAULTY = "valid/hnerv-kernel.nvst", "valid/yuv420-10.nvst", "faulty/box-sync.nvst"
MAY_REFUSE, EMPTY = "uncommon/elsewhere-payload.nvst", "valid/no-windows.nvst"
NAMES = [VALID, TEN_BITS, FAULTY, MAY_REFUSE, EMPTY]

# A decoder that looks its answers up. It is wrong in the way that it is told to be.
FAKE = """
import sys
from pathlib import Path
answers, wrong, source, target = sys.argv[1:]
answer = Path(answers, Path(source).name)
if answer.exists():
    digest, samples = answer.read_bytes()[:64].decode(), answer.read_bytes()[64:]
elif wrong == "accepts":
    digest, samples = "0" * 64, b""
else:
    sys.exit(1)
if wrong == "sample" and samples:
    samples = bytes([(samples[0] + 2) % 256]) + samples[1:]
if wrong == "short":
    samples = samples[:-1]
if wrong == "digest":
    digest = "0" * 64
Path(target).write_bytes(samples)
if wrong != "silent":
    print(f"INTEGERS={digest}")
"""


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a few vectors."""
    folder = tmp_path_factory.mktemp("vectors")
    manifest = load_manifest()
    for name in NAMES:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(VECTORS / name, folder / name)
        if (VECTORS / name).with_suffix(".f64").exists():
            shutil.copy((VECTORS / name).with_suffix(".f64"), (folder / name).with_suffix(".f64"))
    (folder / "manifest.json").write_text(json.dumps({"files": {name: manifest[name] for name in NAMES}}))
    return folder


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("nothing", []),
        ("silent", []),
        ("sample", [VALID, "frame 0 plane 0: a sample differs by"]),
        ("short", [VALID, "bytes of samples"]),
        ("digest", [VALID, EMPTY, "digest of the integers"]),
        ("accepts", [FAULTY, "accepted, expected a refusal"]),
    ],
)
def test_decoders_by_their_command(
    vectors: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: str, words: list[str]
) -> None:
    (tmp_path / "fake.py").write_text(FAKE)
    (tmp_path / "answers").mkdir()
    for name in NAMES:
        if name != FAULTY:
            outcome = DECODERS["codec"](VECTORS / name, True)
            assert outcome.integers is not None and outcome.samples is not None
            (tmp_path / "answers" / Path(name).name).write_bytes(outcome.integers.encode() + outcome.samples)
    command = f"{sys.executable} {tmp_path / 'fake.py'} {tmp_path / 'answers'} {wrong} {{input}} {{output}}"
    code = main([command, "--vectors", str(vectors)])
    output = capsys.readouterr().out
    assert code == bool(words), output
    for word in words:
        assert word in output
    assert ("FAILED" in output) == bool(words)
    not_reported = [line.split()[3] for line in output.splitlines() if line.startswith("valid ")]
    assert not_reported == ["3" if wrong == "silent" else "0"]


def test_a_crash_and_a_hang_are_failures(vectors: Path, capsys: pytest.CaptureFixture[str]) -> None:
    crash = f"{sys.executable} -c 'import os; os.abort()' {{input}} {{output}}"
    assert main([crash, "--vectors", str(vectors), "--group", "faulty"]) == 1
    hang = f"{sys.executable} -c 'import time; time.sleep(60)' {{input}} {{output}}"
    assert main([hang, "--vectors", str(vectors), "--group", "faulty", "--timeout", "0.2"]) == 1
    output = capsys.readouterr().out
    assert "ended by signal" in output
    assert "took longer than 0.2 s" in output


def altered(name: str, changes: list[tuple[int, int]]) -> Outcome:
    """The right samples of a file, some of them changed; each change as (position, difference)."""
    entry, values = load_manifest()[name], load_values(name)
    largest = 2 ** entry["bit_depth"] - 1
    samples = np.clip(np.floor(values + 0.5), 0, largest).astype(np.int64)
    for position, difference in changes:
        up = samples[position] + difference <= largest
        samples[position] += difference if up else -difference
    return Outcome(True, entry["integers"], samples.astype("<u1" if largest == 255 else "<u2").tobytes())


def failures(name: str, changes: list[tuple[int, int]], fast: bool = False) -> list[str]:
    return judge(name, load_manifest()[name], altered(name, changes), fast).failures


@pytest.mark.parametrize("name", [VALID, TEN_BITS])
def test_the_bounds_of_a_full_evaluation(name: str) -> None:
    assert not failures(name, [])
    assert not failures(name, [(0, 1), (131, 1), (132, 1), (140, 1), (204, 1)])
    assert failures(name, [(0, 1), (7, 1), (131, 1)]) == ["frame 0 plane 0: 3 of 132 samples differ"]
    assert failures(name, [(167, 2)]) == ["frame 0 plane 1: a sample differs by 2, allowed is 1"]
    assert failures(name, [(611, 2)]) == ["frame 2 plane 2: a sample differs by 2, allowed is 1"]


@pytest.mark.parametrize(("name", "scale"), [(VALID, 1), (TEN_BITS, 4)])
def test_the_bounds_of_a_fast_evaluation(name: str, scale: int) -> None:
    assert not failures(name, [(position, 4 * scale) for position in range(4)], fast=True)
    assert len(failures(name, [(0, 4 * scale + 1)], fast=True)) == 1
    # The plane's mean square is 16 * 5 / 132, more than 0.75^2.
    assert "mean square" in failures(name, [(position, 4 * scale) for position in range(5)], fast=True)[0]


def test_what_may_be_refused_and_what_may_not() -> None:
    manifest = load_manifest()
    refused = Outcome(False)
    assert judge(VALID, manifest[VALID], refused).failures == ["refused"]
    for name in (FAULTY, MAY_REFUSE, EMPTY):
        assert not judge(name, manifest[name], refused).failures
    silent = Outcome(True, None, altered(VALID, []).samples)
    assert judge(VALID, manifest[VALID], silent).notes == [NOT_REPORTED]


def test_the_checker_imports_only_the_standard_library_and_numpy() -> None:
    allowed = {*sys.stdlib_module_names, "numpy"}
    for node in ast.walk(ast.parse(CHECKER.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= allowed
        elif isinstance(node, ast.ImportFrom):
            assert str(node.module).split(".")[0] in allowed
