"""Damage that no checksum was mended for, as disks and wires do it: none of it may go unnoticed."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator

import numpy as np

from nvcodec.bitstream import ChunkContent, NvstReader, WindowContent
from nvcodec.bitstream.headers import BOX_HEADER, FILE_HEADER
from nvcodec.errors import BitstreamError
from tools.fuzzing.reading import LIMITS, Record, Windows, passes_verification, read_all
from tools.fuzzing.seeds import Seed


def truncations(data: bytes, step: int = 1) -> Iterator[bytes]:
    """The file cut off at every ``step``-th byte."""
    return (data[:size] for size in range(0, len(data), step))


def flips(data: bytes, step: int = 1) -> Iterator[bytes]:
    """The file with every ``step``-th bit flipped."""
    for bit in range(0, 8 * len(data), step):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << (bit % 8)
        yield bytes(changed)


def edits(data: bytes, rng: random.Random, count: int) -> Iterator[bytes]:
    """Bytes changed, inserted, removed, repeated; boxes exchanged, repeated and removed."""
    for _ in range(count):
        kind = rng.randrange(7)
        start = rng.randrange(len(data))
        end = min(len(data), start + 1 + int(rng.expovariate(0.1)))
        if kind == 0:
            yield data[:start] + rng.randbytes(end - start) + data[end:]
        elif kind == 1:
            yield data[:start] + rng.randbytes(end - start) + data[start:]
        elif kind == 2:
            yield data[:start] + data[end:]
        elif kind == 3:
            yield data[:end] + data[start:]
        else:
            boxes = _boxes(data)
            first, second = rng.randrange(len(boxes)), rng.randrange(len(boxes))
            if kind == 4:
                boxes[first], boxes[second] = boxes[second], boxes[first]
            elif kind == 5:
                boxes.insert(second, boxes[first])
            else:
                del boxes[first]
            yield data[: FILE_HEADER.size] + b"".join(boxes)


def examine(seed: Seed, damaged: bytes, record: Record) -> None:
    """Read a damaged file: it is refused, or is what is left of the sound one and says that its end is missing.

    What damage to boxes that were not needed leaves unnoticed, a full verification refuses.
    """
    if damaged == seed.data:
        return
    record.add(damaged)
    try:
        windows = read_all(damaged)
    except BitstreamError:
        return
    with NvstReader(io.BytesIO(damaged), LIMITS) as reader:
        is_finished = reader.is_finished
        is_sound = passes_verification(reader)
    if not _is_beginning(windows, seed) or (is_finished and len(windows) != len(seed.windows)):
        record.findings.append(("damage changed what is read", damaged))
    if is_finished and is_sound:
        record.findings.append(("damage passes a full verification", damaged))


def _is_beginning(windows: Windows, seed: Seed) -> bool:
    return len(windows) <= len(seed.windows) and all(
        _same_window(window, other) and all(map(_same_chunk, chunks, other_chunks))
        for (window, chunks), (other, other_chunks) in zip(windows, seed.windows, strict=False)
    )


def _same_window(one: WindowContent, other: WindowContent) -> bool:
    return (
        one.header == other.header and np.array_equal(one.mask, other.mask) and np.array_equal(one.shared, other.shared)
    )


def _same_chunk(one: ChunkContent, other: ChunkContent) -> bool:
    names = ("pts", "durations", "own", "embeddings")
    plain = ("chunk_idx", "own_step_shift", "embedding_step_idx")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names) and all(
        getattr(one, name) == getattr(other, name) for name in plain
    )


def _boxes(data: bytes) -> list[bytes]:
    boxes, offset = [], FILE_HEADER.size
    while offset < len(data):
        end = offset + BOX_HEADER.size + int.from_bytes(data[offset + 8 : offset + 12], "little")
        boxes.append(data[offset:end])
        offset = end
    return boxes
