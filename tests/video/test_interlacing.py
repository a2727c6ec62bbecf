from __future__ import annotations

import numpy as np
import pytest

from nvcodec.errors import InputError
from nvcodec.video.interlacing import FieldOrder
from nvcodec.video.source import open_source
from tests import clips

KINDS = [(".mp4", "libx264"), (".mkv", "libx264"), (".264", "libx264"), (".mkv", "ffv1")]


def _combing(planes):
    """How much neighbouring rows differ more than rows of one field do."""
    luma = planes[0].astype(int)
    return float(
        np.abs(luma[1:-1] * 2 - luma[:-2] - luma[2:]).mean() - np.abs(luma[2:-2] * 2 - luma[:-4] - luma[4:]).mean()
    )


def _y4m(folder, letter):
    path = folder / "a.y4m"
    frames = b"".join(
        b"FRAME\n" + b"".join(plane.tobytes() for plane in clips.woven_planes(clips.SMALL, idx)) for idx in range(6)
    )
    path.write_bytes(b"YUV4MPEG2 W64 H48 F25:1 I" + letter.encode() + b" C420\n" + frames)
    return path


@pytest.mark.parametrize(("suffix", "codec"), KINDS)
def test_interlaced_video_is_refused_and_the_way_out_named(tmp_path, suffix, codec):
    path = clips.interlaced_clip(tmp_path, suffix, codec)
    with pytest.raises(InputError, match="interlaced; --deinterlace") as caught:
        open_source(path)
    assert caught.value.place == str(path)


@pytest.mark.parametrize(("suffix", "codec"), KINDS)
def test_deinterlacing_takes_the_comb_and_keeps_the_times(tmp_path, suffix, codec):
    with open_source(clips.interlaced_clip(tmp_path, suffix, codec), deinterlace=True) as source:
        frames = list(source)
    assert (source.format.width, source.format.height) == (64, 48)
    assert [frame.pts * source.time_base * 25 for frame in frames] == list(range(6))
    combed = np.mean([_combing(clips.woven_planes(clips.SMALL, idx)) for idx in range(6)])
    assert np.mean([_combing(frame.planes) for frame in frames]) < 0.3 * combed


@pytest.mark.parametrize("letter", ["t", "b"])
def test_y4m_says_which_field_is_first(tmp_path, letter):
    path = _y4m(tmp_path, letter)
    with pytest.raises(InputError, match="interlaced"):
        open_source(path)
    with open_source(path, deinterlace=True) as source:
        frames = list(source)
    # The rows of the first field are kept, the others made from their neighbours.
    kept = slice(0 if letter == "t" else 1, None, 2)
    for frame_idx, frame in enumerate(frames):
        woven = clips.woven_planes(clips.SMALL, frame_idx)[0]
        np.testing.assert_array_equal(frame.planes[0][kept], woven[kept])


@pytest.mark.parametrize("letter", ["p", "?"])
def test_progressive_and_unknown_y4m_is_read_as_it_is(tmp_path, letter):
    with open_source(_y4m(tmp_path, letter)) as source:
        assert len(list(source)) == 6


def test_mixed_y4m_is_refused_for_what_it_is(tmp_path):
    with pytest.raises(InputError, match="cannot be opened"):
        open_source(_y4m(tmp_path, "m"))


def test_progressive_video_stays_as_it_is_when_deinterlaced(tmp_path):
    path = clips.variable_rate_clip(tmp_path)
    with open_source(path) as source:
        plain = list(source)
    with open_source(path, deinterlace=True) as source:
        filtered = list(source)
    assert [(frame.pts, frame.duration) for frame in filtered] == [(frame.pts, frame.duration) for frame in plain]
    for one, other in zip(filtered, plain, strict=True):
        for plane, expected in zip(one.planes, other.planes, strict=True):
            np.testing.assert_array_equal(plane, expected)


def test_a_change_of_size_is_still_told(tmp_path):
    with open_source(clips.size_change_clip(tmp_path), deinterlace=True) as source:
        assert len(list(source)) == 9
    assert ["changes from 64x48" in text for text in source.warnings] == [True]


def test_pngs_stored_in_passes_are_not_interlaced(tmp_path):
    path = clips.write_clip(
        tmp_path / "passes.nut", num_frames=2, codec="png", pix_fmt="rgb24", options={"flags": "+ildct"}
    )
    with open_source(path) as source:
        assert len(list(source)) == 2


@pytest.mark.parametrize(("value", "order"), [(0, "prog"), (1, "prog"), (2, "tff"), (3, "bff"), (4, "bff"), (5, "tff")])
def test_field_orders_of_pyav(value, order):
    assert FieldOrder.of_av(value).value == order
