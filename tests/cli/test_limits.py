from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from nvcodec.cli import nvinfo
from tests import encodes

LIMITS = [("--max-pixels", "100", "pixels of a frame"), ("--max-frames", "3", "number of frames")]
MEMORY = ("--max-memory", "1k", "bytes of ")


@pytest.fixture(scope="module")
def nvst(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encodes.two_window_file(tmp_path_factory.mktemp("limits"))


@pytest.mark.parametrize(("option", "value", "reason"), [*LIMITS, MEMORY])
def test_a_file_that_asks_for_more_is_refused(
    run_nvdec, nvst: Path, tmp_path: Path, option: str, value: str, reason: str
) -> None:
    result = run_nvdec(nvst, "-o", tmp_path / "out.y4m", option, value)
    assert result.exit_code == 1
    assert reason in result.stderr and "above the limit" in result.stderr
    assert not list(tmp_path.iterdir())
    assert CliRunner().invoke(nvinfo.main, [str(nvst), option, value]).exit_code == 1


def test_a_file_within_the_limits_is_decoded(run_nvdec, nvst: Path) -> None:
    result = run_nvdec(nvst, "--md5", "--max-pixels", "4k", "--max-frames", "12", "--max-memory", "16M")
    assert result.exit_code == 0, result.stderr


def test_the_help_tells_the_defaults(run_nvdec) -> None:
    text = " ".join(run_nvdec("--help").stdout.split())
    for name, default in (("pixels", "67.1M"), ("frames", "16.8M"), ("memory", "8G")):
        assert f"--max-{name}" in text and f"[default: {default}]" in text
