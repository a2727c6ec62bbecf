"""Build the wheel and the source distribution, install each into an environment of its own, and try it there.

    python -m tools.check_package [--out dist]

It must have every command with its manual page, and encode and decode a few frames.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from tools.make_man import COMMANDS

ROOT = Path(__file__).parents[1]
TORCH = "torch==2.13.0"
"""Named exactly, as in the Makefile, so that a resolver does not choose a larger build of another release."""
SIZE, NUM_FRAMES = 32, 4


def main() -> None:
    """Build and try both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder for what is built")
    folder: Path = parser.parse_args().out
    for old in (*folder.glob("nvcodec-*.whl"), *folder.glob("nvcodec-*.tar.gz")):
        old.unlink()
    # The wheel is built from the source distribution.
    _run(sys.executable, "-m", "build", "--outdir", folder, ROOT)
    for pattern in ("nvcodec-*.whl", "nvcodec-*.tar.gz"):
        (package,) = folder.glob(pattern)
        with tempfile.TemporaryDirectory() as name:
            check(package.resolve(), Path(name))
        print(f"{package}: sound", flush=True)


def check(package: Path, folder: Path) -> None:
    """Install a distribution and use its commands.

    Raises:
        CalledProcessError: something failed.
        FileNotFoundError: a manual page or an output is missing.
    """
    environment = folder / "environment"
    venv.create(environment, with_pip=True)
    bin_folder = environment / ("Scripts" if os.name == "nt" else "bin")
    install = (bin_folder / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    _run(*install, TORCH)
    _run(*install, package)
    for name in COMMANDS:
        _run(bin_folder / name, "--help", cwd=folder)
        (environment / "share" / "man" / "man1" / f"{name}.1").stat()
    source = folder / "in.y4m"
    source.write_bytes(small_video())
    encoded, part, both = folder / "out.nvst", folder / "part.nvst", folder / "both.nvst"
    _run(
        bin_folder / "nvenc", source, "-o", encoded, "--preset", "draft", "--chunk", "2", "--device", "cpu", cwd=folder
    )
    _run(bin_folder / "nvcut", encoded, "-o", part, "--frames", "0:2", cwd=folder)
    _run(bin_folder / "nvcat", part, encoded, "-o", both, cwd=folder)
    _run(bin_folder / "nvinfo", both, cwd=folder)
    _run(bin_folder / "nvdec", both, "-o", folder / "out.mkv", "--device", "cpu", cwd=folder)
    (folder / "out.mkv").stat()


def small_video() -> bytes:
    """A y4m file of a few frames of a ramp that moves."""
    header = f"YUV4MPEG2 W{SIZE} H{SIZE} F25:1 Ip A1:1 C420jpeg\n".encode()
    frames = [
        b"FRAME\n"
        + bytes(4 * (column + idx) + row for row in range(SIZE) for column in range(SIZE))
        + bytes([128]) * (SIZE * SIZE // 2)
        for idx in range(NUM_FRAMES)
    ]
    return header + b"".join(frames)


def _run(*command: str | Path, cwd: Path = ROOT) -> None:
    # Away from the sources, and without a path to them, so that the installed package is what runs.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([str(part) for part in command], check=True, cwd=cwd, env=environment, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
