"""From a file to integers and planes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .chunk import Chunk, parameters_of, read_chunk, read_shared, step
from .color import planes_of
from .container import File, WindowBoxes, read_file
from .layout import HNERV
from .mask import read_mask
from .networks import frame_at, frame_of
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


def decode_frames(
    stream: Stream, window: Window, chunk_idx: int, parameters: dict[str, np.ndarray], chunk: Chunk
) -> Iterator[list[np.ndarray]]:
    """The planes of each frame of a chunk."""
    num_frames = window.chunk_lengths[chunk_idx]
    for frame in range(num_frames):
        if window.spec.backbone == HNERV:
            # "An embedding value is its integer times the step of embedding_step_idx." (clause 11)
            embedding = chunk.embeddings[frame] * step(chunk.header.embedding_step_idx)
            output = frame_of(window.spec, parameters, embedding)
        elif window.time_over_window:
            # "with time_over_window, i counts from 0 for the first frame of the window and N is the window's number of
            # frames" (clause 14)
            before = sum(window.chunk_lengths[:chunk_idx])
            output = frame_at(window.spec, parameters, before + frame, sum(window.chunk_lengths))
        else:
            # "The time of a frame is i / N: i counts from 0 for the first frame of its chunk and N is the chunk's
            # number of frames"
            output = frame_at(window.spec, parameters, frame, num_frames)
        yield planes_of(stream, output)


def decode_window(data: bytes, stream: Stream, boxes: WindowBoxes, with_planes: bool) -> DecodedWindow:
    """Everything that is coded in a window."""
    window = boxes.window
    mask = read_mask(data, boxes.boxes[1], window)
    shared = read_shared(data, boxes.boxes[2], window, mask)
    chunks = []
    for chunk_idx, box in enumerate(boxes.chunk_boxes):
        chunk = read_chunk(data, box, window, chunk_idx, mask)
        parameters = parameters_of(window, mask, shared, chunk)
        frames = list(decode_frames(stream, window, chunk_idx, parameters, chunk)) if with_planes else []
        chunks.append(DecodedChunk(chunk, [np.stack(planes) for planes in zip(*frames, strict=True)]))
    return DecodedWindow(window, mask, shared, chunks)


def decode(data: bytes, with_planes: bool = True) -> tuple[File, list[DecodedWindow]]:
    """A whole file; raises RefusedError."""
    file = read_file(data)
    return file, [decode_window(data, file.stream, boxes, with_planes) for boxes in file.windows]
