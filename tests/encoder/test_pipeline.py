"""Whole encodes: whatever goes in comes out in the same shape, and the file says truly what it holds."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

import nvcodec
from nvcodec.bitstream import MaskGranularity, NvstReader, unit_indices
from nvcodec.bitstream.network_spec import Backbone
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.memory import window_plan
from nvcodec.encoder.progress import EncodeProgress, Stage
from nvcodec.metrics import rgb_psnr
from nvcodec.sharing.plans import share_last_layers
from nvcodec.training.chunk_frames import ChunkFrames
from nvcodec.video.format import ChromaSubsampling, ColorRange, LightMetadata, VideoFormat
from nvcodec.video.frame import Frame
from nvcodec.video.sink import open_sink
from nvcodec.video.source import open_source
from tests import clips, encodes, panning


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def write_lossless(path: Path, format: VideoFormat, frames: list[Frame]) -> Path:
    with open_sink(path, format, Fraction(1, 1000), Fraction(25)) as sink:
        for frame in frames:
            sink.write(frame)
    return path


def assert_same_shape(decoded: Path, source: Path) -> None:
    with open_source(source) as expected, open_source(decoded) as actual:
        assert actual.format == expected.format
        assert actual.warnings == []
        expected_times = [(frame.pts * expected.time_base, frame.duration * expected.time_base) for frame in expected]
        actual_times = [(frame.pts * actual.time_base, frame.duration * actual.time_base) for frame in actual]
    assert [time for time, _ in actual_times] == [time for time, _ in expected_times]
    assert actual_times[:-1] == expected_times[:-1]


COLORS = {
    "color_primaries": 9,
    "transfer_characteristics": 16,
    "matrix_coefficients": 9,
    "color_range": ColorRange.FULL,
    "chroma_location": 3,
}
FORMATS = {
    "gray": VideoFormat(40, 32, chroma_subsampling=ChromaSubsampling.GRAY),
    "gray 10 odd": VideoFormat(33, 27, bit_depth=10, chroma_subsampling=ChromaSubsampling.GRAY),
    "4:2:0 tags": VideoFormat(40, 32, **COLORS),
    "4:2:0 odd": VideoFormat(33, 27),
    "4:2:0 10": VideoFormat(40, 32, bit_depth=10, **COLORS),
    "4:2:2 odd": VideoFormat(33, 27, chroma_subsampling=ChromaSubsampling.YUV422),
    "4:2:2 10": VideoFormat(40, 32, bit_depth=10, chroma_subsampling=ChromaSubsampling.YUV422),
    "4:4:4": VideoFormat(40, 32, chroma_subsampling=ChromaSubsampling.YUV444, matrix_coefficients=1),
    "4:4:4 10 odd": VideoFormat(17, 19, bit_depth=10, chroma_subsampling=ChromaSubsampling.YUV444),
    "4:2:0 12 HDR tags": VideoFormat(
        40, 32, bit_depth=12, **COLORS, light=LightMetadata(*range(10, 18), 10_000_000, 50, 1000, 400)
    ),
    "RGB 10": VideoFormat(40, 32, bit_depth=10, chroma_subsampling=ChromaSubsampling.RGB),
}
PTS = (120, 160, 215, 240, 320, 330, 450)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_comes_back_with_its_size_times_and_colours(tmp_path: Path, name: str) -> None:
    format = FORMATS[name]
    frames = [
        Frame(clips.make_planes(format, idx), pts, later - pts)
        for idx, (pts, later) in enumerate(itertools.pairwise(PTS))
    ]
    source = write_lossless(tmp_path / "in.mkv", format, frames)
    with open_source(source) as video:
        # A container need not know every tag; what the source says of itself is what has to come back.
        expected = video.format
    assert (expected.width, expected.height, expected.bit_depth) == (format.width, format.height, format.bit_depth)
    assert expected.chroma_subsampling == format.chroma_subsampling
    if "tags" in name:
        assert (expected.color_primaries, expected.transfer_characteristics, expected.matrix_coefficients) == (9, 16, 9)
        assert expected.color_range == ColorRange.FULL
    encodes.tiny_encode(source, tmp_path / "a.nvst")
    with NvstReader(tmp_path / "a.nvst") as reader:
        assert reader.header.format == expected
        assert reader.is_complete
    nvcodec.decode(tmp_path / "a.nvst", tmp_path / "out.mkv", device="cpu")
    assert_same_shape(tmp_path / "out.mkv", source)


def test_8_bit_rgb_comes_back(tmp_path: Path) -> None:
    format = VideoFormat(40, 32, chroma_subsampling=ChromaSubsampling.RGB)
    source = clips.write_clip(tmp_path / "in.mkv", format, num_frames=4, pix_fmt="bgr0")
    encodes.tiny_encode(source, tmp_path / "a.nvst")
    nvcodec.decode(tmp_path / "a.nvst", tmp_path / "out.mkv", device="cpu")
    assert_same_shape(tmp_path / "out.mkv", source)


@pytest.mark.parametrize("make", [clips.variable_rate_clip, clips.late_start_clip, clips.elementary_clip])
def test_times_come_back(tmp_path: Path, make) -> None:
    source = make(tmp_path)
    encodes.tiny_encode(source, tmp_path / "a.nvst")
    nvcodec.decode(tmp_path / "a.nvst", tmp_path / "out.mkv", device="cpu")
    assert_same_shape(tmp_path / "out.mkv", source)


@pytest.mark.parametrize("kappa", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("backbone", list(Backbone))
def test_every_backbone_and_kappa(tmp_path: Path, backbone: Backbone, kappa: float) -> None:
    source = clips.write_clip(tmp_path / "in.mkv", VideoFormat(33, 27), num_frames=5)
    settings = {"backbone": backbone, "kappa": kappa}
    result = encodes.tiny_encode(source, tmp_path / "a.nvst", settings=settings, recon=tmp_path / "recon.y4m")
    nvcodec.decode(tmp_path / "a.nvst", tmp_path / "out.y4m", device="cpu")
    assert (tmp_path / "out.y4m").read_bytes() == (tmp_path / "recon.y4m").read_bytes()
    assert result.num_frames == 5
    with NvstReader(tmp_path / "a.nvst") as reader:
        window = reader.read_window(0)
    assert window.header.network.backbone is backbone
    assert window.header.chunk_lengths == (3, 2)
    assert bool(window.header.time_length) == (kappa == 1 and not backbone.has_embedding)
    assert len(window.shared) == window.mask.sum()


@pytest.mark.parametrize("granularity", list(MaskGranularity))
def test_the_achieved_kappa_is_stored_and_reported(tmp_path: Path, granularity: MaskGranularity) -> None:
    settings = {"kappa": 0.4, "granularity": granularity}
    target = tmp_path / "a.nvst"
    result = encodes.tiny_encode(encodes.two_scene_clip(tmp_path), target, settings=settings)
    with NvstReader(target) as reader:
        for report in result.windows:
            window = reader.read_window(report.window_idx)
            assert window.header.granularity is granularity
            assert float(window.mask.mean()) == report.kappa
            largest_unit = np.bincount(unit_indices(window.header.network, granularity)).max()
            assert abs(report.kappa - 0.4) <= largest_unit / window.mask.size


@pytest.mark.parametrize("kappa", [0.0, 0.6, 1.0])
def test_where_kappa_is_chosen_whole_tensors_are_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kappa: float
) -> None:
    for module in ("window_sharing", "sizing"):
        monkeypatch.setattr(f"nvcodec.encoder.{module}.window_kappa", lambda *arguments: kappa)
    settings = {"backbone": Backbone.HNERV, "kappa": None, "granularity": MaskGranularity.WEIGHT}
    encodes.tiny_encode(encodes.two_scene_clip(tmp_path), tmp_path / "a.nvst", settings=settings)
    with NvstReader(tmp_path / "a.nvst") as reader:
        window = reader.read_window(0)
    assert window.header.granularity is MaskGranularity.TENSOR
    np.testing.assert_array_equal(window.mask, share_last_layers(window.header.network, kappa, shares_texture=False))


@pytest.mark.parametrize("kappa", [0.0, 1.0])
def test_a_texture_is_shared_whole_whatever_is_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kappa: float
) -> None:
    for module in ("window_sharing", "sizing"):
        monkeypatch.setattr(f"nvcodec.encoder.{module}.window_kappa", lambda *arguments: kappa)
    frames = panning.views([(idx, 0) for idx in range(12)], 48, 64).numpy()
    gray = (np.full((24, 32), 128, np.uint8),) * 2
    source = encodes.write_y4m(tmp_path / "in.y4m", [Frame((luma, *gray), idx, 1) for idx, luma in enumerate(frames)])
    settings = {"kappa": None, "backbone": Backbone.VAST, "chunk_frames": 6}
    result = encodes.tiny_encode(source, tmp_path / "a.nvst", settings=settings, recon=tmp_path / "recon.y4m")
    assert result.is_complete
    with NvstReader(tmp_path / "a.nvst") as reader:
        window = reader.read_window(0)
    layout = window.header.network.layout
    own = {tensor.name for tensor in layout if not window.mask[tensor.offset : tensor.offset + tensor.size].all()}
    assert any(tensor.is_texture for tensor in layout)
    assert own == (set() if kappa else {tensor.name for tensor in layout if not tensor.is_texture})


@pytest.mark.parametrize("kappa", [0.0, 0.5, 1.0, None])
@pytest.mark.parametrize("pixels_per_frame", [0, 1])
def test_what_the_camera_pans_over_is_a_texture(tmp_path: Path, pixels_per_frame: int, kappa: float | None) -> None:
    rows, columns = np.mgrid[:48, :80]
    picture = 120 + 50 * np.sin(columns / 5 + rows / 9) + 40 * np.cos(rows / 6 - columns / 11)
    frames = []
    for idx in range(6):
        luma = picture[:, idx * pixels_per_frame :][:, :64].astype(np.uint8)
        frames.append(Frame((luma, *(np.full((24, 32), 128, np.uint8),) * 2), idx, 1))
    source = encodes.write_y4m(tmp_path / "in.y4m", frames)
    encodes.tiny_encode(source, tmp_path / "a.nvst", settings={"kappa": kappa, "backbone": Backbone.VAST})
    with NvstReader(tmp_path / "a.nvst") as reader:
        network = reader.read_window(0).header.network
    has_texture = pixels_per_frame > 0 and kappa != 0.5
    assert network.texture_channels == has_texture
    if has_texture:
        assert network.texture_margin in ((1, 2) if kappa == 0 else (3, 4))


def test_a_window_of_one_chunk_shares_nothing(tmp_path: Path) -> None:
    source = clips.write_clip(tmp_path / "in.mkv", num_frames=3)
    for kappa in (None, 0.5, 1.0):
        result = encodes.tiny_encode(source, tmp_path / f"{kappa}.nvst", settings={"kappa": kappa})
        assert [window.kappa for window in result.windows] == [0]


def test_the_report_is_what_the_file_holds(tmp_path: Path) -> None:
    target, source = tmp_path / "a.nvst", encodes.two_scene_clip(tmp_path)
    result = encodes.tiny_encode(source, target, recon=tmp_path / "recon.y4m")
    assert result.is_complete
    assert result.warnings == ()
    assert result.file_bytes == target.stat().st_size
    assert result.bpp == 8 * result.file_bytes / (12 * 64 * 48)
    assert [window.first_frame for window in result.windows] == [0, 6]
    assert sum(window.num_bytes for window in result.windows) < result.file_bytes
    errors = []
    for original, decoded in zip(encodes.read_frames(source), encodes.read_frames(tmp_path / "recon.y4m"), strict=True):
        mse = np.mean((original.planes[0].astype(float) - decoded.planes[0]) ** 2)
        errors.append(10 * math.log10(255**2 / mse))
    assert result.psnr_y == pytest.approx(np.mean(errors), abs=1e-6)


def test_the_quality_of_colours_outside_the_rgb_cube_is_that_of_what_is_shown(tmp_path: Path) -> None:
    """The scenes' colours are so far outside that much of them is clipped; VAST gives them unclipped."""
    source = encodes.two_scene_clip(tmp_path)
    settings = {"backbone": Backbone.VAST, "epochs": 5}
    result = encodes.tiny_encode(source, tmp_path / "a.nvst", settings=settings, recon=tmp_path / "recon.y4m")
    shown = [
        ChunkFrames.of(encodes.read_frames(path), clips.SMALL, encodes.CPU).rgb(torch.arange(12))
        for path in (source, tmp_path / "recon.y4m")
    ]
    assert result.psnr_rgb == pytest.approx(np.mean(rgb_psnr(*shown)), abs=1e-3)


def test_training_shows_in_the_decoded_frames(tmp_path: Path) -> None:
    source = encodes.two_scene_clip(tmp_path)
    short = encodes.tiny_encode(source, tmp_path / "short.nvst", settings={"epochs": 1})
    long = encodes.tiny_encode(source, tmp_path / "long.nvst", settings={"epochs": 20})
    assert long.psnr_rgb > short.psnr_rgb + 3


def test_progress_tells_every_stage_in_order(tmp_path: Path) -> None:
    states: list[EncodeProgress] = []
    encodes.tiny_encode(encodes.two_scene_clip(tmp_path), tmp_path / "a.nvst", progress=states.append)
    first, second = ([state for state in states if state.window_idx == idx] for idx in (0, 1))
    for window in (first, second):
        assert [state.stage for state in window] == [Stage.PLAN, Stage.MASK, *[Stage.TRAIN] * 3, Stage.WRITTEN]
        assert (window[0].num_chunks, window[0].num_frames, window[0].num_epochs) == (2, 6, 1)
        assert window[0].seconds_left > 0
        assert [state.window_fraction for state in window[2:5]] == [1 / 3, 2 / 3, 1]
    assert (first[0].frames_coded, first[-1].frames_coded, second[-1].frames_coded) == (0, 6, 12)
    assert second[0].bytes_written == first[-1].bytes_written > first[0].bytes_written
    assert {state.frames_expected for state in states} == {12}


def test_the_same_seed_gives_the_same_bytes_in_any_process(tmp_path: Path) -> None:
    source = encodes.two_scene_clip(tmp_path)
    for name, seed in (("first", 3), ("second", 3), ("other", 4)):
        encodes.tiny_encode(source, tmp_path / f"{name}.nvst", settings={"seed": seed, "threads": 1})
    code = (
        "import sys; from pathlib import Path; from tests import encodes\n"
        "source, target = map(Path, sys.argv[1:])\n"
        "encodes.tiny_encode(source, target, settings={'seed': 3, 'threads': 1})\n"
    )
    command = [sys.executable, "-c", code, str(source), str(tmp_path / "third.nvst")]
    subprocess.run(command, check=True, env=encodes.environment(), cwd=Path(__file__).parents[2])
    first, second, third, other = (
        (tmp_path / f"{name}.nvst").read_bytes() for name in ("first", "second", "third", "other")
    )
    assert first == second
    assert first == third
    assert first != other


def test_a_window_does_not_depend_on_the_windows_before_it(tmp_path: Path) -> None:
    """The same scene behind another one is coded with the same symbols."""
    frames = encodes.two_scene_frames(12)
    dark = [Frame(tuple(plane // 2 for plane in frame.planes), frame.pts, 1) for frame in frames[:6]]
    contents = []
    for name, head in (("a", frames[:6]), ("b", dark)):
        source = encodes.write_y4m(tmp_path / f"{name}.y4m", [*head, *frames[6:]])
        encodes.tiny_encode(source, tmp_path / f"{name}.nvst", settings={"threads": 1})
        with NvstReader(tmp_path / f"{name}.nvst") as reader:
            contents.append(reader.read_window(1).shared)
    np.testing.assert_array_equal(*contents)


@pytest.mark.parametrize("num_frames", [1, 2, 7])
def test_clips_of_any_length(tmp_path: Path, num_frames: int) -> None:
    source = clips.write_clip(tmp_path / "in.mkv", num_frames=num_frames)
    result = encodes.tiny_encode(source, tmp_path / "a.nvst", settings={"chunk_frames": 5})
    assert (result.num_frames, result.is_complete) == (num_frames, True)
    assert result.windows[0].kappa == 0 or len(result.windows[0].chunk_lengths) > 1


def test_frames_that_are_met_exactly_have_a_finite_quality(tmp_path: Path) -> None:
    """Black is what a network learns to the last bit; its PSNR must not make means and JSON infinite."""
    format = VideoFormat(32, 24, chroma_subsampling=ChromaSubsampling.GRAY, color_range=ColorRange.FULL)
    frames = [Frame((np.zeros((24, 32), np.uint8),), idx, 1) for idx in range(2)]
    source = encodes.write_y4m(tmp_path / "black.y4m", frames, format)
    settings = {"epochs": 80, "chunk_frames": 2, "backbone": Backbone.NERV}
    result = encodes.tiny_encode(source, tmp_path / "a.nvst", settings=settings, recon=tmp_path / "recon.y4m")
    encodes.assert_same_frames(encodes.read_frames(tmp_path / "recon.y4m"), frames)
    assert 50 < result.psnr_y < 100


def test_a_chunk_is_no_longer_than_the_memory_allows(tmp_path: Path) -> None:
    with open_source(encodes.two_scene_clip(tmp_path)) as video:
        frame_bytes = video.format.samples_per_frame
        plan = window_plan(EncoderConfig(max_memory_bytes=20 * frame_bytes), video)
    assert (plan.chunk_frames, plan.max_frames) == (10, 10)
    plan.validate()
