"""``nvdec`` in this process: outputs, selections, hashes and refusals."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import nvcodec
from nvcodec.bitstream import NvstReader
from nvcodec.bitstream.scan import FRONT_BYTES
from nvcodec.cli import nvinfo
from tests import clips, encodes

OPTIONS = [
    "--output",
    "--codec",
    "--crf",
    "--frames",
    "--start",
    "--end",
    "--md5",
    "--verify",
    "--recover",
    "--device",
    "--threads",
    "--fast",
    "--overwrite",
    "--quiet",
    "--version",
    "--help",
]


def assert_one_line(message: str, *words: str) -> None:
    assert message.startswith("nvdec: ")
    assert message.count("\n") == 1
    assert "Traceback" not in message
    for word in words:
        assert word in message


@pytest.fixture(scope="module")
def whole(nvst: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("whole") / "all.y4m"
    nvcodec.decode(nvst, target, device="cpu")
    return target


def test_help_and_version(run_nvdec) -> None:
    result = run_nvdec("--help")
    assert result.exit_code == 0
    for option in OPTIONS:
        assert option in result.output
    for word in ("-o,", "-y,", "-q,", "-h,", "y4m", "PNGs", "lossless"):
        assert word in result.output
    assert run_nvdec("--version").output == f"nvdec, version {nvcodec.__version__}\n"


@pytest.mark.parametrize("name", ["a.y4m", "a.mkv", "a.mp4", "a.avi"])
def test_containers_hold_the_same_frames(run_nvdec, nvst: Path, whole: Path, tmp_path: Path, name: str) -> None:
    result = run_nvdec(nvst, "-o", tmp_path / name)
    assert result.exit_code == 0, result.output
    encodes.assert_same_frames(encodes.read_frames(tmp_path / name), encodes.read_frames(whole))
    assert os.listdir(tmp_path) == [name]
    assert re.search(r"12 frames in \d+ s, [\d.]+ fps on cpu", result.stderr)


def test_headerless_planes_are_the_samples_of_the_frames(run_nvdec, nvst: Path, whole: Path, tmp_path: Path) -> None:
    result = run_nvdec(nvst, "-o", tmp_path / "a.yuv")
    assert result.exit_code == 0
    assert "headerless" in result.stderr
    assert (tmp_path / "a.yuv").read_bytes() == b"".join(whole.read_bytes().split(b"FRAME\n")[1:])


@pytest.mark.parametrize("name", ["images", "images.d/"])
def test_a_folder_holds_a_png_per_frame(run_nvdec, nvst: Path, tmp_path: Path, name: str) -> None:
    assert run_nvdec(nvst, "-o", f"{tmp_path}/{name}").exit_code == 0
    images = sorted((tmp_path / name).iterdir())
    assert len(images) == 12
    assert {image.suffix for image in images} == {".png"}
    frames = encodes.read_frames(tmp_path / name)
    assert frames[0].planes[0].shape == (48, 64)


def test_selections_are_slices(run_nvdec, nvst: Path, whole: Path, tmp_path: Path) -> None:
    all_frames = encodes.read_frames(whole)
    for options, expected in (
        ("--frames 4:8", all_frames[4:8]),
        ("--frames :2", all_frames[:2]),
        ("--frames 10:", all_frames[10:]),
        ("--start 0.16 --end 0.32", all_frames[4:8]),
        ("--start 0:00.4", all_frames[10:]),
    ):
        assert run_nvdec(nvst, "-o", tmp_path / "a.y4m", "-y", *options.split()).exit_code == 0
        encodes.assert_same_frames(encodes.read_frames(tmp_path / "a.y4m"), expected)


def test_md5_is_that_of_the_frames(run_nvdec, nvst: Path, whole: Path, tmp_path: Path) -> None:
    frames = whole.read_bytes().split(b"FRAME\n")[1:]
    expected = f"MD5={hashlib.md5(b''.join(frames)).hexdigest()}\n"
    assert run_nvdec(nvst, "--md5", "-q").output == expected
    result = run_nvdec(nvst, "--md5", "-o", tmp_path / "a.mkv")
    assert result.stdout == expected
    part = f"MD5={hashlib.md5(b''.join(frames[3:5])).hexdigest()}\n"
    assert run_nvdec(nvst, "--md5", "-q", "--frames", "3:5").output == part


def test_verify_checks_without_writing(run_nvdec, nvst: Path, tmp_path: Path) -> None:
    result = run_nvdec(nvst, "--verify")
    assert result.exit_code == 0
    assert "sound" in result.stderr
    with NvstReader(nvst) as reader:
        assert run_nvdec(nvst, "--verify", "-q").output == f"INTEGERS={reader.integers_digest()}\n"
    data = bytearray(nvst.read_bytes())
    for position in (100, len(data) // 2, len(data) - 30):
        damaged = bytearray(data)
        damaged[position] ^= 4
        path = tmp_path / "damaged.nvst"
        path.write_bytes(damaged)
        result = run_nvdec(path, "--verify")
        assert result.exit_code == 1, position
        assert_one_line(result.stderr)


def test_an_unfinished_file_is_decoded_and_says_so(run_nvdec, nvst: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.nvst"
    data = nvst.read_bytes()
    path.write_bytes(data[: len(data) * 3 // 4])
    result = run_nvdec(path, "-o", tmp_path / "a.y4m")
    assert result.exit_code == 0
    assert "unfinished" in result.stderr
    assert len(encodes.read_frames(tmp_path / "a.y4m")) == 6
    page = CliRunner().invoke(nvinfo.main, [str(path)]).output
    assert "unfinished: 6 of 12 frames" in page


def test_recovery_tells_what_is_missing(run_nvdec, nvst: Path, whole: Path, tmp_path: Path) -> None:
    data = bytearray(nvst.read_bytes())
    with NvstReader(nvst) as reader:
        lost = reader.windows[1].chunks[0].offset
    data[lost + 100] ^= 1
    path = tmp_path / "damaged.nvst"
    path.write_bytes(data)
    reason = f"CHNK box at byte {lost}: payload differs from its checksum"
    refused = run_nvdec(path, "-o", tmp_path / "a.y4m")
    assert refused.exit_code == 1
    assert_one_line(refused.stderr, reason)
    result = run_nvdec(path, "-o", tmp_path / "a.y4m", "--recover")
    assert result.exit_code == 0
    warnings = [line for line in result.stderr.splitlines() if "missing" in line or "unfinished" in line]
    assert warnings == [f"nvdec: warning: frames 6-8 are missing: {reason}"]
    frames = encodes.read_frames(whole)
    encodes.assert_same_frames(encodes.read_frames(tmp_path / "a.y4m"), frames[:6] + frames[9:])
    path.write_bytes(data[:FRONT_BYTES])
    assert run_nvdec(path, "-o", tmp_path / "b.y4m", "--recover").exit_code == 2
    path.write_bytes(data[:200] + bytes(500))
    hopeless = run_nvdec(path, "-o", tmp_path / "b.y4m", "--recover")
    assert hopeless.exit_code == 1
    assert_one_line(hopeless.stderr, "no frame can be recovered")
    assert not (tmp_path / "b.y4m").exists()


def test_losses_of_the_output_are_told(run_nvdec, tmp_path: Path) -> None:
    encodes.tiny_encode(clips.variable_rate_clip(tmp_path), tmp_path / "a.nvst")
    assert "warning: y4m holds no variable times" in run_nvdec(tmp_path / "a.nvst", "-o", tmp_path / "a.y4m").stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("", ("nothing to do",)),
        ("-o {out}/a.xyz", ("xyz",)),
        ("-o {out}/a.y4m --frames 20:30", ("none of the file's 12 frames",)),
        ("-o {out}/a.y4m --frames 3:2", ("frames", "3:2")),
        ("-o {out}/a.y4m --start soon", ("--start", "soon")),
        ("-o {out}/a.y4m --start 9", ("none of the file's 12 frames",)),
        ("-o {out}/a.y4m --device tpu", ("--device", "tpu")),
        ("-o {out}/a.y4m --threads 0", ("--threads",)),
        ("-o {out}/a.y4m --nonsense", ("--nonsense",)),
        ("- -o {out}/a.y4m --recover", ("recover", "a stream cannot be searched")),
        ("- -o {out}/a.y4m --verify", ("standard input is there only once",)),
    ],
)
def test_wrong_use_is_one_line_and_leaves_nothing(
    run_nvdec, nvst: Path, tmp_path: Path, arguments: str, words: tuple[str, ...]
) -> None:
    source = [] if arguments.startswith("- ") else [nvst]
    result = run_nvdec(*source, *arguments.format(out=tmp_path).split())
    assert result.exit_code == 2, result.output
    assert_one_line(result.stderr, *words)
    assert os.listdir(tmp_path) == []


def test_bad_files_are_one_line(run_nvdec, nvst: Path, tmp_path: Path) -> None:
    data = nvst.read_bytes()
    damaged = bytearray(data)
    damaged[len(data) // 3] ^= 1
    for name, content, words in (
        ("none.nvst", None, ("none.nvst", "No such file")),
        ("empty.nvst", b"", ()),
        ("text.nvst", b"not a video\n" * 50, ()),
        ("short.nvst", data[:60], ("ends",)),
        ("damaged.nvst", bytes(damaged), ("byte",)),
    ):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        result = run_nvdec(path, "-o", tmp_path / "a.y4m")
        assert result.exit_code == 1, name
        assert_one_line(result.stderr, *words)
        assert not (tmp_path / "a.y4m").exists()
        assert run_nvdec(tmp_path, "--md5").exit_code == 1


def test_an_existing_output_is_refused_unless_told(run_nvdec, nvst: Path, whole: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.y4m"
    target.write_bytes(b"old")
    result = run_nvdec(nvst, "-o", target)
    assert result.exit_code == 1
    assert_one_line(result.stderr, str(target), "exists")
    assert target.read_bytes() == b"old"
    assert run_nvdec(nvst, "-o", target, "-y").exit_code == 0
    assert target.read_bytes() == whole.read_bytes()
    result = run_nvdec(nvst, "-o", tmp_path / "none" / "a.y4m")
    assert result.exit_code == 1
    assert_one_line(result.stderr, "does not exist")


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is there")
def test_no_cuda_is_one_line(run_nvdec, nvst: Path, tmp_path: Path) -> None:
    result = run_nvdec(nvst, "-o", tmp_path / "a.y4m", "--device", "cuda")
    assert result.exit_code == 1
    assert_one_line(result.stderr, "device", "CUDA")
    assert os.listdir(tmp_path) == []


def test_fast_gives_nearly_the_same_samples(run_nvdec, nvst: Path, whole: Path, tmp_path: Path) -> None:
    result = run_nvdec(nvst, "-o", tmp_path / "fast.y4m", "--fast")
    assert result.exit_code == 0, result.output
    for fast, full in zip(encodes.read_frames(tmp_path / "fast.y4m"), encodes.read_frames(whole), strict=True):
        for ours, theirs in zip(fast.planes, full.planes, strict=True):
            assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= 4
