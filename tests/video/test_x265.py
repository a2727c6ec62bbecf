from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from nvcodec.errors import InputError
from nvcodec.video.format import ChromaSubsampling, VideoFormat
from nvcodec.video.source import open_source
from nvcodec.video.x265 import MAX_ENCODES, encode_to_size, encode_x265
from tests import clips


@pytest.mark.parametrize(
    "format",
    [
        clips.SMALL,
        VideoFormat(64, 48, bit_depth=10, chroma_subsampling=ChromaSubsampling.YUV422),
        VideoFormat(64, 48, chroma_subsampling=ChromaSubsampling.GRAY),
    ],
)
def test_streams_hold_every_frame_and_finer_ones_are_larger(tmp_path: Path, format: VideoFormat) -> None:
    frames = clips.make_frames(format, 7)
    sizes = []
    for crf in (10.0, 40.0):
        target = tmp_path / f"{crf}.hevc"
        sizes.append(encode_x265(frames, format, Fraction(25), 3, crf, target))
        assert sizes[-1] == target.stat().st_size
        with open_source(target) as source:
            assert (source.format.bit_depth, source.format.width) == (format.bit_depth, 64)
            assert len(list(source)) == 7
    assert sizes[0] > 1.2 * sizes[1]


def test_what_it_cannot_encode_is_said(tmp_path: Path) -> None:
    odd = VideoFormat(33, 27)
    with pytest.raises(InputError, match="x265: cannot encode 33x27 frames"):
        encode_x265(clips.make_frames(odd, 2), odd, Fraction(25), 3, 30, tmp_path / "a.hevc")


@pytest.mark.parametrize("wanted", [900, 5_000, 120_000, 2_000_000])
@pytest.mark.parametrize("per_halving", [3.0, 6.0, 9.0])
def test_the_size_is_met_within_a_percent(wanted: int, per_halving: float) -> None:
    tried: list[float] = []

    def encode(crf: float) -> int:
        tried.append(crf)
        return round(4e6 * 2 ** (-crf / per_halving)) + 500

    if not 4e6 * 2 ** (-51 / per_halving) + 500 < wanted:
        return
    found = encode_to_size(encode, wanted)
    assert found == tried[-1]
    assert len(tried) <= MAX_ENCODES
    assert encode(found) == pytest.approx(wanted, rel=0.01)


@pytest.mark.parametrize(("size", "wanted"), [(1000, 10), (1000, 10**6)])
def test_a_size_out_of_reach_ends_the_search(size: int, wanted: int) -> None:
    tried: list[float] = []
    encode_to_size(lambda crf: tried.append(crf) or size, wanted)
    assert min(tried) >= 0 and max(tried) <= 51
    assert len(tried) <= MAX_ENCODES + 1
