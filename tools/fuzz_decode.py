"""Fuzzes the reader with damaged and with forged files, and reports what they cost it.

python -m tools.fuzz_decode damage             every truncation, every flipped bit, random edits of each file
python -m tools.fuzz_decode forge --runs N     mutations behind right checksums, chosen at random
python -m tools.fuzz_decode guide --runs N     the same mutations, guided by coverage (needs atheris)

The files are the small ones of tests/conformance/valid and those that the faulty ones are made from. The exit status is
1 if something was found that must not be; the inputs that show it are written to the folder of --findings.
"""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import ExitStack
from pathlib import Path

VECTORS = Path(__file__).resolve().parent.parent / "tests" / "conformance" / "valid"


def main() -> int:
    """Run one of the modes; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=["damage", "forge", "guide"])
    parser.add_argument("--runs", type=int, default=100_000, help="inputs of forge and guide")
    parser.add_argument("--edits", type=int, default=1000, help="random edits of each file, of damage")
    parser.add_argument("--seed", type=int, default=0, help="of everything random")
    parser.add_argument("--max-bytes", type=int, default=3000, help="largest file that is used")
    parser.add_argument("--findings", type=Path, default=Path("findings"), help="folder for what was found")
    options = parser.parse_args()
    with ExitStack() as stack:
        if options.mode == "guide":
            import atheris

            # What is to be covered has to be instrumented while it is imported.
            stack.enter_context(atheris.instrument_imports(include=["nvcodec.bitstream"]))
        from tools.fuzzing import runs
    seeds = runs.load_seeds(VECTORS, options.max_bytes)
    print(f"{len(seeds)} files, {sum(len(seed.data) for seed in seeds)} bytes", flush=True)
    start = time.monotonic()
    if options.mode == "guide":
        options.findings.mkdir(parents=True, exist_ok=True)
        runs.run_guided(seeds, options.runs, options.seed, options.findings)
    if options.mode == "damage":
        record = runs.run_damage(seeds, options.edits, options.seed)
    else:
        record = runs.run_forged(seeds, options.runs, options.seed)
    print("\n".join([*record.lines(), f"seconds: {time.monotonic() - start:.0f}"]))
    for idx, (what, data) in enumerate(record.findings):
        options.findings.mkdir(parents=True, exist_ok=True)
        (options.findings / f"{idx:04}.nvst").write_bytes(data)
        print(f"{idx:04}.nvst: {what}")
    return int(bool(record.findings))


if __name__ == "__main__":
    sys.exit(main())
