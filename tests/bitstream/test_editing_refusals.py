"""Cuts and joins that are refused, and damaged files: nothing is written, nothing is lost."""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from nvcodec.bitstream import Limits, StreamHeader
from nvcodec.bitstream.editing import concatenate, cut
from nvcodec.bitstream.headers import WINDOW_PART, BoxType
from nvcodec.errors import (
    BitstreamError,
    ConfigError,
    InputError,
    LimitError,
    MalformedError,
    NvcodecError,
    OutputError,
)
from nvcodec.video.format import ChromaSubsampling, ColorRange, VideoFormat
from nvcodec.video.selection import Selection
from tests.bitstream.editing_samples import contents, source_bytes, write
from tests.bitstream.nvst_samples import (
    STREAM,
    box_positions,
    field_setter,
    make_file,
    make_window,
    with_payload,
)

VIDEO = STREAM.format


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (StreamHeader(VideoFormat(7, 4), Fraction(1, 25)), "width is 7, but 8 in "),
        (StreamHeader(VideoFormat(8, 3), Fraction(1, 25)), "height is 3, but 4 in "),
        (StreamHeader(VideoFormat(8, 4, 10), Fraction(1, 25)), "bit_depth is 10, but 8 in "),
        (
            StreamHeader(VideoFormat(8, 4, chroma_subsampling=ChromaSubsampling.RGB), Fraction(1, 25)),
            "chroma_subsampling is RGB, but YUV420 in ",
        ),
        (StreamHeader(VideoFormat(8, 4, color_primaries=1), Fraction(1, 25)), "color_primaries is 1, but 2 in "),
        (StreamHeader(VideoFormat(8, 4, color_range=ColorRange.FULL), Fraction(1, 25)), "FULL, but LIMITED in "),
        (StreamHeader(VideoFormat(8, 4, sample_aspect_num=4), Fraction(1, 25)), "sample_aspect_num is 4, but 0 in "),
        (StreamHeader(VIDEO, Fraction(1, 50)), "time_base is 1/50, but 1/25 in "),
    ],
)
def test_files_that_differ_are_not_joined(tmp_path: Path, header: StreamHeader, words: str) -> None:
    first = write(tmp_path / "a.nvst", source_bytes())
    other = write(tmp_path / "b.nvst", make_file([make_window()], stream=header))
    with pytest.raises(InputError, match=words) as caught:
        concatenate([first, first, other], tmp_path / "c.nvst")
    assert caught.value.place == str(other)
    assert caught.value.reason.endswith(str(first))
    assert sorted(os.listdir(tmp_path)) == ["a.nvst", "b.nvst"]


@pytest.mark.parametrize(
    ("edit", "error", "words"),
    [
        (lambda a, b: cut(a, a, overwrite=True), OutputError, "is one of the inputs"),
        (lambda a, b: concatenate([b, a], a, overwrite=True), OutputError, "is one of the inputs"),
        (lambda a, b: cut(a.with_name("link"), a, overwrite=True), OutputError, "is one of the inputs"),
        (lambda a, b: cut(a, b), OutputError, "already exists"),
        (lambda a, b: concatenate([a, a], b), OutputError, "already exists"),
        (lambda a, b: cut(a, a.parent, overwrite=True), OutputError, "is a folder"),
        (lambda a, b: cut(a, a.parent / "none" / "c.nvst"), OutputError, "no such file or directory"),
        (lambda a, b: cut(a, a.with_name("c"), Selection(9)), ConfigError, "none of the file's 9 frames"),
        (lambda a, b: cut(a, a.with_name("c"), Selection(3, 3)), ConfigError, "not a range"),
        (lambda a, b: cut(a.with_name("none"), a.with_name("c")), InputError, "No such file"),
        (lambda a, b: concatenate([], a.with_name("c")), ConfigError, "no files"),
        (lambda a, b: concatenate([a, a], a.with_name("c"), limits=Limits(max_frames=17)), LimitError, "18 is above"),
        (lambda a, b: concatenate([a, a], a.with_name("c"), limits=Limits(max_chunks=11)), LimitError, "12 is above"),
    ],
)
def test_refusals_leave_everything_as_it_was(
    tmp_path: Path, edit: Callable[[Path, Path], object], error: type[NvcodecError], words: str
) -> None:
    source, other = write(tmp_path / "a.nvst", source_bytes()), write(tmp_path / "b.nvst", source_bytes())
    (tmp_path / "link").symlink_to(source)
    with pytest.raises(error, match=words):
        edit(source, other)
    assert sorted(os.listdir(tmp_path)) == ["a.nvst", "b.nvst", "link"]
    assert source.read_bytes() == other.read_bytes() == source_bytes()


@pytest.mark.parametrize("box_type", [BoxType.METADATA, BoxType.WINDOW, BoxType.MASK, BoxType.SHARED, BoxType.CHUNK])
@pytest.mark.parametrize("overwrite", [True, False])
def test_damage_leaves_no_output(tmp_path: Path, box_type: BoxType, overwrite: bool) -> None:
    data = bytearray(source_bytes())
    _, offset, size = [place for place in box_positions(bytes(data)) if place[0] == box_type][-1]
    data[offset + size - 1] ^= 1
    source = write(tmp_path / "a.nvst", bytes(data))
    target = tmp_path / "b.nvst"
    if overwrite:
        target.write_bytes(b"old")
    for edit in (
        lambda: cut(source, target, overwrite=overwrite),
        lambda: concatenate([source], target, overwrite=overwrite),
    ):
        with pytest.raises(BitstreamError, match=r"differs from (its|their) checksum"):
            edit()
    assert sorted(os.listdir(tmp_path)) == (["a.nvst", "b.nvst"] if overwrite else ["a.nvst"])
    assert not overwrite or target.read_bytes() == b"old"


def test_damage_elsewhere_does_not_matter(tmp_path: Path) -> None:
    data = bytearray(source_bytes())
    for _, offset, size in [place for place in box_positions(bytes(data)) if place[0] == BoxType.CHUNK][1:]:
        data[offset + size - 1] ^= 1
    cut(write(tmp_path / "a.nvst", bytes(data)), tmp_path / "b.nvst", Selection(0, 2))
    assert len(contents(tmp_path / "b.nvst")) == 1


@pytest.mark.parametrize(
    ("box_type", "edit"),
    [
        (BoxType.MASK, field_setter(WINDOW_PART, "window_idx", 7)),
        (BoxType.SHARED, field_setter(WINDOW_PART, "window_idx", 7)),
        (BoxType.CHUNK, lambda payload: (7).to_bytes(4, "little") + payload[4:]),
    ],
)
def test_a_structure_that_contradicts_itself_is_not_copied(
    tmp_path: Path, box_type: BoxType, edit: Callable[[bytes], bytes]
) -> None:
    data = with_payload(source_bytes(), box_type, edit)
    with pytest.raises(MalformedError, match="belongs to window 7"):
        cut(write(tmp_path / "a.nvst", data), tmp_path / "b.nvst")
    assert os.listdir(tmp_path) == ["a.nvst"]
