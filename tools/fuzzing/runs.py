"""The runs of the fuzzer: damage, forged files at random, forged files guided by coverage."""

from __future__ import annotations

import contextlib
import os
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tools.fuzzing.damage import edits, examine, flips, truncations
from tools.fuzzing.mutations import mutate
from tools.fuzzing.reading import Record
from tools.fuzzing.seeds import Seed
from tools.vectors import faulty_bases, tracks

COMPARED = 100
"""Every how many inputs the reference decoder is asked, too."""
RECONSTRUCTED = 500
"""Every how many inputs a network is evaluated, if the file is accepted."""
REPORT_S = 30.0


def load_seeds(folder: Path, max_bytes: int) -> list[Seed]:
    """Sound files small enough to be read often: those of a folder, and those that faulty vectors come from."""
    files = {path.stem: path.read_bytes() for path in sorted(folder.glob("*.nvst"))}
    bases = (faulty_bases.finished, faulty_bases.front, faulty_bases.two, faulty_bases.nerv, faulty_bases.enerv)
    files |= {make.__name__: make() for make in (*bases, faulty_bases.bell, faulty_bases.own, tracks.sound)}
    return [Seed.of(name, data) for name, data in files.items() if len(data) <= max_bytes]


def run_damage(seeds: Sequence[Seed], num_edits: int, random_seed: int) -> Record:
    """Every truncation and every flipped bit of every file, and random edits of each."""
    record = Record()
    for seed in seeds:
        for damaged in truncations(seed.data):
            examine(seed, damaged, record)
        for damaged in flips(seed.data):
            examine(seed, damaged, record)
        for damaged in edits(seed.data, random.Random(f"{random_seed} {seed.name}"), num_edits):
            examine(seed, damaged, record)
        _report(f"{seed.name} ({len(seed.data)} bytes) done", record)
    return record


def run_forged(seeds: Sequence[Seed], num_runs: int, random_seed: int) -> Record:
    """Mutations behind right checksums, chosen at random; Ctrl-C ends the run early."""
    record, rng = Record(), random.Random(random_seed)
    due = time.monotonic() + REPORT_S
    with contextlib.suppress(KeyboardInterrupt):
        for idx in range(num_runs):
            data = mutate(seeds[rng.randrange(len(seeds))], rng.randrange)
            record.add(data, compare=idx % COMPARED == 0, reconstruct=idx % RECONSTRUCTED == 0)
            if time.monotonic() > due:
                due = time.monotonic() + REPORT_S
                _report(f"{idx + 1} of {num_runs}", record)
    return record


def run_guided(seeds: Sequence[Seed], num_runs: int, random_seed: int, corpus: Path) -> None:
    """The same mutations guided by coverage; ends the process.

    Args:
        corpus: folder where the fuzzer keeps the choices that reached something new.
    """
    import atheris

    record = Record()

    def test_one_input(data: bytes) -> None:
        choices = atheris.FuzzedDataProvider(data)
        choose = lambda n: choices.ConsumeIntInRange(0, n - 1)  # noqa: E731
        forged = mutate(seeds[choose(len(seeds))], choose)
        idx = record.num_inputs
        record.add(forged, compare=idx % COMPARED == 0, reconstruct=idx % RECONSTRUCTED == 0)
        if record.num_inputs == num_runs:
            print("\n".join(record.lines()), flush=True)
            # The fuzzer's own end knows nothing of findings.
            os._exit(int(bool(record.findings)))

    arguments = [
        sys.argv[0],
        f"-seed={random_seed + 1}",
        "-max_len=256",
        "-rss_limit_mb=0",
        "-verbosity=0",
        str(corpus),
    ]
    atheris.Setup(arguments, test_one_input)
    atheris.Fuzz()


def _report(where: str, record: Record) -> None:
    print(f"{where}: {record.num_inputs} inputs, {len(record.findings)} findings", flush=True)
