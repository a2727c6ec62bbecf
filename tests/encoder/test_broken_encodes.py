"""Encodes that end early: stopped, interrupted, failed, out of space. What is whole is kept, and nothing else."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path

import pytest

import nvcodec
from nvcodec.bitstream import NvstReader
from nvcodec.encoder.progress import EncodeProgress, Stage
from nvcodec.errors import ChecksumError, ConfigError, DeviceError, InputError, NvcodecError, OutputError
from nvcodec.video.source import open_source
from tests import clips, encodes


def fail_in_window(window_idx: int, error: BaseException, stage: Stage = Stage.TRAIN):
    def progress(state: EncodeProgress) -> None:
        if (state.window_idx, state.stage) == (window_idx, stage):
            raise error

    return progress


class FullDisk(io.FileIO):
    """Holds a number of bytes and no more."""

    def __init__(self, path: Path, mode: str, capacity: int) -> None:
        super().__init__(path, mode)
        self._capacity = capacity

    def write(self, data) -> int:
        room = self._capacity - self.tell()
        if room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device", self.name)
        return super().write(bytes(data)[:room])


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch):
    """Call it with a number of bytes: encodes then find no more room than that."""

    def limit(capacity: int) -> None:
        def opened(path: Path, mode: str) -> io.BufferedRandom:
            return io.BufferedRandom(FullDisk(path, mode, capacity))

        monkeypatch.setattr("nvcodec.encoder.output.open", opened, raising=False)

    return limit


def first_window_bytes(folder: Path) -> int:
    """Bytes of a file up to the end of its first window."""
    positions: list[int] = []

    def progress(state: EncodeProgress) -> None:
        if state.stage is Stage.WRITTEN:
            positions.append(state.bytes_written)

    target = folder / "probe.nvst"
    encodes.tiny_encode(encodes.two_scene_clip(folder), target, progress=progress)
    target.unlink()
    return positions[0]


def assert_first_window_kept(target: Path) -> None:
    with NvstReader(target) as reader:
        reader.verify()
        assert not reader.is_finished
        assert not reader.is_complete
        assert reader.num_frames == 6
        assert reader.header.num_source_frames == 12
    result = nvcodec.decode(target, None, md5=True, device="cpu")
    assert (result.num_frames, result.is_complete) == (6, False)


def test_a_stop_writes_the_window_at_work_and_closes_a_valid_file(tmp_path: Path) -> None:
    states: list[EncodeProgress] = []
    target = tmp_path / "a.nvst"
    result = encodes.tiny_encode(
        encodes.two_scene_clip(tmp_path),
        target,
        settings={"epochs": 1000},
        progress=states.append,
        should_stop=lambda: len(states) >= 3,
    )
    assert not result.is_complete
    assert [state.stage for state in states] == [Stage.PLAN, Stage.MASK, Stage.TRAIN, Stage.WRITTEN]
    with NvstReader(target) as reader:
        reader.verify()
        assert reader.is_finished
        assert not reader.is_complete
        assert reader.num_frames == 6
    assert not nvcodec.decode(target, None, md5=True, device="cpu").is_complete


def test_a_stop_in_the_last_window_is_a_complete_file(tmp_path: Path) -> None:
    states: list[EncodeProgress] = []
    result = encodes.tiny_encode(
        encodes.two_scene_clip(tmp_path),
        tmp_path / "a.nvst",
        settings={"epochs": 3},
        progress=states.append,
        should_stop=lambda: states[-1].window_idx == 1,
    )
    assert len([state for state in states if state.stage is Stage.TRAIN]) == 9 + 1
    assert result.is_complete
    assert result.num_frames == 12


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError(), RuntimeError("x"), OutputError("x")])
@pytest.mark.parametrize("stage", [Stage.PLAN, Stage.TRAIN])
def test_a_failure_keeps_whole_windows(tmp_path: Path, stage: Stage, error: BaseException) -> None:
    target = tmp_path / "a.nvst"
    expected = DeviceError if isinstance(error, MemoryError) else type(error)
    with pytest.raises(expected):
        encodes.tiny_encode(encodes.two_scene_clip(tmp_path), target, progress=fail_in_window(1, error, stage))
    assert sorted(os.listdir(tmp_path)) == ["a.nvst", "two_scenes.y4m"]
    assert_first_window_kept(target)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError(), RuntimeError("x")])
@pytest.mark.parametrize("overwrite", [True, False])
def test_a_failure_before_the_first_window_leaves_what_was_there(
    tmp_path: Path, error: BaseException, overwrite: bool
) -> None:
    source, target = encodes.two_scene_clip(tmp_path), tmp_path / "a.nvst"
    if overwrite:
        target.write_bytes(b"old")
    with pytest.raises((type(error), DeviceError)):
        encodes.tiny_encode(
            source, target, progress=fail_in_window(0, error), overwrite=overwrite, recon=tmp_path / "recon.y4m"
        )
    assert sorted(os.listdir(tmp_path)) == (["a.nvst"] if overwrite else []) + ["two_scenes.y4m"]
    assert not overwrite or target.read_bytes() == b"old"


def test_a_full_disk_keeps_whole_windows(tmp_path: Path, full_disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when it is full once more; with room enough the encode goes on from them."""
    source, target = tmp_path / "two_scenes.y4m", tmp_path / "a.nvst"
    num_bytes = first_window_bytes(tmp_path)
    for room, resume in ((3000, False), (0, True), (5000, True)):
        full_disk(num_bytes + room)
        with pytest.raises(OutputError, match=r"(?i)no space left") as caught:
            encodes.tiny_encode(source, target, resume=resume)
        assert caught.value.place == str(target)
        assert sorted(os.listdir(tmp_path)) == ["a.nvst", "two_scenes.y4m"]
        assert_first_window_kept(target)
    monkeypatch.undo()
    encodes.tiny_encode(source, target, resume=True)
    encodes.tiny_encode(source, tmp_path / "undisturbed.nvst")
    assert target.read_bytes() == (tmp_path / "undisturbed.nvst").read_bytes()


@pytest.mark.parametrize("capacity", [0, 100, 5000])
def test_a_full_disk_before_the_first_window_leaves_nothing(tmp_path: Path, full_disk, capacity: int) -> None:
    full_disk(capacity)
    with pytest.raises(OutputError, match=r"(?i)no space left") as caught:
        encodes.tiny_encode(encodes.two_scene_clip(tmp_path), tmp_path / "a.nvst")
    assert caught.value.place == str(tmp_path / "a.nvst")
    assert os.listdir(tmp_path) == ["two_scenes.y4m"]


def test_a_front_index_that_cannot_be_written_leaves_the_file_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(path: Path, mode: str) -> io.BufferedWriter:
        return io.BufferedWriter(FullDisk(path, mode, 1000))

    monkeypatch.setattr("nvcodec.bitstream.whole_file.open", opened, raising=False)
    source, target, recon = encodes.two_scene_clip(tmp_path), tmp_path / "a.nvst", tmp_path / "recon.y4m"
    with pytest.raises(OutputError, match=r"is whole, but .*: no space left on the disk") as caught:
        encodes.tiny_encode(source, target, recon=recon, faststart=True)
    assert caught.value.place == str(target)
    assert sorted(os.listdir(tmp_path)) == ["a.nvst", "recon.y4m", "two_scenes.y4m"]
    with NvstReader(target) as reader:
        reader.verify()
        assert reader.is_complete
        assert not reader.has_front_index


def test_an_existing_output_is_refused_before_any_work_and_untouched(tmp_path: Path) -> None:
    source, target = encodes.two_scene_clip(tmp_path), tmp_path / "a.nvst"
    target.write_bytes(b"old")
    states: list[EncodeProgress] = []
    with pytest.raises(OutputError, match="already exists"):
        encodes.tiny_encode(source, target, progress=states.append)
    assert states == []
    assert target.read_bytes() == b"old"
    result = encodes.tiny_encode(source, target, overwrite=True)
    assert result.file_bytes == target.stat().st_size
    assert encodes.num_windows(target) == 2


def test_an_existing_recon_is_refused_and_leaves_no_output(tmp_path: Path) -> None:
    source, recon = encodes.two_scene_clip(tmp_path), tmp_path / "recon.y4m"
    recon.write_bytes(b"old")
    with pytest.raises(OutputError, match="exists"):
        encodes.tiny_encode(source, tmp_path / "a.nvst", recon=recon)
    assert sorted(os.listdir(tmp_path)) == ["recon.y4m", "two_scenes.y4m"]
    assert recon.read_bytes() == b"old"


@pytest.mark.parametrize(
    ("make", "num_frames", "warning"),
    [
        (clips.damaged_clip, 11, "damaged packet 5"),
        (clips.size_change_clip, 9, "changes from 64x48"),
        (clips.cut_off_clip, None, "breaks off"),
    ],
)
def test_a_damaged_source_is_encoded_as_far_as_it_is_sound(tmp_path: Path, make, num_frames, warning: str) -> None:
    result = encodes.tiny_encode(make(tmp_path), tmp_path / "a.nvst")
    assert any(warning in text for text in result.warnings)
    assert result.num_frames == num_frames or (num_frames is None and 5 < result.num_frames < 25)
    with NvstReader(tmp_path / "a.nvst") as reader:
        reader.verify()
        assert reader.num_frames == result.num_frames


def test_a_strict_source_is_refused_and_keeps_whole_windows(tmp_path: Path) -> None:
    path = clips.size_change_clip(tmp_path)
    with open_source(path, strict=True) as source, pytest.raises(InputError, match="changes from"):
        encodes.tiny_encode(source, tmp_path / "a.nvst")
    assert not (tmp_path / "a.nvst").exists()


def test_a_source_that_cannot_be_opened_leaves_no_output(tmp_path: Path) -> None:
    path = clips.undecodable_clip(tmp_path)
    before = os.listdir(tmp_path)
    with pytest.raises(InputError, match="no frame"):
        encodes.tiny_encode(path, tmp_path / "a.nvst")
    assert os.listdir(tmp_path) == before


@pytest.mark.parametrize("settings", [{"kappa": 2.0}, {"num_parameters": 5}, {"device": "tpu"}])
def test_settings_that_cannot_work_leave_no_output(tmp_path: Path, settings: dict[str, object]) -> None:
    with pytest.raises((ConfigError, DeviceError)) as caught:
        encodes.tiny_encode(encodes.two_scene_clip(tmp_path), tmp_path / "a.nvst", settings=settings)
    assert isinstance(caught.value, NvcodecError)
    assert os.listdir(tmp_path) == ["two_scenes.y4m"]


def test_a_window_that_does_not_verify_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read_chunk = NvstReader.read_chunk

    def damaged(self: NvstReader, window_idx: int, chunk_idx: int, window):
        content = read_chunk(self, window_idx, chunk_idx, window)
        if window_idx == 1:
            content.own[0] += 1
        return content

    with monkeypatch.context() as patch, pytest.raises(ChecksumError, match="window 1, chunk 0"):
        patch.setattr(NvstReader, "read_chunk", damaged)
        encodes.tiny_encode(encodes.two_scene_clip(tmp_path), tmp_path / "a.nvst", settings={"kappa": 0.5})
    assert_first_window_kept(tmp_path / "a.nvst")
