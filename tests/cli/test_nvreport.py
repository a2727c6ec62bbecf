"""``nvreport`` in this process."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nvcodec.cli import nvreport


def run(*arguments: object) -> Result:
    return CliRunner().invoke(nvreport.main, ["--device", "cpu", *map(str, arguments)], prog_name="nvreport")


def test_a_page_with_quality(source: Path, nvst: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    result = run(nvst, "--source", source, "-o", page)
    assert (result.exit_code, result.stdout) == (0, "")
    assert re.fullmatch(rf"{re.escape(str(page))}: [\d.]+ kB\n", result.stderr)
    text = page.read_text()
    assert "<title>two_windows.nvst – nvreport</title>" in text
    assert "PSNR of the luma in dB, by frame" in text
    assert os.listdir(tmp_path) == ["page.html"]


def test_the_page_is_named_after_the_file_and_not_replaced(
    nvst: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(nvst, "-q").output == ""
    assert os.listdir(tmp_path) == ["two_windows.html"]
    again = run(nvst)
    assert again.exit_code == 1
    assert "two_windows.html: already exists; use -y to overwrite it" in again.stderr
    assert run(nvst, "-y").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (("none.nvst",), 1, "none.nvst"),
        (("-",), 2, "standard input cannot be searched"),
        (("{nvst}", "--x265"), 2, "--x265 encodes the source: give it with --source"),
        (("{nvst}", "--source", "none.mp4"), 1, "none.mp4: the file does not exist"),
        (("{nvst}", "--log", "{nvst}"), 1, "is not text, as nvenc --json prints it"),
        (("{source}",), 1, "not a .nvst file"),
        (("{nvst}", "--max-pixels", "100"), 1, "above the limit of 100"),
    ],
)
def test_failures_are_one_line_and_leave_nothing(
    source: Path, nvst: Path, tmp_path: Path, arguments: tuple[str, ...], exit_code: int, message: str
) -> None:
    given = [argument.format(source=source, nvst=nvst) for argument in arguments]
    result = run(*given, "-o", tmp_path / "page.html")
    assert result.exit_code == exit_code, result.output
    assert re.fullmatch(r"nvreport: [^\n]*\n", result.stderr)
    assert message in result.stderr
    assert os.listdir(tmp_path) == []
