from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from nvcodec.video.format import ChromaSubsampling, LightMetadata
from nvcodec.video.sink import open_sink
from nvcodec.video.source import open_source
from tests import clips

DISPLAY = LightMetadata(34000, 16000, 13250, 34500, 7500, 3000, 15635, 16450, 10_000_000, 50, 1000, 400)
PQ = replace(
    clips.SMALL,
    bit_depth=10,
    color_primaries=9,
    transfer_characteristics=16,
    matrix_coefficients=9,
    sample_aspect_num=4,
    sample_aspect_den=3,
    light=DISPLAY,
)
HLG = replace(PQ, transfer_characteristics=18, light=LightMetadata(max_content_light=65535))


def _write(path, format, frames, **options):
    with open_sink(path, format, Fraction(1, 12800), Fraction(25), **options) as sink:
        for frame in frames:
            sink.write(frame)
    return sink


def _read(path):
    with open_source(path) as source:
        return list(source), source


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
@pytest.mark.parametrize(
    "format",
    [
        PQ,
        HLG,
        replace(PQ, bit_depth=12),
        replace(PQ, chroma_subsampling=ChromaSubsampling.YUV444),
    ],
)
def test_hdr_metadata_survives_containers(tmp_path, suffix, format):
    frames = clips.make_frames(format, 2, duration=512)
    sink = _write(tmp_path / f"a{suffix}", format, frames)
    found, source = _read(tmp_path / f"a{suffix}")
    assert source.format == format
    for one, other in zip(found, frames, strict=True):
        assert all((plane == expected).all() for plane, expected in zip(one.planes, other.planes, strict=True))
    assert sink.warnings == []


def test_hdr_metadata_that_is_lost_is_told(tmp_path):
    sink = _write(tmp_path / "a.mkv", PQ, clips.make_frames(PQ, 1, 512), codec="ffv1")
    assert ["mastering display" in text for text in sink.warnings if "aspect" not in text] == [True]


def test_hdr_metadata_of_av1(tmp_path):
    format = replace(PQ, sample_aspect_num=0, sample_aspect_den=1)
    _write(tmp_path / "a.mkv", format, clips.make_frames(format, 2, 512), codec="libsvtav1", crf=50)
    found = _read(tmp_path / "a.mkv")[1].format
    assert (found.transfer_characteristics, found.light.max_content_light) == (16, 1000)
    # AV1 has units of its own.
    assert found.light.mastering_red_x == pytest.approx(DISPLAY.mastering_red_x, abs=2)
    assert found.light.mastering_max_luminance == pytest.approx(DISPLAY.mastering_max_luminance, abs=40)


def test_video_without_hdr_metadata_has_none(tmp_path):
    _write(tmp_path / "a.mkv", clips.SMALL, clips.make_frames(clips.SMALL, 1, 512))
    assert _read(tmp_path / "a.mkv")[1].format.light == LightMetadata()
