from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from nvcodec.errors import ConfigError
from nvcodec.video.sink import open_sink
from nvcodec.video.source import open_source
from tests import clips


def _write(path, format, frames, **options):
    with open_sink(path, format, Fraction(1, 12800), Fraction(25), **options) as sink:
        for frame in frames:
            sink.write(frame)
    return sink


def _read(path):
    with open_source(path) as source:
        return list(source), source


@pytest.mark.parametrize(
    ("suffix", "codec", "crf", "name"),
    [
        (".mp4", "libx264", None, "h264"),
        (".mp4", "libx265", None, "hevc"),
        (".mkv", "libx265", None, "hevc"),
        (".mkv", "libvpx-vp9", None, "vp9"),
        (".webm", None, None, "vp9"),
        (".mkv", None, 20.0, "h264"),
        (".mp4", "libx265", 20.5, "hevc"),
        (".webm", None, 20.0, "vp9"),
        (".webm", "libsvtav1", 20.0, "av1"),
    ],
)
def test_codecs_that_the_user_names(tmp_path, suffix, codec, crf, name):
    frames = clips.make_frames(clips.SMALL, 3, duration=512)
    _write(tmp_path / f"a{suffix}", clips.SMALL, frames, codec=codec, crf=crf)
    with av.open(str(tmp_path / f"a{suffix}")) as container:
        assert container.streams.video[0].codec.canonical_name == name
    found, source = _read(tmp_path / f"a{suffix}")
    assert [frame.pts * source.time_base for frame in found] == pytest.approx([0, 0.04, 0.08])
    errors = [np.abs(f.planes[0].astype(int) - e.planes[0]).mean() for f, e in zip(found, frames, strict=True)]
    assert (max(errors) == 0) if crf is None else (0 < max(errors) < 20)


def test_a_smaller_crf_is_closer(tmp_path):
    frames = clips.make_frames(clips.SMALL, 3, duration=512)
    for crf in (5, 40):
        _write(tmp_path / f"{crf}.mp4", clips.SMALL, frames, crf=crf)
    assert (tmp_path / "5.mp4").stat().st_size > (tmp_path / "40.mp4").stat().st_size


@pytest.mark.parametrize(
    ("name", "options", "place"),
    [
        ("a.mkv", {"codec": "h264"}, "codec"),
        ("a.mkv", {"codec": "libsvtav1"}, "codec"),
        ("a.mkv", {"codec": "ffv1", "crf": 20}, "crf"),
        ("a.mkv", {"crf": 64}, "crf"),
        ("a.mkv", {"crf": float("nan")}, "crf"),
        ("a.webm", {"codec": "libx264"}, "output"),
        ("a.y4m", {"codec": "libx264"}, "codec"),
        ("images", {"crf": 20}, "codec"),
        ("-", {"crf": 20}, "codec"),
    ],
)
def test_codecs_that_cannot_be_are_refused(tmp_path, name, options, place):
    with pytest.raises(ConfigError) as caught:
        open_sink(name if name == "-" else tmp_path / name, clips.SMALL, Fraction(1, 25), Fraction(25), **options)
    assert caught.value.place == place
    assert list(tmp_path.iterdir()) == []
