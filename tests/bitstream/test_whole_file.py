from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from nvcodec.bitstream.whole_file import whole_file
from nvcodec.errors import OutputError


def test_a_file_gets_its_name_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "a.nvst"
    with whole_file(target, overwrite=False) as file:
        file.write(b"abc")
        assert not target.exists()
    assert target.read_bytes() == b"abc"
    assert os.listdir(tmp_path) == ["a.nvst"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_file_that_is_not_whole_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "a.nvst"
    target.write_bytes(b"old")
    with pytest.raises(error), whole_file(target, overwrite=True) as file:
        file.write(b"abc")
        raise error
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.nvst"]


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_folder_and_a_device_are_never_replaced(tmp_path: Path, overwrite: bool) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for target, reason in ((tmp_path, "folder"), (pipe, "not a regular file")):
        with pytest.raises(OutputError, match=reason), whole_file(target, overwrite=overwrite):
            pass
    assert os.listdir(tmp_path) == ["pipe"]
    assert pipe.is_fifo()


def test_a_full_disk_leaves_nothing_and_names_the_file(tmp_path: Path) -> None:
    target = tmp_path / "a.nvst"
    with (
        pytest.raises(OutputError, match="no space left on the disk") as caught,
        open("/dev/full", "wb") as full,
        whole_file(target, overwrite=False) as file,
    ):
        file.write(b"abc")
        os.dup2(full.fileno(), file.fileno())  # what is buffered can no longer be written
    assert caught.value.place == str(target)
    assert os.listdir(tmp_path) == []


def test_errors_of_writers_name_the_file_and_not_the_temporary_one(tmp_path: Path) -> None:
    target = tmp_path / "a.nvst"
    for error in (OutputError("no", "elsewhere"), OSError(errno.EIO, "No")):
        with pytest.raises(OutputError, match="no") as caught, whole_file(target, overwrite=False):
            raise error
        assert caught.value.place == str(target)
