"""The decode to a file: selections, random access, hashes, and what happens when it fails."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from nvcodec.bitstream import NvstReader
from nvcodec.bitstream.scan import FRONT_BYTES
from nvcodec.decoder.decoding import DecodeProgress, decode
from nvcodec.errors import BitstreamError, ConfigError, InputError, NvcodecError, OutputError
from nvcodec.video.frame import Frame
from nvcodec.video.selection import Selection
from tests import clips, encodes
from tests.bitstream.nvst_samples import STREAM, make_file, make_window

CHUNK_FRAMES = 3


def decoded(source: Path, folder: Path, selection: Selection | None = None) -> list[Frame]:
    target = folder / "part.mkv"
    decode(source, target, selection=selection, device="cpu", overwrite=True)
    return encodes.read_frames(target)


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(), range(12)),
        (Selection(0, 1), range(1)),
        (Selection(2, 4), range(2, 4)),
        (Selection(5, 7), range(5, 7)),
        (Selection(11), range(11, 12)),
        (Selection(4, 100), range(4, 12)),
        (Selection(start_s=0.08), range(2, 12)),
        (Selection(start_s=0.081), range(3, 12)),
        (Selection(end_s=0.2), range(5)),
        (Selection(start_s=0.12, end_s=0.36), range(3, 9)),
        (Selection(start_s=0.0, end_s=0.01), range(1)),
        (Selection(2, 9, 0.12, 0.4), range(3, 9)),
    ],
)
def test_a_selection_is_a_slice_of_the_whole(
    two_windows: Path, all_frames: list[Frame], tmp_path: Path, selection: Selection, expected: range
) -> None:
    frames = decoded(two_windows, tmp_path, selection)
    encodes.assert_same_frames(frames, [all_frames[idx] for idx in expected])


def test_times_of_a_variable_rate_select(tmp_path: Path) -> None:
    encodes.tiny_encode(clips.variable_rate_clip(tmp_path), tmp_path / "a.nvst")
    frames = decoded(tmp_path / "a.nvst", tmp_path, Selection(start_s=0.1, end_s=0.33))
    wanted = [pts for pts in clips.VARIABLE_PTS if 100 <= pts < 330]
    assert [frame.pts - frames[0].pts for frame in frames] == [pts - wanted[0] for pts in wanted]


def test_seconds_count_from_the_first_frame(tmp_path: Path) -> None:
    encodes.tiny_encode(clips.late_start_clip(tmp_path), tmp_path / "a.nvst")
    assert len(decoded(tmp_path / "a.nvst", tmp_path, Selection(start_s=0.08, end_s=0.16))) == 2


@pytest.mark.parametrize("selection", [Selection(12, 20), Selection(start_s=0.5), Selection(3, 4, 0.3)])
def test_a_selection_without_a_frame_is_refused_and_leaves_nothing(
    two_windows: Path, tmp_path: Path, selection: Selection
) -> None:
    with pytest.raises(ConfigError, match="none of the file's 12 frames"):
        decode(two_windows, tmp_path / "a.y4m", selection=selection, device="cpu")
    assert os.listdir(tmp_path) == []


def damage_all_but(path: Path, window_idx: int, chunk_idx: int, target: Path) -> None:
    """Overwrite every other window's blocks, and every other chunk block of this window."""
    data = bytearray(path.read_bytes())
    with NvstReader(path) as reader:
        for other_window, window in enumerate(reader.windows):
            if other_window != window_idx:
                data[window.offset : window.offset + window.run_bytes] = b"\xa5" * window.run_bytes
            for other_chunk, chunk in enumerate(window.chunks):
                if (other_window, other_chunk) != (window_idx, chunk_idx):
                    data[chunk.offset : chunk.offset + chunk.box_bytes] = b"\xa5" * chunk.box_bytes
    target.write_bytes(data)


@pytest.mark.parametrize("by_time", [False, True])
@pytest.mark.parametrize(("window_idx", "chunk_idx"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_chunk_needs_no_other_chunk_and_no_other_window(
    two_windows: Path, all_frames: list[Frame], tmp_path: Path, window_idx: int, chunk_idx: int, by_time: bool
) -> None:
    damaged = tmp_path / "damaged.nvst"
    damage_all_but(two_windows, window_idx, chunk_idx, damaged)
    first = (2 * window_idx + chunk_idx) * CHUNK_FRAMES
    selection = Selection(first, first + CHUNK_FRAMES)
    if by_time:
        selection = Selection(start_s=first / 25, end_s=(first + CHUNK_FRAMES) / 25)
    frames = decoded(damaged, tmp_path, selection)
    encodes.assert_same_frames(frames, all_frames[first : first + CHUNK_FRAMES])
    with pytest.raises(BitstreamError):
        decode(damaged, tmp_path / "whole.y4m", device="cpu")
    assert not (tmp_path / "whole.y4m").exists()


def test_a_damaged_chunk_is_refused_and_leaves_no_output(two_windows: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.nvst"
    damage_all_but(two_windows, 0, 0, damaged)
    with pytest.raises(BitstreamError) as caught:
        decode(damaged, tmp_path / "out.mkv", device="cpu")
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == ["damaged.nvst"]


@pytest.mark.parametrize("bit_depth", [8, 10])
def test_the_hash_is_that_of_all_samples_in_order(tmp_path: Path, bit_depth: int) -> None:
    format = clips.VideoFormat(33, 27, bit_depth=bit_depth)
    source = clips.write_clip(tmp_path / "in.mkv", format, num_frames=4)
    encodes.tiny_encode(source, tmp_path / "a.nvst")
    result = decode(tmp_path / "a.nvst", tmp_path / "out.y4m", md5=True, device="cpu")
    assert decode(tmp_path / "a.nvst", None, md5=True, device="cpu").md5 == result.md5
    header, *frames = (tmp_path / "out.y4m").read_bytes().split(b"FRAME\n")
    assert header.startswith(b"YUV4MPEG2 ")
    assert result.md5 == hashlib.md5(b"".join(frames)).hexdigest()


def test_the_hash_of_16_bit_samples_is_little_endian() -> None:
    from nvcodec.video.sink import HashSink

    hasher = HashSink()
    hasher.write(Frame((np.array([[1, 515]], ">u2"),), 0, 1))
    assert hasher.hexdigest() == hashlib.md5(struct.pack("<2H", 1, 515)).hexdigest()


def test_progress_and_result_count_frames(two_windows: Path) -> None:
    states: list[DecodeProgress] = []
    result = decode(two_windows, None, selection=Selection(1, 8), device="cpu", progress=states.append)
    assert [state.num_done for state in states] == list(range(1, 8))
    assert {state.num_frames for state in states} == {7}
    assert all(state.fps > 0 for state in states)
    assert (result.num_frames, result.is_complete, result.md5, result.warnings) == (7, True, None, ())
    assert result.device.startswith("cpu")


def test_an_existing_output_stays_unless_it_is_to_be_overwritten(two_windows: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.y4m"
    target.write_bytes(b"old")
    with pytest.raises(OutputError, match="exists"):
        decode(two_windows, target, device="cpu")
    assert target.read_bytes() == b"old"
    decode(two_windows, target, device="cpu", overwrite=True)
    assert len(encodes.read_frames(target)) == 12
    assert os.listdir(tmp_path) == ["a.y4m"]


def test_an_interrupt_leaves_no_output(two_windows: Path, tmp_path: Path) -> None:
    def interrupt(state: DecodeProgress) -> None:
        if state.num_done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        decode(two_windows, tmp_path / "a.mkv", device="cpu", progress=interrupt)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("data", "reason"), [(b"", "ends|not"), (b"YUV4MPEG2 W64 H48 F25:1 C420\n" + bytes(99), "not"), (bytes(500), "not")]
)
def test_what_is_no_nvst_file_is_refused(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "a.nvst"
    path.write_bytes(data)
    with pytest.raises(BitstreamError, match=reason):
        decode(path, None, md5=True, device="cpu")
    with pytest.raises(InputError):
        decode(tmp_path / "none.nvst", None, device="cpu")


def test_a_cut_off_file_still_gives_its_whole_windows(
    two_windows: Path, all_frames: list[Frame], tmp_path: Path
) -> None:
    data = two_windows.read_bytes()
    with NvstReader(two_windows) as reader:
        inside_second_window = reader.windows[1].chunks[1].offset + 50
    path = tmp_path / "cut.nvst"
    path.write_bytes(data[:inside_second_window])
    assert not decode(path, None, device="cpu").is_complete
    encodes.assert_same_frames(decoded(path, tmp_path), all_frames[:6])


class Pipe(io.BytesIO):
    """Bytes that cannot be searched."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: int) -> int:
        raise io.UnsupportedOperation("a pipe")


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(), range(12)),
        (Selection(2, 4), range(2, 4)),
        (Selection(5, 7), range(5, 7)),
        (Selection(11), range(11, 12)),
        (Selection(start_s=0.12, end_s=0.36), range(3, 9)),
        (Selection(2, 9, 0.12, 0.4), range(3, 9)),
    ],
)
def test_a_stream_gives_the_frames_of_the_file(
    two_windows: Path, all_frames: list[Frame], tmp_path: Path, selection: Selection, expected: range
) -> None:
    target = tmp_path / "a.y4m"
    pipe = Pipe(two_windows.read_bytes())
    result = decode(pipe, target, selection=selection, md5=True, device="cpu")
    encodes.assert_same_frames(encodes.read_frames(target), [all_frames[idx] for idx in expected])
    assert result.md5 == decode(two_windows, None, selection=selection, md5=True, device="cpu").md5
    is_read_to_its_end = expected.stop == 12
    assert result.is_complete is (True if is_read_to_its_end else None)
    assert (pipe.read(1) == b"") == is_read_to_its_end


def test_a_searchable_file_object_is_read_by_its_index(two_windows: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.nvst"
    damage_all_but(two_windows, 1, 0, damaged)
    selection = Selection(6, 9)
    result = decode(io.BytesIO(damaged.read_bytes()), None, selection=selection, md5=True, device="cpu")
    assert result.md5 == decode(two_windows, None, selection=selection, md5=True, device="cpu").md5


def test_a_cut_off_stream_gives_its_whole_chunks(two_windows: Path, all_frames: list[Frame], tmp_path: Path) -> None:
    with NvstReader(two_windows) as reader:
        inside_last_chunk = reader.windows[1].chunks[1].offset + 50
    result = decode(Pipe(two_windows.read_bytes()[:inside_last_chunk]), tmp_path / "a.mkv", device="cpu")
    assert result.is_complete is False
    encodes.assert_same_frames(encodes.read_frames(tmp_path / "a.mkv"), all_frames[:9])


def test_damage_in_a_stream_is_refused_and_leaves_no_output(two_windows: Path, tmp_path: Path) -> None:
    data = bytearray(two_windows.read_bytes())
    with NvstReader(two_windows) as reader:
        data[reader.windows[1].chunks[1].offset + 50] ^= 1
    with pytest.raises(BitstreamError, match="CHNK box at byte"):
        decode(Pipe(data), tmp_path / "a.mkv", device="cpu")
    assert os.listdir(tmp_path) == []


def test_a_stream_without_a_wanted_frame_leaves_no_output(two_windows: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="none of the file's 12 frames"):
        decode(Pipe(two_windows.read_bytes()), tmp_path / "a.y4m", selection=Selection(12), device="cpu")
    with pytest.raises(ConfigError, match="none of the file's 0 frames"):
        decode(Pipe(two_windows.read_bytes()[:FRONT_BYTES]), tmp_path / "a.y4m", device="cpu")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("is_index_sound", [True, False])
def test_recovery_gives_the_frames_that_damage_left(
    two_windows: Path, all_frames: list[Frame], tmp_path: Path, is_index_sound: bool
) -> None:
    data = bytearray(two_windows.read_bytes())
    with NvstReader(two_windows) as reader:
        lost = reader.windows[0].chunks[1].offset
    data[lost + 100] ^= 1
    if not is_index_sound:
        data[-60] ^= 1
    damaged = tmp_path / "damaged.nvst"
    damaged.write_bytes(data)
    result = decode(damaged, tmp_path / "a.mkv", recover=True, device="cpu")
    frames = encodes.read_frames(tmp_path / "a.mkv")
    encodes.assert_same_frames(frames, all_frames[:3] + all_frames[6:])
    assert [frame.pts - frames[0].pts for frame in frames[2:4]] == [80, 240]
    message = f"frames 3-5 are missing: CHNK box at byte {lost}: payload differs from its checksum"
    assert [str(missing) for missing in result.missing] == [message]
    assert (result.num_frames, result.is_complete) == (9, True if is_index_sound else None)
    part = decode(damaged, tmp_path / "b.mkv", recover=True, selection=Selection(4, 8), device="cpu")
    assert part.num_frames == 2
    encodes.assert_same_frames(encodes.read_frames(tmp_path / "b.mkv"), all_frames[6:8])


def test_a_sound_file_decodes_as_without_recovery(two_windows: Path, tmp_path: Path) -> None:
    source = tmp_path / "variable.nvst"
    encodes.tiny_encode(clips.variable_rate_clip(tmp_path), source)
    for path in (source, two_windows):
        decode(path, tmp_path / "a.y4m", device="cpu", overwrite=True)
        result = decode(path, tmp_path / "b.y4m", recover=True, device="cpu", overwrite=True)
        assert (tmp_path / "a.y4m").read_bytes() == (tmp_path / "b.y4m").read_bytes()
        assert (result.missing, result.is_complete) == ((), True)


def test_nothing_to_recover_is_an_error(two_windows: Path, tmp_path: Path) -> None:
    data = two_windows.read_bytes()
    damaged = tmp_path / "damaged.nvst"
    damaged.write_bytes(data[:88] + bytes(len(data) - 88))
    with pytest.raises(BitstreamError, match="no frame can be recovered: no box begins here"):
        decode(damaged, tmp_path / "a.y4m", recover=True, device="cpu")
    with pytest.raises(ConfigError, match="a stream cannot be searched"):
        decode(Pipe(data), tmp_path / "a.y4m", recover=True, device="cpu")
    assert os.listdir(tmp_path) == ["damaged.nvst"]


@pytest.mark.parametrize("source", [5, io.StringIO("text")])
def test_what_is_no_source_is_refused(source: object) -> None:
    with pytest.raises(ConfigError, match="no path, no address"):
        decode(source, None, md5=True)  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", [".mkv", ".avi", ".mp4"])
@pytest.mark.parametrize("time_base", [Fraction(2**31 - 1, 1), Fraction(1, 2**31 - 1)])
def test_odd_rates_are_stored_or_refused(tmp_path: Path, suffix: str, time_base: Fraction) -> None:
    window, chunks = make_window(lengths=(2,))
    durations = np.full(2, 4294967291, np.int64)
    pts = np.array([0, 4294967291], np.int64)
    odd = dataclasses.replace(chunks[0], pts=pts, durations=durations)
    data = make_file([(window, [odd])], stream=dataclasses.replace(STREAM, time_base=time_base))
    try:
        decode(data, tmp_path / f"a{suffix}", device="cpu")
    except NvcodecError:
        assert not list(tmp_path.iterdir())
