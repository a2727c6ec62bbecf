"""What readers make of a file, and a record of what that cost."""

from __future__ import annotations

import contextlib
import io
import re
import resource
import time
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import torch

from nvcodec.bitstream import ChunkContent, Limits, NvstReader, WindowContent
from nvcodec.decoder.reconstruction import ChunkReconstructor
from nvcodec.errors import BitstreamError, LimitError
from spec.refdec.decode import DecodedWindow, decode
from spec.refdec.fields import RefusedError

MEBIBYTE = 1 << 20
LIMITS = Limits(max_pixels=1 << 22, max_frames=1 << 16, max_memory=64 * MEBIBYTE)
"""What a fuzzed file may ask for."""

_CPU = torch.device("cpu")
Windows = list[tuple[WindowContent, list[ChunkContent]]]


def read_all(data: bytes, limits: Limits = LIMITS) -> Windows:
    """Every integer of a file, by random access; tracks and packets are read, too.

    Raises:
        BitstreamError: the file is refused.
    """
    windows = []
    with NvstReader(io.BytesIO(data), limits) as reader:
        for window_idx, entry in enumerate(reader.windows):
            window = reader.read_window(window_idx)
            chunks = [reader.read_chunk(window_idx, idx, window) for idx in range(len(entry.chunks))]
            windows.append((window, chunks))
        # What goes with the frames may be refused alone.
        with contextlib.suppress(BitstreamError):
            _ = reader.metadata, reader.chapters, [reader.read_packets(idx) for idx in range(len(windows))]
    return windows


def reconstruct_first_frame(data: bytes, windows: Windows) -> None:
    """Evaluate the networks of a file's first chunk for one frame."""
    with NvstReader(io.BytesIO(data), LIMITS) as reader:
        window, chunks = windows[0]
        list(ChunkReconstructor(window, chunks[0], reader.header.format, _CPU).frames([0]))


def disagreement(data: bytes, windows: Windows | None) -> str | None:
    """What codec and reference decoder say differently of a file; None if they agree.

    Args:
        windows: what the codec read, None if it refused the file.
    """
    try:
        reference = decode(data, with_planes=False)[1]
    except RefusedError as refused:
        is_alike = windows is None or _has_another_index_in_front(data)
        return None if is_alike else f"only the reference refuses: {refused}"
    if windows is None:
        return None if _has_another_index_in_front(data) else "only the codec refuses"
    if len(reference) != len(windows):
        return f"{len(windows)} windows, the reference has {len(reference)}"
    return next(filter(None, map(_difference, windows, reference)), None)


def _has_another_index_in_front(data: bytes) -> bool:
    """Whether indx and INDX differ: the codec goes by the first, the reference by the second, as clause 16 allows."""
    try:
        with NvstReader(io.BytesIO(data), LIMITS) as reader:
            return reader.has_front_index and not passes_verification(reader)
    except BitstreamError:
        return False


def passes_verification(reader: NvstReader) -> bool:
    """Whether nothing at all is wrong with a file."""
    try:
        reader.verify()
    except BitstreamError:
        return False
    return True


def _difference(own: tuple[WindowContent, list[ChunkContent]], reference: DecodedWindow) -> str | None:
    window, chunks = own
    pairs = [("mask", window.mask, reference.mask), ("shared", window.shared, reference.shared)]
    for chunk, decoded in zip(chunks, reference.chunks, strict=True):
        header = decoded.chunk.header
        pairs += [("own", chunk.own, decoded.chunk.own), ("pts", chunk.pts, header.pts)]
        pairs += [("durations", chunk.durations, header.durations)]
        pairs += [("own_step_shift", chunk.own_step_shift, decoded.chunk.own_step_shift)]
        if chunk.embeddings is not None:
            pairs.append(("embeddings", chunk.embeddings, decoded.chunk.embeddings))
    return next((f"{name} differ" for name, a, b in pairs if not np.array_equal(a, b)), None)


@dataclass
class Record:
    """What a run of inputs came to.

    Attributes:
        reasons: how often each reason was given, numbers left out.
        slowest_refusal_s, slowest_s: worst seconds of a refusal, and of any input.
        memory_before: bytes of memory at the most before the first input.
        findings: what must not be, each with the input that shows it.
    """

    num_inputs: int = 0
    num_decoded: int = 0
    num_compared: int = 0
    num_reconstructed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    slowest_refusal_s: float = 0.0
    slowest_s: float = 0.0
    memory_before: int = field(default_factory=lambda: peak_memory())
    findings: list[tuple[str, bytes]] = field(default_factory=list)

    def add(self, data: bytes, *, compare: bool = False, reconstruct: bool = False) -> None:
        """Read a file and note the outcome.

        Args:
            compare: also hold the reference decoder against it.
            reconstruct: also evaluate a network, if the file is accepted.
        """
        self.num_inputs += 1
        start = time.perf_counter()
        windows: Windows | None = None
        is_over_limit = False
        try:
            windows = read_all(data)
            self.num_decoded += 1
        except BitstreamError as refused:
            is_over_limit = isinstance(refused, LimitError)
            self.slowest_refusal_s = max(self.slowest_refusal_s, time.perf_counter() - start)
            self.reasons[f"{type(refused).__name__}: {re.sub('[0-9]+', 'N', refused.reason)}"] += 1
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a panic of a library is no Exception
            self.findings.append((f"{type(error).__name__} escaped: {error}", data))
        self.slowest_s = max(self.slowest_s, time.perf_counter() - start)
        if reconstruct and windows:
            self.num_reconstructed += 1
            reconstruct_first_frame(data, windows)
        # The reference has limits of its own.
        if compare and not is_over_limit:
            self.num_compared += 1
            found = disagreement(data, windows)
            if found is not None:
                self.findings.append((found, data))

    @property
    def memory_growth(self) -> int:
        """Bytes of memory taken at the most above what was taken before the first input."""
        return peak_memory() - self.memory_before

    def lines(self) -> list[str]:
        """A report."""
        return [
            f"inputs: {self.num_inputs}, of which decoded: {self.num_decoded}, refused: {self.reasons.total()}",
            f"different reasons given: {len(self.reasons)}",
            f"compared with the reference decoder: {self.num_compared}, networks evaluated: {self.num_reconstructed}",
            f"slowest refusal: {1000 * self.slowest_refusal_s:.1f} ms, slowest input: {1000 * self.slowest_s:.1f} ms",
            f"memory above that after imports: {self.memory_growth / MEBIBYTE:.1f} MiB"
            f" (declared limit {LIMITS.max_memory / MEBIBYTE:.0f} MiB)",
            f"findings: {len(self.findings)}",
        ]


def peak_memory() -> int:
    """Bytes that this process has had resident at the most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
