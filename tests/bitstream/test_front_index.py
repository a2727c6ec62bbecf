from __future__ import annotations

import errno
import io
from pathlib import Path
from typing import Any

import pytest

from nvcodec.bitstream import NvstReader
from nvcodec.bitstream.boxes import pack_box
from nvcodec.bitstream.front_index import add_front_index, write_with_front_index
from nvcodec.bitstream.headers import BOX_HEADER, FRONT_INDEX, BoxType
from nvcodec.bitstream.scan import ForwardFile, iter_boxes
from nvcodec.errors import ChecksumError, ConfigError, MalformedError, OutputError
from tests.bitstream.nvst_samples import (
    box_positions,
    field_setter,
    make_file,
    open_bytes,
    read_everything,
    three_windows,
    with_payload,
)


def with_front_index(data: bytes) -> bytes:
    file = io.BytesIO()
    write_with_front_index(open_bytes(data), file)
    return file.getvalue()


def payloads(reader: NvstReader) -> list[tuple[str, bytes]]:
    kept = [
        box
        for box in iter_boxes(ForwardFile(reader.source), reader.limits)
        if box.header.type not in ("INDX", "TRLR", "indx")
    ]
    return [(box.header.type, box.payload) for box in kept]


@pytest.mark.parametrize("metadata", [None, {"a": "b"}])
def test_a_front_index_changes_nothing_else(metadata: dict[str, str] | None) -> None:
    data = make_file(three_windows(), metadata)
    before, after = open_bytes(data), open_bytes(with_front_index(data))
    after.verify()
    assert (before.has_front_index, after.has_front_index) == (False, True)
    assert payloads(before) == payloads(after)
    assert before.metadata == after.metadata == (metadata or {})
    assert (after.is_complete, after.level_idx) == (before.is_complete, before.level_idx)


def test_a_front_index_is_not_doubled() -> None:
    once = with_front_index(make_file(three_windows()))
    assert with_front_index(once) == once


def test_an_unfinished_file_has_no_index_to_copy() -> None:
    with pytest.raises(ConfigError, match="unfinished"):
        with_front_index(make_file(three_windows(), is_finished=False))


def test_a_cut_file_with_a_front_index_is_unfinished() -> None:
    data = with_front_index(make_file(three_windows()))
    reader = open_bytes(data[: box_positions(data)[-2][1]])
    assert (reader.is_finished, len(reader.windows)) == (False, 3)


def test_a_front_index_of_another_length_is_found_by_verify() -> None:
    data = with_front_index(make_file(three_windows()))
    edit = field_setter(FRONT_INDEX, "file_bytes", len(data) + 1)
    with pytest.raises(MalformedError, match="of another length"):
        read_everything(with_payload(data, BoxType.FRONT_INDEX, edit))


def test_a_front_index_that_differs_from_the_index_is_found_by_verify() -> None:
    data = with_front_index(make_file(three_windows(), is_complete=False))
    edit = lambda payload: payload[:-1] + bytes([payload[-1] ^ 1])  # noqa: E731
    damaged = bytearray(data)
    damaged[box_positions(data)[1][1] + BOX_HEADER.size] ^= 1
    with pytest.raises(ChecksumError):
        open_bytes(bytes(damaged)).verify()
    with pytest.raises(MalformedError):
        read_everything(with_payload(data, BoxType.FRONT_INDEX, edit))


def test_a_front_index_stands_behind_the_stream_header_or_nowhere() -> None:
    data = with_front_index(make_file(three_windows(), is_finished=True))
    positions = box_positions(data)
    box_type, offset, size = positions[1]
    payload = data[offset + BOX_HEADER.size : offset + size]
    end = positions[-2][1]
    late = data[:end] + pack_box(box_type, len(positions) - 2, payload)
    with pytest.raises(MalformedError, match="does not follow the stream header"):
        open_bytes(late)


def test_a_file_is_replaced_by_its_copy_with_the_index_in_front(tmp_path: Path) -> None:
    path = tmp_path / "a.nvst"
    path.write_bytes(make_file(three_windows()))
    add_front_index(path)
    assert path.read_bytes() == with_front_index(make_file(three_windows()))
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_stays_if_there_is_no_room_for_the_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "a.nvst"
    path.write_bytes(make_file(three_windows()))
    monkeypatch.setattr("nvcodec.bitstream.front_index.write_with_front_index", full)
    with pytest.raises(OutputError, match=r"is whole, but .*: no space left on the disk") as caught:
        add_front_index(path)
    assert caught.value.place == str(path)
    assert path.read_bytes() == make_file(three_windows())
    assert list(tmp_path.iterdir()) == [path]
