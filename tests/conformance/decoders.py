"""Decoders in this process, as tools/check_conformance.py sees them: from a file to an outcome."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import torch

from nvcodec.bitstream import NvstReader
from nvcodec.decoder.reconstruction import ChunkReconstructor
from nvcodec.errors import BitstreamError
from nvcodec.video import raw_writer
from spec.refdec.comparing import integers_digest, sample_bytes
from spec.refdec.decode import decode
from spec.refdec.fields import RefusedError
from tools.check_conformance import Outcome

Decoder = Callable[[Path, bool], Outcome]
"""Decodes a file, its samples too or only its integers."""


def codec(open_file: Callable[[Path], Path | BinaryIO]) -> Decoder:
    """The codec on the CPU, reading through what ``open_file`` gives it."""

    def run(path: Path, with_samples: bool) -> Outcome:
        source = open_file(path)
        try:
            with NvstReader(source) as reader:
                integers = reader.integers_digest()
                samples = b"".join(_samples_of(reader)) if with_samples else None
                return Outcome(True, integers, samples)
        except BitstreamError:
            return Outcome(False)
        finally:
            if not isinstance(source, Path):
                source.close()

    return run


def _samples_of(reader: NvstReader) -> Iterator[bytes]:
    for window_idx, entry in enumerate(reader.windows):
        window = reader.read_window(window_idx)
        for chunk_idx in range(len(entry.chunks)):
            chunk = reader.read_chunk(window_idx, chunk_idx, window)
            network = ChunkReconstructor(window, chunk, reader.header.format, torch.device("cpu"))
            for frame in network.frames(range(network.num_frames)):
                yield from raw_writer.sample_bytes(frame)


def reference(path: Path, with_samples: bool) -> Outcome:
    """The reference decoder of the specification."""
    try:
        _, windows = decode(path.read_bytes(), with_planes=with_samples)
    except RefusedError:
        return Outcome(False)
    return Outcome(True, integers_digest(windows), b"".join(sample_bytes(windows)) if with_samples else None)


DECODERS: dict[str, Decoder] = {
    "codec": codec(lambda path: path),
    "codec, file object": codec(lambda path: io.BytesIO(path.read_bytes())),
    "reference": reference,
}
