"""Audio, subtitles, chapters and text through the whole codec: copied byte for byte, at the times that they had."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import av
import pytest

from nvcodec.bitstream import NvstReader
from nvcodec.bitstream.editing import concatenate, cut
from nvcodec.bitstream.parts import bytes_of_tracks
from nvcodec.decoder.decoding import decode
from nvcodec.errors import ConfigError, InputError
from nvcodec.video.selection import Selection
from nvcodec.video.source import open_source
from tests.encodes import tiny_encode
from tests.tracks import CHAPTERS, clip_with_tracks, contents


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tracks")


@pytest.fixture(scope="module")
def clip(folder: Path) -> Path:
    return clip_with_tracks(folder / "clip.mkv")


@pytest.fixture(scope="module")
def coded(clip: Path, folder: Path) -> Path:
    """Two windows of two chunks of three frames each, 120 ms."""
    result = tiny_encode(clip, folder / "clip.nvst")
    assert [window.chunk_lengths for window in result.windows] == [(3, 3), (3, 3)]
    pixels = 12 * 64 * 48
    assert result.bpp == pytest.approx(8 * (result.file_bytes - result.track_bytes) / pixels)
    assert result.track_bytes > sum(len(data) for track in contents(clip).packets for _, data in track)
    return folder / "clip.nvst"


def test_everything_comes_back(clip: Path, coded: Path, tmp_path: Path) -> None:
    result = decode(coded, tmp_path / "out.mkv", device="cpu")
    assert result.warnings == ()
    assert contents(tmp_path / "out.mkv") == contents(clip)
    assert [track[1] for track in contents(clip).tracks] == ["pcm_s16le", "aac", "subrip"]
    assert [chapter[0] for chapter in contents(clip).chapters] == [title for title, _, _ in CHAPTERS]


def test_a_stream_brings_the_same(clip: Path, coded: Path, tmp_path: Path) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    decode(Pipe(coded.read_bytes()), tmp_path / "out.mkv", device="cpu")
    assert contents(tmp_path / "out.mkv") == contents(clip)


@pytest.mark.parametrize("codec", ["libopus", "flac", "libmp3lame"])
def test_other_codecs(codec: str, tmp_path: Path) -> None:
    clip = clip_with_tracks(tmp_path / "clip.mkv", (codec,), offset_ms=3000)
    tiny_encode(clip, tmp_path / "a.nvst")
    decode(tmp_path / "a.nvst", tmp_path / "out.mkv", device="cpu")
    assert contents(tmp_path / "out.mkv") == contents(clip)


def test_mp4_leaves_out_what_it_does_not_take(clip: Path, coded: Path, tmp_path: Path) -> None:
    result = decode(coded, tmp_path / "out.mp4", device="cpu")
    assert result.warnings == (".mp4 does not take subrip subtitle: track 2 is left out",)
    source, copy = contents(clip), contents(tmp_path / "out.mp4")
    assert copy.packets == source.packets[:2]
    assert copy.frames == source.frames


def test_y4m_warns_of_what_it_cannot_hold(coded: Path, tmp_path: Path) -> None:
    result = decode(coded, tmp_path / "out.y4m", device="cpu")
    assert result.warnings == (".y4m holds no audio and no subtitles; they are left out",)
    assert decode(coded, tmp_path / "b.y4m", device="cpu", audio=False, subtitles=False).warnings == ()


def test_a_range_of_the_file_brings_what_overlaps_it(clip: Path, coded: Path, tmp_path: Path) -> None:
    decode(coded, tmp_path / "out.mkv", device="cpu", selection=Selection(start_s=0.16, end_s=0.3))
    source, part = contents(clip), contents(tmp_path / "out.mkv")
    assert part.frames == [0.16, 0.2, 0.24, 0.28]
    assert part.packets[0] == [packet for packet in source.packets[0] if 140 < packet[0] < 320]
    assert part.packets[2] == [packet for packet in source.packets[2] if packet[0] == 200]


def test_a_range_of_the_source_brings_what_overlaps_it(clip: Path, tmp_path: Path) -> None:
    with open_source(clip, start_s=0.12, end_s=0.36) as video:
        tiny_encode(video, tmp_path / "a.nvst")
    decode(tmp_path / "a.nvst", tmp_path / "out.mkv", device="cpu")
    source, part = contents(clip), contents(tmp_path / "out.mkv")
    assert part.frames == source.frames[3:9]
    assert part.packets[0] == [packet for packet in source.packets[0] if 100 < packet[0] < 360]
    assert part.packets[2] == source.packets[2][:2]
    assert part.chapters == [(CHAPTERS[0][0], 120, 240), (CHAPTERS[1][0], 240, 360)]


def test_kinds_can_be_left_out(clip: Path, coded: Path, tmp_path: Path) -> None:
    decode(coded, tmp_path / "no_audio.mkv", device="cpu", audio=False)
    assert contents(tmp_path / "no_audio.mkv").packets == contents(clip).packets[2:]
    with open_source(clip, audio=False, subtitles=False) as video:
        tiny_encode(video, tmp_path / "a.nvst")
    with NvstReader(tmp_path / "a.nvst") as reader:
        assert reader.tracks == () and bytes_of_tracks(reader) == 0
        assert reader.metadata["title"] == "A title, ü"


def test_a_source_that_begins_later(tmp_path: Path) -> None:
    clip = clip_with_tracks(tmp_path / "late.mkv", offset_ms=5000)
    tiny_encode(clip, tmp_path / "a.nvst")
    decode(tmp_path / "a.nvst", tmp_path / "out.mkv", device="cpu")
    assert contents(tmp_path / "out.mkv") == contents(clip)
    assert contents(clip).frames[0] == 5


def test_a_resumed_encode_has_the_same_bytes(clip: Path, coded: Path, tmp_path: Path) -> None:
    with NvstReader(coded) as reader:
        last = reader.windows[0].chunks[-1]
    whole = coded.read_bytes()
    # Killed in the middle of the packets of the second window.
    (tmp_path / "a.nvst.part").write_bytes(whole[: last.offset + last.box_bytes + 100])
    result = tiny_encode(clip, tmp_path / "a.nvst", resume=True)
    assert (tmp_path / "a.nvst").read_bytes() == whole
    assert result.track_bytes > 0
    (tmp_path / "b.nvst.part").write_bytes(whole[: last.offset + last.box_bytes])
    with open_source(clip, audio=False) as video, pytest.raises(ConfigError, match="other audio or subtitles"):
        tiny_encode(video, tmp_path / "b.nvst", resume=True)


@pytest.mark.parametrize("border", [3, 6])
def test_what_is_cut_apart_and_joined_is_as_it_was(border: int, clip: Path, coded: Path, tmp_path: Path) -> None:
    cut(coded, tmp_path / "a.nvst", Selection(end_frame=border))
    cut(coded, tmp_path / "b.nvst", Selection(border))
    concatenate([tmp_path / "a.nvst", tmp_path / "b.nvst"], tmp_path / "both.nvst")
    # A Matroska source does not say how many frames it has.
    cut(coded, tmp_path / "whole.nvst")
    assert (tmp_path / "both.nvst").read_bytes() == (tmp_path / "whole.nvst").read_bytes()
    decode(tmp_path / "both.nvst", tmp_path / "out.mkv", device="cpu")
    assert contents(tmp_path / "out.mkv") == contents(clip)


def test_a_part_that_was_cut_out_begins_at_0(clip: Path, coded: Path, tmp_path: Path) -> None:
    cut(coded, tmp_path / "part.nvst", Selection(3, 9))
    decode(tmp_path / "part.nvst", tmp_path / "out.mkv", device="cpu")
    source, part = contents(clip), contents(tmp_path / "out.mkv")
    assert part.frames == source.frames[:6]
    assert part.packets[0] == [(time - 120, data) for time, data in source.packets[0] if 120 <= time < 360]
    assert part.packets[2] == [(80, b"line 1")]
    assert part.chapters == [(CHAPTERS[0][0], 0, 120), (CHAPTERS[1][0], 120, 240)]


def test_files_of_other_tracks_are_not_joined(coded: Path, tmp_path: Path) -> None:
    clip = clip_with_tracks(tmp_path / "clip.mkv", ("flac",), subtitle=None)
    tiny_encode(clip, tmp_path / "other.nvst")
    with pytest.raises(InputError, match=r"its tracks \(flac\) cannot go on those of .* \(pcm_s16le, aac, subrip\)"):
        concatenate([coded, tmp_path / "other.nvst"], tmp_path / "both.nvst")


def test_recordings_that_were_joined_stay_in_sync(tmp_path: Path) -> None:
    clip_with_tracks(tmp_path / "a.ts", ("aac",), offset_ms=10_000, subtitle=None)
    clip_with_tracks(tmp_path / "b.ts", ("aac",), offset_ms=1000, subtitle=None)
    (tmp_path / "ab.ts").write_bytes((tmp_path / "a.ts").read_bytes() + (tmp_path / "b.ts").read_bytes())
    first, second = contents(tmp_path / "a.ts"), contents(tmp_path / "b.ts")
    with open_source(tmp_path / "ab.ts") as video:
        frames = list(video)
        track = video.extras.tracks[0]
    times = [round(packet.pts * track.time_base * 1000) for frame in frames for packet in frame.packets]
    shift = round(1000 * (frames[-1].pts * video.time_base - Fraction(second.frames[-1])))
    expected = sorted([time for time, _ in first.packets[0]] + [time + shift for time, _ in second.packets[0]])
    assert shift > 9000
    assert [abs(a - b) <= 1 for a, b in zip(times, expected, strict=True)] == [True] * len(expected)


def test_text_that_is_not_utf_8(tmp_path: Path) -> None:
    clip = clip_with_tracks(tmp_path / "clip.mkv")
    data = clip.read_bytes()
    assert data.count("A title, ü".encode()) == 1
    clip.write_bytes(data.replace("A title, ü".encode(), b"A title, \xfcx"))
    result = tiny_encode(clip, tmp_path / "a.nvst")
    assert result.warnings == ("the title is not UTF-8; it is read as Windows-1252",)
    with NvstReader(tmp_path / "a.nvst") as reader:
        assert reader.metadata["title"] == "A title, üx"


def test_damaged_packets_keep_no_frame_from_decoding(coded: Path, tmp_path: Path) -> None:
    data = bytearray(coded.read_bytes())
    with NvstReader(coded) as reader:
        _, end = reader.extent_before(1)
    data[end - 1] ^= 1
    (tmp_path / "a.nvst").write_bytes(data)
    result = decode(tmp_path / "a.nvst", tmp_path / "out.mkv", device="cpu")
    assert result.num_frames == 12
    assert [warning.split(":")[0] for warning in result.warnings] == ["a window's audio and subtitles are left out"]
    whole = decode(tmp_path / "a.nvst", tmp_path / "b.mkv", device="cpu", recover=True)
    assert whole.num_frames == 12 and whole.warnings == ()
    before, after = contents(tmp_path / "out.mkv"), contents(tmp_path / "b.mkv")
    assert len(before.packets[0]) < len(after.packets[0])


def test_a_clip_without_sound_has_no_tracks(folder: Path) -> None:
    with av.open(str(clip_with_tracks(folder / "mute.mkv", (), subtitle=None))) as container:
        assert len(container.streams) == 1
    with open_source(folder / "mute.mkv") as video:
        assert video.extras.tracks == () and all(not frame.packets for frame in video)
