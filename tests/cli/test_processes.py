"""The commands as a user runs them, in processes of their own: pipes, interrupts and a disk that fills up."""

from __future__ import annotations

import hashlib
import os
import re
import resource
import signal
import socket
import subprocess
import sys
from pathlib import Path

import nvcodec
from nvcodec.bitstream import NvstReader
from tests import encodes

ENCODE = ("--device", "cpu", "--preset", "draft", "--chunk", "3", "--epochs", "1")


def test_pipes_from_y4m_to_y4m(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.nvst"
    with source.open("rb") as stdin:
        encoded = encodes.run_command("nvenc", "-", "-o", target, *ENCODE, stdin=stdin)
    assert encoded.returncode == 0, encoded.stderr
    decoded = encodes.run_command("nvdec", target, "-o", "-", "--md5", "--device", "cpu")
    assert decoded.returncode == 0, decoded.stderr
    nvcodec.decode(target, tmp_path / "a.y4m", device="cpu")
    assert decoded.stdout == (tmp_path / "a.y4m").read_bytes()
    frames = decoded.stdout.split(b"FRAME\n")[1:]
    assert len(frames) == 12
    assert f"MD5={hashlib.md5(b''.join(frames)).hexdigest()}" in decoded.stderr.decode()


def test_a_stream_is_decoded_while_it_comes(nvst: Path, tmp_path: Path) -> None:
    nvcodec.decode(nvst, tmp_path / "a.y4m", device="cpu")
    expected = (tmp_path / "a.y4m").read_bytes()
    with NvstReader(nvst) as reader:
        chunks = [chunk for window in reader.windows for chunk in window.chunks]
    data = nvst.read_bytes()
    line_bytes = expected.index(b"\n") + 1
    chunk_bytes = (len(expected) - line_bytes) // len(chunks)
    command = encodes.command_line("nvdec", "-", "-o", "-", "--md5", "--device", "cpu")
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=encodes.environment()) as process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        output, sent = b"", 0
        try:
            for idx, chunk in enumerate(chunks):
                end = chunk.offset + chunk.box_bytes
                process.stdin.write(data[sent:end])
                process.stdin.flush()
                sent = end
                # Nothing more is sent until the frames of this chunk are out: a decoder that waits would hang here.
                wanted = line_bytes + (idx + 1) * chunk_bytes
                output += process.stdout.read(wanted - len(output))
            process.stdin.write(data[sent:])
            process.stdin.close()
            output += process.stdout.read()
            messages = process.stderr.read().decode()
        finally:
            process.kill()
    assert process.returncode == 0, messages
    assert output == expected
    assert "MD5=" in messages and "warning" not in messages


def test_a_damaged_or_cut_off_stream(nvst: Path, tmp_path: Path) -> None:
    with NvstReader(nvst) as reader:
        last = reader.windows[1].chunks[1].offset
    data = nvst.read_bytes()
    damaged = data[: last + 100] + bytes([data[last + 100] ^ 1]) + data[last + 101 :]
    for target in ("-", tmp_path / "a.y4m"):
        result = encodes.run_command("nvdec", "-", "-o", target, "--device", "cpu", input=damaged)
        assert result.returncode == 1
        message = f"nvdec: CHNK box at byte {last}: payload differs from its checksum\n"
        assert result.stderr.decode() == message
        assert result.stdout.count(b"FRAME") == (9 if target == "-" else 0)
    assert os.listdir(tmp_path) == []
    cut = encodes.run_command("nvdec", "-", "-o", "-", "--device", "cpu", input=data[: last + 100])
    assert cut.returncode == 0
    assert cut.stdout.count(b"FRAME") == 9
    assert "nvdec: warning: -: unfinished, it has fewer frames than its source" in cut.stderr.decode()


def test_verify_of_a_stream(nvst: Path) -> None:
    sound = encodes.run_command("nvdec", "-", "--verify", input=nvst.read_bytes())
    assert (sound.returncode, sound.stderr) == (0, b"-: all checksums and integers are sound\n")
    damaged = encodes.run_command("nvdec", "-", "--verify", input=nvst.read_bytes() + b"x")
    assert damaged.returncode == 1
    assert b"not at the end of the file" in damaged.stderr


def test_a_pipe_that_is_closed_early_ends_the_decode(nvst: Path) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    process = encodes.command_line("nvdec", nvst, "-o", "-", "--device", "cpu")
    result = subprocess.run(process, stdout=write_end, stderr=subprocess.PIPE, env=encodes.environment(), check=False)
    os.close(write_end)
    assert result.returncode == 1
    assert b"Traceback" not in result.stderr
    assert result.stderr.count(b"\n") <= 1


def test_standard_input_that_is_no_y4m_is_one_line(tmp_path: Path) -> None:
    result = encodes.run_command("nvenc", "-", "-o", tmp_path / "a.nvst", *ENCODE, input=b"no video")
    assert result.returncode == 1
    assert result.stderr == b"nvenc: standard input: this is not y4m (no YUV4MPEG2 header)\n"
    assert os.listdir(tmp_path) == []


def test_the_first_interrupt_closes_a_valid_file(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.nvst"
    options = ("--device", "cpu", "--preset", "draft", "--chunk", "3", "--epochs", "100000", "-vv")
    command = encodes.command_line("nvenc", source, "-o", target, *options)
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=encodes.environment()) as process:
        assert process.stderr is not None
        try:
            while b" dB, " not in (line := process.stderr.readline()):
                assert line, "the encode ended by itself"
            process.send_signal(signal.SIGINT)
            rest = process.stderr.read().decode()
        finally:
            process.kill()
    assert process.returncode == 130, rest
    assert "Traceback" not in rest
    assert "Ctrl-C again" in rest
    assert "stopped early" in rest
    with NvstReader(target) as reader:
        reader.verify()
        assert (reader.is_finished, reader.is_complete, reader.num_frames) == (True, False, 6)
    assert os.listdir(tmp_path) == ["a.nvst"]


# Interrupts itself while the second window trains, so that the test does not depend on how fast the machine is.
INTERRUPTED_TWICE = """
import os, signal, sys
import nvcodec.cli.nvenc as command
encode = command.encode
def interrupted(*arguments, progress, **options):
    def tell(state):
        progress(state)
        if (state.window_idx, state.stage.value) == (1, "train"):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
    return encode(*arguments, progress=tell, **options)
command.encode = interrupted
command.main(prog_name="nvenc")
"""


def test_the_second_interrupt_stops_at_once_and_leaves_whole_windows(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.nvst"
    command = [sys.executable, "-c", INTERRUPTED_TWICE, str(source), "-o", str(target), *ENCODE]
    result = subprocess.run(command, capture_output=True, env=encodes.environment(), check=False)
    assert result.returncode == 130
    assert b"Traceback" not in result.stderr
    assert b"nvenc: interrupted" in result.stderr
    assert os.listdir(tmp_path) == ["a.nvst"]
    with NvstReader(target) as reader:
        reader.verify()
        assert (reader.is_finished, reader.num_frames) == (False, 6)


def test_a_killed_encode_is_resumed_to_the_same_bytes(source: Path, tmp_path: Path) -> None:
    undisturbed, target = tmp_path / "undisturbed.nvst", tmp_path / "a.nvst"
    arguments = (source, "--device", "cpu", "--preset", "draft", "--chunk", "3", "--epochs", "1", "--threads", "1")
    assert encodes.run_command("nvenc", *arguments, "-o", undisturbed).returncode == 0
    command = encodes.command_line("nvenc", *arguments, "-o", target, "-vv")
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=encodes.environment()) as process:
        assert process.stderr is not None
        try:
            while b"window 1, " not in (line := process.stderr.readline()):
                assert line, "the encode ended by itself"
        finally:
            process.kill()
    assert sorted(os.listdir(tmp_path)) == ["a.nvst.part", "undisturbed.nvst"]
    told = encodes.run_command("nvinfo", tmp_path / "a.nvst.part").stdout
    assert b"unfinished: 6 of 12 frames, 6 missing, cut off or still being written" in told
    assert nvcodec.decode(tmp_path / "a.nvst.part", None, md5=True, device="cpu").num_frames == 6
    assert encodes.run_command("nvenc", *arguments, "-o", target, "--resume").returncode == 0
    assert target.read_bytes() == undisturbed.read_bytes()


def test_kills_at_random_moments_lose_nothing() -> None:
    command = [sys.executable, "-W", "error", "-m", "tools.kill_encoder", "--kills", "3", "--seed", "2"]
    root = Path(__file__).parents[2]
    result = subprocess.run(command, capture_output=True, env=encodes.environment(), cwd=root, check=False)
    assert result.returncode == 0, result.stderr
    assert re.search(rb"all +3 +0\n\d+ encodes of 6 windows, resumed 3 times", result.stdout)


def limit_file_size(num_bytes: int):
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, num_bytes))

    return limit


def test_no_room_for_the_encode_is_one_line_and_leaves_nothing(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.nvst"
    arguments = (source, "-o", target, *ENCODE, "-q")
    result = encodes.run_command("nvenc", *arguments, preexec_fn=limit_file_size(3000))
    assert result.returncode == 1
    assert result.stderr.decode().lower() == f"nvenc: {target}: file too large\n".lower()
    assert os.listdir(tmp_path) == []


def test_no_room_for_the_decode_is_one_line_and_leaves_nothing(nvst: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.mp4"
    limit = limit_file_size(500)
    result = encodes.run_command("nvdec", nvst, "-o", target, "--device", "cpu", "-q", preexec_fn=limit)
    assert result.returncode == 1, result.stderr
    message = result.stderr.decode()
    assert message.startswith(f"nvdec: {target}: ")
    assert message.count("\n") == 1
    assert os.listdir(tmp_path) == []


def test_a_full_device_as_standard_output_is_one_line(nvst: Path) -> None:
    command = encodes.command_line("nvdec", nvst, "-o", "-", "--device", "cpu", "-q")
    with open("/dev/full", "wb") as full:
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, env=encodes.environment(), check=False)
    assert result.returncode == 1
    assert result.stderr.decode().startswith("nvdec: standard output: cannot be written: ")
    assert result.stderr.count(b"\n") == 1


def test_two_processes_encode_together(tmp_path: Path, source: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ("--preset", "draft", "--epochs", "2", "--chunk", "3", "--kappa", "0.5", "--params", "20k")
    line = encodes.command_line("nvenc", source, "-o", tmp_path / "a.nvst", *arguments)
    group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    processes = [
        subprocess.Popen(
            line, env={**encodes.environment(), **group, "RANK": rank, "LOCAL_RANK": rank}, stderr=subprocess.PIPE
        )
        for rank in ("0", "1")
    ]
    messages = [process.communicate(timeout=120)[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], messages
    assert "window 1: frames 6-11, 2 chunks, written and verified" in messages[0]
    assert messages[1] == ""
    with NvstReader(tmp_path / "a.nvst") as reader:
        reader.verify()
        assert reader.is_complete
