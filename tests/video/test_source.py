from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from nvcodec.errors import ConfigError, InputError
from nvcodec.video.format import ChromaSubsampling, ColorRange, VideoFormat
from nvcodec.video.geometry import parse_scale
from nvcodec.video.source import open_source
from tests import clips


def _assert_planes(frame, format, frame_idx):
    for actual, expected in zip(frame.planes, clips.make_planes(format, frame_idx), strict=True):
        assert actual.dtype == expected.dtype
        np.testing.assert_array_equal(actual, expected)


def test_frames_come_with_planes_and_times(tmp_path):
    with open_source(clips.write_clip(tmp_path / "a.mkv", num_frames=5)) as source:
        frames = list(source)
    assert (source.format.width, source.format.height, source.format.bit_depth) == (64, 48, 8)
    assert source.average_rate == 25
    assert [frame.pts * source.time_base for frame in frames] == [Fraction(idx, 25) for idx in range(5)]
    assert {frame.duration * source.time_base for frame in frames} == {Fraction(1, 25)}
    assert source.warnings == []
    for frame_idx, frame in enumerate(frames):
        _assert_planes(frame, clips.SMALL, frame_idx)


def test_addresses_that_ffmpeg_does_not_know_are_read_through_fsspec(tmp_path):
    memory = pytest.importorskip("fsspec").filesystem("memory")
    memory.pipe("/video/a.mp4", clips.plain_clip(tmp_path, num_frames=5).read_bytes())
    with open_source("memory://video/a.mp4") as source:
        assert len(list(source)) == 5
    with pytest.raises(InputError, match=r"memory://video/none\.mp4"):
        open_source("memory://video/none.mp4")
    with pytest.raises(InputError, match=r"nothing://a\.mp4: Protocol not known"):
        open_source("nothing://a.mp4")


@pytest.mark.parametrize("format", clips.ALL_FORMATS)
def test_every_supported_format_is_read_as_it_is(tmp_path, format):
    is_rgb_8 = format.chroma_subsampling == ChromaSubsampling.RGB and format.bit_depth == 8
    path = clips.write_clip(tmp_path / "a.mkv", format, num_frames=2, pix_fmt="bgr0" if is_rgb_8 else None)
    with open_source(path) as source:
        frames = list(source)
    found = source.format
    assert (found.width, found.height, found.bit_depth) == (format.width, format.height, format.bit_depth)
    assert found.chroma_subsampling == format.chroma_subsampling
    assert source.warnings == []
    for frame_idx, frame in enumerate(frames):
        _assert_planes(frame, format, frame_idx)


@pytest.mark.parametrize(
    ("pix_fmt", "codec", "subsampling", "bit_depth", "warning"),
    [
        ("yuv420p14le", "ffv1", ChromaSubsampling.YUV420, 12, "14 bits"),
        ("yuv420p9le", "ffv1", ChromaSubsampling.YUV420, 10, None),
        ("yuv411p", "ffv1", ChromaSubsampling.YUV422, 8, "resampled"),
        ("yuv440p", "ffv1", ChromaSubsampling.YUV444, 8, "resampled"),
        ("gray16le", "ffv1", ChromaSubsampling.GRAY, 12, "16 bits"),
        ("rgb24", "rawvideo", ChromaSubsampling.RGB, 8, None),
        ("yuyv422", "rawvideo", ChromaSubsampling.YUV422, 8, None),
    ],
)
def test_other_formats_become_the_nearest_with_a_warning(tmp_path, pix_fmt, codec, subsampling, bit_depth, warning):
    path = clips.write_clip(tmp_path / "a.nut", num_frames=2, codec=codec, pix_fmt=pix_fmt)
    with open_source(path) as source:
        assert len(list(source)) == 2
    assert source.format.chroma_subsampling == subsampling
    assert source.format.bit_depth == bit_depth
    assert [warning in text for text in source.warnings] == ([True] if warning else [])


@pytest.mark.parametrize(
    ("pix_fmt", "codec"), [("yuva420p", "ffv1"), ("rgba", "png"), ("ya8", "ffv1"), ("yuva444p10le", "ffv1")]
)
def test_alpha_is_refused_and_the_way_out_named(tmp_path, pix_fmt, codec):
    path = clips.write_clip(tmp_path / "a.nut", num_frames=1, codec=codec, pix_fmt=pix_fmt)
    with pytest.raises(InputError, match=r"alpha channel .*-pix_fmt") as caught:
        open_source(path)
    assert caught.value.place == str(path)


def test_alpha_beside_the_frames_is_refused(tmp_path):
    path = clips.write_clip(tmp_path / "a.webm", num_frames=1, codec="libvpx-vp9", pix_fmt="yuva420p")
    with pytest.raises(InputError, match="alpha channel"):
        open_source(path)


def test_yuvj_is_full_range_with_the_same_samples(tmp_path):
    path = clips.write_clip(tmp_path / "a.mkv", num_frames=1, codec="mjpeg", pix_fmt="yuvj420p")
    with open_source(path) as source:
        assert source.format.color_range == ColorRange.FULL
        assert len(list(source)) == 1


def test_variable_times_are_kept(tmp_path):
    with open_source(clips.variable_rate_clip(tmp_path)) as source:
        frames = list(source)
    times_ms = [int(frame.pts * source.time_base * 1000) for frame in frames]
    assert times_ms == list(clips.VARIABLE_PTS)
    assert [frame.pts + frame.duration for frame in frames[:-1]] == [frame.pts for frame in frames[1:]]
    assert frames[-1].duration > 0


def test_first_time_is_the_source_s_own_and_selection_counts_from_it(tmp_path):
    path = clips.late_start_clip(tmp_path)
    with open_source(path, start_s=0.08, end_s=0.16) as source:
        times_ms = [int(frame.pts * source.time_base * 1000) for frame in source]
    assert times_ms == [1280, 1320]


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_gap_is_a_frame_that_lasts(tmp_path, suffix):
    pts = [0, 40, 10_040, 10_080]
    path = clips.write_clip(
        tmp_path / f"a{suffix}", num_frames=4, pts=pts, time_base=Fraction(1, 1000), codec="libx264"
    )
    with open_source(path) as source:
        frames = list(source)
    assert [frame.pts * source.time_base * 1000 for frame in frames] == pts
    assert frames[1].duration * source.time_base == 10
    assert source.warnings == []


def test_what_an_edit_list_hides_is_no_damage(tmp_path):
    path = clips.write_clip(tmp_path / "a.mp4", num_frames=12, pts=range(-6, 6), codec="libx264")
    with open_source(path, strict=True) as source:
        assert [frame.pts * source.time_base * 25 for frame in source] == list(range(6))
    assert source.num_frames == 6


def test_missing_times_are_made_up_from_the_rate(tmp_path):
    with open_source(clips.elementary_clip(tmp_path)) as source:
        frames = list(source)
    assert [frame.pts * source.time_base for frame in frames] == [Fraction(idx, 25) for idx in range(9)]
    assert source.num_frames is None


@pytest.mark.parametrize(("degrees", "quarter_turns"), [(0, 0), (90, 1), (180, 2), (270, 3)])
def test_rotation_is_applied(tmp_path, degrees, quarter_turns):
    with open_source(clips.rotated_clip(tmp_path, 0)) as source:
        upright = list(source)
    with open_source(clips.rotated_clip(tmp_path, degrees)) as source:
        turned = list(source)
    turns_sides = quarter_turns % 2 == 1
    assert (source.format.width, source.format.height) == ((48, 64) if turns_sides else (64, 48))
    for plane, expected in zip(turned[1].planes, upright[1].planes, strict=True):
        np.testing.assert_array_equal(plane, np.rot90(expected, quarter_turns))


def test_rotation_that_is_no_quarter_turn_is_ignored_with_a_warning(tmp_path):
    with open_source(clips.rotated_clip(tmp_path, 30)) as source:
        assert (source.format.width, source.format.height) == (64, 48)
        assert ["rotation" in text for text in source.warnings] == [True]


@pytest.mark.parametrize(
    ("frames", "expected"),
    [((2, 5), [2, 3, 4]), ((None, 2), [0, 1]), ((9, None), [9, 10, 11]), ((10, 99), [10, 11])],
)
def test_frame_ranges_are_half_open(tmp_path, frames, expected):
    with open_source(clips.plain_clip(tmp_path), frames=frames) as source:
        found = [frame.pts * source.time_base * 25 for frame in source]
    assert found == expected
    assert source.num_frames == len(expected)


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"frames": (3, 3)}, "frames"),
        ({"frames": (-1, 3)}, "frames"),
        ({"start_s": -1.0}, "start"),
        ({"start_s": 2.0, "end_s": 1.0}, "end"),
        ({"end_s": float("nan")}, "end"),
        ({"scale": "big"}, "scale"),
        ({"scale": "8x8"}, "scale"),
        ({"scale": "1/0"}, "scale"),
        ({"scale": "99999x16"}, "scale"),
    ],
)
def test_options_that_mean_nothing_are_refused(tmp_path, options, place):
    with pytest.raises(ConfigError) as caught:
        open_source(clips.plain_clip(tmp_path), **options)
    assert caught.value.place == place


def test_a_selection_behind_the_end_is_refused(tmp_path):
    with open_source(clips.plain_clip(tmp_path), frames=(50, 60)) as source, pytest.raises(InputError, match="range"):
        list(source)


@pytest.mark.parametrize(
    ("scale", "size"), [("32x24", (32, 24)), ("0.5", (427, 240)), ("1/3", (285, 160)), ("2", (1708, 960))]
)
def test_scale_gives_a_size(scale, size):
    assert parse_scale(scale, 854, 480) == size


def test_scaling_keeps_format_and_mean(tmp_path):
    path = clips.ten_bit_clip(tmp_path)
    with open_source(path) as source:
        whole = next(iter(source))
    with open_source(path, scale="1/2") as source:
        small = next(iter(source))
    assert (source.format.width, source.format.height, source.format.bit_depth) == (32, 24, 10)
    assert abs(float(small.planes[0].mean()) - float(whole.planes[0].mean())) < 4


DAMAGES = {
    "damaged": (clips.damaged_clip, 11, "damaged packet 5"),
    "cut off": (clips.cut_off_clip, None, "breaks off"),
    "cut off y4m": (lambda folder: _cut_off_y4m(folder), 2, "breaks off"),
    "size change": (clips.size_change_clip, 9, "changes from 64x48"),
}


def _cut_off_y4m(folder: Path) -> Path:
    path = folder / "cut.y4m"
    frame = b"FRAME\n" + bytes(range(240)) * (64 * 48 * 3 // 2 // 240) + bytes(64 * 48 * 3 // 2 % 240)
    path.write_bytes(b"YUV4MPEG2 W64 H48 F25:1 C420\n" + frame * 2 + frame[:100])
    return path


@pytest.mark.parametrize("kind", DAMAGES)
def test_damage_is_skipped_with_a_warning(tmp_path, kind):
    make, num_sound, warning = DAMAGES[kind]
    with open_source(make(tmp_path)) as source:
        frames = list(source)
    assert any(warning in text for text in source.warnings)
    assert len(frames) == num_sound or (num_sound is None and 5 < len(frames) < 25)
    assert all(frame.duration > 0 for frame in frames)


@pytest.mark.parametrize("kind", DAMAGES)
def test_damage_is_refused_when_strict(tmp_path, kind):
    make, _, warning = DAMAGES[kind]
    with pytest.raises(InputError, match=warning), open_source(make(tmp_path), strict=True) as source:
        list(source)


def test_a_long_series_of_damage_is_not_listed_in_full(tmp_path):
    with open_source(clips.damaged_clip(tmp_path, packets=range(2, 11))) as source:
        frames = list(source)
    assert 1 <= len(frames) < 4
    assert len(source.warnings) == 6
    assert "more damage" in source.warnings[-1]


def _text_file(folder: Path) -> Path:
    path = folder / "notes.mp4"
    path.write_text("this is not a video\n" * 20)
    return path


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda folder: folder / "none.mp4", "does not exist"),
        (lambda folder: folder, "no images"),
        (lambda folder: folder / "*.png", "no file matches"),
        (clips.audio_clip, "no video stream"),
        (_text_file, "cannot be opened as video"),
        (clips.undecodable_clip, "no frame"),
    ],
)
def test_bad_input_is_refused_with_reason_and_place(tmp_path, make, reason):
    path = make(tmp_path)
    with pytest.raises(InputError, match=reason) as caught:
        open_source(path)
    assert caught.value.place == str(path)
    assert "\n" not in str(caught.value)


def test_a_colon_in_the_name_is_no_protocol(tmp_path):
    path = clips.plain_clip(tmp_path).rename(tmp_path / "take:1.mp4")
    with open_source(path) as source:
        assert len(list(source)) == 12


def test_y4m_on_standard_input(tmp_path):
    code = (
        "from nvcodec.video.source import open_source\n"
        "with open_source('-') as source:\n"
        "    print(len(list(source)), source.format.width, source.num_frames, source.warnings)\n"
    )
    data = _cut_off_y4m(tmp_path).read_bytes()
    result = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True)
    assert result.stdout.decode().strip() == "2 64 None ['the file breaks off in frame 2']"


def test_sides_over_the_limit_are_refused(tmp_path):
    path = tmp_path / "wide.y4m"
    path.write_bytes(b"YUV4MPEG2 W16386 H2 F25:1 Cmono\nFRAME\n" + bytes(2 * 16386))
    with pytest.raises(InputError, match="width is 16386"):
        open_source(path)


REAL_CLIPS = {
    "bunny_1280x720_132f.mp4": (132, VideoFormat(1280, 720)),
    "basketballpass_416x240_100f.mkv": (100, VideoFormat(416, 240, chroma_subsampling=ChromaSubsampling.RGB)),
    "davis_blackswan_854x480_50f.mp4": (50, VideoFormat(854, 480)),
    "foreman_cif_300f.264": (300, VideoFormat(352, 288)),
    "bbb_opening_720p_30s.webm": (720, VideoFormat(1280, 720)),
    "carpark_768x432_30s_static.mp4": (377, VideoFormat(768, 432)),
    "pdf_scroll_1024x768_50f.264": (50, VideoFormat(1024, 768)),
    "bear_161x121_odd_30f.webm": (30, VideoFormat(161, 121)),
    "fire_720p_rot180_vfr_25f.mp4": (25, VideoFormat(1280, 720)),
    "roadtrip_10bit_426x240.webm": (72, VideoFormat(426, 240, bit_depth=10)),
    "bad_corrupt_720p.mp4": (49, VideoFormat(1280, 720)),
}


@pytest.mark.parametrize("name", REAL_CLIPS)
def test_real_clips(clips_dir, name):
    num_frames, format = REAL_CLIPS[name]
    with open_source(clips_dir / name) as source:
        times = [(frame.pts, frame.duration) for frame in source]
    found = source.format
    assert (found.width, found.height, found.bit_depth) == (format.width, format.height, format.bit_depth)
    assert found.chroma_subsampling == format.chroma_subsampling
    assert len(times) == num_frames
    assert all(pts + duration == later for (pts, duration), (later, _) in pairwise(times))
    assert bool(source.warnings) == name.startswith("bad_")


@pytest.mark.parametrize("name", ["bad_invalid_bitstream.webm", "bad_malformed_free_box.mp4"])
def test_real_bad_clips(clips_dir, name):
    with pytest.raises(InputError):
        open_source(clips_dir / name)
