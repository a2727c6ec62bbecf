"""Encodes that go on from what earlier ones left: to the bytes of an undisturbed one, or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import nvcodec
from nvcodec.bitstream import NvstReader
from nvcodec.encoder.progress import EncodeProgress, EncodeResult, Stage
from nvcodec.errors import ConfigError, InputError, OutputError
from nvcodec.video.format import VideoFormat
from nvcodec.video.source import open_source
from tests import clips, encodes

TRAINING = {Stage.PLAN, Stage.MASK, Stage.TRAIN}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scenes of six frames."""
    return encodes.two_scene_clip(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def whole(source: Path) -> Path:
    """Its undisturbed encode: two windows."""
    target = source.with_name("whole.nvst")
    encodes.tiny_encode(source, target)
    return target


@pytest.fixture(scope="module")
def window_ends(whole: Path) -> list[int]:
    """Where its windows end."""
    with NvstReader(whole) as reader:
        return [window.chunks[-1].offset + window.chunks[-1].box_bytes for window in reader.windows]


def closed_early(source: Path, target: Path) -> None:
    """Finished, but not complete, with one window that was trained to the end."""
    stops = False

    def progress(state: EncodeProgress) -> None:
        nonlocal stops
        stops = state.stage is Stage.WRITTEN

    encodes.tiny_encode(source, target, progress=progress, should_stop=lambda: stops)
    with NvstReader(target) as reader:
        assert (reader.is_finished, reader.is_complete, len(reader.windows)) == (True, False, 1)


def resume(source: Path, target: Path, **options) -> tuple[EncodeResult, list[tuple[int, Stage]]]:
    """Resume, and what was told: window and stage."""
    told: list[tuple[int, Stage]] = []

    def progress(state: EncodeProgress) -> None:
        told.append((state.window_idx, state.stage))

    return encodes.tiny_encode(source, target, resume=True, progress=progress, **options), told


@pytest.mark.parametrize("name", ["a.nvst", "a.nvst.part"])
@pytest.mark.parametrize("where", ["at the window's end", "in the next window", "in the index", "before the trailer"])
def test_whole_windows_are_taken_over_and_the_rest_has_the_same_bytes(
    source: Path, whole: Path, window_ends: list[int], tmp_path: Path, name: str, where: str
) -> None:
    ends = {
        "at the window's end": window_ends[0],
        "in the next window": window_ends[1] - 1,
        "in the index": window_ends[1] + 30,
        "before the trailer": whole.stat().st_size - 1,
    }
    (tmp_path / name).write_bytes(whole.read_bytes()[: ends[where]])
    result, told = resume(source, tmp_path / "a.nvst")
    taken_over = {window_idx for window_idx, stage in told if stage is Stage.TAKEN_OVER}
    assert taken_over == ({0} if ends[where] < window_ends[1] else {0, 1})
    assert not any(stage in TRAINING for window_idx, stage in told if window_idx in taken_over)
    assert (tmp_path / "a.nvst").read_bytes() == whole.read_bytes()
    assert os.listdir(tmp_path) == ["a.nvst"]
    assert (result.is_complete, result.num_frames) == (True, 12)


def test_a_file_that_was_closed_early_is_continued(source: Path, whole: Path, tmp_path: Path) -> None:
    closed_early(source, tmp_path / "a.nvst")
    resume(source, tmp_path / "a.nvst")
    assert (tmp_path / "a.nvst").read_bytes() == whole.read_bytes()


def test_a_finished_file_that_did_not_get_its_name_gets_it(source: Path, whole: Path, tmp_path: Path) -> None:
    shutil.copy(whole, tmp_path / "a.nvst.part")
    resume(source, tmp_path / "a.nvst")
    assert (tmp_path / "a.nvst").read_bytes() == whole.read_bytes()
    assert os.listdir(tmp_path) == ["a.nvst"]


@pytest.mark.parametrize("num_bytes", [None, 0, 10, 60, 300])
@pytest.mark.parametrize("name", ["a.nvst", "a.nvst.part"])
def test_where_nothing_is_whole_the_encode_begins(
    source: Path, whole: Path, tmp_path: Path, name: str, num_bytes: int | None
) -> None:
    if num_bytes is not None:
        (tmp_path / name).write_bytes(whole.read_bytes()[:num_bytes])
    _, told = resume(source, tmp_path / "a.nvst")
    assert told[0] == (0, Stage.PLAN)
    assert (tmp_path / "a.nvst").read_bytes() == whole.read_bytes()
    assert os.listdir(tmp_path) == ["a.nvst"]


@pytest.mark.parametrize("better", ["a.nvst", "a.nvst.part"])
def test_of_two_files_the_one_with_more_windows_is_continued(
    source: Path, whole: Path, window_ends: list[int], tmp_path: Path, better: str
) -> None:
    for name in ("a.nvst", "a.nvst.part"):
        (tmp_path / name).write_bytes(whole.read_bytes()[: window_ends[1] if name == better else window_ends[0]])
    _, told = resume(source, tmp_path / "a.nvst")
    assert told == [(0, Stage.TAKEN_OVER), (1, Stage.TAKEN_OVER)]
    assert (tmp_path / "a.nvst").read_bytes() == whole.read_bytes()
    assert os.listdir(tmp_path) == ["a.nvst"]


def test_with_a_complete_file_nothing_is_done(source: Path, whole: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.nvst"
    shutil.copy(whole, target)
    before = target.stat()
    result, told = resume(source, target, recon=tmp_path / "recon.y4m")
    assert told == []
    assert (result.is_complete, result.num_frames, result.psnr_y, result.psnr_rgb) == (True, 12, None, None)
    assert (target.stat().st_ino, target.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert os.listdir(tmp_path) == ["a.nvst"]


def test_windows_taken_over_are_measured_and_reconstructed(
    source: Path, whole: Path, window_ends: list[int], tmp_path: Path
) -> None:
    undisturbed = encodes.tiny_encode(source, tmp_path / "b.nvst", recon=tmp_path / "b.y4m")
    (tmp_path / "a.nvst.part").write_bytes(whole.read_bytes()[: window_ends[0]])
    (tmp_path / "a.y4m").write_bytes(b"of the encode that was broken off")
    result, _ = resume(source, tmp_path / "a.nvst", recon=tmp_path / "a.y4m")
    assert result.windows == undisturbed.windows
    assert (result.psnr_y, result.bpp) == (undisturbed.psnr_y, undisturbed.bpp)
    assert (tmp_path / "a.y4m").read_bytes() == (tmp_path / "b.y4m").read_bytes()


def test_a_stop_while_windows_are_taken_over_keeps_them_all(
    source: Path, whole: Path, window_ends: list[int], tmp_path: Path
) -> None:
    (tmp_path / "a.nvst.part").write_bytes(whole.read_bytes()[: window_ends[0]])
    result, told = resume(source, tmp_path / "a.nvst", should_stop=lambda: True)
    assert told == [(0, Stage.TAKEN_OVER)]
    assert not result.is_complete
    assert (tmp_path / "a.nvst").read_bytes()[: window_ends[0]] == whole.read_bytes()[: window_ends[0]]
    resume(source, tmp_path / "a.nvst")
    assert (tmp_path / "a.nvst").read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("name", ["a.nvst", "a.nvst.part"])
@pytest.mark.parametrize("stage", [Stage.TAKEN_OVER, Stage.PLAN, Stage.TRAIN])
def test_a_failure_while_resuming_loses_nothing(
    source: Path, whole: Path, window_ends: list[int], tmp_path: Path, name: str, stage: Stage
) -> None:
    left = whole.read_bytes()[: window_ends[0] + 100]
    (tmp_path / name).write_bytes(left)

    def fail(state: EncodeProgress) -> None:
        if state.stage is stage:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encodes.tiny_encode(source, tmp_path / "a.nvst", resume=True, progress=fail)
    if stage is Stage.TAKEN_OVER:
        assert os.listdir(tmp_path) == [name]
        assert (tmp_path / name).read_bytes() == left
    else:
        assert os.listdir(tmp_path) == ["a.nvst"]
        assert (tmp_path / "a.nvst").read_bytes() == left[: window_ends[0]]
    resume(source, tmp_path / "a.nvst")
    assert (tmp_path / "a.nvst").read_bytes() == whole.read_bytes()


def refused(folder: Path, left: bytes, error: type[Exception], source: Path, **options) -> str:
    """Both kinds of left-over are refused and untouched; the reason."""
    reasons = set()
    for name in ("a.nvst", "a.nvst.part"):
        (folder / name).write_bytes(left)
        with pytest.raises(error) as caught:
            encodes.tiny_encode(source, folder / "a.nvst", resume=True, **options)
        reasons.add(str(caught.value).replace("a.nvst.part", "a.nvst"))
        assert os.listdir(folder) == [name]
        assert (folder / name).read_bytes() == left
        (folder / name).unlink()
    (reason,) = reasons
    return reason


@pytest.mark.parametrize("is_complete", [False, True])
def test_other_settings_are_refused(
    source: Path, whole: Path, window_ends: list[int], tmp_path: Path, is_complete: bool
) -> None:
    left = whole.read_bytes()[: None if is_complete else window_ends[0]]
    reason = refused(tmp_path, left, ConfigError, source, settings={"kappa": 0.25})
    assert reason == "kappa: a.nvst was begun with the preset's, not 0.25"


@pytest.mark.parametrize(
    ("format", "num_frames", "reason"),
    [
        (VideoFormat(48, 64), 12, "of 64x48, not 48x64"),
        (VideoFormat(64, 48, bit_depth=10), 12, "another sample format"),
        (clips.SMALL, 13, "number of frames is 12, not 13"),
    ],
)
def test_a_source_of_another_format_is_refused(
    whole: Path, window_ends: list[int], tmp_path: Path, format: VideoFormat, num_frames: int, reason: str
) -> None:
    (tmp_path / "out").mkdir()
    other = encodes.write_y4m(tmp_path / "other.y4m", encodes.two_scene_frames(num_frames, format), format)
    assert reason in refused(tmp_path / "out", whole.read_bytes()[: window_ends[0]], ConfigError, other)


def test_a_source_with_other_scenes_is_refused(whole: Path, window_ends: list[int], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    other = encodes.write_y4m(tmp_path / "other.y4m", clips.make_frames(clips.SMALL, 12))
    reason = refused(tmp_path / "out", whole.read_bytes()[: window_ends[0]], InputError, other)
    assert "another video: scenes or times differ from frame 0 on" in reason


def test_other_frames_of_the_source_are_refused(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.nvst"
    with open_source(source, frames=(0, 11)) as video:
        encodes.tiny_encode(video, target)
    with NvstReader(target) as reader:
        first_end = reader.windows[1].offset
    os.truncate(target, first_end)
    left = target.read_bytes()
    with open_source(source, frames=(1, 12)) as video, pytest.raises(InputError, match="from frame 0 on"):
        encodes.tiny_encode(video, target, resume=True)
    assert target.read_bytes() == left


def test_a_damaged_or_foreign_file_is_refused(
    source: Path, whole: Path, window_ends: list[int], tmp_path: Path
) -> None:
    damaged = bytearray(whole.read_bytes())
    damaged[window_ends[0] // 2] ^= 1
    reason = refused(tmp_path, bytes(damaged[: window_ends[1]]), OutputError, source)
    assert "cannot be continued" in reason
    assert "differs from its checksum" in reason
    for foreign in (b"a text", b"a longer text" * 100):
        assert "cannot be continued" in refused(tmp_path, foreign, OutputError, source)


def test_a_finished_file_with_a_hole_is_not_taken_for_nothing(source: Path, whole: Path, tmp_path: Path) -> None:
    """An index that points behind the end is damage, not a file that was just begun."""
    data = whole.read_bytes()
    spliced = data[:2000] + data[-200:]
    assert "cannot be continued" in refused(tmp_path, spliced, OutputError, source)


def test_resume_and_overwrite_exclude_each_other(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="overwrite"):
        encodes.tiny_encode(source, tmp_path / "a.nvst", resume=True, overwrite=True)
    assert os.listdir(tmp_path) == []


def test_a_leftover_is_not_overwritten_unasked(
    source: Path, whole: Path, window_ends: list[int], tmp_path: Path
) -> None:
    partial = tmp_path / "a.nvst.part"
    partial.write_bytes(whole.read_bytes()[: window_ends[0]])
    with pytest.raises(OutputError, match="--resume continues it, -y begins anew"):
        encodes.tiny_encode(source, tmp_path / "a.nvst")
    assert partial.read_bytes() == whole.read_bytes()[: window_ends[0]]
    encodes.tiny_encode(source, tmp_path / "a.nvst", overwrite=True)
    assert (tmp_path / "a.nvst").read_bytes() == whole.read_bytes()
    assert os.listdir(tmp_path) == ["a.nvst"]


def test_a_file_that_another_encode_writes_is_not_resumed(source: Path, tmp_path: Path) -> None:
    def second(state: EncodeProgress) -> None:
        if (state.window_idx, state.stage) == (1, Stage.TRAIN):
            with pytest.raises(OutputError, match="another encode is writing it"):
                encodes.tiny_encode(source, tmp_path / "a.nvst", resume=True)

    result = encodes.tiny_encode(source, tmp_path / "a.nvst", progress=second)
    assert result.is_complete
    assert nvcodec.decode(tmp_path / "a.nvst", None, md5=True, device="cpu").num_frames == 12


def test_a_front_index_of_a_resumed_file_is_made_anew(tmp_path: Path) -> None:
    source, target, whole = encodes.two_scene_clip(tmp_path), tmp_path / "a.nvst", tmp_path / "whole.nvst"
    encodes.tiny_encode(source, whole, faststart=True)
    stopped = encodes.tiny_encode(source, target, should_stop=lambda: True, faststart=True)
    assert not stopped.is_complete
    encodes.tiny_encode(source, target, resume=True)
    with NvstReader(target) as reader:
        reader.verify()
        assert (reader.has_front_index, reader.is_complete, reader.num_frames) == (True, True, 12)
    # The first window of the stopped encode was trained for one iteration alone.
    with NvstReader(whole) as reader:
        assert (reader.has_front_index, reader.num_frames) == (True, 12)


def test_a_resumed_file_with_a_front_index_is_sound_at_every_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = encodes.two_scene_clip(tmp_path), tmp_path / "a.nvst"
    encodes.tiny_encode(source, target, should_stop=lambda: True, faststart=True)

    def full(path: Path) -> None:
        raise OutputError("no space left on the disk", str(path))

    monkeypatch.setattr("nvcodec.encoder.pipeline.add_front_index", full)
    with pytest.raises(OutputError, match="no space"):
        encodes.tiny_encode(source, target, resume=True)
    monkeypatch.undo()
    with NvstReader(target) as reader:
        reader.verify()
        assert (reader.has_front_index, reader.is_complete) == (False, True)
    encodes.tiny_encode(source, target, resume=True, faststart=True)
    with NvstReader(target) as reader:
        reader.verify()
        assert (reader.has_front_index, reader.is_complete) == (True, True)


@pytest.mark.parametrize("output", ["target", "recon", "both"])
def test_no_output_replaces_the_source_or_another(tmp_path: Path, output: str) -> None:
    source = encodes.two_scene_clip(tmp_path)
    before = source.read_bytes()
    target = source if output == "target" else tmp_path / "a.nvst"
    recon = {"target": None, "recon": source, "both": target}[output]
    with pytest.raises(OutputError, match="would replace"):
        encodes.tiny_encode(source, target, recon=recon, overwrite=True)
    assert source.read_bytes() == before


def test_damage_found_while_windows_are_taken_over_is_told_with_the_file(tmp_path: Path) -> None:
    source, target = encodes.two_scene_clip(tmp_path), tmp_path / "a.nvst"
    encodes.tiny_encode(source, target, should_stop=lambda: True)
    with NvstReader(target) as reader:
        place = reader.windows[0].chunks[0].offset + 40
    data = bytearray(target.read_bytes())
    data[place] ^= 1
    target.write_bytes(data)
    with pytest.raises(OutputError, match=r"a\.nvst: cannot be continued: CHNK box at byte"):
        encodes.tiny_encode(source, target, resume=True)
    assert target.read_bytes() == data
