"""From a recipe to the bytes of a file, with the packers of the codec wherever they are free of real numbers."""

from __future__ import annotations

import math

import numpy as np

from nvcodec.bitstream import (
    ChunkContent,
    StreamHeader,
    WindowContent,
    WindowEntry,
    WindowHeader,
    step_idx_for,
    unit_indices,
)
from nvcodec.bitstream import headers as h
from nvcodec.bitstream.boxes import pack_file_header
from nvcodec.bitstream.headers import BOX_HEADER, FILE_HEADER, TRAILER, BoxType
from nvcodec.bitstream.index import Index, gather_window, pack_front_index, pack_index, pack_trailer
from nvcodec.bitstream.levels import file_level
from nvcodec.bitstream.network_spec import NetworkSpec
from nvcodec.bitstream.payloads import pack_stream, pack_window, tensor_counts
from tools.vectors.recipes import StreamRecipe, WindowRecipe
from tools.vectors.sections import Int32Array, explicit_table, pack_section
from tools.vectors.surgery import Box, join, mend_file_header


def build(recipe: StreamRecipe) -> bytes:
    """The finished file of a recipe; cut it for an unfinished one."""
    rng = np.random.default_rng(recipe.seed)
    header = StreamHeader(recipe.format, recipe.time_base, recipe.num_source_frames)
    header.validate()
    runs: list[list[Box]] = []
    windows: list[tuple[WindowContent, list[ChunkContent]]] = []
    end_pts = 0
    for window_idx, window_recipe in enumerate(recipe.windows):
        first_frame = sum(window.header.num_frames for window, _ in windows)
        window, chunks = make_window(rng, window_recipe, window_idx, first_frame, end_pts)
        header.check_network(window.header.network, "recipe")
        end_pts = chunks[-1].end_pts
        windows.append((window, chunks))
        runs.append(window_boxes(window, chunks, window_recipe))
    return _assemble(recipe, header, windows, runs)


def make_window(
    rng: np.random.Generator, recipe: WindowRecipe, window_idx: int, first_frame: int, end_pts: int
) -> tuple[WindowContent, list[ChunkContent]]:
    """A window of random symbols and its chunks, valid by construction."""
    network = recipe.network
    units = unit_indices(network, recipe.granularity)
    mask = (rng.integers(0, 100, units.max() + 1) < recipe.shared_pct)[units]
    header = WindowHeader(
        window_idx,
        first_frame,
        recipe.lengths,
        network,
        recipe.granularity,
        _steps(network, recipe.spread, recipe.gain),
        recipe.spread > 127,
        *recipe.time,
        recipe.level_idx,
    )
    num_shared = int(np.count_nonzero(mask))
    window = WindowContent(header, mask, _symbols(rng, num_shared, recipe, header.max_symbol))
    window.validate()
    chunks = []
    pts = end_pts + recipe.gap if recipe.first_pts is None else recipe.first_pts
    for chunk_idx in range(len(recipe.lengths)):
        chunks.append(_make_chunk(rng, recipe, window, chunk_idx, pts))
        chunks[-1].validate(window)
        pts = chunks[-1].end_pts + recipe.gap
    return window, chunks


def window_boxes(window: WindowContent, chunks: list[ChunkContent], recipe: WindowRecipe) -> list[Box]:
    """The boxes of a window, coded with the recipe's tables."""
    network, window_idx = window.header.network, window.header.window_idx
    part = h.WINDOW_PART.pack({"window_idx": window_idx})
    flags = pack_section(_flags_by_tensor(window), explicit_table)
    shared = _split(window.shared, tensor_counts(network, window.mask))
    boxes = [
        Box(BoxType.WINDOW, pack_window(window.header, window.num_shared)),
        Box(BoxType.MASK, part + flags),
        Box(BoxType.SHARED, part + pack_section(shared, recipe.make_table, recipe.is_table_shared)),
    ]
    return boxes + [Box(BoxType.CHUNK, _pack_chunk(window, chunk, recipe)) for chunk in chunks]


def _pack_chunk(window: WindowContent, chunk: ChunkContent, recipe: WindowRecipe) -> bytes:
    network = window.header.network
    own = pack_section(
        _split(chunk.own, tensor_counts(network, ~window.mask)), recipe.make_table, recipe.is_table_shared
    )
    is_constant = bool((chunk.durations == chunk.durations[0]).all())
    durations = chunk.durations[:1] if is_constant else chunk.durations
    values = {
        "window_idx": window.header.window_idx,
        "num_frames": chunk.num_frames,
        "first_pts": int(chunk.pts[0]),
        "own_bytes": len(own),
        "num_durations": durations.size,
        "chunk_idx": chunk.chunk_idx,
        "embedding_step_idx": chunk.embedding_step_idx,
        "reserved": 0,
        "durations": durations,
    }
    payload = h.CHUNK.pack(values) + h.OWN_STEPS.pack({"own_step_shift": chunk.own_step_shift}) + own
    if chunk.embeddings is None:
        return payload
    differences = np.diff(chunk.embeddings, axis=0)
    channels = [differences[:, channel].ravel() for channel in range(chunk.embeddings.shape[1])]
    return payload + pack_section([chunk.embeddings[0].ravel(), *channels], recipe.make_table, recipe.is_table_shared)


def _assemble(
    recipe: StreamRecipe,
    header: StreamHeader,
    windows: list[tuple[WindowContent, list[ChunkContent]]],
    runs: list[list[Box]],
) -> bytes:
    front = [Box(BoxType.STREAM, pack_stream(header))]
    texts = [
        Box(box_type, payload)
        for box_type, payload in (
            (BoxType.METADATA, recipe.metadata),
            (BoxType.TRACKS, recipe.tracks),
            (BoxType.CHAPTERS, recipe.chapters),
        )
        if payload is not None
    ]
    levels = [window.header.level_idx for window, _ in windows]
    if recipe.has_front_index:
        size = len(pack_index(_index(recipe, windows, runs, 0)))
        start = _end_of([*front, *texts]) + BOX_HEADER.size + h.FRONT_INDEX.size + size
    else:
        size, start = 0, _end_of([*front, *texts])
    index = Index(_index(recipe, windows, runs, start).windows, file_level(levels), recipe.is_complete)
    body = [box for part, run in enumerate([*runs, []]) for box in [*_extra(recipe, part), *run]]
    index_payload = pack_index(index)
    front_bytes = start - _end_of([])
    index_offset = _end_of(body) + front_bytes
    index_bytes = BOX_HEADER.size + len(index_payload)
    file_bytes = index_offset + index_bytes + BOX_HEADER.size + TRAILER.size
    front_index = [Box(BoxType.FRONT_INDEX, pack_front_index(index, file_bytes))] if recipe.has_front_index else []
    trailer = Box(BoxType.TRAILER, pack_trailer(index_offset, index_bytes, file_bytes))
    file_header = h.FILE_HEADER.pack(
        {**_file_header_values(), "compatible_flags": recipe.compatible_flags, "header_crc": 0}
    )
    boxes = [*front, *front_index, *texts, *body, Box(BoxType.INDEX, index_payload), trailer]
    return join(mend_file_header(file_header), boxes)


def _file_header_values() -> dict[str, int]:
    data, values, start = pack_file_header(), {}, 0
    for part in FILE_HEADER.parts:
        end = start + part.dtype.itemsize  # type: ignore[union-attr]
        values[part.name] = int.from_bytes(data[start:end], "little")
        start = end
    return values


def _index(
    recipe: StreamRecipe,
    windows: list[tuple[WindowContent, list[ChunkContent]]],
    runs: list[list[Box]],
    offset: int,
) -> Index:
    """The index if the box behind the front begins at ``offset``."""
    entries: list[WindowEntry] = []
    for part, ((window, chunks), run) in enumerate(zip(windows, runs, strict=True)):
        offset += sum(box.size for box in _extra(recipe, part))
        run_bytes = sum(box.size for box in run[:3])
        place, columns = offset + run_bytes, []
        for chunk, box in zip(chunks, run[3:], strict=True):
            columns.append((chunk.num_frames, int(chunk.pts[0]), chunk.end_pts, place, box.size))
            place += box.size
        entries.append(gather_window(window.header.first_frame, offset, run_bytes, columns))
        offset = place
    return Index(tuple(entries), 0, True)


def _extra(recipe: StreamRecipe, part: int) -> list[Box]:
    extra = [Box(BoxType.PACKETS, payload) for payload in recipe.packets.get(part, ())]
    if part in recipe.extra:
        extra.append(Box(int.from_bytes(recipe.extra_types.get(part, b"note"), "little"), recipe.extra[part]))
    return extra


def _end_of(boxes: list[Box]) -> int:
    return FILE_HEADER.size + sum(box.size for box in boxes)


def _make_chunk(
    rng: np.random.Generator, recipe: WindowRecipe, window: WindowContent, chunk_idx: int, first_pts: int
) -> ChunkContent:
    network, length = recipe.network, recipe.lengths[chunk_idx]
    durations = np.full(length, recipe.duration) if recipe.duration else rng.integers(1, 100, length)
    pts = first_pts + np.concatenate([np.zeros(1, np.int64), np.cumsum(durations[:-1])])
    low, high = recipe.shifts
    shifts = tuple(rng.integers(low, high + 1, len(network.layout)).tolist())
    # Where the shift makes a step larger, the symbols are as much smaller.
    own = _symbols(rng, window.num_own, recipe, window.header.max_symbol)
    own >>= _shift_of_each(window, shifts)
    if recipe.is_constant:
        own[:] = -recipe.spread
    if not network.has_embedding:
        return ChunkContent(chunk_idx, pts, durations, shifts, own)
    first, change = recipe.embedding_range
    shape = network.embedding_shape
    steps = rng.integers(-change, change + 1, (length, *shape))
    steps[0] = rng.integers(-first, first + 1, shape)
    embeddings = np.clip(np.cumsum(steps, axis=0), -first, first).astype(np.int32)
    embeddings[:, network.num_features :] *= recipe.motion
    return ChunkContent(chunk_idx, pts, durations, shifts, own, step_idx_for(1 / first), embeddings)


def _shift_of_each(window: WindowContent, shifts: tuple[int, ...]) -> Int32Array:
    counts = tensor_counts(window.header.network, ~window.mask)
    return np.repeat(np.maximum(shifts, 0), counts).astype(np.int32)


def _steps(network: NetworkSpec, spread: int, gain: int) -> tuple[int, ...]:
    """Symbols of this spread times these steps have the size of weights that neither vanish nor explode."""
    steps = []
    for tensor in network.layout:
        fan_in = tensor.size // tensor.shape[0] if tensor.kind.is_weight else 8
        step_idx = step_idx_for(1.5 / (max(spread, 1) * math.sqrt(fan_in)))
        steps.append(step_idx + gain if tensor.name.startswith("head") else step_idx)
    return tuple(steps)


def _symbols(rng: np.random.Generator, count: int, recipe: WindowRecipe, bound: int) -> Int32Array:
    """A bell of standard deviation ``spread``, made as the sum of twelve even distributions of integers."""
    spread = recipe.spread
    if recipe.is_constant:
        return np.full(count, spread, np.int32)
    total = rng.integers(-spread, spread + 1, (12, count)).sum(axis=0) // 2
    return np.clip(total, -bound, bound).astype(np.int32)


def _flags_by_tensor(window: WindowContent) -> list[Int32Array]:
    """Flags in the order of units, split by the tensor that holds a unit's first parameter."""
    network = window.header.network
    _, first = np.unique(unit_indices(network, window.header.granularity), return_index=True)
    flags = window.mask[first].astype(np.int32)
    counts = [int(np.count_nonzero((t.offset <= first) & (first < t.offset + t.size))) for t in network.layout]
    return _split(flags, counts)


def _split(symbols: Int32Array, counts: list[int]) -> list[Int32Array]:
    return np.split(symbols, np.cumsum(counts)[:-1])
