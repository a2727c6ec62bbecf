"""Options and fixtures of all tests."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--clips", metavar="DIR", type=Path, help="folder of real clips, for the tests that need one")


@pytest.fixture(scope="session")
def clips_dir(request: pytest.FixtureRequest) -> Path:
    """Folder given as ``--clips DIR``."""
    folder: Path | None = request.config.getoption("--clips")
    if folder is None:
        pytest.skip("needs --clips DIR")
    return folder
