from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from nvcodec.encoder import output as output_module
from nvcodec.encoder.output import PartialFile, writing_reported
from nvcodec.errors import OutputError


def test_a_kept_file_gets_its_name_when_it_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "a.nvst"
    with PartialFile(target) as output:
        output.begin()
        output.file.write(b"abc")
        assert not target.exists()
        output.keep()
    assert target.read_bytes() == b"abc"
    assert os.listdir(tmp_path) == ["a.nvst"]


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_a_file_that_is_not_kept_is_removed(tmp_path: Path, error: type[BaseException] | None) -> None:
    try:
        with PartialFile(tmp_path / "a.nvst") as output:
            output.begin()
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
        PartialFile(target)
    assert caught.value.place == str(target)
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.nvst"]


@pytest.mark.parametrize("is_kept", [True, False])
def test_an_existing_file_is_replaced_only_by_a_kept_one(tmp_path: Path, is_kept: bool) -> None:
    target = tmp_path / "a.nvst"
    target.write_bytes(b"old")
    with PartialFile(target, overwrite=True) as output:
        output.begin()
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
        PartialFile(target)
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
        PartialFile(tmp_path / "a.nvst") as output,
        open("/dev/full", "wb") as full,
    ):
        output.begin()
        output.file.write(b"abc")
        os.dup2(full.fileno(), output.file.fileno())  # what is buffered can no longer be written
        output.keep()
    assert os.listdir(tmp_path) == []


def write_whole(output: PartialFile, data: bytes) -> None:
    output.file.write(data)
    output.sync()
    output.mark_whole(output.file.tell())


@pytest.mark.parametrize("error", [OutputError("x"), KeyboardInterrupt()])
def test_what_is_whole_is_kept_whatever_happens_behind_it(tmp_path: Path, error: BaseException) -> None:
    target = tmp_path / "a.nvst"
    with pytest.raises(type(error)), PartialFile(target) as output:
        output.begin()
        write_whole(output, b"whole")
        output.file.write(b"half")
        raise error
    assert os.listdir(tmp_path) == ["a.nvst"]
    assert target.read_bytes() == b"whole"


def test_what_cannot_get_its_name_stays_under_the_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("nvcodec.encoder.output.os.replace", refuse)
    with pytest.raises(OutputError, match="permission denied"), PartialFile(tmp_path / "a.nvst") as output:
        output.begin()
        write_whole(output, b"whole")
        output.keep()
    assert os.listdir(tmp_path) == ["a.nvst.part"]
    assert (tmp_path / "a.nvst.part").read_bytes() == b"whole"


def test_an_interruption_right_after_the_end_does_not_cut_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = os.replace

    def interrupted(*names: Path) -> None:
        replace(*names)
        raise KeyboardInterrupt

    monkeypatch.setattr("nvcodec.encoder.output.os.replace", interrupted)
    with pytest.raises(KeyboardInterrupt), PartialFile(tmp_path / "a.nvst") as output:
        output.begin()
        write_whole(output, b"whole")
        output.file.write(b"index")
        output.keep()
    assert (tmp_path / "a.nvst").read_bytes() == b"wholeindex"


def test_what_a_kill_left_is_refused_and_stays(tmp_path: Path) -> None:
    partial = tmp_path / "a.nvst.part"
    partial.write_bytes(b"left")
    with pytest.raises(OutputError, match=r"broken off; --resume .* -y") as caught:
        PartialFile(tmp_path / "a.nvst")
    assert caught.value.place == str(partial)
    assert partial.read_bytes() == b"left"


def test_an_empty_leftover_stands_in_nobody_s_way(tmp_path: Path) -> None:
    (tmp_path / "a.nvst.part").touch()
    with PartialFile(tmp_path / "a.nvst") as output:
        output.begin()
        output.keep()
    assert os.listdir(tmp_path) == ["a.nvst"]


@pytest.mark.parametrize("name", ["a.nvst", "a.nvst.part"])
@pytest.mark.parametrize("options", [{"overwrite": True}, {"resume": True}])
def test_opening_changes_nothing(tmp_path: Path, name: str, options: dict[str, bool]) -> None:
    (tmp_path / name).write_bytes(b"old")
    with PartialFile(tmp_path / "a.nvst", **options):
        pass
    assert os.listdir(tmp_path) == [name]
    assert (tmp_path / name).read_bytes() == b"old"


@pytest.mark.parametrize("name", ["a.nvst", "a.nvst.part"])
def test_going_on_cuts_only_what_is_not_whole(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"wholehalf")
    with PartialFile(tmp_path / "a.nvst", resume=True) as output:
        output.go_on_from(tmp_path / name, 5)
        assert os.listdir(tmp_path) == ["a.nvst.part"]
        assert output.partial_path.read_bytes() == b"whole"
        assert output.file.tell() == 5
        output.file.write(b"more")
        output.keep()
    assert os.listdir(tmp_path) == ["a.nvst"]
    assert (tmp_path / "a.nvst").read_bytes() == b"wholemore"


def test_going_on_from_an_output_replaces_a_lesser_leftover(tmp_path: Path) -> None:
    (tmp_path / "a.nvst").write_bytes(b"whole")
    (tmp_path / "a.nvst.part").write_bytes(b"w")
    with pytest.raises(KeyboardInterrupt), PartialFile(tmp_path / "a.nvst", resume=True) as output:
        output.go_on_from(tmp_path / "a.nvst", 5)
        raise KeyboardInterrupt
    assert os.listdir(tmp_path) == ["a.nvst"]
    assert (tmp_path / "a.nvst").read_bytes() == b"whole"


@pytest.mark.parametrize("options", [{}, {"overwrite": True}, {"resume": True}])
@pytest.mark.parametrize("goes_on", [False, True])
def test_two_encodes_never_write_the_same_file(tmp_path: Path, options: dict[str, bool], goes_on: bool) -> None:
    target = tmp_path / "a.nvst"
    if goes_on:
        target.write_bytes(b"whole")
    with PartialFile(target, resume=True) as output:
        if goes_on:
            output.go_on_from(target, 5)
        else:
            output.begin()
        with pytest.raises(OutputError, match="another encode is writing it") as caught:
            PartialFile(target, **options)
        assert caught.value.place == str(target)
        output.file.write(b"more")
        output.keep()
    assert target.read_bytes() == (b"wholemore" if goes_on else b"more")


def test_a_file_that_got_its_name_while_another_waited_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second encode opens the temporary file just before the first gives it its name."""
    first = PartialFile(tmp_path / "a.nvst")
    first.begin()
    first.file.write(b"first")
    lock = output_module._lock

    def first_ends(file) -> None:
        monkeypatch.setattr(output_module, "_lock", lock)
        first.keep()
        first.__exit__(None, None, None)
        lock(file)

    monkeypatch.setattr(output_module, "_lock", first_ends)
    with pytest.raises(OutputError, match="already exists"):
        PartialFile(tmp_path / "a.nvst")
    assert os.listdir(tmp_path) == ["a.nvst"]
    assert (tmp_path / "a.nvst").read_bytes() == b"first"
