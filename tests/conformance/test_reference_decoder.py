"""The reference decoder of the specification, which shares no code with the codec, is held against the codec."""

from __future__ import annotations

import ast
import io
import os
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nvcodec.bitstream import NvstReader
from nvcodec.bitstream.boxes import pack_box
from nvcodec.bitstream.fields import Cursor
from nvcodec.bitstream.headers import BOX_HEADER, FILE_HEADER, BoxType
from nvcodec.decoder.reconstruction import ChunkReconstructor
from nvcodec.errors import BitstreamError
from spec.refdec.container import File
from spec.refdec.decode import DecodedChunk, DecodedWindow, decode
from spec.refdec.fields import RefusedError
from spec.refdec.output import arrays_of, write_output
from tests.conformance import streams
from tools.check_conformance import VECTORS
from tools.vectors import metadata, networks
from tools.vectors.building import build
from tools.vectors.recipes import StreamRecipe, WindowRecipe

REFDEC = Path(__file__).parents[2] / "spec" / "refdec"
MODULES = sorted(REFDEC.glob("*.py"))


def assert_agree(data: bytes, *, num_windows: int, is_finished: bool = True) -> None:
    """The reference decoder and the codec read the same integers, times and samples from a file."""
    file, windows = decode(data)
    with NvstReader(io.BytesIO(data)) as reader:
        reader.verify()
        assert reader.is_finished == is_finished
        assert file.is_complete == (reader.is_complete if is_finished else None)
        assert file.stream.num_source_frames == reader.header.num_source_frames
        assert len(windows) == len(reader.windows) == num_windows
        for window_idx, window in enumerate(windows):
            assert_same_window(reader, window_idx, window)


def assert_same_window(reader: NvstReader, window_idx: int, window: DecodedWindow) -> None:
    content = reader.read_window(window_idx)
    assert list(content.header.step_idx) == window.window.step_idx
    assert [tensor.name for tensor in content.header.network.layout] == [t.name for t in window.window.tensors]
    np.testing.assert_array_equal(content.mask, window.mask)
    np.testing.assert_array_equal(content.shared, window.shared)
    assert len(window.chunks) == len(content.header.chunk_lengths)
    for chunk_idx, decoded in enumerate(window.chunks):
        chunk = reader.read_chunk(window_idx, chunk_idx, content)
        np.testing.assert_array_equal(chunk.own, decoded.chunk.own)
        np.testing.assert_array_equal(chunk.pts, decoded.chunk.header.pts)
        np.testing.assert_array_equal(chunk.durations, decoded.chunk.header.durations)
        assert list(chunk.own_step_shift) == decoded.chunk.own_step_shift
        assert chunk.embedding_step_idx == decoded.chunk.header.embedding_step_idx
        assert (chunk.embeddings is None) == (decoded.chunk.embeddings is None)
        if chunk.embeddings is not None:
            np.testing.assert_array_equal(chunk.embeddings, decoded.chunk.embeddings)
        reconstructor = ChunkReconstructor(
            content, chunk, reader.header.format, torch.device("cpu"), dtype=torch.float64
        )
        assert_same_samples(reconstructor, decoded)


def assert_same_samples(reconstructor: ChunkReconstructor, decoded: DecodedChunk) -> None:
    """Clause 13, for each plane of each frame."""
    for position, frame in enumerate(reconstructor.frames(range(reconstructor.num_frames))):
        assert len(frame.planes) == len(decoded.planes)
        for plane, reference in zip(frame.planes, decoded.planes, strict=True):
            assert plane.dtype == reference.dtype
            difference = np.abs(plane.astype(int) - reference[position].astype(int))
            assert difference.max() <= 1
            assert np.count_nonzero(difference) <= max(2, 0.001 * difference.size)


@pytest.mark.parametrize("name", streams.ENCODES)
def test_encodes(tmp_path: Path, name: str) -> None:
    assert_agree(streams.encoded(tmp_path, name), num_windows=1)


def test_variable_frame_times(tmp_path: Path) -> None:
    assert_agree(streams.variable_rate(tmp_path), num_windows=1)


def test_two_windows(tmp_path: Path) -> None:
    assert_agree(streams.two_windows(tmp_path), num_windows=2)


NERV_WINDOW = WindowRecipe(networks.NERV, lengths=(3, 1, 2), duration=0, first_pts=None, gap=2)
TWO = StreamRecipe((NERV_WINDOW, NERV_WINDOW), metadata=metadata.stored({"made": "by hand"}))


def boxes_of(data: bytes) -> list[tuple[bytes, int, int]]:
    """(type, offset, end) of every box of a sound file."""
    boxes, offset = [], FILE_HEADER.size
    while offset < len(data):
        values = BOX_HEADER.parse(Cursor(data[offset : offset + BOX_HEADER.size], "test"))
        end = offset + BOX_HEADER.size + values["payload_bytes"]
        boxes.append((data[offset + 4 : offset + 8], offset, end))
        offset = end
    return boxes


def with_ancillary_box(data: bytes, position: int, name: bytes = b"note") -> bytes:
    """An unfinished file with one more box that nobody knows."""
    parts = [(name, data[offset + BOX_HEADER.size : end]) for name, offset, end in boxes_of(data)]
    parts.insert(position, (name, b"anything"))
    packed = [
        pack_box(int.from_bytes(name, "little"), sequence, payload)  # type: ignore[arg-type]
        for sequence, (name, payload) in enumerate(parts)
    ]
    return data[: FILE_HEADER.size] + b"".join(packed)


@pytest.mark.parametrize("position", [2, 8])
@pytest.mark.parametrize("name", [b"note", b"4tes", b" tes"])
def test_unknown_ancillary_boxes(position: int, name: bytes) -> None:
    data = build(TWO)
    data = data[: boxes_of(data)[-2][1]]
    assert_agree(with_ancillary_box(data, position, name), num_windows=2, is_finished=False)


def test_unfinished_files() -> None:
    data = build(TWO)
    boxes = boxes_of(data)
    second_window = [offset for name, offset, _ in boxes if name == b"WNDW"][1]
    index, trailer = boxes[-2][1], boxes[-1][1]
    for size in (trailer, index, len(data) - 1):
        assert_agree(data[:size], num_windows=2, is_finished=False)
    for size in (index - 1, second_window + 9, second_window):
        assert_agree(data[:size], num_windows=1, is_finished=False)
    for size in (boxes[2][1] + 60, boxes[1][2], boxes[0][2]):
        assert_agree(data[:size], num_windows=0, is_finished=False)


def outcome_of_codec(data: bytes) -> int | None:
    """Whole windows, all their integers decoded by random access; None if the file is refused."""
    try:
        with NvstReader(io.BytesIO(data)) as reader:
            for window_idx, entry in enumerate(reader.windows):
                window = reader.read_window(window_idx)
                for chunk_idx in range(len(entry.chunks)):
                    reader.read_chunk(window_idx, chunk_idx, window)
            return len(reader.windows)
    except BitstreamError:
        return None


def outcome_of_reference(data: bytes) -> int | None:
    try:
        return len(decode(data, with_planes=False)[1])
    except RefusedError:
        return None


def file_with_two_windows() -> bytes:
    return build(replace(TWO, windows=(replace(NERV_WINDOW, lengths=(1, 1)),) * 2))


def test_both_refuse_the_same_truncations() -> None:
    data = file_with_two_windows()
    boxes = boxes_of(data)
    near = {end + change for _, offset, end in boxes for change in (-BOX_HEADER.size, -1, 0, 1, 23, 24)}
    sizes = sorted({*range(0, 130, 13), *near, *range(0, len(data), 331)} & set(range(len(data))))
    outcomes = [outcome_of_codec(data[:size]) for size in sizes]
    assert outcomes == [outcome_of_reference(data[:size]) for size in sizes]
    expected = [None if size < boxes[0][2] else sum(boxes[end][2] <= size for end in (6, 11)) for size in sizes]
    assert outcomes == expected


def test_both_refuse_the_same_bit_flips() -> None:
    """With an index only the metadata is not looked at; without one everything is."""
    finished = file_with_two_windows()
    boxes = boxes_of(finished)
    metadata = range(boxes[1][1], boxes[1][2])
    positions = sorted(
        {*range(0, 140, 3), *range(150, len(finished), 61), *range(len(finished) - 60, len(finished), 4)}
    )
    for data in (finished, finished[: boxes[-2][1]]):
        for position in positions:
            if position >= len(data):
                continue
            flipped = bytearray(data)
            flipped[position] ^= 1 << (position % 8)
            expected = 2 if data is finished and position in metadata else None
            assert outcome_of_codec(bytes(flipped)) == outcome_of_reference(bytes(flipped)) == expected, position


def test_both_refuse_what_is_appended() -> None:
    data = file_with_two_windows()
    for tail in (b"\0", b"\0" * 23, b"\0" * 24, data[:24], data[boxes_of(data)[-1][1] :], data):
        assert outcome_of_codec(data + tail) is None
        assert outcome_of_reference(data + tail) is None


def with_payload_byte(data: bytes, which: int, position: int, value: int) -> bytes:
    """One byte of a box's payload changed and the checksums mended, so that the change itself has to be noticed."""
    name, offset, end = boxes_of(data)[which]
    payload = bytearray(data[offset + BOX_HEADER.size : end])
    payload[position % len(payload)] = value
    sequence = int.from_bytes(data[offset + 12 : offset + 16], "little")
    box = pack_box(BoxType(int.from_bytes(name, "little")), sequence, bytes(payload))
    return data[:offset] + box + data[end:]


def with_header_byte(data: bytes, which: int, position: int, value: int) -> bytes:
    """One byte of a box's type, length or sequence changed and the header's checksum mended."""
    offset = boxes_of(data)[which][1]
    header = bytearray(data[offset : offset + BOX_HEADER.size])
    header[4 + position % 12] = value
    header[20:] = zlib.crc32(header[:20]).to_bytes(4, "little")
    return data[:offset] + bytes(header) + data[offset + BOX_HEADER.size :]


VALUES = [0, 1, 2, 3, 5, ord("a"), ord("X"), 126, 127, 128, 254, 255]


@pytest.mark.parametrize("name", ["NERV", "HNERV", "ENERV", "VAST", "TEXTURE"])
def test_both_judge_forged_boxes_alike(name: str, rounds: int = 60) -> None:
    rng = np.random.default_rng(0)
    finished = build(replace(TWO, windows=(WindowRecipe(getattr(networks, name), duration=0),)))
    ends = [end for _, _, end in boxes_of(finished)]
    unfinished, without_trailer, not_whole = finished[: ends[-3]], finished[: ends[-2]], finished[: ends[-4]]
    seen = set()
    for data in (finished, unfinished, without_trailer, not_whole):
        num_boxes = len(boxes_of(data))
        for forge in [with_payload_byte] * rounds + [with_header_byte] * (rounds // 4):
            place = int(rng.integers(num_boxes)), int(rng.exponential(30)), int(rng.choice(VALUES))
            outcome = outcome_of_codec(forge(data, *place))
            assert outcome == outcome_of_reference(forge(data, *place)), (forge, len(data), place)
            seen.add(outcome)
    assert seen == {None, 0, 1}


def test_the_reference_imports_nothing_but_numpy() -> None:
    allowed = {*sys.stdlib_module_names, "numpy"}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert {alias.name.split(".")[0] for alias in node.names} <= allowed, path
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                assert str(node.module).split(".")[0] in allowed, path
            else:
                assert not isinstance(node, ast.ImportFrom) or node.level == 1, path
    for path in MODULES:
        assert len(path.read_text(encoding="utf-8").splitlines()) < 400


def test_the_command_of_the_reference(tmp_path: Path) -> None:
    data = build(TWO)
    (tmp_path / "a.nvst").write_bytes(data)
    (tmp_path / "cut.nvst").write_bytes(data[:50])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": ""}
    codes = []
    for name in ("a", "cut"):
        command = [sys.executable, "-m", "refdec", tmp_path / f"{name}.nvst", tmp_path / f"{name}.npz"]
        codes.append(subprocess.run(command, cwd=REFDEC.parent, env=environment, capture_output=True, check=False))
    assert [process.returncode for process in codes] == [0, 1]
    assert b"refused at byte" in codes[1].stderr
    assert not (tmp_path / "cut.npz").exists()
    expected = arrays_of(decode(data)[1])
    with np.load(tmp_path / "a.npz") as stored:
        assert set(stored.files) == set(expected)
        for key, array in expected.items():
            np.testing.assert_array_equal(stored[key], array)


def test_the_frames_of_the_reference_as_y4m(tmp_path: Path) -> None:
    data = (VECTORS / "valid" / "gray-10-limited.nvst").read_bytes()
    file, windows = decode(data)
    assert isinstance(file, File)
    write_output(tmp_path / "a.y4m", file, windows)
    text = (tmp_path / "a.y4m").read_bytes()
    assert text.startswith(b"YUV4MPEG2 W12 H11 F")
    assert text.count(b"FRAME\n") == 3
