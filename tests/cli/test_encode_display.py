"""What ``nvenc`` shows while it encodes: lines, the live display, JSON."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest

from nvcodec.cli.encode_display import LiveDisplay, plan_line, training_text
from nvcodec.encoder.progress import EncodeProgress, Stage
from tests import clips, encodes


def test_plain_lines_say_where_the_encode_is(run_nvenc, source: Path, tmp_path: Path) -> None:
    result = run_nvenc(source, "-o", tmp_path / "a.nvst", "-vv")
    assert result.exit_code == 0
    assert result.stdout == ""
    plan, *training, written = result.stderr.splitlines()[:5]
    assert re.fullmatch(
        r"window 0: frames 0-5, 2 chunks, [\d.]+ k parameters each, 1 epochs; estimated time left \d+ s, "
        r"memory about [\d.]+ MB: program [\d.]+ MB \+ 2 windows' frames [\d.]+ kB \+ training [\d.]+ MB",
        plan,
    )
    for line in training:
        assert re.search(r"2 chunks, epoch [01]/1, \d+\.\d\d dB, 0/12 frames coded, [\d.]+ k?B, \d+ s left$", line), (
            line
        )
    assert re.fullmatch(
        r"window 0: frames 0-5, 2 chunks, written and verified, [\d.]+ dB RGB, [\d.]+ kB so far, \d+ s left", written
    )
    last = result.stderr.splitlines()[-1]
    for word in ("12 frames in 2 windows", "kB", "bpp", "dB Y", "dB RGB", "on cpu"):
        assert word in last


def test_training_lines_name_window_and_chunk_epoch_quality_bytes_and_time() -> None:
    state = EncodeProgress(
        Stage.TRAIN, 3, 60, 12, 4, 1_500_000, 7, 300, 0.1, 31.234, 5_250_000, 60, 132, seconds_left=200_000
    )
    for text in (plan_line(state), training_text(state)):
        assert "4 chunks" in text
        assert "2 days 7 h" in text
    assert "window 3: frames 60-71" in plan_line(state)
    assert "1.50 M parameters" in plan_line(state)
    for word in ("epoch 7/300", "31.23 dB", "60/132 frames", "5.25 MB", "left"):
        assert word in training_text(state)
    assert "bpp" not in training_text(state)
    assert "31.23 dB, 0.0721 bpp, 60/132 frames" in training_text(dataclasses.replace(state, bpp=0.07214))


def test_the_live_display_draws_every_stage(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with LiveDisplay() as display:
        result = encodes.tiny_encode(source, tmp_path / "a.nvst", progress=display.update)
        display.finish(result)
    output = capsys.readouterr().err
    lines = [line for line in re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", output).splitlines() if "written" in line]
    assert [line.split(",")[0].split("\r")[-1].strip() for line in lines] == [
        "window 0: frames 0-5",
        "window 1: frames 6-11",
    ]
    assert "12 frames in 2 windows" in output


def test_piped_there_is_one_line_for_each_window_and_one_for_all(run_nvenc, source: Path, tmp_path: Path) -> None:
    result = run_nvenc(source, "-o", tmp_path / "a.nvst")
    assert (result.exit_code, result.stdout) == (0, "")
    first, second, all_of_it = result.stderr.splitlines()
    assert re.search(r"^window 0: frames 0-5, .* so far, \d+ s left$", first)
    assert re.search(r"^window 1: frames 6-11, .* so far$", second)
    assert all_of_it.startswith("12 frames in 2 windows")


def test_json_lines(run_nvenc, source: Path, tmp_path: Path) -> None:
    result = run_nvenc(source, "-o", tmp_path / "a.nvst", "--json")
    events = [json.loads(line, parse_constant=pytest.fail) for line in result.stdout.splitlines()]
    assert result.stderr == ""
    assert [event["stage"] for event in events[:3]] == ["plan", "mask", "train"]
    assert {event["event"] for event in events[:-1]} == {"progress"}
    assert {"window_idx", "num_chunks", "epoch", "iteration", "psnr", "bytes_written", "seconds_left"} <= events[
        2
    ].keys()
    final = events[-1]
    assert final["event"] == "result"
    assert (final["num_frames"], final["is_complete"], len(final["windows"])) == (12, True, 2)
    assert final["file_bytes"] == (tmp_path / "a.nvst").stat().st_size
    assert 0 < final["psnr_y"] < 100


def test_quiet_prints_nothing(run_nvenc, tmp_path: Path) -> None:
    result = run_nvenc(clips.damaged_clip(tmp_path), "-o", tmp_path / "a.nvst", "-q")
    assert (result.exit_code, result.output) == (0, "")
