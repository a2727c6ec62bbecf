from __future__ import annotations

import numpy as np
import pytest

from nvcodec.errors import InputError
from nvcodec.video.format import ChromaSubsampling, ColorRange, VideoFormat
from nvcodec.video.frame import Frame
from nvcodec.video.images import find_images
from nvcodec.video.sink import open_sink
from nvcodec.video.source import open_source
from tests import clips

RGB = VideoFormat(33, 27, chroma_subsampling=ChromaSubsampling.RGB, color_range=ColorRange.FULL, matrix_coefficients=0)


def _write_images(folder, num_frames=12, format=RGB):
    with open_sink(folder, format, clips.Fraction(1, 25), clips.Fraction(25)) as sink:
        for frame in clips.make_frames(format, num_frames):
            sink.write(frame)
    return folder


@pytest.mark.parametrize("name", ["images", "images/*.png", "images/frame_%06d.png", "images/frame_%d.png"])
def test_folders_and_patterns_give_all_images_in_order(tmp_path, name):
    _write_images(tmp_path / "images")
    with open_source(tmp_path / name) as source:
        frames = list(source)
    assert source.format == RGB
    assert (source.num_frames, source.average_rate) == (12, 25)
    for frame, expected in zip(frames, clips.make_frames(RGB, 12), strict=True):
        assert (frame.pts, frame.duration) == (expected.pts, 1)
        for actual, plane in zip(frame.planes, expected.planes, strict=True):
            np.testing.assert_array_equal(actual, plane)


def test_numbers_are_sorted_as_numbers(tmp_path):
    for number in (10, 9, 1):
        (tmp_path / f"a{number}.png").touch()
    (tmp_path / "notes.txt").touch()
    names = [path.rsplit("/", 1)[1] for path in find_images(str(tmp_path))]
    assert names == ["a1.png", "a9.png", "a10.png"]
    assert find_images(str(tmp_path / "a%d.png")) == find_images(str(tmp_path))
    assert find_images(str(tmp_path / "a1.png")) is None


def test_a_single_image_is_a_video_of_one_frame(tmp_path):
    _write_images(tmp_path / "images", 1)
    with open_source(tmp_path / "images" / "frame_000000.png") as source:
        frames = list(source)
    assert len(frames) == 1
    assert frames[0].duration * source.time_base * source.average_rate == 1


def test_a_damaged_image_is_skipped_and_its_time_stays_empty(tmp_path):
    folder = _write_images(tmp_path / "images", 4)
    (folder / "frame_000002.png").write_bytes(b"nothing")
    with open_source(folder) as source:
        frames = list(source)
    assert [(frame.pts, frame.duration) for frame in frames] == [(0, 1), (1, 2), (3, 1)]
    assert ["frame_000002.png" in text for text in source.warnings] == [True]
    with pytest.raises(InputError, match="frame_000002"), open_source(folder, strict=True) as source:
        list(source)


def test_images_of_another_size_end_the_video(tmp_path):
    folder = _write_images(tmp_path / "images", 3)
    small = VideoFormat(20, 20, chroma_subsampling=ChromaSubsampling.RGB)
    _write_images(tmp_path / "small", 1, small).joinpath("frame_000000.png").rename(folder / "frame_000002.png")
    with open_source(folder) as source:
        assert len(list(source)) == 2
    assert ["changes from 33x27" in text for text in source.warnings] == [True]


@pytest.mark.parametrize("subsampling", [ChromaSubsampling.GRAY, ChromaSubsampling.RGB])
def test_twelve_bits_survive_sixteen_bit_images(tmp_path, subsampling):
    format = VideoFormat(64, 64, 12, subsampling, color_range=ColorRange.FULL, matrix_coefficients=0)
    ramp = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    planes = tuple(np.roll(ramp, shift) for shift in range(format.num_planes))
    with open_sink(tmp_path / "images", format, clips.Fraction(1, 25), clips.Fraction(25)) as sink:
        sink.write(Frame(planes, 0, 1))
    with open_source(tmp_path / "images") as source:
        frame = next(iter(source))
    assert source.format.bit_depth == 12
    for actual, expected in zip(frame.planes, planes, strict=True):
        np.testing.assert_array_equal(actual, expected)
