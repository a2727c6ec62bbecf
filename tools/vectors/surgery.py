"""Files taken apart and put together again with their checksums mended."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from nvcodec.bitstream import NvstReader
from nvcodec.bitstream.boxes import pack_box
from nvcodec.bitstream.dump import traced_boxes
from nvcodec.bitstream.fields import Array, Cursor, Field, Record
from nvcodec.bitstream.headers import BOX_HEADER, FILE_HEADER


@dataclass(frozen=True)
class Box:
    """A box without its header: the type as the integer that is stored, and the payload."""

    type_code: int
    payload: bytes

    @property
    def size(self) -> int:
        """Bytes, header included."""
        return BOX_HEADER.size + len(self.payload)


def take_apart(data: bytes) -> tuple[bytes, list[Box]]:
    """The file header and the boxes of a sound file."""
    boxes, offset = [], FILE_HEADER.size
    while offset < len(data):
        values = BOX_HEADER.parse(Cursor(data[offset : offset + BOX_HEADER.size], "box header"))
        start, offset = offset + BOX_HEADER.size, offset + BOX_HEADER.size + values["payload_bytes"]
        boxes.append(Box(values["type"], data[start:offset]))
    return data[: FILE_HEADER.size], boxes


def join(file_header: bytes, boxes: Iterable[Box]) -> bytes:
    """A file of these boxes, numbered in this order."""
    return file_header + b"".join(pack_box(box.type_code, idx, box.payload) for idx, box in enumerate(boxes))


def mend_file_header(data: bytes) -> bytes:
    """The file with the checksum of its first header made right."""
    return mend(data, 0, FILE_HEADER.size)


def mend(data: bytes, offset: int, size: int) -> bytes:
    """The file with the checksum that ends a header of ``size`` bytes at ``offset`` made right."""
    body = data[offset : offset + size - 4]
    return data[:offset] + body + zlib.crc32(body).to_bytes(4, "little") + data[offset + size :]


def offset_of(data: bytes, name: bytes, which: int = 0) -> int:
    """Where the box of this type, the first or another, begins."""
    offset = FILE_HEADER.size
    for box in take_apart(data)[1]:
        if box.type_code == int.from_bytes(name, "little"):
            if which == 0:
                return offset
            which -= 1
        offset += box.size
    raise ValueError(f"no box {name!r}")


def box_idx(data: bytes, name: bytes, which: int = 0) -> int:
    """The number of the box of this type, the first or another."""
    boxes = take_apart(data)[1]
    return [idx for idx, box in enumerate(boxes) if box.type_code == int.from_bytes(name, "little")][which]


def with_payload(data: bytes, name: bytes, edit: Callable[[bytes], bytes], which: int = 0) -> bytes:
    """The file with one payload changed; lengths that are told elsewhere stay as they were."""
    file_header, boxes = take_apart(data)
    idx = box_idx(data, name, which)
    boxes[idx] = replace(boxes[idx], payload=edit(boxes[idx].payload))
    return join(file_header, boxes)


def with_field(
    data: bytes, name: bytes, record: Record, field: str, value: int, *, which: int = 0, element: int = 0
) -> bytes:
    """A sound file with one integer of a payload changed.

    Args:
        data: the file.
        name, which: the box.
        record: the first such record in it.
        field: its field or array.
        value: written with as many of its low bits as there is room for.
        element: of an array.
    """
    return with_fields(data, name, record, [(field, element, value)], which)


def with_fields(
    data: bytes, name: bytes, record: Record, changes: Sequence[tuple[str, int, int]], which: int = 0
) -> bytes:
    """A sound file with several integers of a record changed: (field, element, value) each, as for `with_field`."""
    idx = box_idx(data, name, which)
    payload = bytearray(take_apart(data)[1][idx].payload)
    for field, element, value in changes:
        start, part = _find(data, idx, record, field)
        size = part.dtype.itemsize if isinstance(part, Field) else part.element.dtype.itemsize
        start += size * element
        payload[start : start + size] = (value % 2 ** (8 * size)).to_bytes(size, "little")
    return with_payload(data, name, lambda _: bytes(payload), which)


def _find(data: bytes, idx: int, record: Record, field: str) -> tuple[int, Field | Array]:
    """Where in the payload of a box a field lies."""
    with NvstReader(io.BytesIO(data)) as reader:
        cursors = [cursor for _, cursor in traced_boxes(reader)]
    start, _, values = next(entry for entry in cursors[idx].trace if entry[1] is record)
    for part in record.parts:
        if part.name == field:
            return start, part
        start += part.dtype.itemsize if isinstance(part, Field) else values.array(part.name).nbytes
    raise ValueError(f"no field {field} in {record.name}")
