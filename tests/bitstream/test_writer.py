from __future__ import annotations

import dataclasses
import io
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvcodec.bitstream import (
    ChunkContent,
    MaskGranularity,
    NvstReader,
    NvstWriter,
    StreamHeader,
    WindowContent,
    WrittenPart,
)
from nvcodec.bitstream.network_spec import NetworkSpec
from nvcodec.bitstream.parts import bytes_by_part
from nvcodec.errors import ConfigError, MalformedError, NvcodecError, OutputError
from nvcodec.video.format import ChromaSubsampling, ColorRange, LightMetadata, VideoFormat
from tests.bitstream.nvst_samples import (
    ENERV,
    HNERV,
    NERV,
    STREAM,
    TEXTURE,
    VAST,
    assert_same_chunk,
    assert_same_window,
    box_positions,
    make_file,
    make_window,
    open_bytes,
    three_windows,
)


@settings(max_examples=40)
@given(
    network=st.sampled_from([HNERV, NERV, ENERV, VAST, TEXTURE]),
    granularity=st.sampled_from(list(MaskGranularity)),
    lengths=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    kappa=st.sampled_from([0.0, 0.5, 1.0]),
    seed=st.integers(0, 2**32),
    spread=st.sampled_from([0.0, 2.0, 80.0]),
)
def test_window_round_trip(
    network: NetworkSpec, granularity: MaskGranularity, lengths: list[int], kappa: float, seed: int, spread: float
) -> None:
    window, chunks = make_window(0, 0, tuple(lengths), network, granularity, seed, kappa, spread)
    with open_bytes(make_file([(window, chunks)])) as reader:
        reader.verify()
        again = reader.read_window(0)
        assert_same_window(again, window)
        for chunk_idx, chunk in enumerate(chunks):
            assert_same_chunk(reader.read_chunk(0, chunk_idx, again), chunk)


@given(
    width=st.integers(1, 4000),
    height=st.integers(1, 4000),
    bit_depth=st.sampled_from([8, 10, 12]),
    subsampling=st.sampled_from(list(ChromaSubsampling)),
    color_range=st.sampled_from(list(ColorRange)),
    tags=st.lists(st.integers(0, 255), min_size=3, max_size=3),
    location=st.integers(0, 6),
    aspect=st.tuples(st.integers(0, 2**31 - 1), st.integers(1, 2**31 - 1)),
    time_base=st.tuples(st.integers(1, 2**31 - 1), st.integers(1, 2**31 - 1)),
    num_source_frames=st.integers(0, 2**63 - 1),
    light=st.builds(
        LightMetadata,
        **{
            name: st.integers(0, 2**32 - 1 if "luminance" in name else 2**16 - 1)
            for name in LightMetadata.__dataclass_fields__
        },
    ),
)
def test_stream_header_round_trip(
    width: int,
    height: int,
    bit_depth: int,
    subsampling: ChromaSubsampling,
    color_range: ColorRange,
    tags: list[int],
    location: int,
    aspect: tuple[int, int],
    time_base: tuple[int, int],
    num_source_frames: int,
    light: LightMetadata,
) -> None:
    video = VideoFormat(width, height, bit_depth, subsampling, *tags, color_range, location, *aspect, light)
    header = StreamHeader(video, Fraction(*time_base), num_source_frames)
    assert open_bytes(make_file([], stream=header)).header == header


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


@given(st.dictionaries(TEXT.filter(bool), TEXT, max_size=5))
def test_metadata_round_trip(metadata: dict[str, str]) -> None:
    assert open_bytes(make_file([], metadata)).metadata == metadata


def test_no_metadata_is_empty() -> None:
    assert open_bytes(make_file(three_windows())).metadata == {}


def test_variable_frame_times_round_trip() -> None:
    window, (chunk, last) = make_window(lengths=(4, 1))
    durations = np.array([3, 1, 2**32 - 1, 7])
    pts = -5 + np.concatenate([[0], np.cumsum(durations[:-1])])
    chunk = dataclasses.replace(chunk, pts=pts, durations=durations)
    last = dataclasses.replace(last, pts=np.array([2**40]))
    reader = open_bytes(make_file([(window, [chunk, last])]))
    assert_same_chunk(reader.read_chunk(0, 0, window), chunk)
    first, second = reader.windows[0].chunks
    assert (first.first_pts, first.end_pts) == (-5, -5 + int(durations.sum()))
    assert (second.first_pts, second.end_pts) == (2**40, 2**40 + 10)


def test_wide_symbols_need_their_flag() -> None:
    window, chunks = make_window()
    shared = window.shared.copy()
    shared[0] = 128
    with pytest.raises(MalformedError, match="outside ±127"):
        make_file([(dataclasses.replace(window, shared=shared), chunks)])
    shared[:2] = -32767, 32767
    header = dataclasses.replace(window.header, wide_symbols=True)
    wide = WindowContent(header, window.mask, shared)
    assert_same_window(open_bytes(make_file([(wide, chunks)])).read_window(0), wide)


def test_time_over_window_round_trip() -> None:
    window, chunks = make_window(network=NERV)
    window = dataclasses.replace(window, header=dataclasses.replace(window.header, time_offset=1, time_length=40))
    assert open_bytes(make_file([(window, chunks)])).read_window(0).header == window.header


def test_byte_counts_add_up() -> None:
    file = io.BytesIO()
    writer = NvstWriter(file, STREAM)
    front = writer.num_bytes
    counts = [writer.write_window(window, chunks) for window, chunks in three_windows()]
    assert front + sum(sum(count.values()) for count in counts) == writer.num_bytes == len(file.getvalue())
    writer.finish(True)
    parts = bytes_by_part(NvstReader(file))
    assert sum(parts.values()) == len(file.getvalue())
    for part in ("mask", "shared", "own", "embeddings"):
        assert parts[part] == sum(count[part] for count in counts) > 0


def test_the_writer_only_appends_and_flushes_each_window() -> None:
    class AppendOnly(io.RawIOBase):
        def __init__(self) -> None:
            self.data = b""
            self.flushed: list[int] = []

        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            self.data += bytes(data)
            return len(data)

        def flush(self) -> None:
            self.flushed.append(len(self.data))

    file = AppendOnly()
    writer = NvstWriter(file, STREAM)  # type: ignore[arg-type]
    for window, chunks in three_windows():
        writer.write_window(window, chunks)
        assert file.flushed[-1] == len(file.data)
    writer.finish(True)
    assert file.data == make_file(three_windows())


def test_a_full_disk_is_an_output_error() -> None:
    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match="No space left"):
        NvstWriter(Full(), STREAM)


def test_the_file_is_the_same_every_time() -> None:
    assert make_file(three_windows()) == make_file(three_windows())


def chunk_with(**changes: Any) -> tuple[WindowContent, list[ChunkContent]]:
    window, chunks = make_window()
    return window, [dataclasses.replace(chunks[0], **changes), chunks[1]]


def window_with(**changes: Any) -> tuple[WindowContent, list[ChunkContent]]:
    window, chunks = make_window()
    return dataclasses.replace(window, **changes), chunks


def header_with(**changes: Any) -> tuple[WindowContent, list[ChunkContent]]:
    window, _ = make_window()
    return window_with(header=dataclasses.replace(window.header, **changes))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (lambda: chunk_with(pts=np.array([0, 11])), "does not begin where"),
        (lambda: chunk_with(pts=np.array([5, 15])), "timestamps do not increase"),
        (lambda: chunk_with(pts=np.array([0, 10, 20])), "pts have shape"),
        (lambda: chunk_with(durations=np.array([10, 10, 10])), "durations have shape"),
        (lambda: chunk_with(durations=np.array([10, 0])), "duration is outside"),
        (lambda: chunk_with(pts=np.array([2**62, 2**62 + 10])), "timestamp exceeds"),
        (lambda: chunk_with(own=np.zeros(2, np.int32)), "own has shape"),
        (lambda: chunk_with(own=np.zeros(2, np.int64)), "own is int64"),
        (lambda: chunk_with(own_step_shift=(0,)), "own_step_shift has 1 elements"),
        (lambda: chunk_with(own_step_shift=(17,) * len(HNERV.layout)), "own_step_shift outside"),
        (lambda: chunk_with(embeddings=None), "embeddings given: False"),
        (lambda: chunk_with(embeddings=np.full((2, 2, 1, 2), 16384, np.int32)), "outside ±16383"),
        (lambda: chunk_with(embedding_step_idx=256), "embedding_step_idx is 256"),
        (lambda: chunk_with(chunk_idx=1), "not those of the window header"),
        (lambda: window_with(mask=np.zeros(3, np.bool_)), "mask has shape"),
        (lambda: window_with(mask=np.zeros(3, np.int8)), "mask is int8"),
        (lambda: window_with(shared=np.zeros(2, np.int32)), "shared has shape"),
        (lambda: header_with(window_idx=1), "window 1 in the place of window 0"),
        (lambda: header_with(first_frame=1), "first_frame is 1"),
        (lambda: header_with(chunk_lengths=()), "0 chunks"),
        (lambda: header_with(chunk_lengths=(2, 0)), "chunk without frames"),
        (lambda: header_with(step_idx=(1,)), "step_idx has 1 elements"),
        (lambda: header_with(network=dataclasses.replace(HNERV, base_width=1)), "does not cover"),
        (lambda: make_window(network=dataclasses.replace(HNERV, num_outputs=1)), "num_outputs is 1, not 3"),
        (lambda: make_window(network=dataclasses.replace(VAST, num_outputs=8)), "num_outputs is 8, not 6"),
        (lambda: header_with(network=dataclasses.replace(HNERV, base_channels=2**17)), "base_channels is 131072"),
        (lambda: header_with(time_length=99), "time_length with embeddings"),
    ],
)
def test_the_writer_refuses_and_writes_nothing(content: Any, reason: str) -> None:
    file = io.BytesIO()
    writer = NvstWriter(file, STREAM)
    before = file.getvalue()
    with pytest.raises(MalformedError, match=reason):
        writer.write_window(*content())
    assert file.getvalue() == before
    writer.write_window(*make_window())


def test_a_network_without_embeddings_takes_no_embedding_step() -> None:
    window, chunks = make_window(network=NERV)
    with pytest.raises(MalformedError, match="embedding_step_idx without"):
        make_file([(window, [dataclasses.replace(chunk, embedding_step_idx=1) for chunk in chunks])])


@pytest.mark.parametrize("metadata", [{"a\0": "b"}, {"": "b"}, {"a": "\0"}])
def test_metadata_that_cannot_be_stored_is_refused(metadata: dict[str, str]) -> None:
    with pytest.raises(MalformedError):
        make_file([], metadata)


def test_order_of_calls_is_enforced() -> None:
    writer = NvstWriter(io.BytesIO(), STREAM)
    writer.write_window(*make_window())
    with pytest.raises(MalformedError, match="before the first window"):
        writer.write_metadata({})
    writer.finish(True)
    with pytest.raises(MalformedError, match="finished"):
        writer.write_window(*make_window(1, 3))
    with pytest.raises(MalformedError, match="finished"):
        writer.finish(True)


def test_a_bad_stream_header_is_refused() -> None:
    for header in (StreamHeader(STREAM.format, Fraction(0)), StreamHeader(VideoFormat(0, 1), Fraction(1))):
        with pytest.raises(NvcodecError):
            NvstWriter(io.BytesIO(), header)


def test_boxes_tile_the_file() -> None:
    data = make_file(three_windows(), {"a": "b"})
    names = [box_type.to_bytes(4, "little").decode() for box_type, _, _ in box_positions(data)]
    assert names == ["STRM", "meta", *["WNDW", "MASK", "SHRD", "CHNK", "CHNK"] * 3, "INDX", "TRLR"]


@pytest.mark.parametrize("num_windows", [1, 2])
@pytest.mark.parametrize("metadata", [None, {"title": "x"}])
@pytest.mark.parametrize("tail", ["cut off", "finished"])
def test_a_file_is_continued_to_the_same_bytes(num_windows: int, metadata: dict[str, str] | None, tail: str) -> None:
    windows = three_windows()
    if tail == "finished":
        left = make_file(windows[:num_windows], metadata)
    else:
        left = make_file(windows[: num_windows + 1], metadata, is_finished=False)[:-1]
    with open_bytes(left) as reader:
        written = WrittenPart.of(reader)
        header = reader.header
    assert len(written.windows) == num_windows
    file = io.BytesIO(left[: written.num_bytes])
    file.seek(0, io.SEEK_END)
    writer = NvstWriter(file, header, written)
    assert (writer.num_bytes, writer.num_frames) == (written.num_bytes, written.windows[-1].first_frame + 3)
    with pytest.raises(MalformedError, match="before the first window"):
        writer.write_metadata({})
    for window, chunks in windows[num_windows:]:
        writer.write_window(window, chunks)
    writer.finish(is_complete=True)
    assert file.getvalue() == make_file(windows, metadata)


def test_a_file_without_a_window_cannot_be_continued() -> None:
    with open_bytes(make_file([])) as reader, pytest.raises(ConfigError, match="no whole window"):
        WrittenPart.of(reader)
