from __future__ import annotations

from pathlib import Path

import pytest

from nvcodec.video.frame import Frame
from tests import encodes


@pytest.fixture(scope="session")
def two_windows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of two windows of two chunks of three frames of 64x48, 25 per second."""
    return encodes.two_window_file(tmp_path_factory.mktemp("two_windows"))


@pytest.fixture(scope="session")
def all_frames(two_windows: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Frame]:
    """Its twelve frames."""
    from nvcodec.decoder.decoding import decode

    target = tmp_path_factory.mktemp("decoded") / "all.y4m"
    decode(two_windows, target, device="cpu")
    return encodes.read_frames(target)
