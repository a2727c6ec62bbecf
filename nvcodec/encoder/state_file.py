"""The training state of a window at work, as bytes and as a file beside the one that is being encoded.

The bytes are a line that names the format, the length of a description in JSON, the description, the tensors behind
each other, and the CRC-32 of all that. Nothing in them is run, and nothing is taken from them that does not fit.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nvcodec.errors import TrainingError
from nvcodec.training.chunk_frames import ChunkFrames
from nvcodec.training.state import TrainingState

INTERVAL_S = 300.0
"""Least time between two states of a window."""
MAGIC = b"nvcodec training state 1\n"
LENGTH_BYTES = CRC_BYTES = 4
TYPES = {"float32": torch.float32, "float64": torch.float64, "int64": torch.int64, "bool": torch.bool}

Identity = Mapping[str, Any]
"""What a state belongs to: names and values that JSON has."""
BITS = "bits"
"""Name of the bits per pixel by which the window's network was sized; null if its parameters were given."""


class StateFiles:
    """The files of training states beside ``path``, one for each window at work.

    Args:
        path: the partial file of the encode; a window's state has its number and ``.state`` added to that name.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def path(self, window_idx: int) -> Path:
        """Where the state of a window lies."""
        return self._path.with_name(f"{self._path.name}.{window_idx}.state")

    def existing(self) -> list[Path]:
        """Those that are there."""
        start = f"{self._path.name}."
        folder = self._path.parent
        names = os.listdir(folder) if folder.is_dir() else []
        ends = {name: name.removeprefix(start).removesuffix(".state") for name in names if name.endswith(".state")}
        return [folder / name for name, end in sorted(ends.items()) if name.startswith(start) and end.isdigit()]

    def read(self, window_idx: int) -> bytes | None:
        """The state of a window; None if there is none."""
        try:
            return self.path(window_idx).read_bytes()
        except OSError:
            return None

    def write(self, window_idx: int, state: bytes) -> None:
        """Put a state in the place of an earlier one, so that a kill at any moment leaves one of them.

        Raises:
            OSError: the disk refuses it; the earlier one is there.
        """
        path = self.path(window_idx)
        new = path.with_name(path.name + ".new")
        try:
            with open(new, "wb") as file:
                file.write(state)
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, path)
        except OSError:
            new.unlink(missing_ok=True)
            raise

    def remove(self, window_idx: int) -> None:
        """A window needs its state no more."""
        self._remove(self.path(window_idx))

    def remove_all(self) -> None:
        """No window needs one."""
        for path in self.existing():
            self._remove(path)

    def _remove(self, path: Path) -> None:
        for one in (path, path.with_name(path.name + ".new")):
            with contextlib.suppress(OSError):
                one.unlink()


class StateSaver:
    """Takes the states that a training offers, if enough time has passed.

    Args:
        identity: of the window; asked for with the first state.
        save: takes a state's bytes.
        interval_s: least seconds from one to the next, and to the first.
    """

    def __init__(self, identity: Callable[[], Identity], save: Callable[[bytes], None], interval_s: float) -> None:
        self._identity = identity
        self._save = save
        self._interval_s = interval_s
        self._last = time.monotonic()

    def offer(self, make_state: Callable[[], TrainingState]) -> None:
        """Save the state, or not."""
        if time.monotonic() - self._last >= self._interval_s:
            self._save(pack_state(make_state(), self._identity()))
            self._last = time.monotonic()


def frames_digest(chunks: Iterable[ChunkFrames]) -> str:
    """SHA-256 of all samples."""
    digest = hashlib.sha256()
    for chunk in chunks:
        for plane in chunk.planes:
            digest.update(np.ascontiguousarray(plane.cpu().numpy()).data)
    return digest.hexdigest()


def pack_state(state: TrainingState, identity: Identity) -> bytes:
    """A state as bytes."""
    arrays = {name: tensor.detach().cpu().numpy() for name, tensor in state.tensors.items()}
    description = {
        "identity": dict(identity),
        "num_done": state.num_done,
        "fraction": state.fraction,
        "tensors": {name: [str(array.dtype), list(array.shape)] for name, array in arrays.items()},
    }
    text = json.dumps(description).encode()
    parts = [MAGIC, len(text).to_bytes(LENGTH_BYTES, "little"), text]
    data = b"".join([*parts, *(array.tobytes() for array in arrays.values())])
    return data + zlib.crc32(data).to_bytes(CRC_BYTES, "little")


def bits_of_state(data: bytes) -> float | None:
    """The bits per pixel that a state says its window's network was sized by; None if it says none."""
    start = len(MAGIC) + LENGTH_BYTES
    text_end = start + int.from_bytes(data[len(MAGIC) : start], "little")
    try:
        bits = json.loads(data[start:text_end])["identity"][BITS]
    except (ValueError, KeyError, TypeError):
        return None
    return bits if isinstance(bits, float) and 0 < bits < math.inf else None


def parse_state(data: bytes, identity: Identity) -> TrainingState:
    """The state in bytes of :func:`pack_state`.

    Raises:
        TrainingError: they are damaged, or not of what ``identity`` says.
    """
    if not data.startswith(MAGIC):
        raise _refusal("it is none of this version")
    end = len(data) - CRC_BYTES
    if zlib.crc32(data[:end]) != int.from_bytes(data[end:], "little"):
        raise _refusal("it differs from its checksum")
    start = len(MAGIC) + LENGTH_BYTES
    text_end = start + int.from_bytes(data[len(MAGIC) : start], "little")
    try:
        description = json.loads(data[start:text_end])
        begun = description["identity"]
        for name in {**identity, **begun}:
            if begun.get(name) != identity.get(name):
                raise _refusal(f"it has another {name}")
        num_done, fraction = int(description["num_done"]), float(description["fraction"])
        if not (num_done >= 0 and 0 <= fraction < 1):
            raise _refusal("it is of no training at work")
        return TrainingState(num_done, fraction, _parse_tensors(data[text_end:end], description["tensors"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _refusal("its description cannot be read") from error


def _parse_tensors(data: bytes, described: Mapping[str, tuple[str, list[int]]]) -> dict[str, torch.Tensor]:
    tensors, position = {}, 0
    for name, (dtype, shape) in described.items():
        size = math.prod(shape) * TYPES[dtype].itemsize
        part = bytearray(data[position : position + size])
        if len(part) != size or min(shape, default=0) < 0:
            raise _refusal("it ends before what it promises")
        flat = torch.frombuffer(part, dtype=TYPES[dtype]) if size else torch.empty(0, dtype=TYPES[dtype])
        tensors[name] = flat.view(shape)
        position += size
    if position != len(data):
        raise _refusal("it holds more than what it promises")
    return tensors


def _refusal(reason: str) -> TrainingError:
    return TrainingError(reason, "training state")
