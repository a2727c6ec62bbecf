"""Decoders in this process, as tools/check_conformance.py sees them: from a file to an outcome."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import torch

from nvcodec.bitstream import ChunkContent, NvstReader, SequentialReader, WindowContent
from nvcodec.bitstream.source import Readable
from nvcodec.decoder.reconstruction import ChunkReconstructor
from nvcodec.errors import BitstreamError
from nvcodec.video import raw_writer
from nvcodec.video.format import VideoFormat
from spec.refdec.comparing import integers_digest, sample_bytes
from spec.refdec.decode import decode
from spec.refdec.fields import RefusedError
from tests.range_server import serve
from tools.check_conformance import Outcome

Decoder = Callable[[Path, bool], Outcome]
"""Decodes a file, its samples too or only its integers."""


def codec(open_file: Callable[[Path], AbstractContextManager[Readable]], device: str = "cpu") -> Decoder:
    """The codec with random access, reading through what ``open_file`` gives it."""

    def run(path: Path, with_samples: bool) -> Outcome:
        try:
            with open_file(path) as source, NvstReader(source) as reader:
                integers = reader.integers_digest()
                samples = b"".join(_samples_of(reader, device)) if with_samples else None
                return Outcome(True, integers, samples)
        except BitstreamError:
            return Outcome(False)

    return run


def codec_in_order(path: Path, with_samples: bool) -> Outcome:
    """The codec on the CPU, reading from front to back; only windows that became whole count."""
    try:
        with path.open("rb", buffering=0) as file:
            integers = SequentialReader(file).verify()
        reader = SequentialReader(io.BytesIO(path.read_bytes()))
        samples, of_window = b"", b""
        for window, chunk in reader if with_samples else ():
            of_window += b"".join(_samples_of_chunk(window, chunk, reader.header.format))
            if chunk.chunk_idx == len(window.header.chunk_lengths) - 1:
                samples, of_window = samples + of_window, b""
        return Outcome(True, integers, samples if with_samples else None)
    except BitstreamError:
        return Outcome(False)


def _samples_of(reader: NvstReader, device: str) -> Iterator[bytes]:
    for window_idx, entry in enumerate(reader.windows):
        window = reader.read_window(window_idx)
        for chunk_idx in range(len(entry.chunks)):
            chunk = reader.read_chunk(window_idx, chunk_idx, window)
            yield from _samples_of_chunk(window, chunk, reader.header.format, device)


def _samples_of_chunk(
    window: WindowContent, chunk: ChunkContent, video_format: VideoFormat, device: str = "cpu"
) -> Iterator[bytes]:
    network = ChunkReconstructor(window, chunk, video_format, torch.device(device))
    for frame in network.frames(range(network.num_frames)):
        yield from raw_writer.sample_bytes(frame)


@contextmanager
def _served(path: Path) -> Iterator[str]:
    with serve(path.read_bytes()) as server:
        yield server.url


def reference(path: Path, with_samples: bool) -> Outcome:
    """The reference decoder of the specification."""
    try:
        _, windows = decode(path.read_bytes(), with_planes=with_samples)
    except RefusedError:
        return Outcome(False)
    return Outcome(True, integers_digest(windows), b"".join(sample_bytes(windows)) if with_samples else None)


IN_ORDER = "codec, in order"
DECODERS: dict[str, Decoder] = {
    "codec": codec(nullcontext),
    "codec, HTTP ranges": codec(_served),
    IN_ORDER: codec_in_order,
    "reference": reference,
}
