"""The commands on addresses."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from nvcodec.bitstream import NvstReader
from nvcodec.cli import nvinfo
from tests import encodes
from tests.range_server import serve


def test_nvdec_reads_an_address_and_keeps_its_password_to_itself(run_nvdec, nvst: Path, tmp_path: Path) -> None:
    with serve(nvst.read_bytes()) as server:
        url = server.url.replace("//", "//me:secret@")
        result = run_nvdec(url, "-o", tmp_path / "remote.y4m", "--verify")
        assert result.exit_code == 0, result.output
        assert f"{server.url}: all checksums and integers are sound" in result.stderr
        nothing = run_nvdec(url, "--md5", "--frames", "50:")
        server.behaviour = lambda handler: handler.send_status(404)
        missing = run_nvdec(url, "--md5")
    assert run_nvdec(nvst, "-o", tmp_path / "local.y4m").exit_code == 0
    encodes.assert_same_frames(
        encodes.read_frames(tmp_path / "remote.y4m"), encodes.read_frames(tmp_path / "local.y4m")
    )
    assert nothing.stderr == f"nvdec: {server.url}: the selection holds none of the file's 12 frames\n"
    assert missing.stderr == f"nvdec: {server.url}: HTTP status 404 (Not Found)\n"
    assert (nothing.exit_code, missing.exit_code) == (2, 1)
    assert "secret" not in result.output + nothing.output + missing.output


def test_nvinfo_shows_an_address(nvst: Path) -> None:
    with serve(nvst.read_bytes()) as server:
        remote = CliRunner().invoke(nvinfo.main, [server.url])
    local = CliRunner().invoke(nvinfo.main, [str(nvst)])
    assert remote.exit_code == 0
    assert remote.output == local.output.replace(str(nvst), server.url)


def test_every_command_reads_what_fsspec_reads(
    run_nvenc, run_nvdec, run_nvcut, run_nvcat, source: Path, nvst: Path, tmp_path: Path
) -> None:
    memory = pytest.importorskip("fsspec").filesystem("memory")
    memory.pipe("/cli/in.y4m", source.read_bytes())
    memory.pipe("/cli/a.nvst", nvst.read_bytes())
    address = "memory://cli/a.nvst"
    encoded, part, both = tmp_path / "encoded.nvst", tmp_path / "part.nvst", tmp_path / "both.nvst"
    for result in (
        run_nvenc("memory://cli/in.y4m", "-o", encoded),
        run_nvdec(address, "--md5"),
        CliRunner().invoke(nvinfo.main, [address]),
        run_nvcut(address, "-o", part, "--frames", "0:3"),
        run_nvcat(part, address, "-o", both),
        run_nvcat(address, "-o", part, "-y"),
    ):
        assert result.exit_code == 0, result.output
    for path, num_frames in ((encoded, 12), (both, 15), (part, 12)):
        with NvstReader(path) as reader:
            assert reader.num_frames == num_frames
