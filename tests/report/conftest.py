from __future__ import annotations

import json
from pathlib import Path

import pytest

from nvcodec.report.content import ReportContent, gather
from tests import encodes


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve frames of 64x48 with a cut in the middle, 25 per second."""
    return encodes.two_scene_clip(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="session")
def nvst(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its encode: two windows of two chunks of three frames, which share half of their kernels."""
    return encodes.two_window_file(tmp_path_factory.mktemp("nvst"))


@pytest.fixture(scope="session")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``nvenc --json`` tells of two windows of ten iterations, the last five of which know of their rate."""
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    lines = []
    for window_idx in (0, 1):
        lines.append({"event": "progress", "stage": "plan", "window_idx": window_idx})
        for iteration in range(1, 11):
            bpp = 0.5 / iteration if iteration > 5 else None
            values = {"iteration": iteration, "psnr": 20 + iteration, "bpp": bpp}
            lines.append({"event": "progress", "stage": "train", "window_idx": window_idx, **values})
    lines.append({"event": "result", "psnr_y": 30.0})
    path.write_text("\n".join(map(json.dumps, lines)) + "\n")
    return path


@pytest.fixture(scope="session")
def content(source: Path, nvst: Path, log: Path) -> ReportContent:
    """Everything that a report can show."""
    return gather(str(nvst), encodes.CPU, source=str(source), log=log, with_x265=True)


@pytest.fixture(scope="session")
def bare_content(nvst: Path) -> ReportContent:
    """What it shows of a file alone."""
    return gather(str(nvst), encodes.CPU)
