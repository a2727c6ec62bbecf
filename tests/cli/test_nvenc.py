"""``nvenc`` in this process: options, what it prints, what it leaves behind."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch

import nvcodec
from nvcodec.bitstream import MaskGranularity, NvstReader
from nvcodec.bitstream.network_spec import Backbone
from nvcodec.video.source import open_source
from tests import clips, encodes

OPTIONS = [
    "--output",
    "--backbone",
    "--params",
    "--bpp",
    "--chunk",
    "--kappa",
    "--mask-granularity",
    "--preset",
    "--epochs",
    "--max-time",
    "--lmbda",
    "--seed",
    "--threads",
    "--device",
    "--frames",
    "--start",
    "--end",
    "--crop",
    "--scale",
    "--deinterlace",
    "--recon",
    "--faststart",
    "--verbose",
    "--quiet",
    "--version",
    "--resume",
    "--overwrite",
    "--json",
    "--strict",
    "--max-memory",
    "--fixed-chunks",
    "--mask-threshold",
    "--help",
]


def assert_one_line(message: str, *words: str) -> None:
    assert message.startswith("nvenc: ")
    assert message.count("\n") == 1
    assert "Traceback" not in message
    for word in words:
        assert word in message


def test_help_names_every_option_and_says_something_about_each(run_nvenc) -> None:
    result = run_nvenc("--help")
    assert result.exit_code == 0
    for option in OPTIONS:
        assert option in result.output
    for word in (
        "{nerv|enerv|hnerv}",
        "draft|fast|medium|slow|placebo|paper",
        "auto|cpu|cuda",
        "0.5",
        "5s",
        "1.5M",
        "Ctrl-C",
    ):
        assert word.strip("{}") in result.output
    for short in ("-o", "-v", "-q", "-y", "-h"):
        assert f"{short}," in result.output


def test_version(run_nvenc) -> None:
    assert run_nvenc("--version").output == f"nvenc, version {nvcodec.__version__}\n"


def test_faststart(run_nvenc, source: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.nvst"
    result = run_nvenc(source, "-o", target, "--faststart", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout.splitlines()[-1])["file_bytes"] == target.stat().st_size
    with NvstReader(target) as reader:
        reader.verify()
        assert reader.has_front_index
    assert os.listdir(tmp_path) == ["a.nvst"]


def test_damage_is_told_and_what_is_sound_is_encoded(run_nvenc, tmp_path: Path) -> None:
    result = run_nvenc(clips.size_change_clip(tmp_path), "-o", tmp_path / "a.nvst")
    assert result.exit_code == 0
    assert "nvenc: warning: " in result.stderr
    assert "changes from 64x48" in result.stderr
    assert "9 frames" in result.stderr


def test_options_reach_the_file(run_nvenc, source: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.nvst"
    arguments = "--backbone nerv --kappa 0.25 --mask-granularity row --params 12k --scale 0.5 --frames 1:9 --epochs 2"
    options = ("--device", "cpu", "--chunk", "4f", "--fixed-chunks", "--mask-threshold", "tensor", "--threads", "1")
    result = run_nvenc(source, "-o", target, *arguments.split(), "--recon", tmp_path / "r.y4m", "-v", options=options)
    assert result.exit_code == 0, result.output
    assert "2 epochs" in result.stderr
    with NvstReader(target) as reader:
        window = reader.read_window(0)
        assert (reader.header.format.width, reader.header.format.height) == (32, 24)
        assert reader.num_frames == 8
    assert window.header.network.backbone is Backbone.NERV
    assert window.header.granularity is MaskGranularity.ROW
    assert window.header.chunk_lengths[0] == 4
    assert window.header.network.num_parameters == pytest.approx(12_000, rel=0.2)
    if len(window.header.chunk_lengths) > 1:
        assert window.mask.mean() == pytest.approx(0.25, abs=0.05)
    assert len(encodes.read_frames(tmp_path / "r.y4m")) == 8


def test_times_select(run_nvenc, source: Path, tmp_path: Path) -> None:
    result = run_nvenc(source, "-o", tmp_path / "a.nvst", "--start", "0.08", "--end", "0:00.32")
    assert result.exit_code == 0
    with NvstReader(tmp_path / "a.nvst") as reader:
        assert reader.num_frames == 6


def test_chunks_in_seconds(run_nvenc, source: Path, tmp_path: Path) -> None:
    result = run_nvenc(source, "-o", tmp_path / "a.nvst", options=("--device", "cpu", "--chunk", "0.08s"))
    assert result.exit_code == 0
    with NvstReader(tmp_path / "a.nvst") as reader:
        assert reader.read_window(0).header.chunk_lengths == (2, 2, 2)


def test_bpp_sizes_the_networks(run_nvenc, source: Path, tmp_path: Path) -> None:
    sizes = []
    for bpp in ("8", "16"):
        assert run_nvenc(source, "-o", tmp_path / f"{bpp}.nvst", "--bpp", bpp).exit_code == 0
        sizes.append((tmp_path / f"{bpp}.nvst").stat().st_size)
    assert 1.3 * sizes[0] < sizes[1] < 3 * sizes[0]


def test_folders_of_images_are_sources(run_nvenc, run_nvdec, nvst: Path, tmp_path: Path) -> None:
    assert run_nvdec(nvst, "-o", tmp_path / "images").exit_code == 0
    result = run_nvenc(tmp_path / "images", "-o", tmp_path / "a.nvst")
    assert result.exit_code == 0, result.output
    with NvstReader(tmp_path / "a.nvst") as reader:
        assert reader.num_frames == 12


BAD_INPUT = {
    "missing": (lambda folder: folder / "none.mp4", "does not exist"),
    "no video": (lambda folder: folder / "text.mp4", "cannot be opened as video"),
    "empty": (lambda folder: folder / "empty.mp4", "empty.mp4"),
    "sound only": (clips.audio_clip, "no video stream"),
    "no decodable frame": (clips.undecodable_clip, "no frame"),
    "empty folder": (lambda folder: folder / "folder", "no images"),
    "interlaced": (clips.interlaced_clip, "--deinterlace"),
}


@pytest.mark.parametrize("kind", BAD_INPUT)
def test_bad_input_is_one_line_and_leaves_nothing(run_nvenc, tmp_path: Path, kind: str) -> None:
    make, reason = BAD_INPUT[kind]
    (tmp_path / "text.mp4").write_text("not a video\n" * 50)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "folder").mkdir()
    path = make(tmp_path)
    before = sorted(os.listdir(tmp_path))
    result = run_nvenc(path, "-o", tmp_path / "a.nvst")
    assert result.exit_code == 1
    assert_one_line(result.stderr, str(path), reason)
    assert sorted(os.listdir(tmp_path)) == before


def test_strict_refuses_damage_and_leaves_nothing(run_nvenc, tmp_path: Path) -> None:
    path = clips.size_change_clip(tmp_path)
    result = run_nvenc(path, "-o", tmp_path / "a.nvst", "--strict", "-q")
    assert result.exit_code == 1
    assert_one_line(result.stderr, str(path), "changes from 64x48 yuv420p to 48x32")
    assert not (tmp_path / "a.nvst").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--kappa 2", ("kappa", "2")),
        ("--kappa nan", ("kappa",)),
        ("--params 10", ("10 parameters", "smallest network")),
        ("--params many", ("--params", "many")),
        ("--params 1M --bpp 0.1", ("params", "bpp")),
        ("--bpp 0", ("bpp",)),
        ("--bpp inf", ("bpp",)),
        ("--chunk 0", ("chunk",)),
        ("--chunk 0s", ("chunk",)),
        ("--chunk 5m", ("--chunk", "5m")),
        ("--preset best", ("--preset", "best")),
        ("--backbone vit", ("--backbone", "vit")),
        ("--mask-granularity layer", ("--mask-granularity",)),
        ("--epochs 0", ("--epochs",)),
        ("--frames 5:5", ("frames", "5:5")),
        ("--frames 5", ("--frames",)),
        ("--start 1:99:99x", ("--start",)),
        ("--start 2 --end 1", ("end",)),
        ("--scale huge", ("scale", "huge")),
        ("--scale 1x1", ("scale",)),
        ("--crop 32x32+40+0", ("crop", "64x48")),
        ("--crop 32x32+1+0", ("crop", "chroma")),
        ("--max-memory 1k", ("max-memory",)),
        ("--threads 0", ("--threads",)),
        ("--no-such-option", ("--no-such-option",)),
    ],
)
def test_wrong_use_is_one_line_and_leaves_nothing(
    run_nvenc, source: Path, tmp_path: Path, arguments: str, words: tuple[str, ...]
) -> None:
    result = run_nvenc(source, "-o", tmp_path / "a.nvst", "-q", *arguments.split())
    assert result.exit_code == 2, result.output
    assert_one_line(result.stderr, *words)
    assert os.listdir(tmp_path) == []


def test_missing_arguments_are_one_line(run_nvenc, source: Path) -> None:
    for arguments, word in (((source,), "--output"), (("-o", "a.nvst"), "SOURCE")):
        result = run_nvenc(*arguments)
        assert result.exit_code == 2
        assert_one_line(result.stderr, word)


def test_an_existing_output_is_refused_unless_told(run_nvenc, source: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.nvst"
    target.write_bytes(b"old")
    result = run_nvenc(source, "-o", target)
    assert result.exit_code == 1
    assert_one_line(result.stderr, str(target), "exists")
    assert target.read_bytes() == b"old"
    assert run_nvenc(source, "-o", target, "-y").exit_code == 0
    assert encodes.num_windows(target) == 2


@pytest.mark.parametrize("name", ["a.nvst", "a.nvst.part"])
def test_what_is_left_is_touched_only_if_told(run_nvenc, source: Path, nvst: Path, tmp_path: Path, name: str) -> None:
    with NvstReader(nvst) as reader:
        left = nvst.read_bytes()[: reader.windows[1].offset]
    target = tmp_path / "a.nvst"
    (tmp_path / name).write_bytes(left)
    result = run_nvenc(source, "-o", target)
    assert result.exit_code == 1
    assert_one_line(result.stderr, str(tmp_path / name), "--resume", "-y")
    result = run_nvenc(source, "-o", target, "--resume", "-y")
    assert result.exit_code == 2
    assert_one_line(result.stderr, "--resume", "-y")
    result = run_nvenc(source, "-o", target, "--resume", "--kappa", "0.25")
    assert result.exit_code == 2
    assert_one_line(result.stderr, "kappa", f"{name} was begun with 0.5, not 0.25")
    assert os.listdir(tmp_path) == [name]
    assert (tmp_path / name).read_bytes() == left
    result = run_nvenc(source, "-o", target, "--kappa", "0.5", "--resume")
    assert result.exit_code == 0, result.output
    assert "window 0: frames 0-5, 2 chunks, taken over and verified" in result.stderr
    assert "window 1: frames 6-11, 2 chunks, written and verified" in result.stderr
    assert target.read_bytes() == nvst.read_bytes()
    result = run_nvenc(source, "-o", target, "--kappa", "0.5", "--resume")
    assert result.exit_code == 0
    assert result.stderr.startswith("nothing to do, the file is complete: 12 frames in 2 windows")
    result = run_nvenc(source, "-o", target, "--kappa", "0.5", "--resume", "--json")
    assert json.loads(result.stdout)["psnr_y"] is None


def test_resume_with_nothing_there_begins(run_nvenc, source: Path, nvst: Path, tmp_path: Path) -> None:
    assert run_nvenc(source, "-o", tmp_path / "a.nvst", "--kappa", "0.5", "--resume").exit_code == 0
    assert (tmp_path / "a.nvst").read_bytes() == nvst.read_bytes()


def test_an_output_that_cannot_be_made_is_refused(run_nvenc, source: Path, tmp_path: Path) -> None:
    for target, reason in (
        (tmp_path / "none" / "a.nvst", "no such file"),
        (tmp_path, "is a folder"),
        (Path("/dev/full"), "not a regular"),
    ):
        result = run_nvenc(source, "-o", target, "-y")
        assert result.exit_code == 1
        assert_one_line(result.stderr, str(target), reason)
    assert os.listdir(tmp_path) == []
    assert not Path("/dev/full").is_file()


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is there")
def test_no_cuda_is_one_line(run_nvenc, source: Path, tmp_path: Path) -> None:
    result = run_nvenc(source, "-o", tmp_path / "a.nvst", "--device", "cuda")
    assert result.exit_code == 1
    assert_one_line(result.stderr, "device", "CUDA")
    assert os.listdir(tmp_path) == []


def test_exhausted_memory_is_one_line(run_nvenc, source: Path, tmp_path: Path, monkeypatch) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr("nvcodec.encoder.window_task.train", exhausted)
    result = run_nvenc(source, "-o", tmp_path / "a.nvst", "-q")
    assert result.exit_code == 1
    assert_one_line(result.stderr, "out of memory", "window 0")
    assert os.listdir(tmp_path) == []


def test_the_source_s_format_is_unchanged_by_the_presets(run_nvenc, source: Path, tmp_path: Path) -> None:
    for preset in ("draft", "paper"):
        target = tmp_path / f"{preset}.nvst"
        assert run_nvenc(source, "-o", target, "--preset", preset, "--backbone", "hnerv").exit_code == 0
        with NvstReader(target) as reader, open_source(source) as video:
            assert reader.header.format == video.format


def test_the_papers_preset_has_no_recipe_for_the_default_backbone(run_nvenc, source: Path, tmp_path: Path) -> None:
    result = run_nvenc(source, "-o", tmp_path / "a.nvst", "--preset", "paper")
    assert result.exit_code == 2
    assert_one_line(result.stderr, "preset paper", "vast")
    assert os.listdir(tmp_path) == []


def test_kappa_auto_is_the_default(run_nvenc, source: Path, tmp_path: Path) -> None:
    for name, options in (("a", ()), ("b", ("--kappa", "auto"))):
        assert run_nvenc(source, "-o", tmp_path / f"{name}.nvst", *options).exit_code == 0
    assert (tmp_path / "a.nvst").read_bytes() == (tmp_path / "b.nvst").read_bytes()
    assert run_nvenc(source, "-o", tmp_path / "a.nvst", "--resume", "--kappa", "auto").exit_code == 0
