"""Bytes of a file by position, from a path or from any seekable binary file object."""

from __future__ import annotations

import io
import os
from typing import BinaryIO

from nvcodec.bitstream.boxes import Box, check_payload, parse_box_header
from nvcodec.bitstream.headers import BOX_HEADER
from nvcodec.bitstream.limits import Limits
from nvcodec.errors import InputError, TruncatedError


class ByteSource:
    """Random access to a file of known length; closes it only if it opened it.

    Args:
        source: path or seekable binary file object.

    Raises:
        InputError: the file cannot be opened or is not seekable.
    """

    def __init__(self, source: str | os.PathLike[str] | BinaryIO) -> None:
        self._is_own = isinstance(source, (str, os.PathLike))
        self.name = os.fspath(source) if isinstance(source, (str, os.PathLike)) else getattr(source, "name", "stream")
        try:
            self._file: BinaryIO = open(source, "rb") if isinstance(source, (str, os.PathLike)) else source  # noqa: SIM115
            self.size = self._file.seek(0, io.SEEK_END)
        except (OSError, ValueError) as error:
            raise InputError(_reason(error), str(self.name)) from error

    def read(self, offset: int, size: int, place: str) -> bytes:
        """Exactly ``size`` bytes from ``offset``.

        Raises:
            TruncatedError: the file ends before.
            InputError: the file cannot be read.
        """
        if offset + size > self.size:
            raise TruncatedError(f"the file ends at byte {self.size}, {size} bytes needed from {offset}", place)
        try:
            self._file.seek(offset)
            data = self._file.read(size)
        except (OSError, ValueError) as error:
            raise InputError(_reason(error), str(self.name)) from error
        if len(data) != size:
            raise TruncatedError(f"{len(data)} of {size} bytes could be read from {offset}", place)
        return data

    def read_box(self, offset: int, limits: Limits) -> Box:
        """The box at ``offset``, its checksums verified.

        Raises:
            BitstreamError: there is none, it is damaged, cut off or over a limit.
        """
        header = parse_box_header(self.read(offset, BOX_HEADER.size, f"box header at byte {offset}"), offset)
        limits.check_box(header.payload_bytes, header.place)
        return check_payload(header, self.read(offset + BOX_HEADER.size, header.payload_bytes, header.place))

    def close(self) -> None:
        """Close the file if this object opened it."""
        if self._is_own:
            self._file.close()


def split_boxes(data: bytes, offset: int) -> list[Box]:
    """Boxes that fill ``data`` exactly.

    Args:
        offset: where in the file ``data`` was read.

    Raises:
        BitstreamError: a box is damaged or reaches beyond the data.
    """
    boxes = []
    position = 0
    while position < len(data):
        start = position + BOX_HEADER.size
        if start > len(data):
            raise TruncatedError("a box header reaches beyond its run of boxes", f"byte {offset + position}")
        header = parse_box_header(data[position:start], offset + position)
        position = start + header.payload_bytes
        if position > len(data):
            raise TruncatedError("the box reaches beyond its run of boxes", header.place)
        boxes.append(check_payload(header, data[start:position]))
    return boxes


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
