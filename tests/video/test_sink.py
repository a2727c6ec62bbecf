from __future__ import annotations

import errno
import hashlib
import os
import resource
import signal
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from nvcodec.errors import ConfigError, OutputError
from nvcodec.video.format import ChromaSubsampling, ColorRange, VideoFormat
from nvcodec.video.frame import Frame
from nvcodec.video.sink import HashSink, open_sink
from nvcodec.video.source import open_source
from tests import clips

RATE = Fraction(25)
TICK = Fraction(1, 12800)
TAGGED = replace(
    clips.SMALL,
    color_primaries=9,
    transfer_characteristics=16,
    matrix_coefficients=9,
    color_range=ColorRange.FULL,
    sample_aspect_num=4,
    sample_aspect_den=3,
)


def _write(path, format, frames, time_base=TICK, **options):
    with open_sink(path, format, time_base, RATE, **options) as sink:
        for frame in frames:
            sink.write(frame)
    return sink


def _hash(frames):
    sink = HashSink()
    for frame in frames:
        sink.write(frame)
    return sink.hexdigest()


def _read(path):
    with open_source(path) as source:
        return list(source), source


def _times(frames, time_base):
    return [(frame.pts * time_base, frame.duration * time_base) for frame in frames]


@pytest.mark.parametrize("suffix", [".mkv", ".y4m", ".nut", ".avi"])
@pytest.mark.parametrize("format", clips.ALL_FORMATS)
def test_samples_survive_every_format(tmp_path, suffix, format):
    if suffix == ".y4m" and format.chroma_subsampling == ChromaSubsampling.RGB:
        pytest.skip("no such y4m")
    frames = clips.make_frames(format, 3, duration=512)
    _write(tmp_path / f"a{suffix}", format, frames)
    found, source = _read(tmp_path / f"a{suffix}")
    assert _hash(found) == _hash(frames)
    assert source.format.chroma_subsampling == format.chroma_subsampling
    assert _times(found, source.time_base) == _times(frames, TICK)


BT601, BT709, BT2020, BT2100_HLG = (6, 6, 6), (1, 1, 1), (9, 14, 9), (9, 18, 9)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("tags", [BT601, BT709, BT2020, BT2100_HLG])
@pytest.mark.parametrize("color_range", list(ColorRange))
def test_tags_survive_containers(tmp_path, suffix, tags, color_range):
    names = ("color_primaries", "transfer_characteristics", "matrix_coefficients")
    format = replace(TAGGED, color_range=color_range, **dict(zip(names, tags, strict=True)))
    frames = clips.make_frames(format, 1, duration=512)
    _write(tmp_path / f"a{suffix}", format, frames)
    found, source = _read(tmp_path / f"a{suffix}")
    assert source.format == format
    assert _hash(found) == _hash(frames)


@pytest.mark.parametrize(
    ("suffix", "format"),
    [
        (".mp4", clips.SMALL),
        (".mp4", VideoFormat(64, 48, 10, ChromaSubsampling.YUV422)),
        (".mp4", VideoFormat(64, 48, 8, ChromaSubsampling.RGB)),
        (".mp4", VideoFormat(64, 48, 10, ChromaSubsampling.GRAY)),
        (".mp4", VideoFormat(33, 27)),
        (".webm", clips.SMALL),
        (".ts", clips.SMALL),
        (".ts", VideoFormat(64, 48, 12, ChromaSubsampling.YUV422)),
        (".mp4", VideoFormat(64, 48, 12)),
    ],
)
def test_codec_without_loss_for_each_container(tmp_path, suffix, format):
    frames = clips.make_frames(format, 4, duration=512)
    _write(tmp_path / f"a{suffix}", format, frames)
    found, source = _read(tmp_path / f"a{suffix}")
    assert _hash(found) == _hash(frames)
    assert source.format.chroma_subsampling == format.chroma_subsampling


def test_a_lost_pixel_aspect_is_told(tmp_path):
    format = VideoFormat(33, 27, sample_aspect_num=4, sample_aspect_den=3)
    sink = _write(tmp_path / "a.mkv", format, clips.make_frames(format, 1, 512))
    assert ["aspect" in text for text in sink.warnings] == [True]


@pytest.mark.parametrize(("suffix", "unit"), [(".mp4", TICK), (".mkv", Fraction(1, 1000))])
def test_variable_times_survive_containers(tmp_path, suffix, unit):
    durations = [700, 40, 1300, 512, 999]
    pts = np.cumsum([0, *durations])
    frames = [Frame(clips.make_planes(clips.SMALL, idx), int(pts[idx]), length) for idx, length in enumerate(durations)]
    _write(tmp_path / f"a{suffix}", clips.SMALL, frames, time_base=unit)
    found, source = _read(tmp_path / f"a{suffix}")
    assert _times(found, source.time_base) == _times(frames, unit)


def test_y4m_keeps_chroma_location_range_and_aspect(tmp_path):
    format = replace(TAGGED, color_primaries=2, transfer_characteristics=2, matrix_coefficients=2, chroma_location=3)
    _write(tmp_path / "a.y4m", format, clips.make_frames(format, 1, 512))
    assert _read(tmp_path / "a.y4m")[1].format == format


def test_images_keep_the_pixel_aspect_ratio(tmp_path):
    format = VideoFormat(32, 32, sample_aspect_num=4, sample_aspect_den=3)
    _write(tmp_path / "images", format, clips.make_frames(format, 1, 512))
    found = _read(tmp_path / "images")[1].format
    assert (found.sample_aspect_num, found.sample_aspect_den) == (4, 3)


def test_yuv_images_show_the_right_colours(tmp_path):
    format = VideoFormat(32, 32, matrix_coefficients=1)
    red = [np.full(format.plane_shape(idx), level, np.uint8) for idx, level in enumerate((63, 102, 240))]
    _write(tmp_path / "images/", format, [Frame(tuple(red), 0, 512)])
    (frame,), source = _read(tmp_path / "images")
    assert source.format.chroma_subsampling == ChromaSubsampling.RGB
    means = np.array([plane.mean() for plane in frame.planes])
    assert np.abs(means - (255, 0, 0)).max() < 3


def test_limited_gray_becomes_full_range_images(tmp_path):
    format = VideoFormat(16, 16, chroma_subsampling=ChromaSubsampling.GRAY)
    _write(tmp_path / "images", format, clips.make_flat_frames([16, 235], 16, 16))
    frames, source = _read(tmp_path / "images")
    assert source.format.color_range == ColorRange.FULL
    assert [int(frame.planes[0].mean()) for frame in frames] == [0, 255]


def test_hash_is_md5_of_all_samples_little_endian():
    planes = (np.array([[1, 2]], np.uint8), np.array([[3]], ">u2"))
    expected = hashlib.md5(b"\x01\x02\x03\x00").hexdigest()
    assert _hash([Frame(planes, 0, 1)]) == expected


@pytest.mark.parametrize("name", ["a.mkv", "a.y4m", "a.mp4", "images"])
def test_abort_and_exceptions_leave_nothing_behind(tmp_path, name):
    sink = open_sink(tmp_path / name, clips.SMALL, TICK, RATE)
    sink.write(clips.make_frames(clips.SMALL, 1)[0])
    assert not (tmp_path / name).exists()
    sink.abort()
    with pytest.raises(KeyError), open_sink(tmp_path / name, clips.SMALL, TICK, RATE) as sink:
        raise KeyError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.mkv", "a.y4m", "images"])
def test_existing_targets_are_kept_unless_told_otherwise(tmp_path, name):
    frames = clips.make_frames(clips.SMALL, 3, 512)
    _write(tmp_path / name, clips.SMALL, frames)
    with pytest.raises(OutputError, match="exists already") as caught:
        open_sink(tmp_path / name, clips.SMALL, TICK, RATE)
    assert caught.value.place == str(tmp_path / name)
    _write(tmp_path / name, clips.SMALL, frames[:2], overwrite=True)
    assert len(_read(tmp_path / name)[0]) == 2
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_overwriting_a_folder_leaves_other_files_alone(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "notes.txt").write_text("mine")
    _write(tmp_path / "images", clips.SMALL, clips.make_frames(clips.SMALL, 1), overwrite=True)
    assert sorted(path.name for path in (tmp_path / "images").iterdir()) == ["frame_000000.png", "notes.txt"]


@pytest.mark.parametrize(
    ("name", "format", "reason"),
    [
        ("a.y4m", VideoFormat(8, 8, chroma_subsampling=ChromaSubsampling.RGB), "RGB"),
        ("a.webm", VideoFormat(64, 48, 10), "lossless"),
        ("a.xyz", clips.SMALL, "no known kind"),
        ("a.png", clips.SMALL, "folder"),
        ("a.mp3", clips.SMALL, "lossless"),
    ],
)
def test_targets_that_cannot_hold_the_frames_are_refused(tmp_path, name, format, reason):
    with pytest.raises(ConfigError, match=reason):
        open_sink(tmp_path / name, format, TICK, RATE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["no/a.mkv", "no/a.y4m", "no/images/"])
def test_missing_folders_are_named(tmp_path, name):
    with pytest.raises(OutputError, match="does not exist"):
        open_sink(str(tmp_path / name) + ("/" if name.endswith("/") else ""), clips.SMALL, TICK, RATE)


def test_disk_full_in_y4m(tmp_path, monkeypatch):
    class FullDisk:
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self):
            """Nothing to flush."""

    sink = open_sink(tmp_path / "a.y4m", clips.SMALL, TICK, RATE)
    sink._writer._file.close()
    monkeypatch.setattr(sink._writer, "_file", FullDisk())
    with pytest.raises(OutputError, match="no space left on device"), sink:
        sink.write(clips.make_frames(clips.SMALL, 1)[0])
    assert list(tmp_path.iterdir()) == []


def _limit_file_size():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.y4m"])
def test_files_that_may_not_grow_are_removed(tmp_path, name):
    code = (
        "import sys, numpy as np\n"
        "from fractions import Fraction\n"
        "from nvcodec.errors import OutputError\n"
        "from nvcodec.video.format import VideoFormat\n"
        "from nvcodec.video.frame import Frame\n"
        "from nvcodec.video.sink import open_sink\n"
        "rng = np.random.default_rng(0)\n"
        "try:\n"
        "    with open_sink(sys.argv[1], VideoFormat(128, 96), Fraction(1, 25), Fraction(25)) as sink:\n"
        "        for idx in range(60):\n"
        "            noise = rng.integers(0, 256, (96, 128), dtype=np.uint8)\n"
        "            sink.write(Frame((noise, noise[:48, :64], noise[48:, 64:]), idx, 1))\n"
        "except OutputError as error:\n"
        "    print(error)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / name)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, preexec_fn=_limit_file_size)
    assert "cannot be written" in result.stdout
    assert result.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_y4m_on_standard_output(tmp_path):
    code = (
        "from fractions import Fraction\n"
        "from nvcodec.video.sink import open_sink\n"
        "from tests import clips\n"
        "with open_sink('-', clips.SMALL, Fraction(1, 25), Fraction(25)) as sink:\n"
        "    for frame in clips.make_frames(clips.SMALL, 2):\n"
        "        sink.write(frame)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    (tmp_path / "a.y4m").write_bytes(result.stdout)
    assert _hash(_read(tmp_path / "a.y4m")[0]) == _hash(clips.make_frames(clips.SMALL, 2))


@pytest.mark.parametrize("subsampling", list(ChromaSubsampling))
@pytest.mark.parametrize("bit_depth", [8, 12])
def test_headerless_planes(tmp_path, subsampling, bit_depth):
    format = VideoFormat(7, 5, bit_depth, chroma_subsampling=subsampling)
    frames = clips.make_frames(format, 2)
    _write(tmp_path / "a.yuv", format, frames)
    stored = np.fromfile(tmp_path / "a.yuv", "<u1" if bit_depth == 8 else "<u2")
    np.testing.assert_array_equal(stored, np.concatenate([plane.ravel() for f in frames for plane in f.planes]))
    assert os.listdir(tmp_path) == ["a.yuv"]
