"""``nvenc`` in this process: options, what it prints, what it leaves behind."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from pathlib import Path

import pytest
import torch

import nvcodec
from nvcodec.bitstream import MaskGranularity, NvstReader
from nvcodec.bitstream.network_spec import Backbone
from nvcodec.cli.encode_display import LiveDisplay, plan_line, training_text
from nvcodec.encoder.progress import EncodeProgress, Stage
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


def test_plain_lines_say_where_the_encode_is(run_nvenc, source: Path, tmp_path: Path) -> None:
    result = run_nvenc(source, "-o", tmp_path / "a.nvst", "-vv")
    assert result.exit_code == 0
    assert result.stdout == ""
    plan, *training, written = result.stderr.splitlines()[:5]
    assert re.fullmatch(
        r"window 0: frames 0-5, 2 chunks, [\d.]+ k parameters each, 1 epochs; estimated time left \d+ s, "
        r"memory about [\d.]+ MB: program [\d.]+ MB \+ 2 windows' frames [\d.]+ kB \+ training [\d.]+ MB",
        plan,
    )
    for line in training:
        assert re.search(r"2 chunks, epoch [01]/1, \d+\.\d\d dB, 0/12 frames coded, [\d.]+ k?B, \d+ s left$", line), (
            line
        )
    assert re.fullmatch(
        r"window 0: frames 0-5, 2 chunks, written and verified, [\d.]+ dB RGB, [\d.]+ kB so far, \d+ s left", written
    )
    last = result.stderr.splitlines()[-1]
    for word in ("12 frames in 2 windows", "kB", "bpp", "dB Y", "dB RGB", "on cpu"):
        assert word in last


def test_training_lines_name_window_and_chunk_epoch_quality_bytes_and_time() -> None:
    state = EncodeProgress(
        Stage.TRAIN, 3, 60, 12, 4, 1_500_000, 7, 300, 0.1, 31.234, 5_250_000, 60, 132, seconds_left=200_000
    )
    for text in (plan_line(state), training_text(state)):
        assert "4 chunks" in text
        assert "2 days 7 h" in text
    assert "window 3: frames 60-71" in plan_line(state)
    assert "1.50 M parameters" in plan_line(state)
    for word in ("epoch 7/300", "31.23 dB", "60/132 frames", "5.25 MB", "left"):
        assert word in training_text(state)
    assert "bpp" not in training_text(state)
    assert "31.23 dB, 0.0721 bpp, 60/132 frames" in training_text(dataclasses.replace(state, bpp=0.07214))


def test_the_live_display_draws_every_stage(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with LiveDisplay() as display:
        result = encodes.tiny_encode(source, tmp_path / "a.nvst", progress=display.update)
        display.finish(result)
    output = capsys.readouterr().err
    lines = [line for line in re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", output).splitlines() if "written" in line]
    assert [line.split(",")[0].split("\r")[-1].strip() for line in lines] == [
        "window 0: frames 0-5",
        "window 1: frames 6-11",
    ]
    assert "12 frames in 2 windows" in output


def test_piped_there_is_one_line_for_each_window_and_one_for_all(run_nvenc, source: Path, tmp_path: Path) -> None:
    result = run_nvenc(source, "-o", tmp_path / "a.nvst")
    assert (result.exit_code, result.stdout) == (0, "")
    first, second, all_of_it = result.stderr.splitlines()
    assert re.search(r"^window 0: frames 0-5, .* so far, \d+ s left$", first)
    assert re.search(r"^window 1: frames 6-11, .* so far$", second)
    assert all_of_it.startswith("12 frames in 2 windows")


def test_faststart(run_nvenc, source: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.nvst"
    result = run_nvenc(source, "-o", target, "--faststart", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout.splitlines()[-1])["file_bytes"] == target.stat().st_size
    with NvstReader(target) as reader:
        reader.verify()
        assert reader.has_front_index
    assert os.listdir(tmp_path) == ["a.nvst"]


def test_json_lines(run_nvenc, source: Path, tmp_path: Path) -> None:
    result = run_nvenc(source, "-o", tmp_path / "a.nvst", "--json")
    events = [json.loads(line, parse_constant=pytest.fail) for line in result.stdout.splitlines()]
    assert result.stderr == ""
    assert [event["stage"] for event in events[:3]] == ["plan", "mask", "train"]
    assert {event["event"] for event in events[:-1]} == {"progress"}
    assert {"window_idx", "num_chunks", "epoch", "iteration", "psnr", "bytes_written", "seconds_left"} <= events[
        2
    ].keys()
    final = events[-1]
    assert final["event"] == "result"
    assert (final["num_frames"], final["is_complete"], len(final["windows"])) == (12, True, 2)
    assert final["file_bytes"] == (tmp_path / "a.nvst").stat().st_size
    assert 0 < final["psnr_y"] < 100


def test_quiet_prints_nothing(run_nvenc, tmp_path: Path) -> None:
    result = run_nvenc(clips.damaged_clip(tmp_path), "-o", tmp_path / "a.nvst", "-q")
    assert (result.exit_code, result.output) == (0, "")


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
