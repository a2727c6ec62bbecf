"""A copy of the index in front of the windows, for readers to whom each request is dear (spec clause "Front index")."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from nvcodec.bitstream.boxes import pack_box, pack_file_header
from nvcodec.bitstream.headers import BOX_HEADER, TRAILER, BoxType
from nvcodec.bitstream.index import Index, WindowEntry, pack_front_index, pack_index, pack_trailer
from nvcodec.bitstream.limits import Limits
from nvcodec.bitstream.reader import NvstReader
from nvcodec.bitstream.scan import ForwardFile, iter_boxes
from nvcodec.bitstream.whole_file import whole_file
from nvcodec.errors import ConfigError, OutputError


def add_front_index(path: Path, limits: Limits | None = None) -> None:
    """Replace a finished file by its copy with the index in front, once that copy is whole.

    Args:
        path: of the file.
        limits: what it may ask for; None for the defaults.

    Raises:
        ConfigError: the file is not finished.
        BitstreamError: a box is damaged.
        OutputError: there is no room for the copy; the file stays as it is.
    """
    try:
        with whole_file(path, overwrite=True) as file, NvstReader(path, limits) as reader:
            write_with_front_index(reader, file)
    except OutputError as error:
        reason = f"is whole, but a copy with the index in front could not be written: {error.reason}"
        raise OutputError(reason, str(path)) from error


def write_with_front_index(reader: NvstReader, file: BinaryIO) -> None:
    """Copy a finished file, putting a copy of its index behind the stream header.

    All other payloads stay as they are; one box is held in memory at a time.

    Args:
        reader: of the finished file, which may have a front index already.
        file: binary file, written from its current position.

    Raises:
        ConfigError: the file is not finished, and so has no index.
        BitstreamError: a box is damaged.
        OSError: the file cannot be written.
    """
    if not reader.is_finished:
        raise ConfigError("the file is unfinished, so it has no index", str(reader.source.name))
    size = BOX_HEADER.size + len(pack_front_index(reader.index, 0))
    shift = size - reader.front_index_bytes
    file_bytes = reader.file_bytes + shift
    index = _shifted(reader.index, shift)
    index_payload = pack_index(index)
    trailer_offset = file_bytes - BOX_HEADER.size - TRAILER.size
    index_bytes = BOX_HEADER.size + len(index_payload)
    replaced = {
        BoxType.INDEX: index_payload,
        BoxType.TRAILER: pack_trailer(trailer_offset - index_bytes, index_bytes, file_bytes),
    }
    file.write(pack_file_header())
    sequence = 0
    for box in iter_boxes(ForwardFile(reader.source), reader.limits):
        if box.header.box_type == BoxType.FRONT_INDEX:
            continue
        payload = replaced.get(box.header.box_type, box.payload) if box.header.box_type else box.payload
        file.write(pack_box(box.header.type_code, sequence, payload))
        sequence += 1
        if box.header.box_type == BoxType.STREAM:
            file.write(pack_box(BoxType.FRONT_INDEX, sequence, pack_front_index(index, file_bytes)))
            sequence += 1


def write_without_indexes(reader: NvstReader, file: BinaryIO) -> None:
    """Copy a file up to its index, and without a copy of it in front: an unfinished file with the same windows.

    Args:
        reader: of the file.
        file: binary file, written from its current position.

    Raises:
        BitstreamError: a box is damaged.
        OSError: the file cannot be written.
    """
    file.write(pack_file_header())
    sequence = 0
    for box in iter_boxes(ForwardFile(reader.source), reader.limits):
        if box.header.box_type == BoxType.INDEX:
            return
        if box.header.box_type != BoxType.FRONT_INDEX:
            file.write(pack_box(box.header.type_code, sequence, box.payload))
            sequence += 1


def _shifted(index: Index, shift: int) -> Index:
    """The index of the same boxes ``shift`` bytes later."""
    return replace(index, windows=tuple(_shifted_window(window, shift) for window in index.windows))


def _shifted_window(window: WindowEntry, shift: int) -> WindowEntry:
    chunks = tuple(replace(chunk, offset=chunk.offset + shift) for chunk in window.chunks)
    return replace(window, offset=window.offset + shift, chunks=chunks)
