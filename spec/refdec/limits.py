"""Clause 1: the limits of this reader.

"This text bounds what a file may ask for (clauses 3, 4 and 6). A reader may state smaller limits, and then refuses what
exceeds them before it takes memory; that says nothing about the file's validity."

This is no general-purpose reader: it is made to be read, and to be run on small files. What exceeds a limit raises
LimitError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .fields import LimitError

if TYPE_CHECKING:
    from .stream import Stream
    from .window import Spec

# of a frame, and of a network's coded size
MAX_PIXELS = 2**24
# of a network
MAX_PARAMETERS = 2**24
# of a chunk: embedding_channels * P * frames
MAX_EMBEDDING_VALUES = 2**26
MAX_CHUNK_FRAMES = 2**16
# of a file
MAX_FRAMES = 2**18
MAX_CHUNKS = 2**16
MAX_WINDOWS = 2**16
# of a file: symbols of all coded sections, parameters of all masks and entries of all tables
MAX_INTEGERS = 2**27
# of a file, if frames are wanted: samples of all planes
MAX_SAMPLES = 2**28
# of one frame, if frames are wanted: values of the largest array that comes up, with its padding
MAX_ARRAY = 2**26
# of a file, if frames are wanted: multiply-accumulates; one value of an array and one parameter of a chunk count as
# much as VALUE_WORK of them
MAX_WORK = 2**41
VALUE_WORK = 256


def limit(condition: bool, reason: str, offset: int) -> None:
    """Refuses what exceeds a limit of this reader, not of the format."""
    if not condition:
        raise LimitError(f"limit of this reader: {reason}", offset)


class Integers:
    """Counts the integers of a file before memory is taken for them."""

    def __init__(self) -> None:
        self.count = 0

    def take(self, count: int, offset: int) -> None:
        """Counts more of them."""
        self.count += count
        limit(self.count <= MAX_INTEGERS, f"more than {MAX_INTEGERS} symbols and table entries in a file", offset)


def arrays_of(spec: Spec) -> list[int]:
    """The numbers of values of the arrays that `networks` has at one time or another while it makes a frame."""
    height, width, channels = spec.base_height, spec.base_width, spec.base_channels
    sizes = [(channels + spec.embedding_channels) * height * width]
    # positions of E-NeRV: queries, keys and values of 8 heads; tokens; hidden values; encodings
    widest = max(3 * 64 * 8, spec.token_width, spec.feedforward_width, 4 * spec.pe_levels) if spec.token_width else 0
    sizes.append(widest * height * width)
    stages = zip(spec.stage_strides, spec.stage_kernels, spec.stage_channels, spec.stage_grid_channels, strict=True)
    for stride, kernel, outputs, grid_channels in stages:
        channels += grid_channels
        sizes.append(channels * (height + kernel - 1) * (width + kernel - 1))
        height, width, channels = height * stride, width * stride, outputs
        sizes.append(channels * (height + kernel - 1) * (width + kernel - 1))
    # a texture, what of it is moved, and numbers of every pixel with which it is
    rows, columns = spec.texture_size
    sizes.append(spec.texture_channels * rows * columns)
    if spec.texture_channels > 0:
        sizes.append(max(spec.texture_channels, 8) * spec.coded_height * spec.coded_width)
    channels += 4 * spec.texture_channels
    sizes.append(channels * (height + spec.head_kernel - 1) * (width + spec.head_kernel - 1))
    sizes.append(spec.num_outputs * height * width)
    return sizes


class Evaluation:
    """Counts what the frames of a file ask for, before any of them is made."""

    def __init__(self) -> None:
        self.samples = 0
        self.work = 0

    def take(self, stream: Stream, spec: Spec, macs: int, num_parameters: int, lengths: list[int], offset: int) -> None:
        """Counts a window whose chunks have these lengths."""
        arrays = arrays_of(spec)
        limit(max(arrays) <= MAX_ARRAY, f"more than {MAX_ARRAY} values in an array of a network", offset)
        self.samples += sum(lengths) * sum(height * width for height, width in stream.plane_sizes)
        limit(self.samples <= MAX_SAMPLES, f"more than {MAX_SAMPLES} samples in a file", offset)
        self.work += sum(lengths) * (macs + VALUE_WORK * sum(arrays)) + len(lengths) * VALUE_WORK * num_parameters
        limit(self.work <= MAX_WORK, f"more than {MAX_WORK} operations to make all frames", offset)
