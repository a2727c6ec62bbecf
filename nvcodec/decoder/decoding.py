"""The decode, from file to video."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import torch

from nvcodec.bitstream import Limits, MissingFrames, NvstReader, RecoveryReader, SequentialReader
from nvcodec.bitstream.source import Readable, source_name
from nvcodec.decoder.chunks import StoredChunks, StreamedChunks
from nvcodec.decoder.device import describe_device, memory_errors_reported, prepare_device
from nvcodec.decoder.reconstruction import ChunkReconstructor
from nvcodec.errors import ConfigError, MalformedError
from nvcodec.prefetch import Prefetch
from nvcodec.video.format import VideoFormat
from nvcodec.video.frame import Frame
from nvcodec.video.selection import Selection
from nvcodec.video.sink import FrameSink, HashSink, open_sink
from nvcodec.video.tracks import TrackKind

STANDARD_INPUT = "-"


@dataclass(frozen=True)
class DecodeProgress:
    """State of a decode: frames done, frames wanted (None if unknown), and frames per second so far."""

    num_done: int
    num_frames: int | None
    fps: float


@dataclass(frozen=True)
class DecodeResult:
    """A finished decode.

    Attributes:
        num_frames: frames written.
        seconds: time taken, output included.
        device: the device that reconstructed, for people.
        md5: of all samples, plane by plane in order, little endian; None if not asked for.
        is_complete: false if the file was written with fewer frames than its source had; None if that is unknown,
            because damage hides it or a stream was not read to its end.
        warnings: what the output could not hold, and what of audio, subtitles, chapters and text could not be read.
        missing: the frames of the file that damage took, in order; empty unless they were to be recovered.
    """

    num_frames: int
    seconds: float
    device: str
    md5: str | None
    is_complete: bool | None
    warnings: tuple[str, ...]
    missing: tuple[MissingFrames, ...]


def decode(
    source: Readable,
    target: str | Path | None,
    *,
    selection: Selection | None = None,
    device: str = "auto",
    threads: int | None = None,
    fast: bool = False,
    md5: bool = False,
    recover: bool = False,
    codec: str | None = None,
    crf: float | None = None,
    audio: bool = True,
    subtitles: bool = True,
    overwrite: bool = False,
    limits: Limits | None = None,
    progress: Callable[[DecodeProgress], None] | None = None,
) -> DecodeResult:
    """Decode a .nvst file into a video.

    Only the blocks that the wanted frames need are read; audio and subtitles of their time are copied. A stream that
    cannot be searched is read from front to back, each chunk decoded as soon as it is there, up to the end of the
    selection. The target has its own name only once it is whole.

    Args:
        source: path, ``http://`` or other address, "-" for standard input, the file's bytes, or a binary file object;
            one that is not seekable at its start.
        target: path of the video (see ``open_sink``); None writes none.
        selection: frames wanted; None for all. Seconds count from the first frame.
        device: ``auto``, ``cpu`` or ``cuda``.
        threads: CPU threads; None: PyTorch's choice.
        fast: in bfloat16 where the device is faster with it; samples then differ a little (spec clause 13, "fast").
        md5: also hash the samples.
        recover: decode what damage has left; frame numbers and times are those of the undamaged file.
        codec, crf: of a target that is a container (see ``open_sink``); None for the first codec that it takes, and for
            no loss.
        audio, subtitles: copy the tracks of these kinds, where the target takes them.
        overwrite: replace an existing target.
        limits: what a file may ask for; None for the defaults.
        progress: told how far the decode is, after every frame.

    Raises:
        InputError: the file cannot be read.
        BitstreamError: it is refused, or nothing of it can be recovered.
        ConfigError: the selection holds no frame, the target cannot hold the video, or a stream is to be recovered.
        OutputError: the target exists or cannot be written.
        DeviceError: the device is missing or its memory is too small.
    """
    torch_device = prepare_device(device, threads)
    start = time.monotonic()
    selection = selection or Selection()
    selection.validate()
    kinds = frozenset(
        kind for kind, is_wanted in ((TrackKind.AUDIO, audio), (TrackKind.SUBTITLE, subtitles)) if is_wanted and target
    )
    stream = _as_stream(source)
    if stream is not None and recover:
        raise ConfigError("a stream cannot be searched for what damage has left; save it to a file first", "recover")
    with ExitStack() as stack:
        reader: NvstReader | RecoveryReader | SequentialReader
        chunks: StoredChunks | StreamedChunks
        if stream is None:
            reader = stored = _open_stored(source, limits or Limits(), recover)
            stack.callback(stored.close)
            chunks = StoredChunks(stored, selection, kinds)
        else:
            reader = streamed = SequentialReader(stream, limits or Limits())
            chunks = StreamedChunks(streamed, selection, kinds)
        header = reader.header
        sink: FrameSink | None = None
        hasher = HashSink() if md5 else None
        num_done = 0
        decoded = decoded_frames(chunks, header.format, torch_device, fast)
        with memory_errors_reported("reconstruction"), Prefetch(decoded) as frames:
            for frame in frames:
                if target is not None and sink is None and chunks.average_rate is not None:
                    times = header.time_base, chunks.average_rate
                    extras = chunks.companions.extras
                    sink = open_sink(target, header.format, *times, extras, codec=codec, crf=crf, overwrite=overwrite)
                    stack.enter_context(sink)
                if sink is not None:
                    sink.write(frame)
                if hasher is not None:
                    hasher.write(frame)
                num_done += 1
                if progress is not None:
                    progress(DecodeProgress(num_done, chunks.num_frames, num_done / (time.monotonic() - start)))
        if not num_done:
            reason = f"the selection holds none of the file's {reader.num_frames} frames"
            raise ConfigError(reason, source_name(source))
        if sink is not None:
            sink.close()
        return DecodeResult(
            num_frames=num_done,
            seconds=time.monotonic() - start,
            device=describe_device(torch_device),
            md5=hasher.hexdigest() if hasher is not None else None,
            is_complete=reader.is_complete,
            warnings=(*sink.warnings, *chunks.companions.warnings) if sink is not None else (),
            missing=tuple(reader.missing) if isinstance(reader, RecoveryReader) else (),
        )


def decoded_frames(
    chunks: StoredChunks | StreamedChunks, video_format: VideoFormat, device: torch.device, fast: bool
) -> Iterator[Frame]:
    """All wanted frames. A chunk is read while the one before is decoded, a frame decoded while the last is written."""
    with Prefetch(chunks) as loaded:
        for wanted in loaded:
            reconstructor = ChunkReconstructor(wanted.window, wanted.chunk, video_format, device, fast=fast)
            for frame, packets in zip(reconstructor.frames(wanted.frame_idx), wanted.packets, strict=True):
                yield replace(frame, packets=packets)


def _open_stored(source: Readable, limits: Limits, recover: bool) -> NvstReader | RecoveryReader:
    if not recover:
        return NvstReader(source, limits)
    reader = RecoveryReader(source, limits)
    if reader.missing and not reader.windows:
        reader.close()
        error = reader.missing[0].error
        raise MalformedError(f"no frame can be recovered: {error.reason}", error.place)
    return reader


def _as_stream(source: Readable) -> BinaryIO | None:
    """The source as what can only be read from front to back, None if it can be searched."""
    if isinstance(source, (str, os.PathLike)):
        if os.fspath(source) != STANDARD_INPUT:
            return None
        try:
            # Not sys.stdin, which the interpreter closes at its end, even if a thread waits for what it gives.
            return open(sys.stdin.fileno(), "rb", closefd=False)
        except io.UnsupportedOperation:
            return sys.stdin.buffer
    if isinstance(source, (bytes, bytearray, memoryview)):
        return None
    # Text files have an encoding.
    if not hasattr(source, "read") or hasattr(source, "encoding"):
        raise ConfigError(f"{type(source).__name__} is no path, no address, no bytes and no binary file", "source")
    return None if source.seekable() else source
