"""Files without a trailer at their end: what is there is checked, and nothing damaged passes for a cut."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nvcodec.bitstream import Limits
from nvcodec.bitstream.fields import Cursor, Record
from nvcodec.bitstream.headers import BOX_HEADER, CHUNK, NETWORK, TRAILER, WINDOW, BoxType
from nvcodec.bitstream.payloads import parse_network
from nvcodec.errors import MalformedError
from tests.bitstream.nvst_samples import (
    NERV,
    box_positions,
    field_setter,
    make_file,
    make_window,
    open_bytes,
    three_windows,
    with_payload,
)

LENGTHS = (1, 1, 1)
NETWORK_START = WINDOW.size + 4 * len(LENGTHS)
# The fields in front of the array, which alone have fixed positions.
WINDOW_HEAD = Record("window header", WINDOW.parts[:-1])


@pytest.mark.parametrize("tail", [b"x", b"x" * 23])
def test_bytes_behind_a_trailer_that_counts_them_are_refused(tail: bytes) -> None:
    data = make_file(three_windows())
    data = with_payload(data, BoxType.TRAILER, field_setter(TRAILER, "file_bytes", len(data) + len(tail)))
    with pytest.raises(MalformedError, match="not at the end"):
        open_bytes(data + tail)


def test_an_index_without_its_trailer_is_held_against_the_boxes() -> None:
    data = make_file([make_window()])[: -BOX_HEADER.size - TRAILER.size]
    assert len(open_bytes(data).windows) == 1
    later_end = lambda payload: payload[:-8] + (31).to_bytes(8, "little")  # noqa: E731
    with pytest.raises(MalformedError, match="the index differs from the boxes"):
        open_bytes(with_payload(data, BoxType.INDEX, later_end))


@pytest.mark.parametrize(
    ("box_type", "edit", "reason", "which"),
    [
        (BoxType.WINDOW, field_setter(NETWORK, "base_width", 1, NETWORK_START), "does not cover", 0),
        (BoxType.WINDOW, field_setter(NETWORK, "num_outputs", 1, NETWORK_START), "num_outputs is 1, not 3", 0),
        (BoxType.CHUNK, field_setter(CHUNK, "embedding_step_idx", 1), "embedding_step_idx without", 0),
        (BoxType.CHUNK, field_setter(CHUNK, "first_pts", 9), "timestamps do not increase", 1),
    ],
)
def test_a_window_that_is_not_whole_is_checked_as_far_as_it_goes(
    box_type: BoxType, edit: Callable[[bytes], bytes], reason: str, which: int
) -> None:
    whole = make_file([make_window(network=NERV, lengths=LENGTHS)], is_finished=False)
    data = whole[: box_positions(whole)[-1][1]]
    assert open_bytes(data).windows == ()
    edited = with_payload(data, box_type, edit, which)
    with pytest.raises(MalformedError, match=reason):
        open_bytes(mend_num_parameters(edited))


def mend_num_parameters(data: bytes) -> bytes:
    """With the number of parameters that the edited network has, so that nothing else is wrong."""

    def mend(payload: bytes) -> bytes:
        cursor = Cursor(payload, "test")
        WINDOW.parse(cursor)
        num_parameters = parse_network(cursor, Limits()).num_parameters
        return field_setter(WINDOW_HEAD, "num_parameters", num_parameters)(payload)

    return with_payload(data, BoxType.WINDOW, mend)
