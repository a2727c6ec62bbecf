"""Small clips with audio, subtitles and chapters, and what such files hold."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from nvcodec.video.pixels import make_frame
from tests import clips
from tests.encodes import two_scene_frames

_MS = Fraction(1, 1000)
_SUBTITLES = ((40, 160), (200, 330), (360, 460))
CHAPTERS = (("One", 0, 240), ("Zwei ä", 240, 480))


def clip_with_tracks(
    path: Path, audio: Sequence[str] = ("pcm_s16le", "aac"), offset_ms: int = 0, subtitle: str | None = "subrip"
) -> Path:
    """The two scenes of 12 frames, 480 ms, with audio, three subtitles and two chapters, from ``offset_ms`` on."""
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("ffv1" if path.suffix == ".mkv" else "libx264", rate=25)
        video.width, video.height, video.pix_fmt = clips.SMALL.width, clips.SMALL.height, "yuv420p"
        video.codec_context.time_base = _MS
        parts = [_video(video, offset_ms)]
        for idx, codec in enumerate(audio):
            stream: Any = container.add_stream(codec, rate=48000)
            stream.layout = ("stereo", "mono")[idx % 2]
            if codec == "libmp3lame":
                stream.format = "fltp"
            stream.metadata.update({"language": ("eng", "deu")[idx % 2], "title": f"Track {idx}"})
            parts.append(_sound(stream, offset_ms))
        if subtitle is not None:
            parts.append(_subtitles(container.add_mux_stream(subtitle, time_base=_MS), offset_ms))
        container.metadata["title"] = "A title, ü"
        container.set_chapters(
            [
                {
                    "id": idx + 1,
                    "start": start + offset_ms,
                    "end": end + offset_ms,
                    "time_base": _MS,
                    "metadata": {"title": title},
                }
                for idx, (title, start, end) in enumerate(CHAPTERS)
            ]
        )
        for _, packets in heapq.merge(*parts, key=lambda part: part[0]):
            container.mux(packets)
    return path


def _video(stream: Any, offset_ms: int) -> Iterator[tuple[int, list[Any]]]:
    for idx, frame in enumerate(two_scene_frames()):
        picture = make_frame(frame.planes, clips.SMALL)
        picture.pts, picture.time_base = 40 * idx + offset_ms, _MS
        yield 40 * idx, stream.encode(picture)
    yield 480, stream.encode(None)


def _sound(stream: Any, offset_ms: int) -> Iterator[tuple[int, list[Any]]]:
    size = stream.codec_context.frame_size or 960
    dtype = np.float32 if stream.format.name.startswith("flt") else np.int16
    for start in range(0, 480 * 48, size):
        wave = np.sin(np.arange(start, start + size) / 20) * (0.5 if dtype == np.float32 else 9000)
        num_planes = 1 if not stream.format.is_planar else stream.layout.nb_channels
        samples = np.tile(np.repeat(wave, stream.layout.nb_channels // num_planes).astype(dtype), (num_planes, 1))
        sound = av.AudioFrame.from_ndarray(samples, format=stream.format.name, layout=stream.layout.name)
        sound.pts, sound.rate, sound.time_base = start + 48 * offset_ms, 48000, Fraction(1, 48000)
        yield start // 48, stream.encode(sound)
    yield 480, stream.encode(None)


def _subtitles(stream: Any, offset_ms: int) -> Iterator[tuple[int, list[Any]]]:
    for idx, (start, end) in enumerate(_SUBTITLES):
        packet = av.Packet(f"line {idx}".encode())
        packet.pts = packet.dts = start + offset_ms
        packet.duration, packet.time_base, packet.stream = end - start, _MS, stream
        yield start, [packet]


@dataclass(frozen=True)
class Held:
    """What a file holds.

    Attributes:
        frames: seconds when each begins.
        packets: of each track that is not video, (milliseconds, bytes) of each packet.
        tracks: kind, codec, language and title of each.
        chapters: title and milliseconds.
        title: of the file.
    """

    frames: list[float]
    packets: list[list[tuple[int, bytes]]]
    tracks: list[tuple[str, str, str | None, str | None]]
    chapters: list[tuple[str, int, int]]
    title: str | None


def contents(path: Path) -> Held:
    with av.open(str(path)) as container:
        others = [stream for stream in container.streams if stream.type in ("audio", "subtitle")]
        packets: list[list[tuple[int, bytes]]] = [[] for _ in others]
        frames = []
        for packet in container.demux():
            if packet.stream.type == "video":
                frames += [float(frame.pts * frame.time_base) for frame in packet.decode() if frame.pts is not None]
            elif packet.size and packet.pts is not None and packet.stream in others:
                time = round(packet.pts * packet.time_base * 1000)
                packets[others.index(packet.stream)].append((time, bytes(packet)))
        return Held(
            frames=frames,
            packets=packets,
            tracks=[
                (each.type, each.codec_context.codec.canonical_name, each.language, each.metadata.get("title"))
                for each in others
            ],
            chapters=[
                (one["metadata"]["title"], *(round(one[side] * one["time_base"] * 1000) for side in ("start", "end")))
                for one in container.chapters()
            ],
            title=container.metadata.get("title"),
        )
