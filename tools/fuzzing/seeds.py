"""A sound file taken apart, so that mutations know where its fields are."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property

from nvcodec.bitstream import ChunkContent, NvstReader, WindowContent
from nvcodec.bitstream.boxes import pack_box
from nvcodec.bitstream.dump import traced_boxes
from nvcodec.bitstream.fields import Array, Field, Values
from nvcodec.bitstream.headers import BOX_HEADER, FILE_HEADER, INDEX, TRAILER, BoxType
from nvcodec.bitstream.index import pack_trailer

_ARRAY_ENDS = 4


@dataclass(frozen=True)
class FieldPlace:
    """One integer in a payload: its offset there, its declaration, and the value it has."""

    offset: int
    field: Field
    value: int


@dataclass(frozen=True)
class SeedBox:
    """A box of a sound file.

    Attributes:
        type_code: as stored.
        payload: its bytes.
        fields: all integers of its records, elements of long arrays only as far as they differ in kind.
    """

    type_code: int
    payload: bytes
    fields: tuple[FieldPlace, ...]


@dataclass(frozen=True, eq=False)
class Seed:
    """A sound file: its bytes, its boxes, and what they mean."""

    name: str
    data: bytes
    boxes: tuple[SeedBox, ...]
    windows: tuple[tuple[WindowContent, tuple[ChunkContent, ...]], ...]

    @classmethod
    def of(cls, name: str, data: bytes) -> Seed:
        """Take a sound file apart.

        Raises:
            BitstreamError: it is not sound.
        """
        with NvstReader(io.BytesIO(data)) as reader:
            boxes = tuple(
                SeedBox(box.header.type_code, box.payload, tuple(_places(cursor.trace)))
                for box, cursor in traced_boxes(reader)
            )
            windows = []
            for window_idx, entry in enumerate(reader.windows):
                window = reader.read_window(window_idx)
                chunks = tuple(reader.read_chunk(window_idx, idx, window) for idx in range(len(entry.chunks)))
                windows.append((window, chunks))
        return cls(name, data, boxes, tuple(windows))

    @cached_property
    def header(self) -> bytes:
        """The file header."""
        return self.data[: FILE_HEADER.size]


def join(header: bytes, boxes: list[tuple[int, bytes]], *, mend_index: bool) -> bytes:
    """A file of these boxes (type, payload), with sequence numbers and checksums that are right.

    Args:
        header: the file header.
        boxes: in order.
        mend_index: let index and trailer say where the boxes of windows lie, as far as their numbers agree.
    """
    data = bytearray(header)
    offsets: list[tuple[int, int, int]] = []
    for sequence, (type_code, payload) in enumerate(boxes):
        if mend_index and type_code == BoxType.INDEX:
            payload = _mended_index(payload, offsets)
        elif mend_index and type_code == BoxType.TRAILER and offsets and len(payload) == TRAILER.size:
            _, start, size = offsets[-1]
            payload = pack_trailer(start, size, len(data) + BOX_HEADER.size + TRAILER.size)
        box = pack_box(type_code, sequence, payload)
        offsets.append((type_code, len(data), len(box)))
        data += box
    return bytes(data)


def _mended_index(payload: bytes, boxes: list[tuple[int, int, int]]) -> bytes:
    """The index with the columns of offsets and lengths made new."""
    windows = [idx for idx, (type_code, _, _) in enumerate(boxes) if type_code == BoxType.WINDOW]
    chunks = [(start, size) for type_code, start, size in boxes if type_code == BoxType.CHUNK]
    columns = {
        "window_offsets": [boxes[idx][1] for idx in windows],
        "window_bytes": [sum(size for _, _, size in boxes[idx : idx + 3]) for idx in windows],
        "chunk_offsets": [start for start, _ in chunks],
        "chunk_bytes": [size for _, size in chunks],
    }
    counts = {"num_windows": len(windows), "num_chunks": len(chunks)}
    mended = bytearray(payload)
    position = INDEX.size
    for part in INDEX.parts:
        if isinstance(part, Field):
            continue
        size = part.element.dtype.itemsize
        for value in columns.get(part.name, ()):
            mended[position : position + size] = value.to_bytes(size, "little")
            position += size
        if part.name not in columns:
            position += size * counts[part.count]
    return bytes(mended[: len(payload)])


def _places(trace: list[tuple[int, object, Values]]) -> list[FieldPlace]:
    places = []
    for start, record, values in trace:
        position = start
        for part in record.parts:  # type: ignore[attr-defined]
            if isinstance(part, Array):
                elements = values.array(part.name).tolist()
                size = part.element.dtype.itemsize
                # The ends of long arrays of words stand for all of it.
                chosen = (
                    range(len(elements))
                    if len(elements) <= 8
                    else (*range(4), *range(len(elements) - 4, len(elements)))
                )
                places += [FieldPlace(position + idx * size, part.element, elements[idx]) for idx in chosen]
                position += size * len(elements)
            else:
                places.append(FieldPlace(position, part, values[part.name]))
                position += part.dtype.itemsize
    return places
