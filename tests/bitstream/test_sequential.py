"""Streams read from front to back: what comes when, what is refused, and that nothing is read that is not due."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator

import pytest

from nvcodec.bitstream import ChunkContent, Limits, SequentialReader, WindowContent
from nvcodec.bitstream.boxes import pack_box
from nvcodec.bitstream.headers import BOX_HEADER, CHUNK, FILE_HEADER, INDEX, STREAM, TRAILER, WINDOW, BoxType
from nvcodec.errors import BitstreamError, InputError, LimitError, MalformedError, TruncatedError
from tests.bitstream import nvst_samples
from tests.bitstream.nvst_samples import (
    assert_same_chunk,
    assert_same_window,
    box_positions,
    field_setter,
    make_file,
    make_window,
    three_windows,
    with_payload,
)

FRONT_BYTES = FILE_HEADER.size + BOX_HEADER.size + STREAM.size


class Pipe(io.RawIOBase):
    """Bytes that cannot be searched and come a few at a time; remembers how many were asked for at most."""

    def __init__(self, data: bytes, piece: int = 7) -> None:
        self._data = io.BytesIO(data)
        self._piece = piece
        self.largest_read = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def read(self, size: int = -1) -> bytes:
        assert size >= 0, "all of a stream asked for at once"
        self.largest_read = max(self.largest_read, size)
        return self._data.read(min(size, self._piece))

    @property
    def num_read(self) -> int:
        return self._data.tell()


def chunks_of(data: bytes, limits: Limits | None = None) -> Iterator[tuple[WindowContent, ChunkContent]]:
    return iter(SequentialReader(Pipe(data), limits))  # type: ignore[arg-type]


def refused(data: bytes) -> BitstreamError:
    with pytest.raises(BitstreamError) as caught:
        list(chunks_of(data))
    return caught.value


def assert_are_chunks(actual: list[tuple[WindowContent, ChunkContent]], num_chunks: int) -> None:
    expected = [(window, chunk) for window, chunks in three_windows() for chunk in chunks]
    assert len(actual) == num_chunks
    for one, other in zip(actual, expected, strict=False):
        assert_same_window(one[0], other[0])
        assert_same_chunk(one[1], other[1])


@pytest.mark.parametrize(
    ("is_finished", "says", "is_complete"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_a_stream_gives_its_chunks_in_order(is_finished: bool, says: bool, is_complete: bool) -> None:
    reader = SequentialReader(Pipe(make_file(three_windows(), {"made": "here"}, says, is_finished)))  # type: ignore[arg-type]
    assert reader.header == nvst_samples.STREAM
    assert reader.is_complete is None
    assert_are_chunks(list(reader), 6)
    assert (reader.num_frames, reader.is_complete) == (9, is_complete)


def test_a_chunk_comes_as_soon_as_its_box_is_there() -> None:
    data = make_file(three_windows())
    pipe = Pipe(data)
    ends = [offset + size for box_type, offset, size in box_positions(data) if box_type == BoxType.CHUNK]
    chunks = iter(SequentialReader(pipe))  # type: ignore[arg-type]
    assert pipe.num_read == FRONT_BYTES
    for end in ends:
        next(chunks)
        assert pipe.num_read == end


def test_truncation_at_every_byte_leaves_the_whole_chunks() -> None:
    data = make_file([make_window(idx, idx, lengths=(1,), seed=idx) for idx in range(2)], {"made": "here"})
    ends = [offset + size for box_type, offset, size in box_positions(data) if box_type == BoxType.CHUNK]
    for size in range(len(data)):
        if size < FRONT_BYTES:
            with pytest.raises(TruncatedError):
                chunks_of(data[:size])
            continue
        reader = SequentialReader(Pipe(data[:size], piece=1 << 20))  # type: ignore[arg-type]
        assert len(list(reader)) == sum(end <= size for end in ends)
        assert reader.is_complete is False


def test_damage_at_every_byte_is_an_error() -> None:
    data = make_file([make_window(lengths=(1,))])
    for position in range(len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 0x10
        assert refused(bytes(damaged)).place


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (make_file(three_windows()) + b"x", "not at the end"),
        (make_file(three_windows()) * 2, "no box begins here"),
        (
            with_payload(make_file(three_windows()), BoxType.TRAILER, field_setter(TRAILER, "file_bytes", 5)),
            "its trailer says 5",
        ),
        (
            with_payload(make_file(three_windows()), BoxType.TRAILER, field_setter(TRAILER, "index_offset", 5)),
            "does not end where the trailer begins",
        ),
        (
            with_payload(make_file(three_windows()), BoxType.INDEX, field_setter(INDEX, "num_frames", 8)),
            "num_frames is not the sum",
        ),
        (
            with_payload(make_file(three_windows()), BoxType.INDEX, lambda p: p[:-8] + (91).to_bytes(8, "little")),
            "the index differs from the boxes",
        ),
        (
            with_payload(make_file(three_windows()), BoxType.WINDOW, field_setter(WINDOW, "first_frame", 4), 1),
            "first_frame is 4",
        ),
        (
            with_payload(make_file(three_windows()), BoxType.CHUNK, field_setter(CHUNK, "first_pts", 1), 1),
            "timestamps do not increase",
        ),
        (make_file([])[:FRONT_BYTES] + pack_box(BoxType.MASK, 1, b""), "out of order"),
        (make_file([])[:FRONT_BYTES] + pack_box(BoxType.WINDOW, 2, b""), "box 2 in the place of box 1"),
    ],
)
def test_the_rules_are_those_of_files(data: bytes, reason: str) -> None:
    assert reason in str(refused(data))


def test_limits_are_checked_before_anything_is_read() -> None:
    data = make_file(three_windows(), is_finished=False)
    box = next(position for position in box_positions(data) if position[0] == BoxType.WINDOW)
    pipe = Pipe(data)
    with pytest.raises(LimitError, match="bytes of a box"):
        list(SequentialReader(pipe, Limits(max_memory=70)))  # type: ignore[arg-type]
    assert pipe.num_read == box[1] + BOX_HEADER.size


def test_a_claimed_length_takes_no_memory() -> None:
    data = make_file([])[:FRONT_BYTES]
    claimed = pack_box(BoxType.WINDOW, 1, b"")[:8] + (2**30).to_bytes(4, "little")
    header = claimed + (1).to_bytes(4, "little") + bytes(4)
    pipe = Pipe(data + crc_added(header) + bytes(100))
    assert list(SequentialReader(pipe)) == []  # type: ignore[arg-type]
    assert pipe.largest_read <= 1 << 20


def crc_added(header: bytes) -> bytes:
    return header + zlib.crc32(header).to_bytes(4, "little")


def test_verify_wants_the_text_too_and_chunks_do_not() -> None:
    sound = make_file(three_windows(), {"made": "here"})
    data = with_payload(sound, BoxType.METADATA, lambda payload: b"x" + payload[1:])
    assert len(list(chunks_of(data))) == 6
    with pytest.raises(MalformedError, match="not a zstandard frame"):
        SequentialReader(Pipe(data)).verify()  # type: ignore[arg-type]
    SequentialReader(Pipe(sound)).verify()  # type: ignore[arg-type]


def test_a_stream_that_cannot_be_read_is_an_input_error() -> None:
    class Broken(Pipe):
        def read(self, size: int = -1) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(InputError, match="Input/output error"):
        SequentialReader(Broken(b""))  # type: ignore[arg-type]


def test_a_pipe_that_does_not_wait_is_refused() -> None:
    class Impatient(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> None:  # type: ignore[override]
            return None

    with pytest.raises(InputError, match="does not wait"):
        SequentialReader(Impatient())  # type: ignore[arg-type]
