"""Headerless video: nothing but samples (spec clause "Comparing decoders"; FFmpeg calls it rawvideo)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from nvcodec.video.frame import Frame


def sample_bytes(frame: Frame) -> Iterator[bytes]:
    """The samples of each plane, row by row; 16-bit samples little-endian."""
    for plane in frame.planes:
        yield np.asarray(plane, plane.dtype.newbyteorder("<")).tobytes()


class RawWriter:
    """Writes the planes of all frames one behind the other, be they YUV, RGB or gray.

    Args:
        path: file to write.
    """

    def __init__(self, path: Path) -> None:
        self.warnings = ["headerless video holds neither size, format nor times"]
        self._file = open(path, "wb")  # noqa: SIM115 (closed by close)

    def write(self, frame: Frame) -> None:
        """Append a frame."""
        for data in sample_bytes(frame):
            self._file.write(data)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
