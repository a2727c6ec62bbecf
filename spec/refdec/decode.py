"""From a file to integers and planes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .boxes import BOX_HEADER_BYTES
from .chunk import Chunk, parameters_of, read_chunk, read_shared, sizes_by_tensor, step
from .color import samples, values_of
from .container import File, read_file
from .index import WindowBoxes
from .layout import ENERV
from .limits import Evaluation, Integers
from .mask import read_mask
from .networks import frame_at, frame_of, grid_encodings, texture_of
from .stream import Stream
from .window import Window


@dataclass(frozen=True)
class DecodedChunk:
    """A chunk's integers and its planes, each (frame, row, column)."""

    chunk: Chunk
    planes: list[np.ndarray]


@dataclass(frozen=True)
class DecodedWindow:
    """A window's integers and its chunks."""

    window: Window
    mask: np.ndarray
    shared: np.ndarray
    chunks: list[DecodedChunk]


def time_of(window: Window, chunk_idx: int, frame: int) -> tuple[int, int]:
    """i and N of a frame of a chunk: 'The time of a frame is i / N.' (clause 14)"""
    if window.time_length == 0:
        # "If time_length is 0, i counts from 0 for the first frame of its chunk and N is the chunk's number of frames."
        return frame, window.chunk_lengths[chunk_idx]
    # "Otherwise i counts from time_offset for the first frame of the window and N is time_length."
    return window.time_offset + sum(window.chunk_lengths[:chunk_idx]) + frame, window.time_length


def outputs_of(window: Window, chunk_idx: int, parameters: dict[str, np.ndarray], chunk: Chunk) -> Iterator[np.ndarray]:
    """The output of the network for each frame of a chunk."""
    spec = window.spec
    grid = grid_encodings(spec) if spec.backbone == ENERV else None
    with np.errstate(all="ignore"):
        texture = texture_of(spec, parameters) if spec.texture_channels > 0 else None
    for frame in range(chunk.header.num_frames):
        if spec.has_embeddings:
            # "An embedding value is its integer times the step of embedding_step_idx." (clause 11)
            embedding = chunk.embeddings[frame] * step(chunk.header.embedding_step_idx)
            yield frame_of(spec, parameters, embedding, texture)
        else:
            yield frame_at(spec, parameters, *time_of(window, chunk_idx, frame), grid)


def decode_values(
    stream: Stream, window: Window, chunk_idx: int, mask: np.ndarray, shared: np.ndarray, chunk: Chunk
) -> Iterator[list[np.ndarray]]:
    """For each frame of a chunk the numbers v of its planes (clause 15)."""
    # Real numbers do not overflow; where binary64 does, in the squares of a variance, numpy is not to complain.
    with np.errstate(all="ignore"):
        parameters = parameters_of(window, mask, shared, chunk)
    outputs = outputs_of(window, chunk_idx, parameters, chunk)
    for _ in range(chunk.header.num_frames):
        with np.errstate(all="ignore"):
            values = values_of(stream, window.spec, next(outputs))
        yield values


def decode_planes(stream: Stream, values: Iterator[list[np.ndarray]], num_frames: int) -> list[np.ndarray]:
    """The samples of all frames of a chunk, plane by plane."""
    dtype = np.uint8 if stream.bit_depth == 8 else np.uint16
    planes = [np.zeros((num_frames, *size), dtype) for size in stream.plane_sizes]
    for frame, frame_values in enumerate(values):
        for plane, v in zip(planes, frame_values, strict=True):
            plane[frame] = samples(v, stream.bit_depth)
    return planes


def decode_window(
    data: bytes, stream: Stream, boxes: WindowBoxes, with_planes: bool, integers: Integers
) -> DecodedWindow:
    """Everything that is coded in a window."""
    window = boxes.window
    mask = read_mask(data, boxes.boxes[1], window, integers)
    shared = read_shared(data, boxes.boxes[2], window, sizes_by_tensor(window, mask), integers)
    own_sizes = sizes_by_tensor(window, ~mask)
    chunks = []
    for chunk_idx, box in enumerate(boxes.chunk_boxes):
        chunk = read_chunk(data, box, window, chunk_idx, own_sizes, integers)
        planes: list[np.ndarray] = []
        if with_planes:
            values = decode_values(stream, window, chunk_idx, mask, shared, chunk)
            planes = decode_planes(stream, values, chunk.header.num_frames)
        chunks.append(DecodedChunk(chunk, planes))
    return DecodedWindow(window, mask, shared, chunks)


def check_evaluation(file: File) -> None:
    """Whether this reader takes the work of making all frames."""
    evaluation = Evaluation()
    for boxes in file.windows:
        window, offset = boxes.window, boxes.boxes[0].offset + BOX_HEADER_BYTES
        lengths = window.chunk_lengths
        evaluation.take(file.stream, window.spec, window.macs, window.num_parameters, lengths, offset)


def decode(data: bytes, with_planes: bool = True) -> tuple[File, list[DecodedWindow]]:
    """A whole file; raises RefusedError."""
    file = read_file(data)
    if with_planes:
        check_evaluation(file)
    integers = Integers()
    return file, [decode_window(data, file.stream, boxes, with_planes, integers) for boxes in file.windows]
