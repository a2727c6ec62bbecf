from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvcodec.errors import ConfigError, InputError
from nvcodec.video.format import BIT_DEPTHS, ChromaSubsampling, ColorRange, VideoFormat
from nvcodec.video.y4m import Y4mHeader, Y4mReader, Y4mWriter, parse_header
from tests import clips

LAYOUTS = [(subsampling, depth) for subsampling in list(ChromaSubsampling)[:4] for depth in BIT_DEPTHS]


@given(
    layout=st.sampled_from(LAYOUTS),
    size=st.tuples(st.integers(1, 16384), st.integers(1, 16384)),
    full=st.booleans(),
    location=st.integers(0, 3),
    aspect=st.fractions(0, 1000, max_denominator=1000),
    rate=st.fractions(Fraction(1, 100), 1000, max_denominator=2000),
)
def test_header_round_trip(layout, size, full, location, aspect, rate):
    has_location = layout == (ChromaSubsampling.YUV420, 8)
    format = VideoFormat(
        *size,
        bit_depth=layout[1],
        chroma_subsampling=layout[0],
        color_range=ColorRange(full),
        chroma_location=location if has_location else 0,
        sample_aspect_num=aspect.numerator,
        sample_aspect_den=aspect.denominator,
    )
    header = Y4mHeader(format, rate)
    assert parse_header(header.pack(), "") == header


def test_rgb_is_refused():
    with pytest.raises(ConfigError, match="RGB"):
        Y4mHeader(VideoFormat(4, 4, chroma_subsampling=ChromaSubsampling.RGB), Fraction(25)).pack()


@pytest.mark.parametrize(
    "line",
    [b"", b"RIFF W4 H4\n", b"YUV4MPEG2 H4\n", b"YUV4MPEG2 Wx H4\n", b"YUV4MPEG2 W4 H4 F1\n", b"YUV4MPEG2 C411\n"],
)
def test_broken_headers_are_refused(line):
    with pytest.raises(InputError):
        parse_header(line, "a.y4m")


def test_a_header_without_optional_fields_has_defaults():
    header = parse_header(b"YUV4MPEG2 W4 H6\n", "a.y4m")
    assert header.rate == 25
    assert header.format == VideoFormat(4, 6, chroma_location=2)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_other_readers_understand_what_is_written(tmp_path, layout):
    format = VideoFormat(17, 19, bit_depth=layout[1], chroma_subsampling=layout[0])
    path = tmp_path / "a.y4m"
    writer = Y4mWriter(path.open("wb"), format, Fraction(30))
    for frame in clips.make_frames(format, 3):
        writer.write(frame)
    writer.close()
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        assert container.streams.video[0].average_rate == 30
    assert len(frames) == 3
    luma = np.frombuffer(frames[2].planes[0], format.dtype).reshape(19, -1)[:, :17]
    np.testing.assert_array_equal(luma, clips.make_planes(format, 2)[0])


def test_a_missing_frame_mark_ends_the_video():
    data = b"YUV4MPEG2 W2 H2 Cmono\nFRAME\n1234garbage"
    reports: list[str] = []
    reader = Y4mReader(io.BytesIO(data), "a.y4m", len(data))
    assert len(list(reader.decode(reports.append))) == 1
    assert ["frame 1 has no y4m frame mark" in text for text in reports] == [True]


def test_lost_times_are_told_once():
    writer = Y4mWriter(io.BytesIO(), clips.SMALL, Fraction(25))
    for frame in clips.make_frames(clips.SMALL, 5, duration=40):
        writer.write(frame)
    assert writer.warnings == []
    for frame in clips.make_frames(clips.SMALL, 9, duration=90):
        writer.write(frame)
    assert len(writer.warnings) == 1
