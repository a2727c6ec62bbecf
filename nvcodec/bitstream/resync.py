"""The sound boxes of a damaged file, found in time that grows with its length, whatever it contains."""

from __future__ import annotations

import bisect
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from nvcodec.bitstream.boxes import BoxHeader, has_sound_header, parse_box_header
from nvcodec.bitstream.headers import BOX_HEADER, FILE_HEADER, SYNC, BoxType
from nvcodec.bitstream.limits import Limits
from nvcodec.bitstream.source import ByteSource
from nvcodec.errors import BitstreamError, ChecksumError, LimitError, MalformedError, TruncatedError, UnsupportedError

Crcs = npt.NDArray[np.uint32]

_PIECE_BYTES = 1 << 20
_BOXES_PER_CHUNK = 4
"""WNDW, MASK, SHRD and CHNK: more boxes than this per chunk have no use."""
_SYNC = SYNC.to_bytes(4, "little")
_CRC_POLYNOMIAL = 0xEDB88320
_CRC_ONE = 1 << 31
"""The polynomial 1 in the order of bits that CRC-32 uses."""


@dataclass
class FoundBoxes:
    """What a pass over a damaged file finds.

    Attributes:
        by_sequence: headers of sound boxes, by the number that they carry.
        doubtful: the numbers of those that lie where a damaged box claims its payload to be.
        ends_early: the file has no trailer because it was cut off or never finished, not because of damage.
    """

    by_sequence: dict[int, BoxHeader] = field(default_factory=dict)
    doubtful: set[int] = field(default_factory=set)
    ends_early: bool = False
    _ambiguous: set[int] = field(default_factory=set)
    _damage: list[tuple[int, BitstreamError]] = field(default_factory=list)

    def reason(self, sequence: int, end: int | None = None) -> BitstreamError:
        """Why box ``sequence``, or the first of the boxes from it up to ``end`` that is missing, is not there."""
        before = bisect.bisect_left(self._damage, sequence, key=lambda damage: damage[0])
        is_inside = before < len(self._damage) and (end is None or self._damage[before][0] < max(end, sequence + 1))
        return self._damage[before if is_inside else max(0, before - 1)][1]

    def take(self, header: BoxHeader, is_doubtful: bool) -> None:
        """Take a sound box. Copies are one box; of two that differ, neither is believed unless only one is certain."""
        sequence = header.sequence
        known = self.by_sequence.get(sequence)
        is_known_doubtful = sequence in self.doubtful
        if (known is None and sequence not in self._ambiguous) or (is_known_doubtful and not is_doubtful):
            self.by_sequence[sequence] = header
            self._ambiguous.discard(sequence)
            (self.doubtful.add if is_doubtful else self.doubtful.discard)(sequence)
        elif is_known_doubtful == is_doubtful and known is not None and _differs(known, header):
            del self.by_sequence[sequence]
            self._ambiguous.add(sequence)
            self.miss(sequence, MalformedError(f"another box also has the number {sequence}", header.place))

    def miss(self, sequence: int, error: BitstreamError) -> None:
        """Note why box ``sequence``, and perhaps some behind it, are not there."""
        self._damage.append((sequence, error))

    def sort(self) -> None:
        """Get ready for :meth:`reason`."""
        self._damage.sort(key=lambda damage: damage[0])


def find_boxes(source: ByteSource, limits: Limits) -> FoundBoxes:
    """Go over a file from the front; where no sound box is, go on at the next one.

    A box is believed if both its checksums hold; what is damaged is searched for others, whatever length it claims.

    Raises:
        InputError: the file cannot be read.
        LimitError: there are more box headers than a file within the limits has.
        UnsupportedError: a sound box is of an unknown critical type.
    """
    headers = _find_headers(source, _BOXES_PER_CHUNK * limits.max_chunks)
    are_sound = _check_payloads(source, headers)
    found = FoundBoxes()
    position, sequence, claimed_end = FILE_HEADER.size, 0, 0
    for header, is_sound in zip(headers, are_sound, strict=True):
        if header.offset < position:
            continue
        if not is_sound:
            if header.offset >= claimed_end:
                found.miss(header.sequence, _payload_error(header, source.size))
            claimed_end = max(claimed_end, header.end)
            continue
        if header.box_type is None and header.is_critical:
            raise UnsupportedError(f"box type {header.type} is unknown", header.place)
        if header.offset > position:
            _miss_header(found, source, position, sequence)
        elif header.sequence != sequence:
            reason = f"box {header.sequence} in the place of box {sequence}"
            found.miss(sequence, MalformedError(reason, header.place))
        found.take(header, header.offset < claimed_end)
        position, sequence = header.end, header.sequence + 1
        is_trailer = header.box_type == BoxType.TRAILER
        found.ends_early = not is_trailer
    if position < source.size:
        found.ends_early = _miss_header(found, source, position, sequence)
    else:
        found.miss(sequence, TruncatedError(f"the file ends at byte {source.size}", "end of the file"))
    found.sort()
    return found


def _find_headers(source: ByteSource, max_headers: int) -> list[BoxHeader]:
    """Every place where a sound box header lies, in order, also within payloads."""
    headers = []
    data = b""
    for start, piece in _pieces(source):
        first = start - len(data)
        data += piece
        at = data.find(_SYNC)
        while 0 <= at <= len(data) - BOX_HEADER.size:
            if has_sound_header(data[at : at + BOX_HEADER.size]):
                header = _parse(data[at : at + BOX_HEADER.size], first + at)
                headers += [header] if header is not None else []
            at = data.find(_SYNC, at + 1)
        if len(headers) > max_headers:
            raise LimitError(f"number of box headers: more than {max_headers}", f"byte {headers[-1].offset}")
        data = data[-(BOX_HEADER.size - 1) :]
    return headers


def _parse(data: bytes, offset: int) -> BoxHeader | None:
    try:
        return parse_box_header(data, offset)
    except BitstreamError:
        return None


def _payload_error(header: BoxHeader, file_bytes: int) -> BitstreamError:
    if header.end > file_bytes:
        return TruncatedError(f"the file ends at byte {file_bytes}, within the box", header.place)
    return ChecksumError("payload differs from its checksum", header.place)


def _miss_header(found: FoundBoxes, source: ByteSource, offset: int, sequence: int) -> bool:
    """Note what is wrong where box ``sequence`` should begin; True if the file merely ends there."""
    place = f"box header at byte {offset}"
    if offset + BOX_HEADER.size > source.size:
        found.miss(sequence, TruncatedError(f"the file ends at byte {source.size}", place))
        return True
    try:
        header = parse_box_header(source.read(offset, BOX_HEADER.size, place), offset)
    except BitstreamError as error:
        found.miss(sequence, error)
        return False
    return header.end > source.size


def _differs(one: BoxHeader, other: BoxHeader) -> bool:
    return (one.type, one.payload_bytes, one.payload_crc) != (other.type, other.payload_bytes, other.payload_crc)


def _pieces(source: ByteSource) -> Iterator[tuple[int, bytes]]:
    for start in range(FILE_HEADER.size, source.size, _PIECE_BYTES):
        yield start, source.read(start, min(_PIECE_BYTES, source.size - start), f"byte {start}")


def _check_payloads(source: ByteSource, headers: Sequence[BoxHeader]) -> list[bool]:
    """Which payloads are whole and agree with their checksums, all in one pass however they overlap."""
    starts = np.array([header.offset + BOX_HEADER.size for header in headers], np.int64)
    ends = np.minimum([header.end for header in headers], source.size)
    bounds, positions = np.unique(np.concatenate([starts, ends]), return_inverse=True)
    crcs = _running_crcs(source, bounds.tolist())[positions]
    before, after = crcs[: len(headers)], crcs[len(headers) :]
    expected = np.array([header.payload_crc for header in headers], np.uint32)
    is_whole = np.array([header.end <= source.size for header in headers], np.bool_)
    are_sound: list[bool] = (is_whole & (after ^ shift_crcs(before, ends - starts) == expected)).tolist()
    return are_sound


def _running_crcs(source: ByteSource, bounds: Sequence[int]) -> Crcs:
    """CRC-32 of the bytes from the first box up to each of the bounds, which increase."""
    crcs: list[int] = []
    crc = 0
    for start, piece in _pieces(source):
        view = memoryview(piece)
        position = 0
        while len(crcs) < len(bounds) and bounds[len(crcs)] <= start + len(piece):
            end = bounds[len(crcs)] - start
            crc = zlib.crc32(view[position:end], crc)
            position = end
            crcs.append(crc)
        crc = zlib.crc32(view[position:], crc)
    return np.array(crcs, np.uint32)


def shift_crcs(crcs: Crcs, num_bytes: npt.NDArray[np.int64]) -> Crcs:
    """What each CRC-32 adds to that of data which goes on for ``num_bytes`` more bytes.

    crc32(a + b) == shift(crc32(a), len(b)) ^ crc32(b): a CRC is a remainder modulo a polynomial, and every further
    byte multiplies it by x**8. Multiplying is linear, hence done bit by bit for all CRCs at once.
    """
    power = _CRC_ONE >> 8
    for doubling in range(int(num_bytes.max(initial=0)).bit_length()):
        shifted = np.zeros_like(crcs)
        for bit in range(32):
            shifted ^= np.where(crcs & np.uint32(1 << bit), np.uint32(_multiply(1 << bit, power)), np.uint32(0))
        crcs = np.where(num_bytes >> doubling & 1, shifted, crcs)
        power = _multiply(power, power)
    return crcs


def _multiply(one: int, other: int) -> int:
    """Product of two polynomials modulo that of CRC-32."""
    product = 0
    for bit in reversed(range(32)):
        if one >> bit & 1:
            product ^= other
        other = (other >> 1) ^ (_CRC_POLYNOMIAL if other & 1 else 0)
    return product
