"""The decode, from file to video."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import torch

from nvcodec.bitstream import Limits, NvstReader
from nvcodec.bitstream.source import Readable
from nvcodec.bitstream.wanted import WantedChunk, wanted_chunks
from nvcodec.decoder.device import describe_device, memory_errors_reported, resolve_device
from nvcodec.decoder.reconstruction import ChunkReconstructor
from nvcodec.video.frame import Frame
from nvcodec.video.selection import Selection
from nvcodec.video.sink import FrameSink, HashSink, open_sink


@dataclass(frozen=True)
class DecodeProgress:
    """State of a decode: frames done, frames wanted, and frames per second so far."""

    num_done: int
    num_frames: int
    fps: float


@dataclass(frozen=True)
class DecodeResult:
    """A finished decode.

    Attributes:
        num_frames: frames written.
        seconds: time taken, output included.
        device: the device that reconstructed, for people.
        md5: of all samples, plane by plane in order, little endian; None if not asked for.
        is_complete: false if the file has fewer frames than its source had.
        warnings: what the output could not hold.
    """

    num_frames: int
    seconds: float
    device: str
    md5: str | None
    is_complete: bool
    warnings: tuple[str, ...]


def decode(
    source: Readable,
    target: str | Path | None,
    *,
    selection: Selection | None = None,
    device: str = "auto",
    threads: int | None = None,
    md5: bool = False,
    overwrite: bool = False,
    limits: Limits | None = None,
    progress: Callable[[DecodeProgress], None] | None = None,
) -> DecodeResult:
    """Decode a .nvst file into a video.

    Only the blocks that the wanted frames need are read. The target has its own name only once it is whole.

    Args:
        source: path, ``http://`` or other address, bytes, or seekable binary file object of the .nvst file.
        target: path of the video (see ``open_sink``); None writes none.
        selection: frames wanted; None for all. Seconds count from the first frame.
        device: ``auto``, ``cpu`` or ``cuda``.
        threads: CPU threads; None: PyTorch's choice.
        md5: also hash the samples.
        overwrite: replace an existing target.
        limits: what a file may ask for; None for the defaults.
        progress: told how far the decode is, after every frame.

    Raises:
        InputError: the file cannot be read.
        BitstreamError: it is refused.
        ConfigError: the selection holds no frame, or the target cannot hold the video.
        OutputError: the target exists or cannot be written.
        DeviceError: the device is missing or its memory is too small.
    """
    torch_device = resolve_device(device)
    if threads is not None:
        torch.set_num_threads(threads)
    start = time.monotonic()
    with ExitStack() as stack:
        reader = stack.enter_context(NvstReader(source, limits or Limits()))
        wanted = wanted_chunks(reader, selection or Selection())
        num_frames = sum(len(chunk.frame_idx) for chunk in wanted)
        header = reader.header
        sink: FrameSink | None = None
        if target is not None:
            sink = open_sink(target, header.format, header.time_base, _average_rate(reader), overwrite=overwrite)
            stack.enter_context(sink)
        hasher = HashSink() if md5 else None
        with memory_errors_reported("reconstruction"):
            for num_done, frame in enumerate(_frames(reader, wanted, torch_device), start=1):
                if sink is not None:
                    sink.write(frame)
                if hasher is not None:
                    hasher.write(frame)
                if progress is not None:
                    progress(DecodeProgress(num_done, num_frames, num_done / (time.monotonic() - start)))
        if sink is not None:
            sink.close()
        return DecodeResult(
            num_frames=num_frames,
            seconds=time.monotonic() - start,
            device=describe_device(torch_device),
            md5=hasher.hexdigest() if hasher is not None else None,
            is_complete=reader.is_complete,
            warnings=tuple(sink.warnings) if sink is not None else (),
        )


def _frames(reader: NvstReader, wanted: list[WantedChunk], device: torch.device) -> Iterator[Frame]:
    """The wanted frames in order; a window and a chunk are read when the first of their frames is due."""
    window_idx, window = -1, None
    for chunk in wanted:
        if window is None or chunk.window_idx != window_idx:
            window_idx, window = chunk.window_idx, reader.read_window(chunk.window_idx)
        content = reader.read_chunk(window_idx, chunk.chunk_idx, window)
        reconstructor = ChunkReconstructor(window, content, reader.header.format, device)
        yield from reconstructor.frames(chunk.frame_idx)


def _average_rate(reader: NvstReader) -> Fraction:
    """Frames per second over the whole file."""
    chunks = [chunk for window in reader.windows for chunk in window.chunks]
    duration = (chunks[-1].end_pts - chunks[0].first_pts) * reader.header.time_base
    return Fraction(reader.num_frames) / duration
