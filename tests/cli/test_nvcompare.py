"""``nvcompare`` in this process."""

from __future__ import annotations

import json
import re
import shutil
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nvcodec.cli import nvcompare
from nvcodec.video.x265 import encode_x265
from tests import clips, encodes


def run(*arguments: object) -> Result:
    return CliRunner().invoke(nvcompare.main, ["--device", "cpu", *map(str, arguments)], prog_name="nvcompare")


def test_a_row_for_each_video(source: Path, nvst: Path) -> None:
    result = run(source, nvst, source)
    assert (result.exit_code, result.stderr) == (0, "")
    head, first, second = result.stdout.splitlines()
    assert head.split() == [
        "video",
        "size",
        "frames",
        "source",
        "s",
        "PSNR",
        "Y",
        "PSNR",
        "RGB",
        "MS-SSIM",
        "bpp",
        "kbit/s",
        "bytes",
    ]
    cells = first.split()
    assert cells[:4] == [str(nvst), "64x48", "12", "0.00..0.44"]
    assert cells[-1] == f"{nvst.stat().st_size:,}"
    assert second.split()[4:7] == ["60.00", "60.00", "1.0000"]


def test_json_has_every_frame(source: Path, nvst: Path) -> None:
    values = json.loads(run(source, f"ours={nvst}", "--json").stdout)
    (video,) = values["videos"]
    assert (values["source"], video["label"], video["name"]) == (str(source), "ours", str(nvst))
    assert len(video["frames"]) == 12
    assert video["psnr_y"] == pytest.approx(sum(frame["psnr_y"] for frame in video["frames"]) / 12)


def test_named_curves_are_compared(source: Path, tmp_path: Path) -> None:
    frames = encodes.read_frames(source)
    arguments = []
    for crf in (15, 25, 35, 45):
        path = tmp_path / f"{crf}.hevc"
        encode_x265(frames, clips.SMALL, Fraction(25), 12, crf, path)
        shutil.copy(path, tmp_path / f"{crf}=b.hevc")
        arguments += [f"a={path}", f"b={tmp_path / f'{crf}=b.hevc'}"]
    result = run(source, *arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "BD-rate against a, negative is better" in result.stdout
    assert re.search(r"^b +[+-]0\.0 % \(100% overlap\)", result.stdout, re.MULTILINE)
    few = run(source, *arguments[:4])
    assert few.exit_code == 0
    assert few.stderr == "nvcompare: BD-rate needs 4 points of a curve; a has 2\n"


def test_a_file_whose_name_has_an_equals_sign_is_a_file(source: Path, tmp_path: Path) -> None:
    odd = tmp_path / "crf=20.y4m"
    shutil.copy(source, odd)
    assert json.loads(run(source, odd, "--json").stdout)["videos"][0]["label"] is None


def test_a_scaled_source_is_told(run_nvenc, source: Path, tmp_path: Path) -> None:
    run_nvenc(source, "-o", tmp_path / "a.nvst", "--scale", "0.5", "--frames", "2:8")
    result = run(source, tmp_path / "a.nvst")
    assert result.exit_code == 0
    assert "0.08..0.28" in result.stdout
    assert result.stderr == (f"nvcompare: {tmp_path / 'a.nvst'} is 32x24; the source, 64x48, was scaled to it\n")


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (("none.mp4", "none.mp4"), 1, "none.mp4: the file does not exist"),
        (("{source}", "none.nvst"), 1, "none.nvst"),
        (("{source}", "{broken}"), 1, "broken.nvst: file header at byte 0: not a .nvst file"),
        (("{source}", "{nvst}", "--frames", "50:60"), 1, "no frame lies in the selected range"),
        (("{source}", "{nvst}", "--frames", "5:3"), 2, "not a range"),
        (("{source}",), 2, "VIDEO"),
    ],
)
def test_failures_are_one_line(
    source: Path, nvst: Path, tmp_path: Path, arguments: tuple[str, ...], exit_code: int, message: str
) -> None:
    broken = tmp_path / "broken.nvst"
    broken.write_bytes(b"x" * 1000)
    result = run(*(argument.format(source=source, nvst=nvst, broken=broken) for argument in arguments))
    assert result.exit_code == exit_code
    assert re.fullmatch(r"nvcompare: [^\n]*\n", result.stderr)
    assert message in result.stderr
    assert result.stdout == ""
