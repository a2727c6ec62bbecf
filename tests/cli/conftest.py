from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nvcodec.cli import nvcat, nvcut, nvdec, nvenc
from tests import encodes

ENCODE_OPTIONS = ("--device", "cpu", "--chunk", "3", "--preset", "draft")


@pytest.fixture
def run_nvenc():
    """Run nvenc in this process with tiny presets."""

    def run(*arguments: object, options: tuple[object, ...] = ENCODE_OPTIONS) -> Result:
        with encodes.tiny_presets():
            return CliRunner().invoke(nvenc.main, [str(part) for part in (*options, *arguments)], prog_name="nvenc")

    return run


@pytest.fixture
def run_nvdec():
    """Run nvdec in this process."""

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(nvdec.main, ["--device", "cpu", *map(str, arguments)], prog_name="nvdec")

    return run


@pytest.fixture
def run_nvcut():
    """Run nvcut in this process."""

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(nvcut.main, [*map(str, arguments)], prog_name="nvcut")

    return run


@pytest.fixture
def run_nvcat():
    """Run nvcat in this process."""

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(nvcat.main, [*map(str, arguments)], prog_name="nvcat")

    return run


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve frames of 64x48 with a cut in the middle, 25 per second."""
    return encodes.two_scene_clip(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="session")
def nvst(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Its encode: two windows of two chunks of three frames."""
    yield encodes.two_window_file(tmp_path_factory.mktemp("nvst"))
