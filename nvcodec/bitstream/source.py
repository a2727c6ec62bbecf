"""Bytes of a file by position: from a path, an address, bytes or any seekable binary file object."""

from __future__ import annotations

import io
import os
from abc import ABC, abstractmethod
from typing import BinaryIO, TypeAlias, TypeGuard

from nvcodec.addresses import is_address, is_http, open_address, without_secrets
from nvcodec.bitstream.boxes import Box, BoxHeader, check_payload, parse_box_header
from nvcodec.bitstream.headers import BOX_HEADER
from nvcodec.bitstream.limits import Limits
from nvcodec.errors import ConfigError, InputError, TruncatedError

Readable: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO
"""What a file is read from: a path, an address such as ``https://…``, its bytes, or a seekable binary file object."""


class ByteSource(ABC):
    """Random access to bytes of known number.

    Args:
        name: for errors, without secrets.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of bytes."""

    @abstractmethod
    def read_start(self, size: int) -> bytes:
        """The first ``size`` bytes, or all if there are fewer. As the first read it costs no request for the size.

        Raises:
            InputError: they cannot be read.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of what this object opened."""

    @abstractmethod
    def _read_range(self, offset: int, size: int) -> bytes:
        """``size`` bytes from ``offset``, which lie within the file."""

    def read(self, offset: int, size: int, place: str) -> bytes:
        """Exactly ``size`` bytes from ``offset``.

        Raises:
            TruncatedError: the file ends before.
            InputError: the file cannot be read.
        """
        if offset + size > self.size:
            raise TruncatedError(f"the file ends at byte {self.size}, {size} bytes needed from {offset}", place)
        data = self._read_range(offset, size) if size else b""
        if len(data) != size:
            raise TruncatedError(f"{len(data)} of {size} bytes could be read from {offset}", place)
        return data

    def read_payload(self, header: BoxHeader, limits: Limits) -> Box:
        """The box whose header is known already, its checksum verified.

        Raises:
            BitstreamError: it is damaged, cut off or over a limit.
        """
        limits.check_box(header.payload_bytes, header.place)
        payload = self.read(header.offset + BOX_HEADER.size, header.payload_bytes, header.place)
        return check_payload(header, payload)

    def read_box(self, offset: int, limits: Limits) -> Box:
        """The box at ``offset``, its checksums verified.

        Raises:
            BitstreamError: there is none, it is damaged, cut off or over a limit.
        """
        header = parse_box_header(self.read(offset, BOX_HEADER.size, f"box header at byte {offset}"), offset)
        return self.read_payload(header, limits)


class FileSource(ByteSource):
    """Bytes of a seekable binary file object.

    Args:
        file: the file object.
        name: for errors.
        is_own: close the file with this object.

    Raises:
        InputError: the file is not seekable.
    """

    def __init__(self, file: BinaryIO, name: str, *, is_own: bool) -> None:
        super().__init__(name)
        self._file = file
        self._is_own = is_own
        try:
            self._size = file.seek(0, io.SEEK_END)
        except (OSError, ValueError) as error:
            self.close()
            raise InputError(reason_of(error), name) from error

    @property
    def size(self) -> int:
        """Number of bytes."""
        return self._size

    def read_start(self, size: int) -> bytes:
        """The first ``size`` bytes, or all if there are fewer."""
        return self._read_range(0, min(size, self._size))

    def close(self) -> None:
        """Close the file if it is this object's own."""
        if self._is_own:
            self._file.close()

    def _read_range(self, offset: int, size: int) -> bytes:
        parts = []
        try:
            self._file.seek(offset)
            # An unbuffered file may give less than was asked before it ends.
            while size > 0 and (part := self._file.read(size)):
                parts.append(part)
                size -= len(part)
        except (OSError, ValueError) as error:
            raise InputError(reason_of(error), self.name) from error
        return b"".join(parts)


def open_byte_source(source: Readable) -> ByteSource:
    """Open whatever a file can be read from.

    Args:
        source: ``http://`` and ``https://`` addresses are read in ranges; addresses of other schemes (``s3://``, …)
            through the package fsspec; other text is a path. A file object stays open when the source is closed.

    Raises:
        ConfigError: it is none of these.
        InputError: it cannot be opened, is not seekable, or needs a package that is not installed.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        return FileSource(io.BytesIO(source), "bytes", is_own=True)
    name = source_name(source)
    if isinstance(source, str) and is_http(source):
        # Few files come over the network, and the modules for it take a while to load.
        from nvcodec.bitstream.http_source import HttpSource

        return HttpSource(source)
    if isinstance(source, str) and is_address(source):
        return FileSource(open_address(source), name, is_own=True)
    if isinstance(source, (str, os.PathLike)):
        try:
            return FileSource(open(source, "rb"), name, is_own=True)
        except (OSError, ValueError) as error:
            raise InputError(reason_of(error), name) from error
    if not is_file_object(source):
        raise ConfigError(f"{type(source).__name__} is neither a path, an address, bytes nor a binary file object")
    return FileSource(source, name, is_own=False)


def is_file_object(source: Readable) -> TypeGuard[BinaryIO]:
    """True for what can be read and moved in as it is."""
    return hasattr(source, "read") and hasattr(source, "seek") and not isinstance(source, io.TextIOBase)


def source_name(source: Readable) -> str:
    """What to call a source in messages: its path or address, without user, password and query, which may be secret."""
    if isinstance(source, os.PathLike):
        return os.fspath(source)
    return without_secrets(source) if isinstance(source, str) else str(getattr(source, "name", type(source).__name__))


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


def reason_of(error: Exception) -> str:
    """What the operating system says, without the file's name."""
    return getattr(error, "strerror", None) or str(error)
