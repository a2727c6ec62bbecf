from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from nvcodec.encoder.output import PartialFile, writing_reported
from nvcodec.errors import OutputError


def test_a_kept_file_gets_its_name_when_it_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "a.nvst"
    with PartialFile(target, overwrite=False) as output:
        output.file.write(b"abc")
        assert not target.exists()
        output.keep()
    assert target.read_bytes() == b"abc"
    assert os.listdir(tmp_path) == ["a.nvst"]


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_a_file_that_is_not_kept_is_removed(tmp_path: Path, error: type[BaseException] | None) -> None:
    try:
        with PartialFile(tmp_path / "a.nvst", overwrite=False) as output:
            output.file.write(b"abc")
            if error is not None:
                raise error
    except (ValueError, KeyboardInterrupt) as caught:
        assert type(caught) is error
    assert os.listdir(tmp_path) == []


def test_an_existing_file_is_refused_and_stays(tmp_path: Path) -> None:
    target = tmp_path / "a.nvst"
    target.write_bytes(b"old")
    with pytest.raises(OutputError, match="already exists") as caught:
        PartialFile(target, overwrite=False)
    assert caught.value.place == str(target)
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.nvst"]


@pytest.mark.parametrize("is_kept", [True, False])
def test_an_existing_file_is_replaced_only_by_a_kept_one(tmp_path: Path, is_kept: bool) -> None:
    target = tmp_path / "a.nvst"
    target.write_bytes(b"old")
    with PartialFile(target, overwrite=True) as output:
        output.file.write(b"new")
        output.file.flush()
        assert target.read_bytes() == b"old"
        if is_kept:
            output.keep()
    assert target.read_bytes() == (b"new" if is_kept else b"old")
    assert os.listdir(tmp_path) == ["a.nvst"]


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_folder_and_a_device_are_never_replaced(tmp_path: Path, overwrite: bool) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for target, reason in ((tmp_path, "folder"), (pipe, "not a regular file")):
        with pytest.raises(OutputError, match=reason):
            PartialFile(target, overwrite=overwrite)
    assert os.listdir(tmp_path) == ["pipe"]
    assert pipe.is_fifo()


def test_a_missing_folder_is_an_output_error(tmp_path: Path) -> None:
    target = tmp_path / "none" / "a.nvst"
    with pytest.raises(OutputError, match="no such file or directory") as caught:
        PartialFile(target, overwrite=False)
    assert caught.value.place == str(target)


def test_errors_of_the_file_system_name_the_file(tmp_path: Path) -> None:
    target = tmp_path / "a.nvst"
    with pytest.raises(OutputError, match="no space left on the disk") as caught, writing_reported(target):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.place == str(target)
    with pytest.raises(OutputError, match="permission denied"), writing_reported(target):
        raise PermissionError(errno.EACCES, "Permission denied")


def test_a_disk_that_is_full_at_the_end_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match="no space left"),
        PartialFile(tmp_path / "a.nvst", overwrite=False) as output,
        open("/dev/full", "wb") as full,
    ):
        output.file.write(b"abc")
        os.dup2(full.fileno(), output.file.fileno())  # what is buffered can no longer be written
        output.keep()
    assert os.listdir(tmp_path) == []
