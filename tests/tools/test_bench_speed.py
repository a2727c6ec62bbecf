"""The speed bench: its tables, counts and files. What it measures is for nobody to assert."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from nvcodec.bitstream import NvstReader
from nvcodec.bitstream.network_spec import Backbone
from nvcodec.video.format import VideoFormat
from tests import encodes
from tools.bench_speed import main
from tools.speed import figures
from tools.speed.counting import count
from tools.speed.figures import Figure, format_value, store
from tools.speed.files import noise, random_file
from tools.speed.timing import Case, in_turn


def sleeper(seconds: float) -> Callable[[], object]:
    return lambda: time.sleep(seconds)


def test_operations_and_bytes_of_a_matrix_product() -> None:
    a, b = torch.ones(8, 16), torch.ones(16, 4)
    work = count(lambda: a @ b)
    assert work.flops == 2 * 8 * 16 * 4
    assert work.num_bytes == 4 * (8 * 16 + 16 * 4 + 8 * 4)


def test_views_move_no_bytes() -> None:
    a = torch.ones(8, 16)
    assert count(lambda: a.view(16, 8).transpose(0, 1)).num_bytes == 0


def test_what_bounds() -> None:
    work = count(lambda: torch.ones(64, 64) @ torch.ones(64, 64))
    assert "bound by arithmetic" in work.bound(1.0, 1e12, 1.0)
    assert "bound by bytes" in work.bound(1e15, 1.0, 1.0)


def test_cases_run_in_turn_in_processes_of_their_own() -> None:
    seconds = in_turn({"short": Case(sleeper, (0.0,)), "long": Case(sleeper, (0.2,))}, 3)
    assert list(seconds) == ["short", "long"]
    assert seconds["long"] >= 0.2


def test_a_bench_replaces_its_own_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "describe_machine", lambda: "A CPU, 2 cores")
    store(tmp_path, "one", [Figure("one", "a", 1.0, "s")])
    store(tmp_path, "two", [Figure("two", "b", 1234.5, "fps", "note")])
    store(tmp_path, "one", [Figure("one", "c", 0.5, "s")])
    with (tmp_path / "a-cpu-2-cores.csv").open(newline="") as file:
        assert [(row["bench"], row["what"]) for row in csv.DictReader(file)] == [("two", "b"), ("one", "c")]
    text = (tmp_path / "a-cpu-2-cores.md").read_text()
    assert "| two | b | 1234 fps | note |" in text
    assert "| one | c | 0.5 s |  |" in text


def test_numbers_have_three_digits() -> None:
    assert [format_value(value, "s") for value in (0.01234, 1.234, 123.4)] == ["0.0123 s", "1.23 s", "123 s"]


@pytest.mark.parametrize("backbone", [Backbone.NERV, Backbone.VAST])
def test_files_of_noise_are_sound(backbone: Backbone) -> None:
    spec = encodes.tiny_spec(backbone)
    with NvstReader(random_file(spec, VideoFormat(32, 24), (3, 2), kappa=0.5)) as reader:
        reader.verify()
        assert reader.num_frames == 5
        assert np.count_nonzero(reader.read_window(0).mask) == round(0.5 * spec.num_parameters)


def test_frames_of_noise() -> None:
    assert [plane.shape for plane in noise(VideoFormat(32, 24), 2)] == [(2, 24, 32), (2, 12, 16), (2, 12, 16)]


def test_there_is_no_such_bench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["bench_speed", "--out", "x", "sprint"])
    with pytest.raises(SystemExit):
        main()
    assert "there is no bench sprint; there are machine, start" in capsys.readouterr().err
