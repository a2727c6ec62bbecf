"""Files whose checksums are right and whose content is not: each is refused with its own reason."""

from __future__ import annotations

import dataclasses
import io
import zlib
from collections.abc import Callable

import pytest
import zstandard

from nvcodec.bitstream import Limits, MaskGranularity, NvstReader, WindowHeader
from nvcodec.bitstream.boxes import pack_box
from nvcodec.bitstream.fields import Array
from nvcodec.bitstream.headers import (
    BOX_HEADER,
    CHUNK,
    FILE_HEADER,
    INDEX,
    NETWORK,
    STREAM,
    TRAILER,
    WINDOW,
    WINDOW_PART,
    BoxType,
)
from nvcodec.bitstream.metadata import parse_metadata
from nvcodec.bitstream.network_spec import NetworkSpec, Stage
from nvcodec.errors import BitstreamError, LimitError, MalformedError, UnsupportedError
from tests.bitstream.nvst_samples import (
    HNERV,
    NERV,
    box_positions,
    field_setter,
    make_file,
    make_window,
    mend_file_header,
    open_bytes,
    read_everything,
    three_windows,
    with_payload,
)

NETWORK_START = WINDOW.size + 4 * 2


def refused(data: bytes) -> BitstreamError:
    with pytest.raises(BitstreamError) as caught:
        read_everything(data)
    return caught.value


@pytest.mark.parametrize(
    ("offset", "value", "reason"),
    [
        (0, 0x88, "not a .nvst file"),
        (8, 1, "version 1.6"),
        (9, 2, "version 0.2"),
        (10, 1, "profile 1 is unknown"),
        (11, 1, "reserved is 1"),
        (12, 4, "incompatible_flags 0x4"),
    ],
)
def test_file_header(offset: int, value: int, reason: str) -> None:
    data = bytearray(make_file([]))
    data[offset] = value
    assert reason in str(refused(mend_file_header(bytes(data))))


@pytest.mark.parametrize(("offset", "value"), [(8, 1), (9, 2)])
def test_the_version_is_checked_before_the_checksum(offset: int, value: int) -> None:
    data = bytearray(make_file([]))
    data[offset] = value
    assert isinstance(refused(bytes(data)), UnsupportedError)


def test_a_payload_has_a_largest_length() -> None:
    data = bytearray(make_file([make_window()], is_finished=False))
    offset = box_positions(bytes(data))[-1][1]
    data[offset + 8 : offset + 12] = (2**30 + 1).to_bytes(4, "little")
    data[offset + 20 : offset + 24] = zlib.crc32(data[offset : offset + 20]).to_bytes(4, "little")
    assert "payload_bytes is 1073741825" in str(refused(bytes(data)))


def test_compatible_flags_are_ignored() -> None:
    data = bytearray(make_file(three_windows()))
    data[16] = 0xFF
    read_everything(mend_file_header(bytes(data)))


FIELDS = [
    (BoxType.STREAM, field_setter(STREAM, "width", 0), "width is 0"),
    (BoxType.STREAM, field_setter(STREAM, "bit_depth", 9), "bit_depth is 9"),
    (BoxType.STREAM, field_setter(STREAM, "chroma_subsampling", 9), "chroma_subsampling 9 is unknown"),
    (BoxType.STREAM, field_setter(STREAM, "time_base_num", 5), "lowest terms"),
    (BoxType.STREAM, field_setter(STREAM, "num_source_frames", 2**63), "num_source_frames"),
    (BoxType.STREAM, lambda payload: payload + b"\0", "expected a STRM box of 68 bytes"),
    (BoxType.WINDOW, field_setter(WINDOW, "window_idx", 1), "window 1 in the place of window 0"),
    (BoxType.WINDOW, field_setter(WINDOW, "first_frame", 1), "first_frame is 1"),
    (BoxType.WINDOW, field_setter(WINDOW, "num_parameters", 7), "num_parameters is 7"),
    (BoxType.WINDOW, field_setter(WINDOW, "num_shared", 2**30), "num_shared is"),
    (BoxType.WINDOW, field_setter(WINDOW, "num_shared", 3), "the mask shares"),
    (BoxType.WINDOW, field_setter(WINDOW, "granularity", 4), "granularity 4 is unknown"),
    (BoxType.WINDOW, field_setter(WINDOW, "granularity", 0), "num_symbols"),
    (BoxType.WINDOW, field_setter(WINDOW, "time_length", 99), "time_length with embeddings"),
    (BoxType.WINDOW, field_setter(WINDOW, "time_offset", 1), "time_offset is 1 without time_length"),
    (BoxType.WINDOW, field_setter(WINDOW, "level_idx", 7), "level_idx is 7"),
    (BoxType.WINDOW, field_setter(WINDOW, "coder", 1), "coder 1 is unknown"),
    (BoxType.WINDOW, field_setter(WINDOW, "flags", 4), "flags is 4"),
    (BoxType.WINDOW, field_setter(WINDOW, "num_chunks", 0), "num_chunks is 0"),
    (BoxType.WINDOW, field_setter(NETWORK, "backbone", 9, NETWORK_START), "backbone 9 is unknown"),
    (BoxType.WINDOW, field_setter(NETWORK, "num_outputs", 2, NETWORK_START), "num_outputs is 2"),
    (BoxType.WINDOW, field_setter(NETWORK, "pe_levels", 1, NETWORK_START), "pe_levels is 1"),
    (BoxType.WINDOW, field_setter(NETWORK, "base_width", 1024, NETWORK_START), ""),
    (BoxType.MASK, field_setter(WINDOW_PART, "window_idx", 5), "belongs to window 5"),
    (BoxType.SHARED, field_setter(WINDOW_PART, "window_idx", 5), "belongs to window 5"),
    (BoxType.CHUNK, field_setter(CHUNK, "window_idx", 5), "belongs to window 5"),
    (BoxType.CHUNK, field_setter(CHUNK, "chunk_idx", 1), "chunk 1 in the place of 0"),
    (BoxType.CHUNK, field_setter(CHUNK, "chunk_idx", 9), "not in the window header"),
    (BoxType.CHUNK, field_setter(CHUNK, "num_frames", 3), "not in the window header"),
    (BoxType.CHUNK, field_setter(CHUNK, "own_bytes", 3), "own_bytes is 3"),
    (BoxType.CHUNK, field_setter(CHUNK, "first_pts", 2**62), "timestamp exceeds"),
    (BoxType.CHUNK, field_setter(CHUNK, "first_pts", 1), "timestamps"),
    (BoxType.INDEX, field_setter(INDEX, "num_frames", 5), "num_frames is not the sum"),
    (BoxType.INDEX, field_setter(INDEX, "num_windows", 9), "payload ends early|contains"),
    (BoxType.INDEX, field_setter(INDEX, "num_chunks", 2**32 - 1), "payload ends early"),
    (BoxType.INDEX, field_setter(INDEX, "is_complete", 2), "is_complete is 2"),
    (BoxType.TRAILER, field_setter(TRAILER, "file_bytes", 5), "its trailer says 5"),
    (BoxType.TRAILER, field_setter(TRAILER, "index_offset", 5), "does not end where the trailer begins"),
    (BoxType.TRAILER, field_setter(TRAILER, "end_magic", 5), "end_magic is 5"),
]
ONLY_FINISHED = (BoxType.INDEX, BoxType.TRAILER)
CASES = [(*case, True) for case in FIELDS] + [
    (*case, False) for case in FIELDS if case[0] not in ONLY_FINISHED and case[2] != "timestamps"
]


@pytest.mark.parametrize(("box_type", "edit", "reason", "is_finished"), CASES)
def test_fields(box_type: BoxType, edit: Callable[[bytes], bytes], reason: str, is_finished: bool) -> None:
    data = make_file([make_window(lengths=(2, 2))], is_finished=is_finished)
    error = refused(with_payload(data, box_type, edit))
    assert any(part in str(error) for part in reason.split("|")), error
    assert error.place


@pytest.mark.parametrize("edit", [lambda p: p[:-6] + b"\5\0\0\0\5\0", lambda p: p[:-1]])
def test_damaged_index_columns(edit: Callable[[bytes], bytes]) -> None:
    refused(with_payload(make_file(three_windows()), BoxType.INDEX, edit))


@pytest.mark.parametrize(
    ("column", "position", "value", "reason"),
    [
        ("window_offsets", 0, 3, "lies before"),
        ("window_bytes", 0, 2**32 - 1, "lies before"),
        ("window_chunks", 0, 3, "not the sum over the windows"),
        ("chunk_offsets", 1, 2**40, "does not follow byte"),
        ("chunk_offsets", 1, 3, "lies before"),
        ("chunk_bytes", 5, 2**31, "behind byte"),
        ("chunk_first_pts", 1, 19, "timestamps do not increase"),
        ("chunk_end_pts", 5, 9, "timestamps do not increase"),
        ("chunk_end_pts", 5, 2**62 + 1, "a timestamp exceeds"),
        ("chunk_first_pts", 2, 31, "the index differs from the boxes"),
        ("chunk_frames", 0, 3, "num_frames is not the sum"),
    ],
)
def test_an_index_that_lies(column: str, position: int, value: int, reason: str) -> None:
    data = make_file(three_windows())
    counts = {"num_windows": 3, "num_chunks": 6}
    start = INDEX.size
    for part in (part for part in INDEX.parts if isinstance(part, Array)):
        if part.name == column:
            size = part.element.dtype.itemsize
            start += size * position
            break
        start += part.element.dtype.itemsize * counts[part.count]
    edit = lambda payload: payload[:start] + value.to_bytes(size, "little") + payload[start + size :]  # noqa: E731
    error = refused(with_payload(data, BoxType.INDEX, edit))
    assert any(part in str(error) for part in reason.split("|")), error


def boxes_of(data: bytes) -> list[tuple[int, bytes]]:
    return [
        (box_type, data[offset + BOX_HEADER.size : offset + size]) for box_type, offset, size in box_positions(data)
    ]


def joined(data: bytes, boxes: list[tuple[int, bytes]]) -> bytes:
    packed = [pack_box(box_type, sequence, payload) for sequence, (box_type, payload) in enumerate(boxes)]  # type: ignore[arg-type]
    return data[: FILE_HEADER.size] + b"".join(packed)


def ancillary(name: bytes) -> tuple[int, bytes]:
    return int.from_bytes(name, "little"), b"anything"


@pytest.mark.parametrize("position", [1, 6])
def test_unknown_ancillary_boxes_are_skipped(position: int) -> None:
    data = make_file(three_windows(), is_finished=False)
    boxes = boxes_of(data)
    boxes.insert(position, ancillary(b"note"))
    reader = open_bytes(joined(data, boxes))
    assert len(reader.windows) == 3
    reader.verify()


def rearranged(change: Callable[[list[tuple[int, bytes]]], object], metadata: bool = False) -> bytes:
    data = make_file(three_windows(), {"a": "b"} if metadata else None, is_finished=False)
    boxes = boxes_of(data)
    change(boxes)
    return joined(data, boxes)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (rearranged(lambda boxes: boxes.insert(1, ancillary(b"Note"))), "type Note is unknown"),
        (rearranged(lambda boxes: boxes.insert(2, ancillary(b"note"))), "expected a MASK box"),
        (rearranged(lambda boxes: boxes.insert(1, ancillary(b"\x01ote"))), "not printable"),
        (rearranged(lambda boxes: boxes.pop(0)), "expected a STRM box"),
        (rearranged(lambda boxes: boxes.pop(2)), "expected a MASK box"),
        (rearranged(lambda boxes: boxes.pop(4)), "chunk 1 in the place of 0"),
        (rearranged(lambda boxes: boxes.insert(4, boxes[4])), "chunk 0 in the place of 1"),
        (rearranged(lambda boxes: boxes.insert(1, boxes[0])), "out of order"),
        (rearranged(lambda boxes: boxes.insert(1, boxes[2])), "out of order"),
        (rearranged(lambda boxes: boxes.insert(1, boxes.pop(6))), "window 1 in the place of window 0"),
        (rearranged(lambda boxes: boxes.append(boxes[1]), metadata=True), "does not follow the stream header"),
    ],
)
def test_boxes_out_of_order(data: bytes, reason: str) -> None:
    assert reason in str(refused(data))


def test_a_repeated_box_is_out_of_sequence() -> None:
    data = make_file(three_windows(), is_finished=False)
    _, offset, size = box_positions(data)[-1]
    assert "in the place of box" in str(refused(data + data[offset : offset + size]))


def test_bytes_behind_the_trailer_are_refused() -> None:
    data = make_file(three_windows())
    refused(data + data)
    refused(data + pack_box(ancillary(b"note")[0], len(box_positions(data)), b""))  # type: ignore[arg-type]
    refused(data + b"x" * BOX_HEADER.size)


@pytest.mark.parametrize(
    ("network", "lengths", "reason"),
    [
        (dataclasses.replace(NERV, base_width=1024, stages=(Stage(8, 1, 1),) * 2), (1,), "coded_width is 65536"),
        (
            dataclasses.replace(NERV, base_width=1024, base_height=1024, base_channels=4096, stem_width=4096),
            (1,),
            "num_parameters is",
        ),
        (dataclasses.replace(HNERV, base_width=1024, base_height=1024, embedding_channels=256), (5,), "1342177280 emb"),
    ],
)
def test_bounds_of_the_format(network: NetworkSpec, lengths: tuple[int, ...], reason: str) -> None:
    steps = (0,) * len(network.layout)
    header = WindowHeader(0, 0, lengths, network, MaskGranularity.TENSOR, steps)
    with pytest.raises(MalformedError, match=reason):
        header.validate()


def test_two_windows_exchanged_in_the_index_are_refused() -> None:
    first, second = make_file([make_window(seed=1)]), make_file([make_window(seed=2)])
    boxes = boxes_of(first)
    boxes[-2] = boxes_of(second)[-2]
    with pytest.raises(BitstreamError):
        open_bytes(joined(first, boxes)).verify()


def test_missing_embeddings_and_needless_ones_are_refused() -> None:
    data = make_file([make_window(network=NERV)])
    assert "without embeddings" in str(
        refused(with_payload(data, BoxType.CHUNK, field_setter(CHUNK, "embedding_step_idx", 3)))
    )


@pytest.mark.parametrize("box_type", [BoxType.WINDOW, BoxType.MASK, BoxType.SHARED, BoxType.CHUNK])
def test_payloads_end_where_their_content_ends(box_type: BoxType) -> None:
    data = make_file([make_window(), make_window(1, 3)], is_finished=False)
    assert "bytes too many" in str(refused(with_payload(data, box_type, lambda payload: payload + bytes(4))))
    assert "payload ends early" in str(refused(with_payload(data, box_type, lambda payload: payload[:-1])))


def test_a_chunk_is_held_against_its_index_entry() -> None:
    data = make_file([make_window()])
    reader = open_bytes(with_payload(data, BoxType.CHUNK, field_setter(CHUNK, "first_pts", -1)))
    with pytest.raises(MalformedError, match="timestamps differ from the index"):
        reader.read_chunk(0, 0, reader.read_window(0))


def test_durations_have_one_form() -> None:
    data = make_file([make_window(lengths=(2,))], is_finished=False)
    start = CHUNK.size

    def spell_out(payload: bytes) -> bytes:
        twice = payload[start : start + 4] * 2
        edited = payload[:start] + twice + payload[start + 4 :]
        return field_setter(CHUNK, "num_durations", 2)(edited)

    assert "2 durations for 2 frames" in str(refused(with_payload(data, BoxType.CHUNK, spell_out)))


def packed(text: bytes, **options: bool) -> bytes:
    return zstandard.ZstdCompressor(**options).compress(text)  # type: ignore[arg-type]


def streamed(text: bytes) -> bytes:
    target = io.BytesIO()
    with zstandard.ZstdCompressor().stream_writer(target, closefd=False) as writer:
        writer.write(text)
    return target.getvalue()


@pytest.mark.parametrize(
    ("payload", "error", "reason"),
    [
        (packed(b"a\0b\0") + b"junk", MalformedError, "cannot be unpacked"),
        (packed(b"a\0b\0") * 2, MalformedError, "cannot be unpacked"),
        (packed(b"a\0b\0")[:-1], MalformedError, "cannot be unpacked|states"),
        (streamed(b"a\0b\0"), MalformedError, "does not state its size"),
        (packed(bytes(1 << 21)), LimitError, "above the limit"),
        (b"\x50\x2a\x4d\x18\x01\0\0\0a", MalformedError, "not a zstandard frame"),
        (b"\x28\xb5\x2f\xfd", MalformedError, "cannot be unpacked"),
        (packed(b"a\0b\0a\0c\0"), MalformedError, "distinct keys"),
        (packed(b"a\0"), MalformedError, "distinct keys"),
        (packed(b"a\0b"), MalformedError, "distinct keys"),
        (packed(b"\0b\0"), MalformedError, "distinct keys"),
        (packed(b"\xff\0b\0"), MalformedError, "not UTF-8"),
    ],
)
def test_metadata(payload: bytes, error: type[Exception], reason: str) -> None:
    with pytest.raises(error, match=reason):
        parse_metadata(payload, 1 << 20, "meta box")


def test_a_network_over_the_limits_is_refused_before_memory_is_taken() -> None:
    data = make_file([make_window(network=NERV)])
    edit = field_setter(NETWORK, "stem_width", 4096, NETWORK_START)
    file = io.BytesIO(with_payload(data, BoxType.WINDOW, edit))
    with pytest.raises(LimitError, match="number of parameters"):
        NvstReader(file, Limits(max_parameters=4096)).read_window(0)


def test_unsupported_is_told_from_malformed() -> None:
    data = bytearray(make_file([]))
    data[9] = 77
    with pytest.raises(UnsupportedError):
        open_bytes(mend_file_header(bytes(data)))
