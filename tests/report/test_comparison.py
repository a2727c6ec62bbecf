"""Videos beside their source: the right frames, the right figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nvcodec.decoder.decoding import decode
from nvcodec.errors import ConfigError
from nvcodec.metrics import PsnrAccumulator
from nvcodec.report.comparison import compare, frame_quality
from nvcodec.report.videos import open_compared, open_source_video
from nvcodec.video.format import ChromaSubsampling, VideoFormat
from nvcodec.video.frame import Frame
from nvcodec.video.selection import Selection
from nvcodec.video.source import open_source
from tests import clips, encodes


def compared(source: Path, video: Path, selection: Selection | None = None):
    return compare(open_source_video(str(source), selection), open_compared(video, encodes.CPU))


def test_a_video_is_as_good_as_its_decode(source: Path, nvst: Path, tmp_path: Path) -> None:
    decode(nvst, tmp_path / "a.mkv", device="cpu")
    of_file, of_decode = compared(source, nvst), compared(source, tmp_path / "a.mkv")
    assert of_file.frames == of_decode.frames
    psnr = PsnrAccumulator(8)
    for frame, decoded in zip(encodes.read_frames(source), encodes.read_frames(tmp_path / "a.mkv"), strict=True):
        psnr.add(frame.planes, decoded.planes)
    assert of_file.psnr_y == pytest.approx(psnr.mean_psnr[0])
    assert 0 < of_file.ms_ssim < 1
    size = nvst.stat().st_size
    assert (of_file.num_bytes, of_file.num_frames, of_file.duration_s) == (size, 12, pytest.approx(0.48))
    assert of_file.bpp == pytest.approx(8 * size / (12 * 64 * 48))
    assert of_file.bit_rate == pytest.approx(8 * size / 0.48)


def test_equal_videos_have_the_highest_figures(source: Path) -> None:
    result = compared(source, source)
    assert (result.psnr_y, result.psnr_rgb, result.ms_ssim) == (60, 60, pytest.approx(1))


@pytest.mark.parametrize("selection", [{"frames": (3, 9)}, {"start_s": 0.12, "end_s": 0.36}])
def test_a_part_of_the_source_in_another_size_is_held_against_just_that(tmp_path: Path, selection: dict) -> None:
    """What was encoded comes back as the networks made it, whatever part of which size that was."""
    source = clips.write_clip(tmp_path / "in.mkv", num_frames=12)
    with open_source(source, scale="0.5", **selection) as part:
        result = encodes.tiny_encode(part, tmp_path / "a.nvst", settings={"epochs": 3})
    found = compared(source, tmp_path / "a.nvst")
    assert found.is_source_scaled
    assert (found.width, found.height, len(found.frames)) == (32, 24, 6)
    assert (found.first_source_s, found.last_source_s) == (pytest.approx(0.12), pytest.approx(0.32))
    assert found.psnr_y == pytest.approx(result.psnr_y)
    # A file that was cut out begins at 0: the user says where it was.
    named = compared(source, tmp_path / "a.nvst", Selection(3, 9))
    assert named.frames == found.frames


def test_a_source_without_times_and_one_that_begins_late(tmp_path: Path) -> None:
    late = clips.late_start_clip(tmp_path)
    frames = encodes.read_frames(late)
    again = encodes.write_y4m(tmp_path / "again.y4m", [Frame(f.planes, idx, 1) for idx, f in enumerate(frames)])
    assert compared(late, again).psnr_y == 60


def test_frames_of_another_video_are_refused(source: Path, tmp_path: Path) -> None:
    other = clips.write_clip(tmp_path / "b.mkv", num_frames=5, pts=[7 * idx for idx in range(5)])
    with pytest.raises(ConfigError, match="say which part of the source it shows"):
        compared(source, other)


def test_rgb_and_yuv_are_not_compared(source: Path, tmp_path: Path) -> None:
    rgb = VideoFormat(64, 48, chroma_subsampling=ChromaSubsampling.RGB)
    other = encodes.write_y4m(tmp_path / "rgb.mkv", clips.make_frames(rgb, 12), rgb)
    with pytest.raises(ConfigError, match="RGB can be compared with RGB only"):
        compared(source, other)
    assert compared(other, other).psnr_y == 60


def test_another_bit_depth_is_brought_to_the_sources() -> None:
    deep, shallow = VideoFormat(64, 48, bit_depth=10), VideoFormat(64, 48)
    planes = clips.make_planes(shallow)
    deeper = tuple((plane.astype("<u2") << 2) for plane in planes)
    quality = frame_quality(Frame(deeper, 0, 1), Frame(planes, 0, 1), deep, shallow)
    assert quality.psnr_y == 72
    assert quality.ms_ssim == pytest.approx(1)
    # Nominal black and white differ in no way, so neither does RGB.
    assert quality.psnr_rgb == 72


def test_sound_is_not_counted(tmp_path: Path) -> None:
    silent = clips.plain_clip(tmp_path)
    other = encodes.write_y4m(tmp_path / "a.y4m", encodes.read_frames(silent))
    assert compared(silent, silent).num_bytes == silent.stat().st_size
    assert compared(silent, other).num_bytes == other.stat().st_size


def test_gray_is_compared(tmp_path: Path) -> None:
    gray = VideoFormat(64, 48, chroma_subsampling=ChromaSubsampling.GRAY)
    clip = clips.write_clip(tmp_path / "gray.mkv", gray, num_frames=3)
    shifted = [
        Frame(tuple(np.minimum(plane, 254) + 1 for plane in frame.planes), frame.pts, 1)
        for frame in encodes.read_frames(clip)
    ]
    other = encodes.write_y4m(tmp_path / "shifted.y4m", shifted, gray)
    assert compared(clip, other).psnr_y == pytest.approx(48.13, abs=0.01)


def test_a_source_is_cropped_as_it_was_encoded(tmp_path: Path) -> None:
    source = clips.write_clip(tmp_path / "in.mkv", num_frames=6)
    with open_source(source, crop="32x24+8+6") as part:
        result = encodes.tiny_encode(part, tmp_path / "a.nvst")
    cropped = open_source_video(str(source), crop="32x24+8+6")
    found = compare(cropped, open_compared(tmp_path / "a.nvst", encodes.CPU))
    assert not found.is_source_scaled
    assert found.psnr_y == pytest.approx(result.psnr_y)
