"""Cutting and joining: what is in the files stays as it was, whatever is cut and joined."""

from __future__ import annotations

import dataclasses
import itertools
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nvcodec.bitstream import ChunkContent, MaskGranularity, NvstReader, NvstWriter, WindowContent
from nvcodec.bitstream.editing import concatenate, cut
from nvcodec.bitstream.headers import WINDOW_PART, BoxType
from nvcodec.bitstream.network_spec import NetworkSpec
from nvcodec.bitstream.scan import ForwardFile, iter_boxes
from nvcodec.decoder.reconstruction import ChunkReconstructor
from nvcodec.errors import (
    MalformedError,
)
from nvcodec.video.frame import Frame
from nvcodec.video.selection import Selection
from tests.bitstream.editing_samples import contents, source_bytes, write
from tests.bitstream.nvst_samples import (
    ENERV,
    HNERV,
    NERV,
    STREAM,
    VAST,
    make_file,
    make_window,
)
from tools.vectors import networks
from tools.vectors.building import build
from tools.vectors.recipes import StreamRecipe, WindowRecipe

_WINDOW = {"lengths": (3, 1, 2), "gap": 2, "duration": 0}
_NERV = WindowRecipe(networks.NERV, first_pts=None, **_WINDOW)
FILES = {
    "nerv": _NERV,
    "nerv time over the window": dataclasses.replace(_NERV, time=(0, 6)),
    "nerv time over more than the window": dataclasses.replace(_NERV, time=(5, 40)),
    "enerv": WindowRecipe(networks.ENERV, first_pts=None, **_WINDOW),
    "enerv time": WindowRecipe(networks.ENERV, MaskGranularity.ROW, first_pts=None, time=(3, 20), **_WINDOW),
    "vast": WindowRecipe(networks.VAST, first_pts=None, **_WINDOW),
    "texture": WindowRecipe(networks.TEXTURE, first_pts=None, **_WINDOW),
    "hnerv": WindowRecipe(networks.HNERV, first_pts=None, **_WINDOW),
}


def two_windows_of(recipe: WindowRecipe) -> bytes:
    first = dataclasses.replace(recipe, first_pts=-3)
    return build(StreamRecipe((first, recipe), num_source_frames=5, is_complete=False))


def decoded(path: Path) -> list[Frame]:
    """All frames of a file, which is held against the specification first."""
    frames: list[Frame] = []
    with NvstReader(path) as reader:
        reader.verify()
        for window_idx, entry in enumerate(reader.windows):
            window = reader.read_window(window_idx)
            for chunk_idx in range(len(entry.chunks)):
                chunk = reader.read_chunk(window_idx, chunk_idx, window)
                reconstructor = ChunkReconstructor(window, chunk, reader.header.format, torch.device("cpu"))
                frames += reconstructor.frames(range(chunk.num_frames))
    return frames


def assert_same(actual: list[Frame], expected: list[Frame]) -> None:
    """The same samples and durations."""
    for one, other in zip(actual, expected, strict=True):
        for plane, other_plane in zip(one.planes, other.planes, strict=True):
            np.testing.assert_array_equal(plane, other_plane)
        assert one.duration == other.duration


def pts_of(path: Path) -> list[tuple[int, int]]:
    with NvstReader(path) as reader:
        return [(chunk.first_pts, chunk.end_pts) for chunk in reader.index.chunks]


def borders(path: Path) -> list[int]:
    """Frames at which a file can be cut, its two ends included."""
    with NvstReader(path) as reader:
        return [*(chunk.first_frame for chunk in reader.index.chunks), reader.num_frames]


def cut_apart(path: Path, places: list[int]) -> list[Path]:
    parts = []
    for idx, (first, end) in enumerate(itertools.pairwise(places)):
        parts.append(path.with_name(f"{path.stem}.part{idx}.nvst"))
        cut(path, parts[-1], Selection(first, end))
    return parts


@pytest.mark.parametrize("name", FILES)
def test_every_cut_decodes_to_the_same_samples(tmp_path: Path, name: str) -> None:
    source = write(tmp_path / "a.nvst", two_windows_of(FILES[name]))
    frames, places = decoded(source), borders(source)
    assert len(places) == 7
    for first, end in itertools.combinations(places, 2):
        result = cut(source, tmp_path / "b.nvst", Selection(first, end), overwrite=True)
        kept, expected = decoded(tmp_path / "b.nvst"), frames[first:end]
        assert_same(kept, expected)
        assert [frame.pts for frame in kept] == [frame.pts - expected[0].pts for frame in expected]
        assert (result.first_frame, result.num_frames) == (first, end - first)


@pytest.mark.parametrize("name", FILES)
def test_joined_cuts_decode_to_the_same_samples(tmp_path: Path, name: str) -> None:
    source = write(tmp_path / "a.nvst", two_windows_of(FILES[name]))
    parts = cut_apart(source, borders(source))
    result = concatenate(parts, tmp_path / "b.nvst")
    frames, joined = decoded(source), decoded(tmp_path / "b.nvst")
    assert result.num_frames == len(frames)
    assert_same(joined, frames)
    # The source has gaps at the cuts; the joined file has none.
    assert [frame.pts for frame in joined] == [0, *np.cumsum([frame.duration for frame in frames[:-1]])]
    assert contents(tmp_path / "b.nvst") == contents(source)
    with NvstReader(tmp_path / "b.nvst") as reader:
        assert len(reader.windows) == 2


def gapless(network: NetworkSpec, time_length: int, lengths: Sequence[Sequence[int]]) -> bytes:
    """Complete, from 0 on, without gaps, as the encoder writes files."""
    windows: list[tuple[WindowContent, list[ChunkContent]]] = []
    first_frame = 0
    for window_idx, chunk_lengths in enumerate(lengths):
        window, chunks = make_window(window_idx, first_frame, tuple(chunk_lengths), network, seed=window_idx)
        header = dataclasses.replace(window.header, time_offset=2 if time_length else 0, time_length=time_length)
        windows.append((dataclasses.replace(window, header=header), chunks))
        first_frame += sum(chunk_lengths)
    stream = dataclasses.replace(STREAM, num_source_frames=first_frame)
    return make_file(windows, {"a": "b"}, stream=stream)


LENGTHS = st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=3), min_size=1, max_size=3)
NETWORKS = st.sampled_from([(HNERV, 0), (VAST, 0), (NERV, 0), (NERV, 50), (ENERV, 0), (ENERV, 50)])


@settings(max_examples=15)
@given(network=NETWORKS, lengths=LENGTHS, data=st.data())
def test_a_file_that_was_cut_apart_and_joined_has_the_same_bytes(
    network: tuple[NetworkSpec, int], lengths: list[list[int]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = write(Path(folder) / "a.nvst", gapless(*network, lengths))
        inner = borders(source)[1:-1]
        chosen = data.draw(st.lists(st.sampled_from(inner), unique=True)) if inner else []
        parts = cut_apart(source, [0, *sorted(chosen), borders(source)[-1]])
        result = concatenate(parts, Path(folder) / "b.nvst")
        assert (Path(folder) / "b.nvst").read_bytes() == source.read_bytes()
        assert result.is_complete


@settings(max_examples=12)
@given(network=NETWORKS, lengths=st.lists(LENGTHS, min_size=1, max_size=2), data=st.data())
def test_random_cuts_and_joins_keep_all_chunks(
    network: tuple[NetworkSpec, int], lengths: list[list[list[int]]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = [write(Path(folder) / f"{idx}.nvst", gapless(*network, each)) for idx, each in enumerate(lengths)]
        expected = [contents(path) for path in files]
        for _ in range(data.draw(st.integers(1, 4))):
            target = Path(folder) / f"{len(files)}.nvst"
            if data.draw(st.booleans()):
                idx = data.draw(st.integers(0, len(files) - 1))
                places = borders(files[idx])
                first, end = sorted(data.draw(st.permutations(range(len(places))))[:2])
                cut(files[idx], target, Selection(places[first], places[end]))
                expected.append(expected[idx][first:end])
            else:
                chosen = data.draw(st.lists(st.integers(0, len(files) - 1), min_size=1, max_size=3))
                concatenate([files[idx] for idx in chosen], target)
                expected.append([chunk for idx in chosen for chunk in expected[idx]])
            files.append(target)
            assert contents(target) == expected[-1]
            times = pts_of(target)
            assert times[0][0] == 0
            assert all(before[1] == after[0] for before, after in itertools.pairwise(times))


def bodies(path: Path, box_type: BoxType) -> list[bytes]:
    """The payloads behind the numbers and times that cutting and joining may change."""
    skip = 16 if box_type == BoxType.CHUNK else WINDOW_PART.size
    with NvstReader(path) as reader:
        return [
            box.payload[skip:]
            for box in iter_boxes(ForwardFile(reader.source), reader.limits)
            if box.header.box_type == box_type
        ]


def test_payloads_are_copied_and_no_integer_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("an integer is decoded")

    source = write(tmp_path / "a.nvst", gapless(HNERV, 0, [(2, 1, 3), (1, 2)]))
    for name in ("parse_section", "pack_section", "parse_embeddings", "parse_mask"):
        monkeypatch.setattr(f"nvcodec.bitstream.payloads.{name}", fail)
    cut(source, tmp_path / "b.nvst", Selection(2, 7))
    for box_type, kept in ((BoxType.MASK, [0, 1]), (BoxType.SHARED, [0, 1]), (BoxType.CHUNK, [1, 2, 3])):
        before, after = bodies(source, box_type), bodies(tmp_path / "b.nvst", box_type)
        # Behind the first timestamp a chunk has only its number that may change.
        strip = (lambda body: body[:8] + body[10:]) if box_type == BoxType.CHUNK else bytes
        assert [strip(body) for body in after] == [strip(before[idx]) for idx in kept]


def test_one_payload_is_read_when_it_is_due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write(tmp_path / "a.nvst", source_bytes())
    events: list[str] = []
    read, write_box = NvstReader.checked_chunk_box, NvstWriter._write_box

    def noted_read(self: NvstReader, *arguments: Any) -> Any:
        events.append("read")
        return read(self, *arguments)

    def noted_write(self: NvstWriter, box_type: BoxType, payload: bytes) -> None:
        events.append(box_type.name)
        write_box(self, box_type, payload)

    monkeypatch.setattr(NvstReader, "checked_chunk_box", noted_read)
    monkeypatch.setattr(NvstWriter, "_write_box", noted_write)
    concatenate([source], tmp_path / "b.nvst")
    assert events[2:9] == ["WINDOW", "MASK", "SHARED", "read", "CHUNK", "read", "CHUNK"]


@pytest.mark.parametrize(
    ("selection", "kept"),
    [
        (Selection(), (0, 9)),
        (Selection(1, 2), (0, 2)),
        (Selection(1, 3), (0, 3)),
        (Selection(2, 4), (2, 5)),
        (Selection(8, 100), (8, 9)),
        (Selection(start_s=0.4, end_s=0.8), (0, 2)),
        (Selection(start_s=0.41, end_s=0.81), (2, 3)),
        (Selection(start_s=2.8), (6, 9)),
        (Selection(1, 5, 0.8), (2, 5)),
    ],
)
def test_the_chunks_that_hold_a_wanted_frame_are_kept(
    tmp_path: Path, selection: Selection, kept: tuple[int, int]
) -> None:
    result = cut(write(tmp_path / "a.nvst", source_bytes()), tmp_path / "b.nvst", selection)
    assert (result.first_frame, result.first_frame + result.num_frames) == kept
    assert (result.start_s, result.end_s) == tuple(pytest.approx(0.4 * place) for place in kept)
    assert result.file_bytes == (tmp_path / "b.nvst").stat().st_size
    with NvstReader(tmp_path / "b.nvst") as reader:
        assert reader.num_frames == reader.header.num_source_frames == kept[1] - kept[0]
        assert reader.metadata == {"a": "b", "c": "d"}


def shifted(first_pts: int) -> bytes:
    """One window of two chunks with a gap of 5 between them."""
    window, (first, second) = make_window()
    moved = [
        dataclasses.replace(first, pts=first.pts + first_pts),
        dataclasses.replace(second, pts=second.pts + first_pts + 5),
    ]
    return make_file([(window, moved)])


def test_a_cut_begins_at_zero_and_keeps_the_gaps_within(tmp_path: Path) -> None:
    cut(write(tmp_path / "a.nvst", shifted(-100)), tmp_path / "b.nvst")
    assert pts_of(tmp_path / "b.nvst") == [(0, 20), (25, 35)]


def test_joined_files_begin_where_the_one_before_ends(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.nvst", shifted(100)), write(tmp_path / "b.nvst", shifted(-7))
    empty = write(tmp_path / "empty.nvst", make_file([]))
    result = concatenate([empty, first, empty, second], tmp_path / "c.nvst")
    assert pts_of(tmp_path / "c.nvst") == [(100, 120), (125, 135), (135, 155), (160, 170)]
    assert result.end_s == pytest.approx(70 / 25)


def test_timestamps_that_become_too_large_are_refused(tmp_path: Path) -> None:
    paths = [write(tmp_path / "a.nvst", shifted(2**62 - 40)), write(tmp_path / "b.nvst", shifted(0))]
    with pytest.raises(MalformedError, match=r"exceeds 2\*\*62"):
        concatenate(paths, tmp_path / "c.nvst")
    assert sorted(os.listdir(tmp_path)) == ["a.nvst", "b.nvst"]


def test_files_without_windows_join_to_one_without_windows(tmp_path: Path) -> None:
    empty = write(tmp_path / "a.nvst", make_file([]))
    assert concatenate([empty, empty], tmp_path / "b.nvst").num_frames == 0
    assert contents(tmp_path / "b.nvst") == []


def test_metadata_that_all_files_agree_on_is_kept(tmp_path: Path) -> None:
    texts = [{"x": "1", "y": "2", "z": "3"}, {"z": "3", "x": "1", "y": "4"}]
    paths = [write(tmp_path / f"{idx}.nvst", make_file([make_window()], text)) for idx, text in enumerate(texts)]
    concatenate(paths, tmp_path / "b.nvst")
    with NvstReader(tmp_path / "b.nvst") as reader:
        assert reader.metadata == {"x": "1", "z": "3"}


def test_windows_that_differ_stay_apart(tmp_path: Path) -> None:
    window, chunks = make_window()
    shared = window.shared.copy()
    shared[0] += 1
    others = [
        make_file([(WindowContent(window.header, window.mask, shared), chunks)]),
        make_file([make_window(seed=1)]),
        make_file([make_window(kappa=0.0)]),
    ]
    source = write(tmp_path / "a.nvst", make_file([(window, chunks)]))
    for other in others:
        concatenate([source, write(tmp_path / "b.nvst", other)], tmp_path / "c.nvst", overwrite=True)
        with NvstReader(tmp_path / "c.nvst") as reader:
            assert len(reader.windows) == 2


@pytest.mark.parametrize(
    ("network", "time_length", "num_windows"), [(HNERV, 0, 1), (NERV, 0, 1), (NERV, 50, 2), (ENERV, 50, 2)]
)
def test_one_window_has_one_run_of_time(
    tmp_path: Path, network: NetworkSpec, time_length: int, num_windows: int
) -> None:
    source = write(tmp_path / "a.nvst", gapless(network, time_length, [(1, 2, 1)]))
    cut(source, tmp_path / "first.nvst", Selection(0, 1))
    cut(source, tmp_path / "last.nvst", Selection(3, 4))
    concatenate([tmp_path / "first.nvst", tmp_path / "last.nvst"], tmp_path / "b.nvst")
    assert contents(tmp_path / "b.nvst") == contents(source)[::2]
    with NvstReader(tmp_path / "b.nvst") as reader:
        assert len(reader.windows) == num_windows


def test_a_window_does_not_get_more_chunks_than_it_may_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write(tmp_path / "a.nvst", gapless(NERV, 50, [(1, 1, 1, 1, 1)]))
    parts = cut_apart(source, borders(source))
    monkeypatch.setattr("nvcodec.bitstream.pieces.MAX_WINDOW_CHUNKS", 2)
    concatenate(parts, tmp_path / "b.nvst")
    assert contents(tmp_path / "b.nvst") == contents(source)
    with NvstReader(tmp_path / "b.nvst") as reader:
        assert [len(window.chunks) for window in reader.windows] == [2, 2, 1]


def test_levels_are_kept(tmp_path: Path) -> None:
    windows = []
    for window_idx, level_idx in enumerate((1, 3, 2)):
        window, chunks = make_window(window_idx, 3 * window_idx, seed=window_idx)
        header = dataclasses.replace(window.header, level_idx=level_idx)
        windows.append((dataclasses.replace(window, header=header), chunks))
    source = write(tmp_path / "a.nvst", make_file(windows))
    for first, end, level_idx in ((0, 1, 1), (0, 9, 3), (6, 9, 2)):
        cut(source, tmp_path / "b.nvst", Selection(first, end), overwrite=True)
        with NvstReader(tmp_path / "b.nvst") as reader:
            reader.verify()
            assert reader.level_idx == level_idx


@pytest.mark.parametrize("how", ["closed early", "without an index", "cut off within a window"])
def test_whole_windows_of_unfinished_files_are_kept(tmp_path: Path, how: str) -> None:
    data = source_bytes(is_complete=False, is_finished=how == "closed early")
    num_frames = 9
    if how == "cut off within a window":
        data, num_frames = data[:-5], 6
    source = write(tmp_path / "a.nvst", data)
    result = concatenate([source, source], tmp_path / "b.nvst")
    warning = f"{source}: unfinished, it has fewer frames than its source"
    assert (result.num_frames, result.is_complete, result.warnings) == (2 * num_frames, False, (warning, warning))
    with NvstReader(tmp_path / "b.nvst") as reader:
        assert (reader.is_finished, reader.is_complete) == (True, False)
    result = cut(source, tmp_path / "c.nvst", Selection(3))
    assert (result.num_frames, result.is_complete, result.warnings) == (num_frames - 3, False, (warning,))
    result = cut(source, tmp_path / "d.nvst", Selection(3, 5))
    assert (result.num_frames, result.is_complete, result.warnings) == (2, True, ())
    for name in "bcd":
        contents(tmp_path / f"{name}.nvst")


def test_the_number_of_source_frames_may_differ(tmp_path: Path) -> None:
    first = write(tmp_path / "a.nvst", source_bytes())
    other = write(
        tmp_path / "b.nvst", make_file([make_window()], stream=dataclasses.replace(STREAM, num_source_frames=7))
    )
    assert concatenate([first, other], tmp_path / "c.nvst").num_frames == 12


@pytest.mark.parametrize("edit", [cut, lambda source, target, **options: concatenate([source], target, **options)])
def test_faststart(tmp_path: Path, edit: Callable[..., Any]) -> None:
    source = write(tmp_path / "a.nvst", source_bytes())
    result = edit(source, tmp_path / "b.nvst", faststart=True)
    with NvstReader(tmp_path / "b.nvst") as reader:
        assert reader.has_front_index
        assert reader.file_bytes == result.file_bytes
    assert contents(tmp_path / "b.nvst") == contents(source)
    edit(tmp_path / "b.nvst", tmp_path / "c.nvst")
    assert (tmp_path / "c.nvst").read_bytes() == source.read_bytes()
