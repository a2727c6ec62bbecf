"""The .nvst format: bytes to integer records and back. numpy only; nothing here knows what a network computes."""

from nvcodec.bitstream.content import ChunkContent, StreamHeader, WindowContent, WindowHeader
from nvcodec.bitstream.headers import MaskGranularity
from nvcodec.bitstream.index import ChunkEntry, WindowEntry
from nvcodec.bitstream.levels import smallest_level
from nvcodec.bitstream.limits import Limits
from nvcodec.bitstream.masks import num_units, unit_indices
from nvcodec.bitstream.reader import NvstReader
from nvcodec.bitstream.recovery import MissingFrames, RecoveryReader
from nvcodec.bitstream.sequential import SequentialReader
from nvcodec.bitstream.steps import NUM_STEPS, nearest_step_idx, step_idx_for, step_size
from nvcodec.bitstream.writer import NvstWriter, WrittenPart

__all__ = [
    "NUM_STEPS",
    "ChunkContent",
    "ChunkEntry",
    "Limits",
    "MaskGranularity",
    "MissingFrames",
    "NvstReader",
    "NvstWriter",
    "RecoveryReader",
    "SequentialReader",
    "StreamHeader",
    "WindowContent",
    "WindowEntry",
    "WindowHeader",
    "WrittenPart",
    "nearest_step_idx",
    "num_units",
    "smallest_level",
    "step_idx_for",
    "step_size",
    "unit_indices",
]
