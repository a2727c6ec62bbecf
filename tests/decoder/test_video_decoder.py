"""Frames by index and by time, as torchcodec's ``VideoDecoder`` gives them."""

from __future__ import annotations

import io
import os
import pickle
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from nvcodec import VideoDecoder
from nvcodec.bitstream import Limits, NvstReader
from nvcodec.bitstream.network_spec import Backbone
from nvcodec.decoder.reconstruction import ChunkReconstructor
from nvcodec.errors import BitstreamError, ConfigError, DeviceError, InputError, LimitError
from nvcodec.video.color import planes_to_rgb, rgb_to_planes
from nvcodec.video.format import ChromaSubsampling, VideoFormat
from nvcodec.video.frame import Frame
from tests import clips, encodes
from tools.check_conformance import VECTORS

NUM_FRAMES = 12


@pytest.fixture
def decoder(two_windows: Path) -> VideoDecoder:
    return VideoDecoder(two_windows)


@pytest.fixture(scope="module")
def all_rgb(two_windows: Path) -> torch.Tensor:
    """All frames (12, 3, 48, 64), one after the other."""
    decoder = VideoDecoder(two_windows)
    return torch.stack([decoder.get_frame_at(idx).data for idx in range(NUM_FRAMES)])


@pytest.fixture(scope="module")
def variable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames at VARIABLE_PTS ms, in chunks of three."""
    folder = tmp_path_factory.mktemp("variable")
    encodes.tiny_encode(clips.variable_rate_clip(folder), folder / "a.nvst")
    return folder / "a.nvst"


def test_it_has_a_length_and_gives_every_frame_as_uint8_rgb(decoder: VideoDecoder) -> None:
    assert len(decoder) == NUM_FRAMES
    frame = decoder[5]
    assert (frame.shape, frame.dtype, frame.device.type) == ((3, 48, 64), torch.uint8, "cpu")


def test_frames_are_those_of_the_decoded_video(all_rgb: torch.Tensor, all_frames: list[Frame]) -> None:
    """The planes, which are what the network gives, as RGB."""
    for rgb, frame in zip(all_rgb, all_frames, strict=True):
        planes = [torch.from_numpy(plane)[None] for plane in frame.planes]
        values = planes_to_rgb(planes, clips.SMALL)[0].clamp(0, 1)
        assert (rgb - 255 * values).abs().max() <= 0.501
    assert (all_rgb[0] != all_rgb[NUM_FRAMES - 1]).any()


def test_frames_of_networks_of_rgb_are_those_of_the_decoded_video(tmp_path: Path) -> None:
    """In the file's own format, up to the rounding of RGB to 8 bits."""
    target, settings = tmp_path / "a.nvst", {"backbone": Backbone.HNERV}
    encodes.tiny_encode(encodes.two_scene_clip(tmp_path, 4), target, settings=settings, recon=tmp_path / "a.y4m")
    decoder = VideoDecoder(target)
    for idx, frame in enumerate(encodes.read_frames(tmp_path / "a.y4m")):
        for plane, expected in zip(rgb_to_planes(decoder[idx][None] / 255, clips.SMALL), frame.planes, strict=True):
            assert np.abs(plane[0].numpy().astype(int) - expected.astype(int)).max() <= 1


def test_negative_indices_count_from_the_end(decoder: VideoDecoder, all_rgb: torch.Tensor) -> None:
    assert torch.equal(decoder[-1], all_rgb[NUM_FRAMES - 1])
    assert torch.equal(decoder[-NUM_FRAMES], all_rgb[0])
    assert torch.equal(decoder.get_frames_at([-1, 0, -2]).data, all_rgb[[11, 0, 10]])


@pytest.mark.parametrize(
    "key",
    [
        slice(None),
        slice(2, 7),
        slice(-4, None),
        slice(None, None, 5),
        slice(9, 2, -3),
        slice(5, 5),
        slice(8, 100),
        slice(50, 60),
    ],
)
def test_slices_are_batches(decoder: VideoDecoder, all_rgb: torch.Tensor, key: slice) -> None:
    frames = decoder[key]
    expected = all_rgb[list(range(NUM_FRAMES))[key]]
    assert frames.shape == expected.shape
    assert torch.equal(frames, expected)


def test_any_order_and_repetition(decoder: VideoDecoder, all_rgb: torch.Tensor) -> None:
    order = [11, 0, 5, 0, 6, 7, 3]
    frames = decoder.get_frames_at(order)
    assert torch.equal(frames.data, all_rgb[order])
    assert frames.pts_seconds.tolist() == [idx / 25 for idx in order]
    assert len(decoder.get_frames_at([])) == 0


def test_a_frame_knows_its_time(decoder: VideoDecoder) -> None:
    frame = decoder.get_frame_at(7)
    assert (frame.pts_seconds, frame.duration_seconds) == (0.28, 0.04)


def test_iteration_gives_every_frame_once(decoder: VideoDecoder, all_rgb: torch.Tensor) -> None:
    frames = list(decoder)
    assert len(frames) == NUM_FRAMES
    assert torch.equal(torch.stack(frames), all_rgb)


def test_channels_last(two_windows: Path, all_rgb: torch.Tensor) -> None:
    decoder = VideoDecoder(two_windows, dimension_order="NHWC")
    assert decoder[0].shape == (48, 64, 3)
    assert torch.equal(decoder[3:5], all_rgb[3:5].permute(0, 2, 3, 1))


@pytest.mark.parametrize("index", [12, -13, 1000])
def test_a_frame_that_is_not_there_is_an_index_error(decoder: VideoDecoder, index: int) -> None:
    with pytest.raises(IndexError, match="there are 12"):
        decoder[index]
    with pytest.raises(IndexError):
        decoder.get_frames_at([0, index])


def test_the_frame_played_at_a_time(variable: Path) -> None:
    decoder = VideoDecoder(variable)
    times = [pts / 1000 for pts in clips.VARIABLE_PTS]
    for idx, time in enumerate(times):
        frame = decoder.get_frame_played_at(time)
        assert frame.pts_seconds == time
        if idx > 0:
            assert decoder.get_frame_played_at(time - 1e-6).pts_seconds == times[idx - 1]
    moments = [0.1, 0.0, 0.34, 0.119]
    frames = decoder.get_frames_played_at(moments)
    assert frames.pts_seconds.tolist() == [0.095, 0.0, 0.33, 0.095]
    assert torch.equal(frames.data[0], decoder[2])


def test_the_frames_played_in_a_range(variable: Path) -> None:
    decoder = VideoDecoder(variable)

    def played(start: float, stop: float) -> list[float]:
        return decoder.get_frames_played_in_range(start, stop).pts_seconds.tolist()

    assert played(0.05, 0.121) == [0.04, 0.095, 0.12]
    assert played(0.04, 0.12) == [0.04, 0.095]
    assert played(0.1, 0.11) == [0.095]
    assert played(0.1, 0.1) == []
    end = decoder.metadata.end_stream_seconds
    assert played(0.0, end) == [pts / 1000 for pts in clips.VARIABLE_PTS]
    for start, stop in ((-0.1, 0.2), (0.0, end + 0.01), (0.2, 0.1), (end, end + 1), (end, end)):
        with pytest.raises(ValueError, match=r"outside|backwards"):
            decoder.get_frames_played_in_range(start, stop)


@pytest.mark.parametrize("seconds", [-0.001, 0.48, 7.0, float("nan")])
def test_a_time_outside_the_video_is_an_index_error(decoder: VideoDecoder, seconds: float) -> None:
    with pytest.raises(IndexError, match="outside"):
        decoder.get_frame_played_at(seconds)
    with pytest.raises(IndexError, match="outside"):
        decoder.get_frames_played_at([0.0, seconds])


def test_another_rate_repeats_and_drops_frames(decoder: VideoDecoder, all_rgb: torch.Tensor) -> None:
    frames = decoder.get_frames_played_in_range(0.05, 0.2, fps=50)
    assert frames.pts_seconds.tolist() == pytest.approx([0.05 + idx / 50 for idx in range(8)])
    assert frames.duration_seconds.tolist() == [0.02] * 8
    assert torch.equal(frames.data, all_rgb[[1, 1, 2, 2, 3, 3, 4, 4]])
    assert torch.equal(decoder.get_all_frames(fps=12.5).data, all_rgb[::2])
    assert len(decoder.get_frames_played_in_range(0.1, 0.1, fps=10)) == 0
    for fps in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="must be positive"):
            decoder.get_all_frames(fps=fps)


def test_frames_of_0_to_1_are_not_rounded_to_8_bits(tmp_path: Path) -> None:
    format = VideoFormat(32, 24, bit_depth=10)
    encodes.tiny_encode(clips.write_clip(tmp_path / "in.mkv", format, num_frames=2), tmp_path / "a.nvst")
    frames = VideoDecoder(tmp_path / "a.nvst", output_dtype=torch.float32)[:]
    assert frames.dtype == torch.float32
    assert frames.min() >= 0 and frames.max() <= 1
    assert torch.equal((frames * 255 + 0.5).to(torch.uint8), VideoDecoder(tmp_path / "a.nvst")[:])
    assert (frames * 255 % 1 > 0.1).any()
    assert torch.equal(VideoDecoder(tmp_path / "a.nvst", output_dtype="auto")[:], frames)
    assert VideoDecoder(VECTORS / "valid" / "rgb-8.nvst", output_dtype="auto")[0].dtype == torch.uint8


@pytest.mark.parametrize(
    "settings", [{"dimension_order": "CHW"}, {"seek_mode": "fast"}, {"output_dtype": torch.float16}]
)
def test_settings_that_are_none_of_their_choices(two_windows: Path, settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(settings))} is .*, allowed are"):
        VideoDecoder(two_windows, **settings)


@pytest.mark.parametrize("key", [1.5, "a", None, [1, 2]])
def test_a_key_that_is_no_integer_is_a_type_error(decoder: VideoDecoder, key: Any) -> None:
    with pytest.raises(TypeError):
        decoder[key]


def test_a_video_without_frames() -> None:
    decoder = VideoDecoder(VECTORS / "valid" / "no-windows.nvst")
    assert len(decoder) == len(decoder.get_all_frames()) == len(decoder[:]) == 0
    with pytest.raises(IndexError):
        decoder[0]


@pytest.mark.gpu
def test_frames_stay_on_the_device(two_windows: Path, all_rgb: torch.Tensor) -> None:
    for dimension_order in ("NCHW", "NHWC"):
        decoder = VideoDecoder(two_windows, device="cuda", dimension_order=dimension_order)
        frames = decoder.get_frames_at([0, 11])
        assert frames.data.device.type == decoder[0].device.type == "cuda"
        assert frames.pts_seconds.device.type == frames.duration_seconds.device.type == "cpu"
        data = frames.data if dimension_order == "NCHW" else frames.data.permute(0, 3, 1, 2)
        assert (data.cpu().int() - all_rgb[[0, 11]].int()).abs().max() <= 1


def test_times_of_a_video_that_begins_late(tmp_path: Path) -> None:
    encodes.tiny_encode(clips.late_start_clip(tmp_path), tmp_path / "a.nvst")
    decoder = VideoDecoder(tmp_path / "a.nvst")
    assert decoder.metadata.begin_stream_seconds == 1.2
    assert decoder.get_frame_at(0).pts_seconds == 1.2
    assert decoder.get_frame_played_at(1.25).pts_seconds == 1.24
    with pytest.raises(IndexError, match="outside"):
        decoder.get_frame_played_at(0.0)


def test_pixels_stay_as_they_are_and_their_aspect_is_told(tmp_path: Path, decoder: VideoDecoder) -> None:
    path = clips.write_clip(tmp_path / "in.mp4", num_frames=3, codec="libx264", aspect=Fraction(4, 3))
    encodes.tiny_encode(path, tmp_path / "a.nvst")
    wide = VideoDecoder(tmp_path / "a.nvst")
    assert wide.metadata.pixel_aspect_ratio == Fraction(4, 3)
    assert wide[0].shape == (3, 48, 64)
    assert decoder.metadata.pixel_aspect_ratio is None


def test_metadata(decoder: VideoDecoder, two_windows: Path) -> None:
    metadata = decoder.metadata
    assert (metadata.width, metadata.height, metadata.num_frames, metadata.bit_depth) == (64, 48, 12, 8)
    assert (metadata.begin_stream_seconds, metadata.end_stream_seconds, metadata.duration_seconds) == (0, 0.48, 0.48)
    assert metadata.average_fps == 25
    assert metadata.bit_rate == pytest.approx(two_windows.stat().st_size * 8 / 0.48)
    assert (metadata.num_windows, metadata.num_chunks) == (2, 4)
    assert metadata.is_complete
    assert metadata.codec == "nvst"
    assert metadata.pixel_aspect_ratio is None
    assert repr(metadata).startswith("VideoStreamMetadata:\n  codec: nvst\n  width: 64\n")
    assert VideoDecoder(VECTORS / "valid" / "tags.nvst").metadata.pixel_aspect_ratio == 1


@pytest.mark.parametrize(
    "format",
    [
        VideoFormat(32, 24, chroma_subsampling=ChromaSubsampling.GRAY),
        VideoFormat(33, 27, bit_depth=10),
        VideoFormat(33, 27, bit_depth=12),
    ],
)
def test_gray_and_more_bits_are_given_as_8_bit_rgb(tmp_path: Path, format: VideoFormat) -> None:
    encodes.tiny_encode(clips.write_clip(tmp_path / "in.mkv", format, num_frames=3), tmp_path / "a.nvst")
    frames = VideoDecoder(tmp_path / "a.nvst")[:]
    assert frames.shape == (3, 3, format.height, format.width)
    assert frames.dtype == torch.uint8
    if format.chroma_subsampling == ChromaSubsampling.GRAY:
        assert torch.equal(frames[:, 0], frames[:, 2])


@pytest.mark.parametrize(
    "name", ["vast-odd", "vast-10", "vast-422-odd", "vast-444-limited", "vast-rgb-10", "vast-gray"]
)
def test_frames_that_a_network_gives_as_planes_are_turned_into_rgb(name: str) -> None:
    path = VECTORS / "valid" / f"{name}.nvst"
    with NvstReader(path) as reader:
        format, window = reader.header.format, reader.read_window(0)
        chunk = ChunkReconstructor(window, reader.read_chunk(0, 0, window), format, encodes.CPU)
        frames = list(chunk.frames([0, 1]))
    for rgb, frame in zip(VideoDecoder(path)[:2], frames, strict=True):
        planes = [torch.from_numpy(plane)[None] for plane in frame.planes]
        expected = planes_to_rgb(planes, format)[0].clamp(0, 1).expand(3, -1, -1) * 255
        assert rgb.shape == (3, format.height, format.width)
        assert (rgb - expected).abs().max() <= 0.5 + 1e-4


def test_only_the_blocks_of_the_asked_frames_are_read(two_windows: Path, all_rgb: torch.Tensor, tmp_path: Path) -> None:
    data = bytearray(two_windows.read_bytes())
    with NvstReader(two_windows) as reader:
        for idx, window in enumerate(reader.windows):
            if idx == 0:
                data[window.offset : window.offset + window.run_bytes] = bytes(window.run_bytes)
            for chunk_idx, chunk in enumerate(window.chunks):
                if (idx, chunk_idx) != (1, 1):
                    data[chunk.offset : chunk.offset + chunk.box_bytes] = bytes(chunk.box_bytes)
    damaged = tmp_path / "damaged.nvst"
    damaged.write_bytes(data)
    decoder = VideoDecoder(damaged)
    assert torch.equal(decoder[9:12], all_rgb[9:12])
    assert decoder.get_frame_played_at(0.41).pts_seconds == 0.4
    with pytest.raises(BitstreamError):
        decoder[8]
    assert torch.equal(decoder[11], all_rgb[11])


def test_pickling_keeps_the_video_and_drops_the_open_file(decoder: VideoDecoder, all_rgb: torch.Tensor) -> None:
    before = decoder[4]
    copy = pickle.loads(pickle.dumps(decoder))
    assert torch.equal(copy[4], before)
    assert copy.metadata == decoder.metadata
    assert torch.equal(decoder[5], all_rgb[5])
    assert len(pickle.dumps(decoder)) < 10_000


# Forking a process that has threads is what is tested here; Python 3.12 and later warn about it.
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_it_is_a_data_set_for_worker_processes(
    decoder: VideoDecoder, all_rgb: torch.Tensor, context: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "OMP_NUM_THREADS", "1")
    first = decoder[0]  # the file is open and a network cached when the workers start
    loader = DataLoader(decoder, batch_size=2, num_workers=2, multiprocessing_context=context)
    batches = list(loader)
    assert [tuple(batch.shape) for batch in batches] == [(2, 3, 48, 64)] * 6
    assert torch.equal(torch.cat(batches), all_rgb)
    assert torch.equal(decoder[0], first)


@pytest.mark.parametrize("kind", ["str", "bytes", "tensor", "file"])
def test_everything_that_a_file_can_be_read_from(two_windows: Path, all_rgb: torch.Tensor, kind: str) -> None:
    data = two_windows.read_bytes()
    tensor = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    sources: dict[str, Any] = {"str": str(two_windows), "bytes": data, "tensor": tensor, "file": io.BytesIO(data)}
    decoder = VideoDecoder(sources[kind])
    assert torch.equal(decoder[:], all_rgb)
    if kind != "file":
        assert torch.equal(pickle.loads(pickle.dumps(decoder))[7], all_rgb[7])


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_a_file_object_is_not_handed_to_other_processes(
    two_windows: Path, all_rgb: torch.Tensor, context: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "OMP_NUM_THREADS", "1")
    with two_windows.open("rb") as file:
        decoder = VideoDecoder(file)
        decoder[0]
        with pytest.raises(ConfigError, match="a file object cannot be read by another process"):
            list(DataLoader(decoder, num_workers=1, multiprocessing_context=context))
        assert torch.equal(decoder[11], all_rgb[11])


def test_limits_are_the_callers(two_windows: Path) -> None:
    with pytest.raises(LimitError, match="number of frames: 12"):
        VideoDecoder(two_windows, limits=Limits(max_frames=11))


def test_files_that_cannot_be_decoded_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        VideoDecoder(tmp_path / "none.nvst")
    path = tmp_path / "a.nvst"
    path.write_bytes(b"no video at all" * 20)
    with pytest.raises(BitstreamError):
        VideoDecoder(path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is there")
def test_a_missing_device_is_refused_at_once(two_windows: Path) -> None:
    with pytest.raises(DeviceError, match="no CUDA"):
        VideoDecoder(two_windows, device="cuda")
