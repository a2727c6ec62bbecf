from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from nvcodec.errors import InputError
from nvcodec.report.training_log import MAX_POINTS, read_training_log

GOOD = {"event": "progress", "stage": "train", "window_idx": 0, "iteration": 1, "psnr": 20.0, "bpp": None}
PLAN = {"event": "progress", "stage": "plan", "window_idx": 0}


def written(path: Path, *events: object) -> Path:
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    return path


def test_a_log_becomes_a_curve_for_each_window(log: Path) -> None:
    first, second = read_training_log(log)
    assert (first.window_idx, second.window_idx) == (0, 1)
    assert [point.iteration for point in first.points] == list(range(1, 11))
    assert [point.bpp for point in first.points][4:6] == [None, pytest.approx(0.5 / 6)]


def test_a_long_training_is_thinned_evenly(tmp_path: Path) -> None:
    events = [{**GOOD, "iteration": idx} for idx in range(5000)]
    (curve,) = read_training_log(written(tmp_path / "log", PLAN, *events))
    iterations = [point.iteration for point in curve.points]
    assert MAX_POINTS / 2 <= len(iterations) <= MAX_POINTS
    assert len({later - before for before, later in itertools.pairwise(iterations)}) == 1


def test_a_window_that_is_begun_again_counts_once(tmp_path: Path) -> None:
    (curve,) = read_training_log(written(tmp_path / "log", PLAN, GOOD, PLAN, {**GOOD, "psnr": 30.0}))
    assert [point.psnr for point in curve.points] == [30.0]


@pytest.mark.parametrize(
    "line",
    [
        "no json",
        "[]",
        "3",
        "{}",
        '{"event": "progress", "stage": "train", "window_idx": 7, "iteration": 1, "psnr": 1, "bpp": null}',
        json.dumps({**GOOD, "psnr": "<script>"}),
        json.dumps({**GOOD, "psnr": float("nan")}),
        json.dumps({**GOOD, "iteration": -1}),
        json.dumps({**GOOD, "iteration": 10**12}),
        json.dumps({**GOOD, "bpp": float("inf")}),
        "[" * 100_000,
    ],
)
def test_what_is_no_such_log_is_refused_by_its_line(tmp_path: Path, line: str) -> None:
    path = written(tmp_path / "log", PLAN, GOOD)
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(InputError, match="line 3: is not an event as nvenc --json prints it"):
        read_training_log(path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_training_log(tmp_path / "none")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not text"):
        read_training_log(tmp_path / "binary")


def test_the_encoders_own_log(source: Path, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from nvcodec.cli import nvenc
    from tests import encodes

    arguments = [str(source), "-o", str(tmp_path / "a.nvst"), "--chunk", "3", "--device", "cpu", "--json"]
    with encodes.tiny_presets():
        result = CliRunner().invoke(nvenc.main, arguments)
    (tmp_path / "log").write_text(result.stdout)
    curves = read_training_log(tmp_path / "log")
    assert [[point.iteration for point in curve.points] for curve in curves] == [[1, 2, 3], [1, 2, 3]]
