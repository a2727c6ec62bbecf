from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from nvcodec.bitstream import ChunkContent, MaskGranularity, NvstWriter, StreamHeader, WindowContent, WindowHeader
from nvcodec.bitstream.network_spec import Backbone, NetworkSpec, Stage
from nvcodec.cli.nvinfo import main
from nvcodec.video.format import VideoFormat
from nvcodec.video.tracks import Chapter, Packet, Track, TrackKind
from tools.check_conformance import VECTORS

NETWORK = NetworkSpec(Backbone.NERV, 1, 2, 1, (Stage(4, 1, 1),), 1, pe_levels=1, stem_width=2)


def write_file(
    path: Path,
    num_windows: int = 1,
    is_finished: bool = True,
    is_complete: bool = True,
    num_source_frames: int = 10,
) -> Path:
    mask = np.arange(NETWORK.num_parameters) % 2 == 0
    num_shared = int(mask.sum())
    shared, own = np.zeros(num_shared, np.int32), np.ones(mask.size - num_shared, np.int32)
    zeros = (0,) * len(NETWORK.layout)
    with path.open("wb") as file:
        writer = NvstWriter(file, StreamHeader(VideoFormat(8, 4), Fraction(1, 25), num_source_frames))
        writer.write_metadata({"title": "bell\a"})
        for idx in range(num_windows):
            header = WindowHeader(idx, 2 * idx, (2,), NETWORK, MaskGranularity.WEIGHT, zeros)
            chunk = ChunkContent(0, np.arange(2) + 2 * idx, np.ones(2, np.int64), zeros, own)
            writer.write_window(WindowContent(header, mask, shared), [chunk])
        if is_finished:
            writer.finish(is_complete)
    return path


def test_page(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [str(write_file(tmp_path / "a.nvst", 2))])
    assert result.exit_code == 0
    for text in ("complete", "8x4", "2 windows, 2 chunks", "0.5", "NERV", "embeddings", "title: bell\\x07"):
        assert text in result.output
    assert "unfinished" not in result.output
    assert "\a" not in result.output


def test_hdr_metadata_is_shown() -> None:
    path = VECTORS / "valid" / "hdr10.nvst"
    page = CliRunner().invoke(main, [str(path)]).output
    assert "G(0.265,0.69)B(0.15,0.06)R(0.68,0.32)WP(0.3127,0.329)L(1000,0.005)" in page
    assert "MaxCLL 1000, MaxFALL 400 cd/m²" in page
    assert json.loads(CliRunner().invoke(main, [str(path), "--json"]).output)["max_content_light"] == 1000


@pytest.mark.parametrize(
    ("is_finished", "words"),
    [(True, "closed before the end of its source"), (False, "cut off or still being written")],
)
def test_an_unfinished_file_is_not_broken(tmp_path: Path, is_finished: bool, words: str) -> None:
    path = write_file(tmp_path / "a.nvst", is_finished=is_finished, is_complete=False)
    result = CliRunner().invoke(main, [str(path)])
    assert result.exit_code == 0
    assert f"unfinished: 2 of 10 frames, 8 missing, {words}" in result.output


def test_a_source_of_unknown_length(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.nvst.part", is_finished=False, num_source_frames=0)
    result = CliRunner().invoke(main, [str(path)])
    assert result.exit_code == 0
    assert "unfinished: 2 frames of a source of unknown length, cut off" in result.output


def test_a_file_without_windows(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.nvst", 0, is_finished=False)
    result = CliRunner().invoke(main, [str(path)])
    assert result.exit_code == 0
    assert "0 windows" in result.output


def test_json(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.nvst")
    result = CliRunner().invoke(main, ["--json", str(path)])
    summary = json.loads(result.output)
    assert summary["file_bytes"] == path.stat().st_size == sum(summary["bytes_by_part"].values())
    assert summary["windows"][0]["num_parameters"] == NETWORK.num_parameters


def test_tracks_and_chapters(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.nvst")
    with path.open("r+b") as file:
        writer = NvstWriter(file, StreamHeader(VideoFormat(8, 4), Fraction(1, 25)))
        track = Track(TrackKind.AUDIO, "opus", Fraction(1, 48000), b"", 48000, "stereo", language="deu", title="a\a")
        writer.write_tracks([track], [Chapter(0, 10**9, "Anfang")])
        writer.write_packets([Packet(0, 480 + 960 * idx, 960, b"12345") for idx in range(3)])
        zeros = (0,) * len(NETWORK.layout)
        mask = np.ones(NETWORK.num_parameters, np.bool_)
        header = WindowHeader(0, 0, (2,), NETWORK, MaskGranularity.WEIGHT, zeros)
        chunk = ChunkContent(0, np.arange(2), np.ones(2, np.int64), zeros, np.zeros(0, np.int32))
        writer.write_window(WindowContent(header, mask, np.zeros(mask.size, np.int32)), [chunk])
        writer.finish(True)
        file.truncate()
    output = CliRunner().invoke(main, [str(path)]).output.splitlines()
    assert any(
        line.split() == ["0", "audio", "opus", "deu", "stereo", "48000", "3", "15", "0.010", "a\\x07"]
        for line in output
    )
    assert any(line.split() == ["0.000", "1.000", "Anfang"] for line in output)
    summary = json.loads(CliRunner().invoke(main, [str(path), "--json"]).output)
    assert summary["bpp"] == 8 * (summary["file_bytes"] - summary["bytes_by_part"]["tracks"]) / (2 * 8 * 4)


def test_chunks(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.nvst", 2)
    lines = CliRunner().invoke(main, ["--chunks", str(path)]).output.splitlines()
    start = next(idx for idx, line in enumerate(lines) if line.split()[:2] == ["window", "chunk"])
    assert [line.split()[:5] for line in lines[start + 1 : start + 3]] == [
        ["0", "0", "0..1", "0.000", "0.080"],
        ["1", "0", "2..3", "0.080", "0.160"],
    ]
    assert lines[start + 3] == ""
    assert len(lines) == len(CliRunner().invoke(main, [str(path)]).output.splitlines()) + 4
    chunks = json.loads(CliRunner().invoke(main, ["--json", str(path)]).output)["windows"][1]["chunks"]
    assert chunks[0]["first_frame"] == 2


def test_dump(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["--dump", str(write_file(tmp_path / "a.nvst"))])
    assert result.exit_code == 0
    assert "TRLR box at byte" in result.output
    assert "stem_width: 2" in result.output


def test_damage_is_one_line_on_stderr(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.nvst")
    data = bytearray(path.read_bytes())
    data[60] ^= 1
    path.write_bytes(data)
    result = CliRunner().invoke(main, [str(path)], prog_name="nvinfo")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == "nvinfo: STRM box at byte 24: payload differs from its checksum\n"


def test_a_missing_file_is_one_line_on_stderr(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [str(tmp_path / "none.nvst")], prog_name="nvinfo")
    assert result.exit_code == 1
    assert result.stderr == f"nvinfo: {tmp_path / 'none.nvst'}: No such file or directory\n"


def test_standard_input_is_refused() -> None:
    result = CliRunner().invoke(main, ["-"], prog_name="nvinfo", input=b"anything")
    assert result.exit_code == 2
    assert result.stderr == "nvinfo: standard input cannot be searched: give a file\n"


def test_neither_torch_nor_av_is_loaded() -> None:
    code = "import sys, nvcodec.cli.nvinfo; print(sorted({'torch', 'av'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_terminal_is_told_no_control_sequences_by_errors(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [str(tmp_path / "\x1b[2Jno.nvst")])
    assert result.exit_code == 1
    assert "\x1b" not in result.stderr and "\\x1b[2Jno.nvst" in result.stderr
