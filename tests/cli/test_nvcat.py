"""``nvcat`` in this process: what it joins, what it prints, what it leaves behind."""

from __future__ import annotations

import os
from pathlib import Path

import nvcodec
from nvcodec.bitstream import NvstReader
from nvcodec.video.source import open_source
from tests import encodes


def md5(path: Path) -> str | None:
    return nvcodec.decode(path, None, md5=True, device="cpu").md5


def test_what_was_cut_apart_is_joined_to_the_same_file(run_nvcut, run_nvcat, nvst: Path, tmp_path: Path) -> None:
    parts = [tmp_path / f"{idx}.nvst" for idx in range(3)]
    for part, frames in zip(parts, ("0:3", "3:9", "9:"), strict=True):
        assert run_nvcut(nvst, "-o", part, "--frames", frames).exit_code == 0
    result = run_nvcat(*parts, "-o", tmp_path / "a.nvst")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr.startswith("12 frames of 3 files, 0.480 s, ")
    assert (tmp_path / "a.nvst").read_bytes() == nvst.read_bytes()
    assert md5(tmp_path / "a.nvst") == md5(nvst)


def test_options(run_nvcat, nvst: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.nvst"
    assert run_nvcat(nvst, nvst, "-o", target, "-q", "--faststart").output == ""
    with NvstReader(target) as reader:
        reader.verify()
        assert reader.has_front_index
        assert reader.num_frames == 24
    result = run_nvcat(nvst, "-o", target)
    assert (result.exit_code, result.stderr) == (1, f"nvcat: {target}: already exists; use -y to overwrite it\n")
    assert run_nvcat(nvst, "-o", target, "-y").stderr.startswith("12 frames of 1 file, ")
    assert run_nvcat("--version").output == f"nvcat, version {nvcodec.__version__}\n"
    assert run_nvcat("-o", target).exit_code == 2


def test_an_unfinished_file_is_named_in_a_warning(run_nvcat, nvst: Path, tmp_path: Path) -> None:
    unfinished = tmp_path / "unfinished.nvst"
    unfinished.write_bytes(nvst.read_bytes()[:-60])
    result = run_nvcat(nvst, unfinished, "-o", tmp_path / "a.nvst")
    assert result.exit_code == 0
    assert f"nvcat: warning: {unfinished}: unfinished" in result.stderr
    assert result.stderr.count("warning") == 1


def test_files_that_differ_are_refused_in_one_line(run_nvcat, nvst: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.nvst"
    source = encodes.two_scene_clip(tmp_path, 6)
    with open_source(source, scale="0.5") as video:
        encodes.tiny_encode(video, other)
    result = run_nvcat(nvst, other, "-o", tmp_path / "a.nvst")
    assert result.exit_code == 1
    assert result.stderr == f"nvcat: {other}: width is 32, but 64 in {nvst}\n"
    assert sorted(os.listdir(tmp_path)) == ["other.nvst", "two_scenes.y4m"]


def test_a_refused_file_is_named(run_nvcat, nvst: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.nvst"
    other.write_bytes(b"something else altogether, of some length" * 9)
    result = run_nvcat(nvst, other, "-o", tmp_path / "joined.nvst")
    assert result.exit_code == 1
    assert f"{other}: file header at byte 0: not a .nvst file" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["other.nvst"]
