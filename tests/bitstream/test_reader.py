from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest

from nvcodec.bitstream import Limits, NvstReader
from nvcodec.bitstream.headers import BOX_HEADER, FILE_HEADER, TRAILER, BoxType
from nvcodec.bitstream.headers import STREAM as STREAM_RECORD
from nvcodec.errors import BitstreamError, ConfigError, InputError, LimitError, TruncatedError
from tests.bitstream.nvst_samples import (
    HNERV,
    STREAM,
    assert_same_chunk,
    assert_same_window,
    box_positions,
    make_file,
    make_window,
    open_bytes,
    read_everything,
    three_windows,
)

FRONT_BYTES = FILE_HEADER.size + BOX_HEADER.size + STREAM_RECORD.size


class CountingFile(io.BytesIO):
    """Remembers which ranges were read."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.reads: list[tuple[int, int]] = []

    def read(self, size: int | None = -1) -> bytes:
        start = self.tell()
        data = super().read(size)
        self.reads.append((start, start + len(data)))
        return data


def test_structure() -> None:
    reader = open_bytes(make_file(three_windows()))
    assert reader.header == STREAM
    assert reader.is_finished and reader.is_complete
    assert reader.num_frames == 9
    assert [window.first_frame for window in reader.windows] == [0, 3, 6]
    assert [(chunk.first_frame, chunk.num_frames) for chunk in reader.windows[1].chunks] == [(3, 2), (5, 1)]
    assert [(chunk.first_pts, chunk.end_pts) for chunk in reader.windows[1].chunks] == [(30, 50), (50, 60)]


def test_reads_a_path_and_closes_it(tmp_path: Path) -> None:
    path = tmp_path / "a.nvst"
    path.write_bytes(make_file(three_windows()))
    with NvstReader(path) as reader:
        reader.verify()
    with pytest.raises(InputError, match="closed"):
        reader.read_window(0)


def test_leaves_a_given_file_open() -> None:
    file = io.BytesIO(make_file(three_windows()))
    NvstReader(file).close()
    assert not file.closed


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        NvstReader(tmp_path / "none.nvst")


def test_an_unseekable_file_is_an_input_error() -> None:
    class Pipe(io.BytesIO):
        def seek(self, *_: int) -> int:
            raise io.UnsupportedOperation("underlying stream is not seekable")

    with pytest.raises(InputError, match="not seekable"):
        NvstReader(Pipe(make_file([])))


def test_an_unfinished_stream_keeps_its_whole_windows() -> None:
    contents = three_windows()
    reader = open_bytes(make_file(contents, is_finished=False))
    assert not reader.is_finished and not reader.is_complete
    assert len(reader.windows) == 3
    reader.verify()
    assert reader.windows == open_bytes(make_file(contents)).windows


def test_a_finished_file_may_be_incomplete() -> None:
    reader = open_bytes(make_file(three_windows(), is_complete=False))
    assert reader.is_finished and not reader.is_complete


def test_truncation_at_every_byte_leaves_the_whole_windows() -> None:
    contents = [make_window(idx, idx, lengths=(1,), seed=idx) for idx in range(2)]
    data = make_file(contents, {"made": "here"})
    ends = [offset + size for box_type, offset, size in box_positions(data) if box_type == BoxType.CHUNK]
    for size in range(len(data)):
        if size < FRONT_BYTES:
            with pytest.raises(TruncatedError):
                open_bytes(data[:size])
            continue
        reader = open_bytes(data[:size])
        assert not reader.is_finished and not reader.is_complete
        assert len(reader.windows) == sum(end <= size for end in ends)
        if size % 10 == 0:
            reader.verify()
        for window_idx in range(len(reader.windows)):
            assert_same_window(reader.read_window(window_idx), contents[window_idx][0])


def test_every_single_bit_flip_is_detected() -> None:
    data = make_file([make_window(lengths=(1,))], {"made": "here"})
    read_everything(data)
    flipped = bytearray(data)
    for position in range(len(data)):
        for bit in range(8):
            flipped[position] ^= 1 << bit
            with pytest.raises(BitstreamError):
                read_everything(bytes(flipped))
            flipped[position] ^= 1 << bit


@pytest.mark.parametrize("window_idx", [0, 1, 2])
@pytest.mark.parametrize("chunk_idx", [0, 1])
def test_a_chunk_needs_nothing_but_its_window_and_itself(window_idx: int, chunk_idx: int) -> None:
    contents = three_windows()
    data = make_file(contents, {"made": "here"})
    sound = open_bytes(data)
    entry = sound.windows[window_idx]
    chunk_entry = entry.chunks[chunk_idx]
    index_start = next(offset for box_type, offset, _ in box_positions(data) if box_type == BoxType.INDEX)
    keep = [
        (0, FRONT_BYTES + BOX_HEADER.size),
        (entry.offset, entry.offset + entry.run_bytes),
        (chunk_entry.offset, chunk_entry.offset + chunk_entry.box_bytes),
        (index_start, len(data)),
    ]
    damaged = bytearray(b"\xa5" * len(data))
    for start, end in keep:
        damaged[start:end] = data[start:end]
    file = CountingFile(bytes(damaged))
    reader = NvstReader(file)
    window = reader.read_window(window_idx)
    assert_same_window(window, contents[window_idx][0])
    assert_same_chunk(reader.read_chunk(window_idx, chunk_idx, window), contents[window_idx][1][chunk_idx])
    assert all(any(start <= first and last <= end for start, end in keep) for first, last in file.reads)
    assert len(file.reads) == 5


def test_opening_reads_front_index_and_trailer_only() -> None:
    data = make_file(three_windows())
    index_start = next(offset for box_type, offset, _ in box_positions(data) if box_type == BoxType.INDEX)
    file = CountingFile(data)
    NvstReader(file)
    trailer_start = len(data) - BOX_HEADER.size - TRAILER.size
    assert file.reads == [(0, FRONT_BYTES + BOX_HEADER.size), (trailer_start, len(data)), (index_start, trailer_start)]


def test_metadata_is_read_when_it_is_asked_for() -> None:
    data = make_file(three_windows(), {"made": "here"})
    file = CountingFile(data)
    reader = NvstReader(file)
    num_reads = len(file.reads)
    assert reader.metadata == {"made": "here"}
    _, offset, size = next(position for position in box_positions(data) if position[0] == BoxType.METADATA)
    end = offset + size
    # The header behind it may be that of another box in front.
    assert file.reads[num_reads:] == [(end, end + BOX_HEADER.size), (offset + BOX_HEADER.size, end)]


@pytest.mark.parametrize("call", [(3, 0), (-1, 0), (0, 2), (0, -1)])
def test_positions_outside_are_refused(call: tuple[int, int]) -> None:
    reader = open_bytes(make_file(three_windows()))
    window = reader.read_window(0)
    with pytest.raises(ConfigError):
        reader.read_chunk(
            *call, dataclasses.replace(window, header=dataclasses.replace(window.header, window_idx=call[0]))
        )


def test_a_chunk_wants_its_own_window() -> None:
    reader = open_bytes(make_file(three_windows()))
    with pytest.raises(ConfigError, match="window 0 given for window 1"):
        reader.read_chunk(1, 0, reader.read_window(0))


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(max_pixels=31), "pixels of a frame: 32"),
        (Limits(max_frames=8), "number of frames: 9"),
        (Limits(max_chunks=5), "number of chunks: 6"),
        (Limits(max_chunk_frames=1), "frames of a chunk: 2"),
        (Limits(max_parameters=HNERV.num_parameters - 1), "number of parameters"),
        (Limits(max_macs_per_pixel=3), "multiply-accumulates per pixel"),
        (Limits(max_memory=1200), "bytes of memory"),
        (Limits(max_memory=47), "bytes of a box"),
        (Limits(max_metadata_bytes=5), "metadata: 10 bytes"),
    ],
)
@pytest.mark.parametrize("is_finished", [True, False])
def test_limits(limits: Limits, reason: str, is_finished: bool) -> None:
    data = make_file(three_windows(), {"made": "here"}, is_finished=is_finished)
    with pytest.raises(LimitError, match=reason), NvstReader(io.BytesIO(data), limits) as reader:
        assert reader.metadata
        reader.read_window(0)


def test_numbers_come_back_as_the_types_the_decoder_expects() -> None:
    reader = open_bytes(make_file(three_windows()))
    window = reader.read_window(0)
    chunk = reader.read_chunk(0, 0, window)
    assert window.mask.dtype == np.bool_
    assert window.shared.dtype == chunk.own.dtype == np.int32
    assert chunk.pts.dtype == chunk.durations.dtype == np.int64
    assert chunk.embeddings is not None and chunk.embeddings.dtype == np.int32
