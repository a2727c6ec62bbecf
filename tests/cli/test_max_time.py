"""``nvenc --max-time``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import clips


def test_a_time_instead_of_epochs(run_nvenc, tmp_path: Path) -> None:
    source = clips.write_clip(tmp_path / "a.mkv", num_frames=6)
    result = run_nvenc(source, "-o", tmp_path / "a.nvst", "--max-time", "1s", options=("--device", "cpu"))
    assert result.exit_code == 0, result.stderr
    assert "6 frames in 1 window" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--max-time", "1s", "--epochs", "2"), "epochs and max-time both set the length"),
        (("--max-time", "0s"), "allowed is more than 0 seconds"),
        (("--max-time", "soon"), "'soon' is not a duration"),
    ],
)
def test_no_such_time(run_nvenc, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    source = clips.write_clip(tmp_path / "a.mkv", num_frames=6)
    result = run_nvenc(source, "-o", tmp_path / "a.nvst", *arguments)
    assert result.exit_code != 0
    assert message in result.stderr
    assert not (tmp_path / "a.nvst").exists()
