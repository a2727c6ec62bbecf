"""x264, x265 and SVT-AV1, through PyAV."""

from __future__ import annotations

import os
import platform
import re
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import av

from nvcodec.errors import InputError
from nvcodec.video.pixels import make_frame
from nvcodec.video.sink import open_sink
from nvcodec.video.source import open_source
from tools.rd.clips import Clip
from tools.rd.points import Encoding

# SVT-AV1 reads this: errors only.
os.environ.setdefault("SVT_LOG", "1")

_H264_SEI = 6


@dataclass(frozen=True)
class Encoder:
    """An encoder with its preset.

    Attributes:
        library: PyAV's name of it.
        preset: one of its own.
        suffix: of its elementary streams, which is also the name of their muxer.
    """

    library: str
    preset: str
    suffix: str


ENCODERS = {
    "x264-medium": Encoder("libx264", "medium", "h264"),
    "x264-slow": Encoder("libx264", "slow", "h264"),
    "x265-medium": Encoder("libx265", "medium", "hevc"),
    "x265-slow": Encoder("libx265", "slow", "hevc"),
    "svtav1-6": Encoder("libsvtav1", "6", "obu"),
    "svtav1-4": Encoder("libsvtav1", "4", "obu"),
}


@dataclass(frozen=True)
class ConventionalPoint:
    """A constant rate factor of one of ``ENCODERS``.

    The stream is an elementary one whose keyframes repeat the headers; the encoder's notice of itself is left out.
    """

    codec: str
    interval: int | None
    crf: int

    @property
    def setting(self) -> str:
        """The constant rate factor."""
        return f"crf{self.crf}"

    @property
    def suffix(self) -> str:
        """That of an elementary stream."""
        return ENCODERS[self.codec].suffix

    def encode(self, clip: Clip, target: Path) -> Encoding:
        """Encode with all threads that the encoder wants.

        Raises:
            InputError: the keyframes are further apart than was asked for.
        """
        encoder = ENCODERS[self.codec]
        start = time.monotonic()
        keyframes = []
        with open_source(clip.path) as source, av.open(str(target), "w", format=encoder.suffix) as container:
            rate = source.average_rate
            stream = container.add_stream(encoder.library, rate=rate, options=self._options())
            stream.width, stream.height, stream.pix_fmt = source.format.width, source.format.height, "yuv420p"
            stream.codec_context.time_base = 1 / rate
            num_frames = 0

            def write(packets: list[av.Packet]) -> None:
                for packet in packets:
                    if packet.is_keyframe:
                        keyframes.append(round(packet.pts * packet.time_base * rate))
                    container.mux(_without_notice(packet) if encoder.library == "libx264" else packet)

            for frame in source:
                picture = make_frame(frame.planes, source.format)
                picture.pts, picture.time_base = num_frames, 1 / rate
                write(stream.encode(picture))
                num_frames += 1
            write(stream.encode(None))
        seconds = time.monotonic() - start
        self._check_keyframes(keyframes, num_frames)
        device = f"cpu ({platform.machine()}, {os.cpu_count()} cores)"
        return Encoding(seconds, device, _version(encoder.library), len(keyframes))

    def decode(self, stream: Path, target: Path) -> float:
        """Decode with PyAV's decoder."""
        start = time.monotonic()
        with (
            open_source(stream) as source,
            open_sink(target, source.format, source.time_base, source.average_rate, overwrite=True) as sink,
        ):
            for frame in source:
                sink.write(frame)
        return time.monotonic() - start

    def _options(self) -> dict[str, str]:
        encoder = ENCODERS[self.codec]
        options = {"preset": encoder.preset, "crf": str(self.crf)}
        parameters = {"libx264": "", "libx265": "log-level=none:info=0", "libsvtav1": ""}[encoder.library]
        if self.interval is not None:
            options["g"] = str(self.interval)
            # Open groups of pictures let frames before a keyframe refer to it from the other side.
            closed = {
                "libx264": "open-gop=0",
                "libx265": ":open-gop=0",
                "libsvtav1": f"keyint={self.interval}:irefresh-type=2",
            }
            parameters += closed[encoder.library]
        if parameters:
            options[f"{encoder.library.removeprefix('lib')}-params"] = parameters
        return options

    def _check_keyframes(self, keyframes: list[int], num_frames: int) -> None:
        if self.interval is None:
            return
        places = [*sorted(keyframes), num_frames]
        gaps = [later - place for place, later in pairwise(places)]
        if places[0] != 0 or max(gaps) > self.interval:
            reason = f"keyframes at {places[:-1]}, asked for every {self.interval} frames"
            raise InputError(reason, self.codec)


def _without_notice(packet: av.Packet) -> av.Packet:
    """The packet without supplemental information: x264 names itself and all its settings in 700 bytes."""
    units = re.split(rb"(?<!\x00)(?=\x00{2,3}\x01)", bytes(packet))
    kept = [unit for unit in units if unit and unit[unit.index(b"\x01") + 1] & 31 != _H264_SEI]
    result = av.Packet(b"".join(kept))
    result.pts, result.dts, result.time_base, result.stream = packet.pts, packet.dts, packet.time_base, packet.stream
    result.is_keyframe = packet.is_keyframe
    return result


def _version(library: str) -> str:
    """The library's version, from its file among those that PyAV's wheels bring; else PyAV's own."""
    folder = Path(av.__file__).parents[1] / "av.libs"
    names = {"libx264": "libx264", "libx265": "libx265", "libsvtav1": "libSvtAv1Enc"}
    for file in folder.glob(f"{names[library]}*.so.*"):
        return f"{library.removeprefix('lib')} {file.name.split('.so.')[1]} in PyAV {av.__version__}"
    return f"{library.removeprefix('lib')} in PyAV {av.__version__}"
