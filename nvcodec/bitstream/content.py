"""What a file contains, as integers: records between the byte level and everything above it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from nvcodec.bitstream.headers import (
    MAX_EMBEDDING_SYMBOL,
    MAX_EMBEDDING_VALUES,
    MAX_PTS,
    MAX_SYMBOL,
    MAX_WIDE_SYMBOL,
    MAX_WINDOW_CHUNKS,
    NUM_LEVELS,
    MaskGranularity,
)
from nvcodec.bitstream.levels import check_level, check_rate
from nvcodec.bitstream.network_spec import NetworkSpec
from nvcodec.bitstream.steps import MAX_STEP_SHIFT, MIN_STEP_SHIFT, NUM_STEPS
from nvcodec.errors import MalformedError
from nvcodec.video.format import VideoFormat

_MAX_U32 = 2**32 - 1
_MAX_TIME_BASE = 2**31 - 1


@dataclass(frozen=True)
class StreamHeader:
    """What all windows have in common.

    Attributes:
        format: of the source's and the decoded frames.
        time_base: seconds per unit of pts and durations.
        num_source_frames: frames the source was expected to have, 0 if unknown.
    """

    format: VideoFormat
    time_base: Fraction
    num_source_frames: int = 0

    def validate(self) -> None:
        """Raise MalformedError if a field is out of range."""
        self.format.validate()
        num, den = self.time_base.numerator, self.time_base.denominator
        _require(0 < num <= _MAX_TIME_BASE and den <= _MAX_TIME_BASE, f"time_base is {self.time_base}", "stream")
        _require(0 <= self.num_source_frames < 2**63, f"num_source_frames is {self.num_source_frames}", "stream")

    def check_network(self, network: NetworkSpec, place: str) -> None:
        """Raise MalformedError if a network does not cover the frames or is made for other planes."""
        size, coded = (self.format.width, self.format.height), (network.coded_width, network.coded_height)
        _require(size[0] <= coded[0] and size[1] <= coded[1], f"coded size {coded} does not cover {size}", place)
        num_outputs = network.backbone.num_outputs(self.format)
        _require(network.num_outputs == num_outputs, f"num_outputs is {network.num_outputs}, not {num_outputs}", place)

    def check_rate(self, window: WindowHeader, num_frames: int, duration: int, place: str) -> None:
        """Raise MalformedError if a chunk of ``num_frames`` in ``duration`` units is faster than its level allows."""
        check_rate(window.level_idx, window.network, num_frames, duration * self.time_base, place)


@dataclass(frozen=True)
class WindowHeader:
    """What a window is made of.

    Attributes:
        window_idx: 0 for the first.
        first_frame: frames of all earlier windows.
        chunk_lengths: frames of each chunk.
        network: of every chunk of the window.
        granularity: of the mask.
        step_idx: of each tensor of ``network.layout``, for its shared symbols.
        wide_symbols: weight symbols may exceed ±127, up to ±32767.
        time_offset, time_length: frame j of the window has the time (time_offset + j) / time_length; where time_length
            is 0, time runs over each chunk. Both 0 for networks with embeddings.
        level_idx: the level whose bounds the window keeps, 0 for none.
    """

    window_idx: int
    first_frame: int
    chunk_lengths: tuple[int, ...]
    network: NetworkSpec
    granularity: MaskGranularity
    step_idx: tuple[int, ...]
    wide_symbols: bool = False
    time_offset: int = 0
    time_length: int = 0
    level_idx: int = 0

    @property
    def num_frames(self) -> int:
        """Frames of the window."""
        return sum(self.chunk_lengths)

    @property
    def max_symbol(self) -> int:
        """Largest magnitude of a weight symbol."""
        return MAX_WIDE_SYMBOL if self.wide_symbols else MAX_SYMBOL

    def validate(self) -> None:
        """Raise MalformedError if a field is out of range."""
        place = f"window {self.window_idx}"
        self.network.validate()
        _require(0 <= self.window_idx <= _MAX_U32, f"window_idx is {self.window_idx}", place)
        _require(1 <= len(self.chunk_lengths) <= MAX_WINDOW_CHUNKS, f"{len(self.chunk_lengths)} chunks", place)
        _require(all(1 <= length <= _MAX_U32 for length in self.chunk_lengths), "a chunk without frames", place)
        within = 0 <= self.first_frame < 2**63 - self.num_frames
        _require(within, f"first_frame is {self.first_frame}", place)
        values = max(self.chunk_lengths) * math.prod(self.network.embedding_shape)
        _require(values <= MAX_EMBEDDING_VALUES, f"{values} embedding values in a chunk", place)
        _check_per_tensor("step_idx", self.step_idx, self.network, 0, NUM_STEPS - 1, place)
        self._validate_time(place)
        _require(0 <= self.level_idx <= NUM_LEVELS, f"level_idx is {self.level_idx}", place)
        check_level(self.level_idx, self.network, max(self.chunk_lengths), place)

    def _validate_time(self, place: str) -> None:
        offset, length = self.time_offset, self.time_length
        if length:
            _require(not self.network.has_embedding, "time_length with embeddings", place)
            _require(0 < length <= _MAX_U32, f"time_length is {length}", place)
            within = 0 <= offset <= length - self.num_frames
            _require(within, f"{self.num_frames} frames from time_offset {offset} exceed time_length {length}", place)
        else:
            _require(offset == 0, f"time_offset is {offset} without time_length", place)


@dataclass(frozen=True, eq=False)
class WindowContent:
    """A window without its chunks.

    Attributes:
        header: what it is made of.
        mask: bool (S,), True = shared.
        shared: int32 (K,), symbols of the shared parameters in flat order.
    """

    header: WindowHeader
    mask: npt.NDArray[np.bool_]
    shared: npt.NDArray[np.int32]

    @property
    def num_shared(self) -> int:
        """K, the number of shared parameters."""
        return int(np.count_nonzero(self.mask))

    @property
    def num_own(self) -> int:
        """S - K, the number of own parameters of each chunk."""
        return self.mask.size - self.num_shared

    def validate(self) -> None:
        """Raise MalformedError if a field is out of range or contradicts another."""
        self.header.validate()
        place = f"window {self.header.window_idx}"
        num_parameters = self.header.network.num_parameters
        _require(self.mask.dtype == np.bool_, f"mask is {self.mask.dtype}, not bool", place)
        _require(self.mask.shape == (num_parameters,), f"mask has shape {self.mask.shape}", place)
        _check_symbols("shared", self.shared, (self.num_shared,), self.header.max_symbol, place)


@dataclass(frozen=True, eq=False)
class ChunkContent:
    """One chunk.

    Attributes:
        chunk_idx: 0 for the window's first.
        pts: int64 (n,), timestamps; each the one before plus its duration.
        durations: int64 (n,), at least 1.
        own_step_shift: for each tensor, own step = shared step * 2**shift, -16..16.
        own: int32 (S - K,), symbols of the own parameters in flat order.
        embedding_step_idx: step of the embeddings; 0 without.
        embeddings: int32 (n, C, h, w), symbols within ±16383; None for networks that are functions of time.
    """

    chunk_idx: int
    pts: npt.NDArray[np.int64]
    durations: npt.NDArray[np.int64]
    own_step_shift: tuple[int, ...]
    own: npt.NDArray[np.int32]
    embedding_step_idx: int = 0
    embeddings: npt.NDArray[np.int32] | None = None

    @property
    def num_frames(self) -> int:
        """Frames of the chunk."""
        return int(self.pts.size)

    @property
    def end_pts(self) -> int:
        """When the last frame ends."""
        return int(self.pts[-1]) + int(self.durations[-1])

    def validate(self, window: WindowContent) -> None:
        """Raise MalformedError if a field is out of range or contradicts another or the window."""
        header = window.header
        place = f"window {header.window_idx} chunk {self.chunk_idx}"
        _require(0 <= self.chunk_idx < len(header.chunk_lengths), "no such chunk in the window header", place)
        num_frames = header.chunk_lengths[self.chunk_idx]
        _require(self.pts.shape == (num_frames,), f"pts have shape {self.pts.shape}, not ({num_frames},)", place)
        _require(self.durations.shape == (num_frames,), f"durations have shape {self.durations.shape}", place)
        in_range = bool(((self.durations >= 1) & (self.durations <= _MAX_U32)).all())
        _require(in_range, "a duration is outside 1..2**32-1", place)
        follows = np.array_equal(self.pts[:-1] + self.durations[:-1], self.pts[1:])
        _require(follows, "a frame does not begin where the one before it ends", place)
        _require(self.pts[0] >= -MAX_PTS and self.end_pts <= MAX_PTS, "a timestamp exceeds 2**62", place)
        _check_per_tensor("own_step_shift", self.own_step_shift, header.network, MIN_STEP_SHIFT, MAX_STEP_SHIFT, place)
        _check_symbols("own", self.own, (window.num_own,), header.max_symbol, place)
        self._validate_embeddings(header.network, place)

    def _validate_embeddings(self, network: NetworkSpec, place: str) -> None:
        has_embeddings = self.embeddings is not None
        _require(has_embeddings == network.has_embedding, f"embeddings given: {has_embeddings}", place)
        _require(0 <= self.embedding_step_idx < NUM_STEPS, f"embedding_step_idx is {self.embedding_step_idx}", place)
        if self.embeddings is None:
            _require(self.embedding_step_idx == 0, "embedding_step_idx without embeddings", place)
        else:
            shape = (self.num_frames, *network.embedding_shape)
            _check_symbols("embeddings", self.embeddings, shape, MAX_EMBEDDING_SYMBOL, place)


def _check_per_tensor(
    name: str, values: tuple[int, ...], network: NetworkSpec, low: int, high: int, place: str
) -> None:
    num_tensors = len(network.layout)
    _require(len(values) == num_tensors, f"{name} has {len(values)} elements for {num_tensors} tensors", place)
    _require(all(low <= value <= high for value in values), f"{name} outside {low}..{high}", place)


def _check_symbols(name: str, symbols: npt.NDArray[np.int32], shape: tuple[int, ...], bound: int, place: str) -> None:
    _require(symbols.dtype == np.int32, f"{name} is {symbols.dtype}, not int32", place)
    _require(symbols.shape == shape, f"{name} has shape {symbols.shape}, not {shape}", place)
    within = symbols.size == 0 or (-bound <= int(symbols.min()) and int(symbols.max()) <= bound)
    _require(within, f"{name} has a symbol outside ±{bound}", place)


def _require(condition: bool, reason: str, place: str) -> None:
    if not condition:
        raise MalformedError(reason, place)
