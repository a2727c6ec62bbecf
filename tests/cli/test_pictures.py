"""What the commands do with the picture and its times, beyond coding it."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

import nvcodec
from nvcodec.bitstream import NvstReader
from nvcodec.video.source import open_source
from tests import clips, encodes


def test_the_picture_is_deinterlaced_cropped_and_scaled(run_nvenc, tmp_path: Path) -> None:
    path, target = clips.interlaced_clip(tmp_path), tmp_path / "a.nvst"
    result = run_nvenc(path, "-o", target, "--deinterlace", "--crop", "40x32+8+4", "--scale", "0.5")
    assert result.exit_code == 0, result.output
    with NvstReader(target) as reader:
        assert (reader.header.format.width, reader.header.format.height, reader.num_frames) == (20, 16, 6)


def test_a_rotated_video_is_upright_everywhere(run_nvenc, run_nvdec, tmp_path: Path) -> None:
    target = tmp_path / "a.nvst"
    assert run_nvenc(clips.rotated_clip(tmp_path, 90), "-o", target).exit_code == 0
    assert nvcodec.VideoDecoder(target)[0].shape == (3, 64, 48)
    for name in ("a.mp4", "a.mkv", "a.y4m", "images"):
        assert run_nvdec(target, "-o", tmp_path / name).exit_code == 0
        with open_source(tmp_path / name) as video:
            assert (video.format.width, video.format.height) == (48, 64)


@pytest.mark.parametrize("arguments", ["", "--codec libx265", "--codec libx265 --crf 30"])
def test_the_codec_is_the_user_s(run_nvdec, nvst: Path, tmp_path: Path, arguments: str) -> None:
    assert run_nvdec(nvst, "-o", tmp_path / "a.mp4", *arguments.split()).exit_code == 0
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.streams.video[0].codec.canonical_name == ("hevc" if "x265" in arguments else "h264")
    assert run_nvdec(nvst, "-o", tmp_path / "whole.y4m").exit_code == 0
    frames, whole = (encodes.read_frames(tmp_path / name) for name in ("a.mp4", "whole.y4m"))
    is_equal = all((one.planes[0] == other.planes[0]).all() for one, other in zip(frames, whole, strict=True))
    assert is_equal == ("crf" not in arguments)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [("-o a.mkv --codec h265", "libx265"), ("-o a.y4m --crf 20", "containers"), ("--md5 --crf 20", "--crf")],
)
def test_codecs_that_cannot_be_are_refused(run_nvdec, nvst: Path, tmp_path: Path, arguments: str, word: str) -> None:
    result = run_nvdec(nvst, *arguments.replace("-o ", f"-o {tmp_path}/").split())
    assert result.exit_code == 2
    assert word in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "warns"), [("a.y4m", True), ("images", True), ("a.mkv", False), ("a.mp4", False), ("a.avi", True)]
)
def test_lost_times_are_told(run_nvdec, tmp_path: Path, name: str, warns: bool) -> None:
    encodes.tiny_encode(clips.variable_rate_clip(tmp_path), tmp_path / "a.nvst")
    result = run_nvdec(tmp_path / "a.nvst", "-o", tmp_path / name)
    assert result.exit_code == 0
    assert ("times" in result.stderr) == warns


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_a_late_start_stays_late(run_nvdec, tmp_path: Path, name: str) -> None:
    encodes.tiny_encode(clips.late_start_clip(tmp_path), tmp_path / "a.nvst")
    assert run_nvdec(tmp_path / "a.nvst", "-o", tmp_path / name).exit_code == 0
    with open_source(tmp_path / name) as video:
        assert [float(frame.pts * video.time_base) for frame in video] == pytest.approx(
            [1.2 + 0.04 * i for i in range(6)]
        )
