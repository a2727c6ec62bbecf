"""The whole codec on real clips of all kinds: ``pytest --clips DIR``. Quality is measured by tools/clip_report.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from nvcodec.bitstream import NvstReader
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.pipeline import encode
from nvcodec.errors import InputError
from nvcodec.video.source import open_source
from tests import encodes

GOOD = [
    "basketballpass_416x240_100f.mkv",
    "bbb_opening_720p_30s.webm",
    "bear_161x121_odd_30f.webm",
    "bunny_1280x720_132f.mp4",
    "carpark_768x432_30s_static.mp4",
    "davis_blackswan_854x480_50f.mp4",
    "fire_720p_rot180_vfr_25f.mp4",
    "foreman_cif_300f.264",
    "pdf_scroll_1024x768_50f.264",
    "roadtrip_10bit_426x240.webm",
]
NUM_FRAMES = 6


@pytest.mark.parametrize("name", GOOD)
def test_good_clips_keep_their_format_and_times(clips_dir: Path, tmp_path: Path, name: str) -> None:
    target, recon = tmp_path / "a.nvst", tmp_path / "a.mkv"
    with open_source(clips_dir / name, frames=(0, NUM_FRAMES)) as source:
        video_format, time_base = source.format, source.time_base
        result = encode(source, target, EncoderConfig(preset="draft", epochs=1, device="cpu"), recon=recon)
    assert result.num_frames == NUM_FRAMES
    with open_source(clips_dir / name, frames=(0, NUM_FRAMES)) as source:
        frames = list(source)
    with NvstReader(target) as reader:
        assert reader.header.format == video_format
        assert reader.header.time_base == time_base
        window = reader.read_window(0)
        chunk = reader.read_chunk(0, 0, window)
    assert [int(pts) for pts in chunk.pts] == [frame.pts for frame in frames]
    assert [int(duration) for duration in chunk.durations] == [frame.duration for frame in frames]
    decoded = encodes.read_frames(recon)
    assert [plane.shape for plane in decoded[0].planes] == [plane.shape for plane in frames[0].planes]


@pytest.mark.parametrize("name", ["bad_invalid_bitstream.webm", "bad_malformed_free_box.mp4"])
def test_bad_clips_are_refused_and_leave_nothing(clips_dir: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError):
        encode(clips_dir / name, tmp_path / "a.nvst", EncoderConfig(preset="draft", epochs=1, device="cpu"))
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_clip_is_encoded_as_far_as_it_is_sound(clips_dir: Path, tmp_path: Path) -> None:
    with open_source(clips_dir / "bad_corrupt_720p.mp4", frames=(28, 34), scale="160x90") as source:
        result = encode(source, tmp_path / "a.nvst", EncoderConfig(preset="draft", epochs=1, device="cpu"))
    assert result.num_frames == 6
    assert len(result.warnings) >= 1
    with (
        open_source(clips_dir / "bad_corrupt_720p.mp4", scale="160x90", strict=True) as source,
        pytest.raises(InputError, match="damaged"),
    ):
        list(source)
