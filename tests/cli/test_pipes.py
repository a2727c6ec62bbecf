"""The pipes of the README: what nvdec writes another program reads, what another program writes nvenc reads.

PyAV, which is FFmpeg's libraries, stands in for ``mpv`` and ``ffmpeg``.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from nvcodec.bitstream import NvstReader
from nvcodec.video.format import ChromaSubsampling, VideoFormat
from tests import clips, encodes

READ_Y4M = """
import sys, av
with av.open(sys.stdin.buffer, format="yuv4mpegpipe") as container:
    stream = container.streams.video[0]
    frames = list(container.decode(stream))
    print(len(frames), frames[0].width, frames[0].height, frames[0].format.name, stream.average_rate)
"""
WRITE_Y4M = """
import sys, av
with av.open(sys.argv[1]) as source, av.open(sys.stdout.buffer, "w", "yuv4mpegpipe", options={"strict": "-1"}) as pipe:
    stream = pipe.add_stream("wrapped_avframe", rate=25)
    video = source.streams.video[0]
    stream.width, stream.height, stream.pix_fmt = video.width, video.height, video.pix_fmt
    for frame in source.decode(video):
        pipe.mux(stream.encode(frame))
"""
QUICK = (
    "--preset",
    "draft",
    "--backbone",
    "hnerv",
    "--params",
    "12k",
    "--epochs",
    "1",
    "--chunk",
    "3",
    "--device",
    "cpu",
)


def _pipe(first: list[str], second: list[str]) -> tuple[int, int, str]:
    """Exit codes of two programs of which the second reads what the first writes, and what the second prints."""
    environment = encodes.environment()
    with (
        subprocess.Popen(first, stdout=subprocess.PIPE, env=environment) as writer,
        subprocess.Popen(second, stdin=writer.stdout, stdout=subprocess.PIPE, env=environment) as reader,
    ):
        assert writer.stdout is not None
        writer.stdout.close()  # the reader's alone, so that the writer learns of its end
        printed = reader.communicate()[0].decode()
    return writer.returncode, reader.returncode, printed


def test_nvdec_writes_what_a_player_reads(nvst: Path) -> None:
    nvdec = encodes.command_line("nvdec", nvst, "-o", "-", "--device", "cpu", "-q")
    assert _pipe(nvdec, [sys.executable, "-c", READ_Y4M]) == (0, 0, "12 64 48 yuv420p 25\n")


def test_nvenc_reads_what_ffmpeg_writes(tmp_path: Path) -> None:
    format = VideoFormat(64, 48, 12, ChromaSubsampling.YUV444)
    path = clips.write_clip(tmp_path / "in.mkv", format, num_frames=5)
    nvenc = encodes.command_line("nvenc", "-", "-o", tmp_path / "a.nvst", "-q", *QUICK)
    assert _pipe([sys.executable, "-c", WRITE_Y4M, str(path)], nvenc)[:2] == (0, 0)
    with NvstReader(tmp_path / "a.nvst") as reader:
        found = reader.header.format
        assert (reader.num_frames, found.bit_depth, found.chroma_subsampling) == (
            5,
            12,
            ChromaSubsampling.YUV444,
        )
