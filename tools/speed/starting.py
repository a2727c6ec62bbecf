"""How long commands take to begin."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tools.speed.decoding import CHUNK_FRAMES, HD, MARGIN, default_network
from tools.speed.figures import Figure
from tools.speed.files import random_file
from tools.speed.timing import Case, in_turn


def measure_starts() -> list[Figure]:
    """Whole processes."""
    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name) / "a.nvst"
    path.write_bytes(random_file(default_network("fast", MARGIN), HD, (CHUNK_FRAMES,) * 8, kappa=0.5))
    lines = {
        "python alone": [sys.executable, "-c", "pass"],
        "import nvcodec": [sys.executable, "-c", "import nvcodec"],
        "nvinfo of a file": command("nvinfo", str(path)),
        "nvdec --help": command("nvdec", "--help"),
        "nvenc --help": command("nvenc", "--help"),
    }
    cases = {name: Case(process, (line,)) for name, line in lines.items()}
    return [Figure("start", name, seconds, "s") for name, seconds in in_turn(cases, 9).items()]


def command(name: str, *arguments: str) -> list[str]:
    """The command line of one of our commands."""
    code = f"from nvcodec.cli.{name} import main; main(prog_name={name!r})"
    return [sys.executable, "-c", code, *arguments]


def process(line: Sequence[str]) -> Callable[[], object]:
    """A command line, run to its end."""
    return lambda: subprocess.run(line, check=True, capture_output=True)
