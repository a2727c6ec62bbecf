from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from nvcodec.bitstream import NvstReader
from nvcodec.bitstream.network_spec import Backbone
from nvcodec.decoder.reconstruction import FRAMES_AHEAD, ChunkReconstructor
from nvcodec.errors import DeviceError
from nvcodec.video.format import ChromaSubsampling, VideoFormat
from tests import clips, encodes
from tools.check_conformance import VECTORS


def make_reconstructors(folder: Path, backbone: Backbone, format: VideoFormat) -> list[ChunkReconstructor]:
    """The first chunk of a small encode, in float32 and in float64."""
    source = clips.write_clip(folder / "in.mkv", format, num_frames=4)
    settings = {"backbone": backbone, "epochs": 4}
    encodes.tiny_encode(source, folder / "a.nvst", settings=settings)
    with NvstReader(folder / "a.nvst") as reader:
        window = reader.read_window(0)
        chunk = reader.read_chunk(0, 0, window)
        return [
            ChunkReconstructor(window, chunk, reader.header.format, encodes.CPU, dtype)
            for dtype in (torch.float32, torch.float64)
        ]


@pytest.mark.parametrize("bit_depth", [8, 10])
@pytest.mark.parametrize("backbone", list(Backbone))
def test_float32_is_within_one_step_of_the_float64_reference(
    tmp_path: Path, backbone: Backbone, bit_depth: int
) -> None:
    single, double = make_reconstructors(tmp_path, backbone, VideoFormat(33, 27, bit_depth=bit_depth))
    num_frames = single.num_frames
    assert double.output(0).dtype == torch.float64
    num_samples = num_different = 0
    for one, other in zip(single.frames(range(num_frames)), double.frames(range(num_frames)), strict=True):
        for plane, reference in zip(one.planes, other.planes, strict=True):
            difference = np.abs(plane.astype(int) - reference.astype(int))
            assert difference.max() <= 1
            num_samples, num_different = num_samples + difference.size, num_different + int(difference.sum())
    assert num_different <= max(2, 0.001 * num_samples)


def test_frames_have_the_format_s_planes_and_the_chunk_s_times(tmp_path: Path) -> None:
    format = VideoFormat(33, 27, bit_depth=10)
    single, _ = make_reconstructors(tmp_path, Backbone.HNERV, format)
    frames = list(single.frames([1, 0]))
    for frame, position in zip(frames, (1, 0), strict=True):
        assert [plane.shape for plane in frame.planes] == [format.plane_shape(idx) for idx in range(3)]
        assert {plane.dtype for plane in frame.planes} == {np.dtype(np.uint16)}
        assert frame.pts == single.chunk.pts[position]
        assert frame.duration == single.chunk.durations[position]
    assert single.to_rgb(single.output(0)).shape == (1, 3, 27, 33)


def test_vast_gives_the_samples_of_blocks() -> None:
    with NvstReader(VECTORS / "valid" / "vast-odd.nvst") as reader:
        window = reader.read_window(0)
        network = ChunkReconstructor(window, reader.read_chunk(0, 0, window), reader.header.format, encodes.CPU)
    output = network.output(0)
    assert output.shape == (1, 6, 6, 9)
    luma, cb, cr = network.to_frame(0, output).planes
    assert (luma.shape, cb.shape, cr.shape) == ((9, 11), (5, 6), (5, 6))
    block = output[0, :, 2, 3] * 255
    samples = [luma[4, 6], luma[4, 7], luma[5, 6], luma[5, 7], cb[2, 3], cr[2, 3]]
    assert np.abs(np.array(samples) - block.numpy()).max() <= 0.5
    assert network.to_rgb(output).shape == (1, 3, 9, 11)


def test_gray_has_one_channel(tmp_path: Path) -> None:
    format = VideoFormat(32, 24, chroma_subsampling=ChromaSubsampling.GRAY)
    single, _ = make_reconstructors(tmp_path, Backbone.NERV, format)
    assert single.to_rgb(single.output(1)).shape == (1, 1, 24, 32)
    assert [len(frame.planes) for frame in single.frames([0])] == [1]


def test_a_frame_is_the_same_whichever_others_are_asked_for(tmp_path: Path) -> None:
    single, _ = make_reconstructors(tmp_path, Backbone.HNERV, VideoFormat(80, 45))
    together = list(single.frames(range(single.num_frames)))
    for order in ([0], [2], [2, 0], [1, 2, 1]):
        frames = list(single.frames(order))
        encodes.assert_same_frames(frames, [together[position] for position in order])
        assert [frame.pts for frame in frames] == [together[position].pts for position in order]


@pytest.mark.parametrize("num_ahead", [1, 3, 9])
def test_frames_that_are_begun_ahead_come_in_order(
    tmp_path: Path, num_ahead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    single, _ = make_reconstructors(tmp_path, Backbone.HNERV, VideoFormat(33, 27))
    expected = list(single.frames([2, 0, 1, 3]))
    begun: list[int] = []
    output = single.output
    monkeypatch.setattr(single, "output", lambda position: begun.append(position) or output(position))
    monkeypatch.setitem(FRAMES_AHEAD, "cpu", num_ahead)
    frames = single.frames([2, 0, 1, 3])
    first = next(frames)
    assert begun == [2, 0, 1, 3][: num_ahead + 1]
    encodes.assert_same_frames([first, *frames], expected)


def test_devices_have_names_or_are_refused() -> None:
    from nvcodec.decoder.device import describe_device, memory_errors_reported, resolve_device

    assert resolve_device("cpu") == encodes.CPU
    assert describe_device(encodes.CPU).startswith("cpu (")
    for name in ("tpu", "cuda:x", "cuda"):
        if name == "cuda" and torch.cuda.is_available():
            continue
        with pytest.raises(DeviceError):
            resolve_device(name)
    for error in (MemoryError(), torch.OutOfMemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")):
        with pytest.raises(DeviceError, match="out of memory during a test"), memory_errors_reported("a test"):
            raise error
    with pytest.raises(RuntimeError, match="else"), memory_errors_reported("a test"):
        raise RuntimeError("something else")
