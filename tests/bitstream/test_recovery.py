"""Damaged files: whatever is not hit comes back, equal to the original, and what is missing is named."""

from __future__ import annotations

import dataclasses
import io
import random
import re
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvcodec.bitstream import ChunkContent, Limits, MissingFrames, NvstReader, RecoveryReader
from nvcodec.bitstream.boxes import pack_box
from nvcodec.bitstream.front_index import write_with_front_index
from nvcodec.bitstream.headers import BOX_HEADER, CHUNK, FILE_HEADER, SECTION, STREAM, WINDOW, WINDOW_PART, BoxType
from nvcodec.bitstream.resync import shift_crcs
from nvcodec.errors import BitstreamError, ChecksumError, LimitError, MalformedError, UnsupportedError
from tests.bitstream import nvst_samples
from tests.bitstream.nvst_samples import (
    assert_same_chunk,
    box_positions,
    field_setter,
    make_file,
    make_window,
    three_windows,
    with_payload,
)

CONTENTS = three_windows()
"""Frames 0-1 and 2, 3-4 and 5, 6-7 and 8."""
SOUND = make_file(CONTENTS, {"made": "here"})
BOXES = box_positions(SOUND)
"""STRM meta (WNDW MASK SHRD CHNK CHNK)*3 INDX TRLR."""
FRONT_BYTES = FILE_HEADER.size + BOX_HEADER.size + STREAM.size
INDEX_OFFSET = BOXES[-2][1]
CHUNKS = {(window.header.window_idx, chunk.chunk_idx): chunk for window, chunks in CONTENTS for chunk in chunks}
FIRST_FRAMES = {(0, 0): 0, (0, 1): 2, (1, 0): 3, (1, 1): 5, (2, 0): 6, (2, 1): 8}
Place = tuple[int, int]


def recovered(data: bytes) -> tuple[dict[Place, ChunkContent], tuple[MissingFrames, ...]]:
    """What comes back, by window and chunk, each held against the original; and what does not."""
    with RecoveryReader(io.BytesIO(data)) as reader:
        found = {}
        for position, entry in enumerate(reader.windows):
            window = reader.read_window(position)
            for chunk_position, chunk_entry in enumerate(entry.chunks):
                chunk = reader.read_chunk(position, chunk_position, window)
                place = window.header.window_idx, chunk.chunk_idx
                assert_same_chunk(chunk, CHUNKS[place])
                np.testing.assert_array_equal(window.mask, CONTENTS[place[0]][0].mask)
                np.testing.assert_array_equal(window.shared, CONTENTS[place[0]][0].shared)
                assert chunk_entry.first_frame == FIRST_FRAMES[place]
                assert (chunk_entry.first_pts, chunk_entry.end_pts) == (chunk.pts[0], chunk.end_pts)
                found[place] = chunk
        return found, tuple(reader.missing)


def hit_by(box_idx: int) -> set[Place]:
    """The chunks that cannot come back without this box."""
    window_idx, part = divmod(box_idx - 2, 5)
    if box_idx < 2 or window_idx > 2:
        return set()
    return {(window_idx, part - 3)} if part >= 3 else {(window_idx, 0), (window_idx, 1)}


def frames_of(places: set[Place]) -> set[int]:
    return {
        frame
        for place in places
        for frame in range(FIRST_FRAMES[place], FIRST_FRAMES[place] + CHUNKS[place].num_frames)
    }


def named(missing: tuple[MissingFrames, ...]) -> set[int]:
    assert all(one.end_frame is not None for one in missing)
    return {frame for one in missing for frame in range(one.first_frame, one.end_frame or 0)}


def flip(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 0x20]) + data[position + 1 :]


DAMAGE: dict[str, Callable[[bytes, int, int], bytes]] = {
    "header": lambda data, offset, _: flip(data, offset + 13),
    "sync": lambda data, offset, _: flip(data, offset),
    "payload": lambda data, offset, size: flip(data, offset + (BOX_HEADER.size + size) // 2),
    "deleted bytes": lambda data, offset, size: data[: offset + size - 9] + data[offset + size - 2 :],
    "deleted box": lambda data, offset, size: data[:offset] + data[offset + size :],
    "inserted bytes": lambda data, offset, size: data[: offset + size - 5] + b"abc" + data[offset + size - 5 :],
    "zeros": lambda data, offset, size: data[:offset] + bytes(size) + data[offset + size :],
}


@pytest.mark.parametrize("is_index_sound", [True, False])
@pytest.mark.parametrize("kind", DAMAGE)
@pytest.mark.parametrize("box_idx", range(1, len(BOXES)))
def test_damage_to_one_box_costs_what_needs_it(box_idx: int, kind: str, is_index_sound: bool) -> None:
    _, offset, size = BOXES[box_idx]
    data = SOUND if is_index_sound else flip(SOUND, INDEX_OFFSET + BOX_HEADER.size + 3)
    found, missing = recovered(DAMAGE[kind](data, offset, size))
    assert set(found) == set(CHUNKS) - hit_by(box_idx)
    last_window, trailer = 12, len(BOXES) - 1
    if not is_index_sound and box_idx in (last_window, trailer):
        assert [(one.first_frame, one.end_frame) for one in missing] == [(6 if box_idx == last_window else 9, None)]
    else:
        assert named(missing) == frames_of(hit_by(box_idx))


@pytest.mark.parametrize(("box_idx", "part"), [(2, "WNDW"), (3, "MASK"), (4, "SHRD")])
@pytest.mark.parametrize("kind", ["header", "payload"])
def test_a_damaged_shared_block_costs_its_window_and_the_reason_names_it(box_idx: int, part: str, kind: str) -> None:
    _, offset, size = BOXES[box_idx]
    found, missing = recovered(DAMAGE[kind](SOUND, offset, size))
    assert set(found) == {(1, 0), (1, 1), (2, 0), (2, 1)}
    what = f"{part} box at byte {offset}: payload" if kind == "payload" else f"box header at byte {offset}: header"
    assert [str(one) for one in missing] == [f"frames 0-2 are missing: {what} differs from its checksum"]


def test_one_line_per_missing_range() -> None:
    damaged = SOUND
    for box_idx in (5, 11):
        damaged = flip(damaged, BOXES[box_idx][1] + 30)
    _, missing = recovered(damaged)
    assert [str(one) for one in missing] == [
        f"frames 0-1 are missing: CHNK box at byte {BOXES[5][1]}: payload differs from its checksum",
        f"frame 5 is missing: CHNK box at byte {BOXES[11][1]}: payload differs from its checksum",
    ]


@pytest.mark.parametrize("data", [SOUND, make_file(CONTENTS), make_file(CONTENTS, is_finished=False), make_file([])])
def test_a_sound_file_is_read_as_without_recovery(data: bytes) -> None:
    reader, recovery = NvstReader(io.BytesIO(data)), RecoveryReader(io.BytesIO(data))
    assert (recovery.header, tuple(recovery.windows)) == (reader.header, reader.windows)
    assert (recovery.is_complete, recovery.num_frames) == (reader.is_complete, reader.num_frames)
    assert recovery.missing == []


def test_a_cut_off_tail_leaves_the_whole_chunks() -> None:
    ends = [offset + size for _, offset, size in BOXES]
    for end in ends[1:-1]:
        for size in (end - 1, end, end + 23, end + 40):
            found, missing = recovered(SOUND[:size])
            num_whole = sum(end <= size for end in ends)
            whole = {place for idx in range(2, num_whole) for place in hit_by(idx) if BOXES[idx][0] == BoxType.CHUNK}
            assert set(found) == whole
            # Of a window whose first box is whole, the rest is known to be missing.
            begun = {place for idx in range(num_whole) if BOXES[idx][0] == BoxType.WINDOW for place in hit_by(idx)}
            assert named(missing) == frames_of(begun - whole)
            assert RecoveryReader(io.BytesIO(SOUND[:size])).is_complete is False


@pytest.mark.parametrize("is_index_sound", [True, False])
@pytest.mark.parametrize("box_idx", range(1, len(BOXES) - 2))
def test_a_repeated_box_costs_nothing(box_idx: int, is_index_sound: bool) -> None:
    data = SOUND if is_index_sound else flip(SOUND, INDEX_OFFSET + 30)
    _, offset, size = BOXES[box_idx]
    for place in (offset, BOXES[-2][1]):
        found, missing = recovered(data[:place] + data[offset : offset + size] + data[place:])
        assert set(found) == set(CHUNKS)
        assert missing == ()


@pytest.mark.parametrize("is_index_sound", [True, False])
def test_exchanged_boxes_cost_nothing(is_index_sound: bool) -> None:
    data = SOUND if is_index_sound else flip(SOUND, INDEX_OFFSET + 30)
    for one in range(1, len(BOXES) - 2):
        for other in range(one + 1, len(BOXES) - 2):
            (_, start, size), (_, other_start, other_size) = BOXES[one], BOXES[other]
            left, right = data[start : start + size], data[other_start : other_start + other_size]
            between, rest = data[start + size : other_start], data[other_start + other_size :]
            found, missing = recovered(data[:start] + right + between + left + rest)
            assert set(found) == set(CHUNKS)
            assert missing == ()


def test_zeroed_sectors_cost_what_they_touch() -> None:
    for start in range(FRONT_BYTES, len(SOUND) - 512, 64):
        touched = {idx for idx, (_, offset, size) in enumerate(BOXES) if offset < start + 512 and start < offset + size}
        hit = set().union(*(hit_by(idx) for idx in touched))
        assert set(recovered(SOUND[:start] + bytes(512) + SOUND[start + 512 :])[0]) == set(CHUNKS) - hit


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=150)
def test_whatever_is_recovered_equals_the_original(seed: int) -> None:
    rng = random.Random(seed)
    data = SOUND
    for _ in range(rng.randint(1, 4)):
        start = rng.randrange(FRONT_BYTES, max(FRONT_BYTES + 1, len(data)))
        end = min(len(data), start + rng.choice([1, 3, 40, 400]))
        replacement = rng.choice([b"", bytes(end - start), rng.randbytes(end - start), rng.randbytes(5)])
        moved = rng.randrange(FRONT_BYTES, len(SOUND))
        replacement = rng.choice([replacement, SOUND[moved : moved + 300]])
        data = data[:start] + replacement + data[end:]
    found, missing = recovered(data)
    frames = frames_of(set(found))
    for one in missing:
        assert not frames & set(range(one.first_frame, one.end_frame or 10**6))


def test_the_end_is_unknown_without_index_and_trailer() -> None:
    last_window = BOXES[12][1]
    data = SOUND[:last_window] + bytes(len(SOUND) - last_window)
    found, missing = recovered(data)
    assert len(found) == 4
    assert [str(one) for one in missing] == [
        f"frames from 6 on are missing, how many is unknown: box header at byte {last_window}: no box begins here"
    ]
    assert RecoveryReader(io.BytesIO(data)).is_complete is None


def test_a_known_number_of_source_frames_says_that_nothing_is_missing() -> None:
    data = make_file(CONTENTS, stream=dataclasses.replace(nvst_samples.STREAM, num_source_frames=9))
    index = box_positions(data)[-2][1]
    found, missing = recovered(data[:index] + bytes(len(data) - index))
    assert (len(found), missing) == (6, ())


@pytest.mark.parametrize("position", [0, 9, 30, 60])
def test_front_damage_is_refused_as_ever(position: int) -> None:
    data = flip(SOUND, position)
    with pytest.raises(BitstreamError) as expected:
        NvstReader(io.BytesIO(data))
    with pytest.raises(type(expected.value), match=re.escape(str(expected.value))):
        RecoveryReader(io.BytesIO(data))


def test_integers_that_differ_from_their_own_checksum_are_lost() -> None:
    edit = field_setter(SECTION, "symbols_crc", 1, WINDOW_PART.size)
    found, missing = recovered(with_payload(SOUND, BoxType.SHARED, edit, 1))
    assert set(found) == {(0, 0), (0, 1), (2, 0), (2, 1)}
    assert isinstance(missing[0].error, ChecksumError)
    assert named(missing) == {3, 4, 5}


def test_times_that_contradict_the_chunks_before_are_refused() -> None:
    data = make_file(CONTENTS, is_finished=False)
    found, missing = recovered(with_payload(data, BoxType.CHUNK, field_setter(CHUNK, "first_pts", 5), 3))
    assert (1, 1) not in found and len(found) == 5
    assert "timestamps do not increase" in str(missing[0])


def test_the_index_says_which_times_and_windows_are_right() -> None:
    found, missing = recovered(with_payload(SOUND, BoxType.CHUNK, field_setter(CHUNK, "first_pts", 51), 3))
    assert len(found) == 5
    assert "timestamps differ from the index" in str(missing[0])
    found, missing = recovered(with_payload(SOUND, BoxType.WINDOW, field_setter(WINDOW, "first_frame", 4), 1))
    assert len(found) == 4
    assert str(missing[0]).startswith("frames 3-5 are missing") and "differs from the index" in str(missing[0])


def test_windows_that_contradict_each_other_are_not_both_believed() -> None:
    data = make_file(CONTENTS, is_finished=False)
    found, _ = recovered(with_payload(data, BoxType.WINDOW, field_setter(WINDOW, "window_idx", 0), 1))
    assert set(found) == {(0, 0), (0, 1), (2, 0), (2, 1)}


def test_a_last_window_that_is_refused_is_missing_though_the_index_is_damaged() -> None:
    data = make_file(three_windows())
    data = with_payload(data, BoxType.WINDOW, field_setter(WINDOW, "coder", 7), which=2)
    index = next(offset for box_type, offset, _ in box_positions(data) if box_type == BoxType.INDEX)
    _, missing = recovered(flip(data, index + BOX_HEADER.size))
    assert [(part.first_frame, part.end_frame) for part in missing] == [(6, None)]


def test_a_front_index_from_before_windows_were_added_is_not_believed() -> None:
    windows = three_windows()
    short, file = make_file(windows[:1]), io.BytesIO()
    with NvstReader(short) as reader:
        write_with_front_index(reader, file)
    first = file.getvalue()
    boxes = [(kind, first[offset + BOX_HEADER.size : offset + size]) for kind, offset, size in box_positions(first)]
    whole = make_file(windows, is_finished=False)
    for kind, offset, size in box_positions(whole):
        boxes.append((kind, whole[offset + BOX_HEADER.size : offset + size]))
    added = boxes[:-2][: len(box_positions(first)) - 2] + boxes[len(box_positions(first)) + 6 :]
    data = first[: FILE_HEADER.size] + b"".join(pack_box(kind, idx, load) for idx, (kind, load) in enumerate(added))
    chunks, missing = recovered(data)
    assert (len(chunks), missing) == (6, ())


def fake_header(payload_bytes: int, sequence: int) -> bytes:
    head = pack_box(BoxType.CHUNK, 0, b"")[:8]
    head += payload_bytes.to_bytes(4, "little") + sequence.to_bytes(4, "little") + bytes(4)
    return head + zlib.crc32(head).to_bytes(4, "little")


@pytest.mark.parametrize("payload_bytes", [100, len(SOUND) - FRONT_BYTES, 2**30])
@pytest.mark.parametrize("sequence", [3, 6, 2**32 - 1])
def test_a_false_box_header_hides_nothing(payload_bytes: int, sequence: int) -> None:
    false = fake_header(payload_bytes, sequence)
    for box_idx in (1, 2, 7):
        offset = BOXES[box_idx][1]
        found, missing = recovered(SOUND[:offset] + false + SOUND[offset:])
        assert set(found) == set(CHUNKS)
        assert missing == ()


def test_two_different_boxes_of_one_number_are_both_refused() -> None:
    found, missing = recovered(SOUND[: BOXES[-2][1]] + pack_box(BoxType.MASK, 6, b"other") + SOUND[BOXES[-2][1] :])
    assert set(found) == set(CHUNKS) - {(0, 1)}
    assert "another box also has the number 6" in str(missing[0])


def test_a_file_within_a_damaged_box_is_not_taken_for_the_file() -> None:
    other = make_file([make_window(idx, 3 * idx, seed=idx + 50) for idx in range(3)])
    note = pack_box(int.from_bytes(b"note", "little"), 2, other)  # type: ignore[arg-type]
    later = b"".join(
        pack_box(kind, idx + 3, SOUND[offset + BOX_HEADER.size : offset + size])  # type: ignore[arg-type]
        for idx, (kind, offset, size) in enumerate(BOXES[2:-2])
    )
    data = SOUND[: BOXES[2][1]] + note + later
    for damaged in (data, flip(data, BOXES[2][1] + BOX_HEADER.size + 3)):
        found, _ = recovered(damaged)
        assert set(found) == set(CHUNKS)


def test_an_unknown_critical_box_is_unsupported() -> None:
    note = pack_box(int.from_bytes(b"NOTE", "little"), 99, b"")  # type: ignore[arg-type]
    with pytest.raises(UnsupportedError, match="box type NOTE is unknown"):
        RecoveryReader(io.BytesIO(SOUND[: BOXES[7][1]] + note + SOUND[BOXES[7][1] :]))


@pytest.mark.parametrize("filler", [SOUND[24:28], fake_header(2**19, 99)], ids=["sync", "header"])
def test_a_file_full_of_false_boxes_is_gone_over_once(filler: bytes) -> None:
    """Reading what each false box claims would take 20 000 times half a megabyte."""
    data = SOUND[:FRONT_BYTES] + filler * (500_000 // len(filler)) + SOUND[FRONT_BYTES:]
    assert set(recovered(data + bytes(2**19))[0]) == set(CHUNKS)


def test_too_many_box_headers_are_over_the_limit() -> None:
    data = SOUND[:FRONT_BYTES] + fake_header(5, 7) * 100
    with pytest.raises(LimitError, match="number of box headers"):
        RecoveryReader(io.BytesIO(data), Limits(max_chunks=10))


def test_other_limits_hold() -> None:
    reader = RecoveryReader(io.BytesIO(SOUND), Limits(max_frames=5))
    assert [window.first_frame for window in reader.windows] == [0]
    with pytest.raises(LimitError, match="pixels of a frame"):
        RecoveryReader(io.BytesIO(SOUND), Limits(max_pixels=31))


def test_a_crc_can_be_shifted() -> None:
    rng = np.random.default_rng(0)
    heads = [rng.bytes(size) for size in (0, 1, 50, 50)]
    tails = [rng.bytes(size) for size in (3, 0, 255, 70_001)]
    crcs = np.array([zlib.crc32(head) for head in heads], np.uint32)
    shifted = shift_crcs(crcs, np.array([len(tail) for tail in tails]))
    for head, tail, crc in zip(heads, tails, shifted.tolist(), strict=True):
        assert zlib.crc32(head + tail) == crc ^ zlib.crc32(tail)


def test_a_closed_reader_leaves_a_given_file_open() -> None:
    file = io.BytesIO(SOUND)
    RecoveryReader(file).close()
    assert not file.closed
    with pytest.raises(MalformedError):
        RecoveryReader(io.BytesIO(b"x" * 200))
