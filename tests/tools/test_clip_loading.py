"""The bench of clip loading: its files are alike, and its loaders load the frames they are meant to."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import av
import pytest
import torch

from nvcodec.bitstream import NvstReader
from nvcodec.encoder.config import EncoderConfig
from nvcodec.video.format import VideoFormat
from tests import clips, encodes
from tools.speed import clip_loading
from tools.speed.clip_loading import PyavClips, luma_psnr, make_pair, measure_clips, read_clip, write_h264

CHUNK = 4
NUM_FRAMES = 20


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip_loading, "CHUNK_FRAMES", CHUNK)
    monkeypatch.setattr(clip_loading, "CONFIG", EncoderConfig(preset="draft", chunk_frames=CHUNK, device="cpu"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return clips.write_clip(tmp_path / "in.mkv", VideoFormat(64, 48), num_frames=NUM_FRAMES)


@pytest.mark.usefixtures("small")
def test_both_files_are_of_one_quality_and_one_random_access(source: Path, tmp_path: Path) -> None:
    with encodes.tiny_presets():
        pair = make_pair(source, tmp_path / "work")
    assert pair.h264_psnr >= pair.nvst_psnr
    with NvstReader(pair.nvst) as reader:
        assert [chunk.first_frame for chunk in reader.index.chunks] == [0, 4, 8, 12, 16]
    with av.open(str(pair.h264)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.is_keyframe]
        places = [round(packet.pts * packet.time_base * 25) for packet in packets]
    assert places[0] == 0
    assert all(0 < place - before <= CHUNK for before, place in pairwise([*places, NUM_FRAMES]))


@pytest.mark.usefixtures("small")
def test_more_bits_are_more_quality(source: Path, tmp_path: Path) -> None:
    psnrs = []
    for crf in (20.0, 40.0):
        write_h264(source, tmp_path / "a.mp4", crf)
        psnrs.append(luma_psnr(source, tmp_path / "a.mp4"))
    assert psnrs[0] > psnrs[1]


@pytest.mark.usefixtures("small")
def test_pyav_gives_the_frames_that_follow_any_place(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clip_loading, "CLIP_FRAMES", 4)
    path = tmp_path / "a.mp4"
    write_h264(source, path, 20.0)
    with av.open(str(path)) as container:
        frames = [torch.from_numpy(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    expected = torch.stack(frames).permute(0, 3, 1, 2)
    with av.open(str(path)) as container:
        for first in (16, 0, 9, 7, 8):
            assert torch.equal(read_clip(container, first), expected[first : first + 4])
    dataset = PyavClips([path, path])
    assert (len(dataset), dataset[3].shape) == (4, (4, 3, 48, 64))


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_the_bench(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip_loading, "find_clips", lambda _: [source])
    monkeypatch.setattr(clip_loading, "NUM_FILES", 2)
    monkeypatch.setattr(clip_loading, "REPEATS", 1)
    with encodes.tiny_presets():
        figures = measure_clips()
    names = {figure.what for figure in figures}
    assert {"quality of nvcodec", "nvcodec: one open file, to cpu", "nvcodec: 2 files, 2 workers"} <= names
    assert all(figure.value > 0 for figure in figures)
