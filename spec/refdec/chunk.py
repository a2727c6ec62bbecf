"""Clause 11: shared and own parameters (SHRD, CHNK)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .boxes import Box
from .fields import Cursor, require
from .limits import Integers
from .mask import read_window_part
from .section import read_section
from .window import Window

MAX_TIME = 2**62
MAX_EMBEDDING = 16383
MAX_DIFFERENCE = 32766


@dataclass(frozen=True)
class ChunkHeader:
    """What a CHNK payload says of its frames."""

    num_frames: int
    own_bytes: int
    embedding_step_idx: int
    durations: list[int]
    pts: list[int]
    end_pts: int


@dataclass(frozen=True)
class Chunk:
    """The integers of a chunk; embeddings is (frame, channel, row, column) or None."""

    header: ChunkHeader
    own_step_shift: list[int]
    own: np.ndarray
    embeddings: np.ndarray | None


def sizes_by_tensor(window: Window, selected: np.ndarray) -> list[int]:
    """How many selected parameters each tensor has."""
    return [int(selected[tensor.offset : tensor.end].sum()) for tensor in window.tensors]


def read_shared(data: bytes, box: Box, window: Window, sizes: list[int], integers: Integers) -> np.ndarray:
    """'A SHRD payload is a window part (clause 10) and one coded section: the symbols of the K shared parameters in the
    order of the flat vector, one group per tensor.' sizes: how many shared parameters each tensor has."""
    cursor = box.payload(data)
    read_window_part(cursor, window)
    groups = read_section(cursor, sizes, -window.max_symbol, window.max_symbol, integers)
    cursor.finish("the shared parameters' coded section")
    return np.concatenate(groups)


def read_chunk_header(cursor: Cursor, window: Window, chunk_idx: int) -> ChunkHeader:
    """The chunk header; the cursor is left behind it."""
    offset = cursor.offset
    read_window_part(cursor, window)
    # "num_frames: as in the window header"
    num_frames = window.chunk_lengths[chunk_idx]
    cursor.number("num_frames", "u32", num_frames, num_frames)
    first_pts = cursor.number("first_pts", "i64", -MAX_TIME, MAX_TIME)
    own_bytes = cursor.number("own_bytes", "u32")
    num_durations = cursor.number("num_durations", "u32", 1)
    # "num_durations is 1 if all durations are equal, otherwise num_frames."
    require(num_durations in (1, num_frames), "num_durations is neither 1 nor num_frames", offset + 20)
    # "chunk_idx: 0 for the window's first chunk", allowed 0..4095
    cursor.number("chunk_idx", "u16", chunk_idx, chunk_idx)
    # "Without embeddings embedding_step_idx is 0."
    embedding_step_idx = cursor.number("embedding_step_idx", "u8", 0, 255 if window.spec.has_embeddings else 0)
    cursor.reserved("u8")
    durations = cursor.numbers("durations", "u32", num_durations, 1)
    require(num_durations == 1 or len(set(durations)) > 1, "equal durations are stored one by one", offset + 28)
    if num_durations == 1:
        durations = durations * num_frames
    # "pts[0] = first_pts, pts[j + 1] = pts[j] + durations[j], and the chunk ends at the last pts plus the last
    # duration."
    pts = [first_pts]
    for duration in durations:
        pts.append(pts[-1] + duration)
    # "Timestamps and ends lie within ±2^62."
    require(pts[-1] <= MAX_TIME, "the chunk's end is beyond 2^62", offset + 8)
    return ChunkHeader(num_frames, own_bytes, embedding_step_idx, durations, pts[:-1], pts[-1])


def read_embeddings(cursor: Cursor, window: Window, num_frames: int, integers: Integers) -> np.ndarray:
    """'Each frame has an embedding of embedding_channels x base_height x base_width integers, within ±16383.'"""
    shape = (window.spec.embedding_channels, window.spec.base_height, window.spec.base_width)
    # "With N frames there are 1 + embedding_channels groups, also if N is 1: first all integers of the first frame
    # (channel, row, column); then for each channel the differences of every later frame to the frame before it (frame,
    # row, column), which lie within ±32766."
    per_channel = shape[1] * shape[2]
    sizes = [shape[0] * per_channel] + [(num_frames - 1) * per_channel] * shape[0]
    offset = cursor.offset
    groups = read_section(cursor, sizes, -MAX_DIFFERENCE, MAX_DIFFERENCE, integers)
    embeddings = np.zeros((num_frames, *shape), np.int32)
    embeddings[0] = groups[0].reshape(shape)
    for channel in range(shape[0]):
        differences = groups[1 + channel].reshape(num_frames - 1, shape[1], shape[2])
        # The sum stays below 2^31, for there are at most 2^16 frames of a chunk (clause 1).
        np.cumsum(differences, axis=0, dtype=np.int32, out=embeddings[1:, channel])
        embeddings[1:, channel] += embeddings[0, channel]
    # "All embeddings, with the differences added up, lie within ±16383."
    within = embeddings.min() >= -MAX_EMBEDDING and embeddings.max() <= MAX_EMBEDDING
    require(bool(within), "an embedding is beyond ±16383", offset)
    return embeddings


def read_chunk(data: bytes, box: Box, window: Window, chunk_idx: int, sizes: list[int], integers: Integers) -> Chunk:
    """A CHNK payload. sizes: how many own parameters each tensor has."""
    cursor = box.payload(data)
    header = read_chunk_header(cursor, window, chunk_idx)
    # "own step = shared step * 2**shift, for each tensor", allowed -16..16, also where it "is free"
    own_step_shift = cursor.numbers("own_step_shift", "i8", len(window.tensors), -16, 16)
    # "then the coded section of the S − K own parameters, own_bytes long, in the order of the flat vector, one group
    # per tensor"
    own_cursor = cursor.part("the own parameters' coded section", header.own_bytes)
    groups = read_section(own_cursor, sizes, -window.max_symbol, window.max_symbol, integers)
    own_cursor.finish("the own parameters' coded section")
    # "then, only if the network has embeddings, the coded section of the embeddings, which ends the payload"
    embeddings = None
    if window.spec.has_embeddings:
        embeddings = read_embeddings(cursor, window, header.num_frames, integers)
    cursor.finish("the chunk")
    return Chunk(header, own_step_shift, np.concatenate(groups), embeddings)


def step(step_idx: int) -> float:
    """'step_idx i stands for the step (8 + i mod 8) * 2^(i div 8 − 32).'"""
    return (8 + step_idx % 8) * 2.0 ** (step_idx // 8 - 32)


def parameters_of(window: Window, mask: np.ndarray, shared: np.ndarray, chunk: Chunk) -> dict[str, np.ndarray]:
    """The tensors of a chunk's network by name."""
    symbols = np.zeros(window.num_parameters, np.int32)
    symbols[mask] = shared
    symbols[~mask] = chunk.own
    parameters = {}
    for i, tensor in enumerate(window.tensors):
        # "A shared parameter is its symbol times the step of its tensor. An own parameter is its symbol times that step
        # times 2^own_step_shift of its tensor."
        is_shared = mask[tensor.offset : tensor.end]
        shared_step = step(window.step_idx[i])
        steps = np.where(is_shared, shared_step, shared_step * 2.0 ** chunk.own_step_shift[i])
        parameters[tensor.name] = (symbols[tensor.offset : tensor.end] * steps).reshape(tensor.shape)
    return parameters
