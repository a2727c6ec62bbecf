"""Mutations of sound files that keep the checksums right, so that what lies behind them is reached.

All choices come from one function, ``choose(n)``, which gives an integer of 0 … n - 1: a random generator, hypothesis
or a coverage-guided fuzzer drive the same mutations.
"""

from __future__ import annotations

import dataclasses
import random
import zlib
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from nvcodec.bitstream.fields import Cursor
from nvcodec.bitstream.headers import CHUNK, FILE_HEADER, WINDOW, BoxType, MaskGranularity
from nvcodec.bitstream.limits import Limits
from nvcodec.bitstream.payloads import pack_chunk, pack_shared, pack_window, pack_window_mask, parse_network
from nvcodec.errors import BitstreamError
from tools.fuzzing.seeds import FieldPlace, Seed, join

Choose = Callable[[int], int]
Boxes = list[tuple[int, bytes]]

_MAX_MUTATIONS = 3
_NEW_TYPES = (b"note", b"Note", b"4tes", b"INDX", b"TRLR", b"CHNK", b"WNDW", b"indx", b"meta", b"\0\0\0\0")
_NUM_RECODED = 200
_LIMITS = Limits()


def mutate(seed: Seed, choose: Choose) -> bytes:
    """One mutated file; its checksums are right but for the few cases that damage the finished bytes."""
    boxes: Boxes = [(box.type_code, box.payload) for box in seed.boxes]
    if choose(4) == 0:
        # Without index and trailer the reader goes over the boxes instead.
        del boxes[-2:]
    mutations = (_set_field, _set_field, _set_field, _edit_payload, _edit_boxes, _recode)
    for _ in range(1 + choose(_MAX_MUTATIONS)):
        if boxes:
            mutations[choose(len(mutations))](seed, boxes, choose)
    if choose(2):
        _mend_counts(boxes)
    data = join(_file_header(seed, choose), boxes, mend_index=choose(8) != 0)
    return data if choose(8) else _edit_bytes(data, choose)


def _set_field(seed: Seed, boxes: Boxes, choose: Choose) -> None:
    """Give a field of a box another value."""
    box_idx = choose(len(boxes))
    type_code, payload = boxes[box_idx]
    alike = [box for box in seed.boxes if box.type_code == type_code and box.fields]
    if not alike:
        return
    box = alike[choose(len(alike))]
    place = box.fields[choose(len(box.fields))]
    size = place.field.dtype.itemsize
    if place.offset + size <= len(payload):
        value = _odd_value(place, choose).to_bytes(size, "little")
        boxes[box_idx] = (type_code, payload[: place.offset] + value + payload[place.offset + size :])


def _odd_value(place: FieldPlace, choose: Choose) -> int:
    """A value near a bound, near the old value, or any."""
    bits = 8 * place.field.dtype.itemsize
    low, high = place.field.range
    candidates = (0, 1, 2, low, low - 1, high, high + 1, (1 << bits) - 1, 1 << (bits - 1))
    near = (place.value + 1, place.value - 1, place.value ^ (1 << choose(bits)), 2 * place.value)
    options = (*candidates, *near)
    choice = choose(len(options) + 2)
    value = options[choice] if choice < len(options) else choose(1 << min(bits, 32))
    return value % (1 << bits)


def _edit_payload(seed: Seed, boxes: Boxes, choose: Choose) -> None:
    """Change, insert, remove or repeat bytes of a payload."""
    box_idx = choose(len(boxes))
    type_code, payload = boxes[box_idx]
    boxes[box_idx] = (type_code, _edit_bytes(payload, choose))


def _edit_bytes(data: bytes, choose: Choose) -> bytes:
    start = choose(len(data) + 1)
    length = choose(min(64, len(data) - start) + 1)
    kind = choose(5)
    if kind == 0:
        new = bytes(choose(256) for _ in range(min(length, 8)))
        return data[:start] + new + data[start + len(new) :]
    if kind == 1:
        return data[:start] + data[start + length :]
    if kind == 2:
        return data[:start] + bytes([choose(256)]) * length + data[start:]
    if kind == 3:
        return data[: start + length] + data[start:]
    return data[:start]


def _edit_boxes(seed: Seed, boxes: Boxes, choose: Choose) -> None:
    """Remove, repeat, exchange, rename or insert a box."""
    first, second = choose(len(boxes)), choose(len(boxes))
    kind = choose(5)
    if kind == 0:
        del boxes[first]
    elif kind == 1:
        boxes.insert(second, boxes[first])
    elif kind == 2:
        boxes[first], boxes[second] = boxes[second], boxes[first]
    else:
        new_type = int.from_bytes(_NEW_TYPES[choose(len(_NEW_TYPES))], "little")
        payload = boxes[second][1]
        boxes[first : first + int(kind == 3)] = [(new_type, payload)]


def _recode(seed: Seed, boxes: Boxes, choose: Choose) -> None:
    """Exchange a payload for one whose integers were changed and coded again."""
    recoded = _recoded(seed)
    if not recoded:
        return
    type_code, payload = recoded[choose(len(recoded))]
    places = [idx for idx, box in enumerate(boxes) if box[0] == type_code]
    if places:
        boxes[places[choose(len(places))]] = (type_code, payload)


@lru_cache(maxsize=256)
def _recoded(seed: Seed) -> Boxes:
    """Payloads of a seed's windows and chunks with odd integers, as the encoder would code them if it did not look.

    Coding takes much longer than reading, so a number of them are made once.
    """
    choose = random.Random(seed.name).randrange
    return [recoded for _ in range(_NUM_RECODED if seed.windows else 0) if (recoded := _recode_one(seed, choose))]


def _recode_one(seed: Seed, choose: Choose) -> tuple[int, bytes] | None:
    window, chunks = seed.windows[choose(len(seed.windows))]
    header = window.header
    box_type = (BoxType.WINDOW, BoxType.MASK, BoxType.SHARED, BoxType.CHUNK)[choose(4)]
    try:
        if box_type == BoxType.WINDOW:
            lengths = list(header.chunk_lengths)
            lengths[choose(len(lengths))] = 1 + choose(300)
            odd = dataclasses.replace(header, chunk_lengths=tuple(lengths))
            return box_type, pack_window(odd, window.num_shared)
        if box_type == BoxType.MASK:
            odd = dataclasses.replace(header, granularity=MaskGranularity(choose(len(MaskGranularity))))
            mask = window.mask if choose(2) else ~window.mask
            return box_type, pack_window_mask(dataclasses.replace(window, header=odd, mask=mask))
        if box_type == BoxType.SHARED:
            return box_type, pack_shared(dataclasses.replace(window, shared=_odd_symbols(window.shared, choose)))
        chunk = chunks[choose(len(chunks))]
        own, embeddings = chunk.own, chunk.embeddings
        if embeddings is None or choose(2):
            own = _odd_symbols(own, choose)
        else:
            embeddings = _odd_symbols(embeddings, choose)
        return box_type, pack_chunk(window, dataclasses.replace(chunk, own=own, embeddings=embeddings))[0]
    except BitstreamError:
        # The packers refuse a few of them, such as a mask that splits a unit.
        return None


def _odd_symbols(symbols: np.ndarray, choose: Choose) -> np.ndarray:
    """The same symbols but for one, or all of one value."""
    values = (0, 1, -1, 127, -127, 128, 16383, -16383, 16384, 32767, -32767, 32766)
    value = values[choose(len(values))]
    changed = symbols.copy()
    if changed.size and choose(4):
        changed.flat[choose(changed.size)] = value
    else:
        changed[...] = value
    return changed


def _mend_counts(boxes: Boxes) -> None:
    """Let ``num_parameters`` be what the network spec gives and ``own_bytes`` what the payload has room for."""
    for idx, (type_code, payload) in enumerate(boxes):
        try:
            if type_code == BoxType.WINDOW:
                cursor = Cursor(payload, "")
                WINDOW.parse(cursor)
                network = parse_network(cursor, _LIMITS)
                boxes[idx] = (type_code, payload[:4] + network.num_parameters.to_bytes(4, "little") + payload[8:])
            elif type_code == BoxType.CHUNK and len(payload) > CHUNK.size:
                own_bytes = min(int.from_bytes(payload[16:20], "little"), len(payload))
                boxes[idx] = (type_code, payload[:16] + own_bytes.to_bytes(4, "little") + payload[20:])
        except BitstreamError:
            continue


def _file_header(seed: Seed, choose: Choose) -> bytes:
    header = bytearray(seed.header)
    if choose(16) == 0:
        header[choose(FILE_HEADER.size - 4)] = choose(256)
        header[-4:] = zlib.crc32(header[:-4]).to_bytes(4, "little")
    return bytes(header)
