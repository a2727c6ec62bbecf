"""How time and memory grow with the length of a video, at the preset draft and the same bound on windows."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from nvcodec.video.format import VideoFormat
from nvcodec.video.frame import Frame
from nvcodec.video.sink import open_sink
from tools.speed.figures import Figure
from tools.speed.starting import command

FORMAT = VideoFormat(192, 108)
LENGTHS = (2500, 10_000)
MAX_MEMORY = "32M"


def measure_growth() -> list[Figure]:
    """Encode and decode 2500 and 10,000 frames."""
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        source, stream, shown = (Path(folder) / name for name in ("a.y4m", "a.nvst", "b.y4m"))
        for num_frames in LENGTHS:
            write_moving_pattern(source, num_frames)
            options = ("--preset", "draft", "--max-memory", MAX_MEMORY, "-y", "-q")
            encode = command("nvenc", str(source), "-o", str(stream), *options)
            decode = command("nvdec", str(stream), "-o", str(shown), "-y", "-q")
            for name, line in (("nvenc", encode), ("nvdec", decode)):
                seconds, peak_bytes = run(line)
                what = f"{name}, {num_frames} frames of 192x108"
                figures.append(Figure("growth", f"{what}, time", seconds, "s"))
                figures.append(Figure("growth", f"{what}, peak memory", peak_bytes / 2**20, "MiB"))
    return figures


def write_moving_pattern(path: Path, num_frames: int) -> None:
    """Waves that move, without a cut."""
    rows, columns = np.mgrid[0 : FORMAT.height, 0 : FORMAT.width]
    with open_sink(path, FORMAT, Fraction(1, 25), Fraction(25), overwrite=True) as sink:
        for idx in range(num_frames):
            luma = 128 + 60 * np.sin(columns / 9 + idx / 7) + 40 * np.cos(rows / 5 - idx / 11)
            chroma = np.full(FORMAT.plane_shape(1), 128, np.uint8)
            sink.write(Frame((luma.astype(np.uint8), chroma, chroma), idx, 1))
        sink.close()


def run(line: Sequence[str]) -> tuple[float, int]:
    """Seconds and peak bytes of a command line."""
    start = time.perf_counter()
    child = subprocess.Popen(line)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise RuntimeError(f"{' '.join(line)} ended with {child.returncode}")
    return time.perf_counter() - start, usage.ru_maxrss * 1024
