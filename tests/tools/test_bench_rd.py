"""The rate-distortion bench: what it measures, that it resumes, and that real encoders pass through it."""

from __future__ import annotations

import dataclasses
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from nvcodec.bitstream.network_spec import Backbone
from nvcodec.encoder.sizing import window_kappa, window_network
from nvcodec.errors import ConfigError, InputError
from nvcodec.video.format import ChromaSubsampling, VideoFormat
from nvcodec.video.frame import Frame
from tests import clips, encodes
from tools.rd.clips import Clip, find_clips, prepare_clip
from tools.rd.conventional import ENCODERS, ConventionalPoint
from tools.rd.measuring import measure
from tools.rd.ours import OurPoint
from tools.rd.points import Encoding, Point
from tools.rd.running import run_points
from tools.rd.sets import CODECS, OURS, SETS
from tools.rd.summary import METRICS, curves_of, delta, write_summary
from tools.rd.table import Row, Table


@dataclasses.dataclass
class CopyPoint:
    """A codec whose stream is the clip itself; it counts its encodes and can fail to decode."""

    setting: str = "q1"
    codec: str = "copy"
    interval: int | None = None
    suffix: str = "copy"
    num_encodes: int = 0
    fails: bool = False

    def encode(self, clip: Clip, target: Path) -> Encoding:
        self.num_encodes += 1
        shutil.copy(clip.path, target)
        return Encoding(12.5, "copier", "copy 1.0", 1)

    def decode(self, stream: Path, target: Path) -> float:
        if self.fails:
            raise KeyboardInterrupt
        shutil.copy(stream, target)
        return 0.5


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    source = clips.write_clip(tmp_path / "moving.mkv")
    return prepare_clip(source, tmp_path / "clips", 64, 48, 12)


@pytest.fixture
def run(clip: Clip, tmp_path: Path) -> Callable[[Point], list[Row]]:
    """Runs one point over a table that is read anew, and returns the rows."""

    def run_point(point: Point) -> list[Row]:
        table = Table(tmp_path / "points.csv", Row)
        run_points(clip, [point], tmp_path / "streams", table, tell=lambda line: None)
        assert Table(tmp_path / "points.csv", Row).rows[-1].key == table.rows[-1].key
        return table.rows

    return run_point


def test_a_finished_point_is_not_encoded_again(run: Callable[[Point], list[Row]], clip: Clip) -> None:
    point = CopyPoint()
    (row,) = run(point)
    assert run(point) == [dataclasses.replace(row, bpp=pytest.approx(row.bpp, rel=1e-5))]
    assert point.num_encodes == 1
    assert (row.curve, row.interval, row.num_frames, row.video_bytes) == (
        "copy-default",
        "default",
        12,
        clip.path.stat().st_size,
    )
    assert (row.psnr_y, row.psnr_611, row.ms_ssim, row.encode_s, row.decode_s) == (60, 60, 1, 12.5, 0.5)
    other = CopyPoint(setting="q2")
    assert len(run(other)) == 2
    assert other.num_encodes == 1


def test_an_encode_that_was_not_measured_is_not_repeated(run: Callable[[Point], list[Row]]) -> None:
    point = CopyPoint(fails=True)
    with pytest.raises(KeyboardInterrupt):
        run(point)
    point.fails = False
    (row,) = run(point)
    assert (point.num_encodes, row.encode_s, row.device) == (1, 12.5, "copier")


def test_a_point_that_fails_does_not_end_the_run(clip: Clip, tmp_path: Path) -> None:
    lines: list[str] = []
    too_small = OurPoint(Backbone.HNERV, 0.5, "paper", epochs=1, seed=0, interval=6, bpp=0.001)
    table = Table(tmp_path / "points.csv", Row)
    assert run_points(clip, [too_small, CopyPoint()], tmp_path / "streams", table, lines.append) == 1
    assert "failed: parameter budget" in lines[0]
    assert [row.curve for row in table.rows] == ["copy-default"]


def test_a_row_that_was_cut_off_is_replaced(run: Callable[[Point], list[Row]], tmp_path: Path) -> None:
    run(CopyPoint())
    with open(tmp_path / "points.csv", "a") as file:
        file.write("half a ro")
    assert len(run(CopyPoint(setting="q2"))) == 2
    assert len(Table(tmp_path / "points.csv", Row).rows) == 2


def test_a_table_with_other_columns_is_refused(tmp_path: Path) -> None:
    (tmp_path / "points.csv").write_text("key,bpp\na,1\n")
    with pytest.raises(InputError, match="the columns are not"):
        Table(tmp_path / "points.csv", Row)


def test_known_differences(tmp_path: Path) -> None:
    frames = encodes.two_scene_frames(4)
    changed = [
        Frame(tuple((plane + np.uint8(shift)) for plane, shift in zip(frame.planes, (1, 2, 4), strict=True)), idx, 1)
        for idx, frame in enumerate(frames[:2])
    ] + frames[2:]
    source = encodes.write_y4m(tmp_path / "a.y4m", frames)
    quality = measure(source, encodes.write_y4m(tmp_path / "b.y4m", changed))
    # Half of the frames are exact and count 60 dB.
    y, u, v = (30 + 10 * math.log10(255**2 / shift**2) / 2 for shift in (1, 2, 4))
    assert (quality.psnr_y, quality.psnr_u, quality.psnr_v) == pytest.approx((y, u, v))
    assert quality.psnr_611 == pytest.approx((6 * y + u + v) / 8)
    assert 40 < quality.psnr_rgb < y
    assert quality.rgb_conversion == "BT.601 limited range; chroma repeated (nearest)"
    assert 0.9 < quality.ms_ssim < 1
    with pytest.raises(InputError, match="decoded are 3, encoded were 4"):
        measure(source, encodes.write_y4m(tmp_path / "short.y4m", changed[:3]))
    with pytest.raises(InputError, match="decoded are 4, encoded were 3"):
        measure(tmp_path / "short.y4m", source)


def test_clips_are_cut_scaled_and_made_8_bit_420(tmp_path: Path) -> None:
    source = clips.write_clip(tmp_path / "a.mkv", VideoFormat(96, 64, 10, ChromaSubsampling.YUV444))
    prepared = prepare_clip(source, tmp_path / "clips", 50, 50, 5)
    frames = encodes.read_frames(prepared.path)
    assert [frame.planes[1].shape for frame in frames] == [(17, 25)] * 5
    assert frames[0].planes[0].dtype == np.uint8
    assert prepare_clip(source, tmp_path / "clips", 50, 50, 5) == prepared
    assert find_clips([tmp_path]) == [source]


def test_clips_are_cropped_to_their_middle_rows(tmp_path: Path) -> None:
    source = clips.write_clip(tmp_path / "a.mkv", VideoFormat(64, 48))
    whole, cropped = (prepare_clip(source, tmp_path / "clips", 64, 48, 3, rows) for rows in (None, 20))
    assert cropped.name == "a-64x20-3f"
    for frame, part in zip(encodes.read_frames(whole.path), encodes.read_frames(cropped.path), strict=True):
        rows = (slice(14, 34), slice(7, 17), slice(7, 17))
        for plane, kept, in_part in zip(frame.planes, rows, part.planes, strict=True):
            np.testing.assert_array_equal(plane[kept], in_part)
    assert prepare_clip(source, tmp_path / "clips", 64, 48, 3, 100).path == whole.path


@pytest.mark.parametrize("codec", ["x264-medium", "x265-medium", "svtav1-6"])
def test_a_conventional_encoder(codec: str, run: Callable[[Point], list[Row]], tmp_path: Path) -> None:
    (row,) = run(ConventionalPoint(codec, 4, 30))
    assert row.psnr_y > 25
    assert row.num_keyframes >= 3
    assert row.encoder.split()[0] == ENCODERS[codec].library.removeprefix("lib")
    (stream,) = (tmp_path / "streams").glob(f"*.{ENCODERS[codec].suffix}")
    assert stream.stat().st_size == row.video_bytes
    assert b"options" not in stream.read_bytes()
    assert_decodes_from_last_keyframe(stream)


def assert_decodes_from_last_keyframe(stream: Path) -> None:
    """The bytes from there on are a stream of their own, of the same last frames."""
    with av.open(str(stream)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    last = max(idx for idx, packet in enumerate(packets) if packet.is_keyframe)
    tail = stream.with_stem("tail")
    tail.write_bytes(b"".join(bytes(packet) for packet in packets[last:]))
    frames = encodes.read_frames(tail)
    encodes.assert_same_frames(frames, encodes.read_frames(stream)[-len(frames) :])
    assert len(frames) == len(packets) - last


def test_our_own_encoder(run: Callable[[Point], list[Row]]) -> None:
    with encodes.tiny_presets():
        (row,) = run(OurPoint(Backbone.HNERV, 0.5, "draft", epochs=1, seed=0, interval=6, bpp=8.0))
    assert row.curve == "nvcodec-hnerv-draft-1epochs-kappa-0.5-seed0-k6"
    assert row.num_keyframes == 2
    assert row.psnr_y > 5
    assert row.encoder.startswith("nvcodec ")


def make_row(curve: str, bpp: float, psnr: float) -> Row:
    values = {"int": 1, "float": psnr, "str": "x"}
    row = Row(**{field.name: values[str(field.type)] for field in dataclasses.fields(Row)})
    return dataclasses.replace(row, clip="clip", curve=curve, bpp=bpp, ms_ssim=1 - 10 ** (-psnr / 20))


def make_curve(curve: str, factor: float = 1.0) -> list[Row]:
    return [make_row(curve, factor * bpp, psnr) for bpp, psnr in ((0.01, 28), (0.02, 31), (0.05, 35), (0.1, 37))]


def test_deltas_of_known_curves() -> None:
    anchor = make_curve("a-k33")
    for metric in METRICS:
        itself = delta(anchor, anchor, metric)
        assert itself is not None
        assert (itself.rate_pct, itself.quality_db, itself.overlap) == pytest.approx((0, 0, 1), abs=1e-9)
        smaller = delta(anchor, make_curve("b-k33", 0.8), metric)
        assert smaller is not None
        assert smaller.rate_pct == pytest.approx(-20)
        assert smaller.quality_db is not None
        assert smaller.quality_db > 0
    luma = METRICS[0]
    assert delta(anchor, [make_row("c", row.bpp, row.psnr_y + 20) for row in anchor], luma) is None
    assert delta(anchor, [*anchor, make_row("c", 0.2, 30)], luma) is None
    assert delta(anchor, anchor[:2], luma) is None


def test_the_summary_holds_all_curves(tmp_path: Path) -> None:
    rows = [*make_curve("a-k33"), *make_curve("a-default", 0.8)]
    text = write_summary(rows, tmp_path, "a-k33").read_text()
    assert "| a-default | 0.0080 – 0.0800 | 28.00 – 37.00 | -20.0 % |" in text
    assert (tmp_path / "clip.png").read_bytes().startswith(b"\x89PNG")
    assert list(curves_of(rows)) == ["a-k33", "a-default"]
    with pytest.raises(ConfigError, match="there is no curve 'b'; there are a-default, a-k33"):
        write_summary(rows, tmp_path, "b")


@pytest.mark.parametrize("name", SETS)
def test_the_points_of_a_set_are_distinct(name: str) -> None:
    points = SETS[name].points(CODECS)
    assert len(set(points)) == len(points)
    assert {point.codec.split("-")[0] for point in points} == {"nvcodec", "x264", "x265", "svtav1"}
    assert {point.interval for point in points} == {SETS[name].interval, None}


@pytest.mark.parametrize("name", SETS)
def test_every_size_of_a_set_has_a_network(name: str) -> None:
    bench = SETS[name]
    lengths = [bench.interval] * (bench.num_frames // bench.interval)
    for point in bench.points((OURS,)):
        assert isinstance(point, OurPoint)
        place = point.config(), VideoFormat(bench.max_width, bench.max_height), lengths
        spec = window_network(*place, window_kappa(*place))
        assert spec.num_parameters > 0
