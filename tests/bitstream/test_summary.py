from __future__ import annotations

import io
import json

import numpy as np
import pytest

from nvcodec.bitstream.boxes import pack_box
from nvcodec.bitstream.dump import dump
from nvcodec.bitstream.front_index import write_with_front_index
from nvcodec.bitstream.headers import RECORDS, BoxType
from nvcodec.bitstream.index import pack_trailer
from nvcodec.bitstream.summary import summarize
from nvcodec.errors import MalformedError
from tests.bitstream.nvst_samples import (
    HNERV,
    box_positions,
    file_with_tracks,
    make_file,
    make_window,
    open_bytes,
    three_windows,
)


def test_summary_of_three_windows() -> None:
    contents = three_windows()
    data = make_file(contents, {"encoder": "test"})
    summary = summarize(open_bytes(data))
    assert (summary.width, summary.height, summary.num_frames) == (8, 4, 9)
    assert summary.is_finished and summary.is_complete
    assert summary.duration_s == pytest.approx(90 / 25)
    assert summary.frame_rate == pytest.approx(2.5)
    assert summary.bpp == pytest.approx(8 * len(data) / (9 * 32))
    assert sum(summary.bytes_by_part.values()) == len(data)
    assert summary.metadata == {"encoder": "test"}
    for window, (content, _) in zip(summary.windows, contents, strict=True):
        assert window.num_shared == np.count_nonzero(content.mask)
        assert window.kappa == window.num_shared / HNERV.num_parameters
        assert [chunk.num_frames for chunk in window.chunks] == [2, 1]
    stored = sum(window.num_shared + 2 * (window.num_parameters - window.num_shared) for window in summary.windows)
    bits = 8 * (summary.bytes_by_part["shared"] + summary.bytes_by_part["own"])
    assert summary.bits_per_parameter == pytest.approx(bits / stored)
    json.dumps(summary.as_dict())


def test_summary_of_an_empty_file() -> None:
    summary = summarize(open_bytes(make_file([], is_complete=False)))
    assert (summary.num_frames, summary.bpp, summary.kappa, summary.windows) == (0, 0, 0, ())


def test_the_dump_shows_every_declared_field() -> None:
    rng = np.random.default_rng(0)
    window, chunks = make_window(spread=20.0, seed=int(rng.integers(9)))
    file = io.BytesIO()
    write_with_front_index(open_bytes(make_file([(window, chunks)], {"a": "b"})), file)
    lines = "\n".join([*dump(open_bytes(file.getvalue())), *dump(open_bytes(file_with_tracks()))])
    shown = set(lines.replace(":", " ").split())
    for record in RECORDS:
        if record.name in ("box header", "explicit table", "table codes"):
            continue
        assert record.name in lines
        assert {part.name for part in record.parts} <= shown


def test_the_dump_of_boxes_out_of_order_is_refused() -> None:
    """A file that is read by its index may hold anything elsewhere."""
    data = make_file([], is_complete=False)
    boxes = box_positions(data)
    stray = pack_box(BoxType.MASK, 1, bytes(4))
    index = data[boxes[-2][1] : boxes[-1][1]]
    offset = boxes[-2][1] + len(stray)
    trailer = pack_trailer(offset, len(index), len(data) + len(stray))
    reader = open_bytes(data[: boxes[-2][1]] + stray + index + pack_box(BoxType.TRAILER, 3, trailer))
    with pytest.raises(MalformedError):
        list(dump(reader))
