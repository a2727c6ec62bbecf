"""``nvcut`` in this process: what it keeps, what it prints, what it leaves behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import nvcodec
from nvcodec.bitstream import NvstReader
from tests import encodes


@pytest.mark.parametrize(
    ("options", "kept", "words"),
    [
        (("--frames", "4:8"), range(3, 9), "kept frames 3-8, 0.120 s to 0.360 s, "),
        (("--frames", "6:7"), range(6, 9), "kept frames 6-8, 0.240 s to 0.360 s, "),
        (("--start", "0.2"), range(3, 12), "kept frames 3-11, 0.120 s to 0.480 s, "),
        (("--end", "0:00.12"), range(3), "kept frames 0-2, 0.000 s to 0.120 s, "),
        (("--start", "0.12", "--end", "0.121"), range(3, 6), "kept frames 3-5, 0.120 s to 0.240 s, "),
        ((), range(12), "kept frames 0-11, 0.000 s to 0.480 s, "),
    ],
)
def test_the_chunks_that_hold_what_was_asked_for_stay_as_they_were(
    run_nvcut, nvst: Path, tmp_path: Path, options: tuple[str, ...], kept: range, words: str
) -> None:
    target = tmp_path / "a.nvst"
    result = run_nvcut(nvst, "-o", target, *options)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr.startswith(words)
    assert result.stderr.count("\n") == 1
    nvcodec.decode(nvst, tmp_path / "all.y4m", device="cpu")
    nvcodec.decode(target, tmp_path / "part.y4m", device="cpu")
    frames = encodes.read_frames(tmp_path / "all.y4m")
    encodes.assert_same_frames(encodes.read_frames(tmp_path / "part.y4m"), [frames[idx] for idx in kept])


def test_options(run_nvcut, nvst: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.nvst"
    assert run_nvcut(nvst, "-o", target, "-q", "--faststart").output == ""
    with NvstReader(target) as reader:
        reader.verify()
        assert reader.has_front_index
    result = run_nvcut(nvst, "-o", target, "--frames", "0:1")
    assert (result.exit_code, result.stderr) == (1, f"nvcut: {target}: already exists; use -y to overwrite it\n")
    assert run_nvcut(nvst, "-o", target, "--frames", "0:1", "-y").exit_code == 0
    with NvstReader(target) as reader:
        assert reader.num_frames == 3
    assert run_nvcut("--version").output == f"nvcut, version {nvcodec.__version__}\n"
    assert "nvinfo --chunks" in run_nvcut("--help").output


def test_an_unfinished_file_is_cut_with_a_warning(run_nvcut, nvst: Path, tmp_path: Path) -> None:
    unfinished = tmp_path / "unfinished.nvst"
    unfinished.write_bytes(nvst.read_bytes()[:-60])
    result = run_nvcut(unfinished, "-o", tmp_path / "a.nvst", "--frames", "3:")
    assert result.exit_code == 0
    warning, kept = result.stderr.splitlines()
    assert warning == f"nvcut: warning: {unfinished}: unfinished, it has fewer frames than its source"
    assert kept.startswith("kept frames 3-11, ")
    with NvstReader(tmp_path / "a.nvst") as reader:
        assert (reader.is_finished, reader.is_complete) == (True, False)


@pytest.mark.parametrize(
    ("options", "exit_code", "words"),
    [
        (("--frames", "12:"), 2, "the selection holds none of the file's 12 frames"),
        (("--start", "2", "--end", "1"), 2, "1.0 s is not after the start"),
        (("--frames", "x"), 2, "is not a range of frames"),
    ],
)
def test_refusals_are_one_line(
    run_nvcut, nvst: Path, tmp_path: Path, options: tuple[str, ...], exit_code: int, words: str
) -> None:
    result = run_nvcut(nvst, "-o", tmp_path / "a.nvst", *options)
    assert result.exit_code == exit_code
    assert result.stderr.startswith("nvcut: ")
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert os.listdir(tmp_path) == []


def test_the_source_is_not_overwritten(run_nvcut, nvst: Path) -> None:
    before = nvst.read_bytes()
    result = run_nvcut(nvst, "-o", nvst, "-y", "--frames", "0:1")
    assert (result.exit_code, result.stderr) == (1, f"nvcut: {nvst}: is one of the inputs\n")
    assert nvst.read_bytes() == before
