"""A video file of any container that PyAV writes, with a codec that the container takes: without loss unless asked."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from nvcodec.errors import ConfigError
from nvcodec.video.codecs import CodecChoice, VideoCodec
from nvcodec.video.format import ColorRange, VideoFormat
from nvcodec.video.frame import Frame
from nvcodec.video.pixels import AV_FULL, AV_LIMITED, make_frame
from nvcodec.video.track_writer import TrackWriter
from nvcodec.video.tracks import NANOSECONDS, Chapter, Extras

_PLAYABLE_FIRST = frozenset((".mp4", ".mov", ".m4v"))
_BROADCAST = frozenset((".ts", ".m2ts", ".mts", ".m2t"))
"""Transport streams accept any codec and then forget which one it was."""
_CONSTANT_RATE = frozenset((".avi",))
_MAX_INT = 2**31 - 1
_MAX_RATE_DENOMINATOR = 10**6
_IMAGE_MUXERS = frozenset(("image2", "image2pipe", "apng", "gif", "webp"))


class ContainerWriter:
    """Writes a container.

    Args:
        path: its suffix names the container.
        format: of the frames.
        time_base: seconds per unit of ``pts``. The container may round times (Matroska: to milliseconds).
        average_rate: frames per second.
        choice: of the codec.
        extras: what goes with the frames; tracks that the container does not take are left out.

    Raises:
        ConfigError: unknown suffix, or no such codec for such frames in this container.
        OSError: cannot be written.
    """

    def __init__(
        self,
        path: Path,
        format: VideoFormat,
        time_base: Fraction,
        average_rate: Fraction,
        choice: CodecChoice,
        extras: Extras,
    ) -> None:
        self.warnings: list[str] = []
        self._format = format
        self._choice = choice
        self._place = path.suffix
        self._has_constant_rate = path.suffix.lower() in _CONSTANT_RATE
        rate = average_rate.limit_denominator(_MAX_RATE_DENOMINATOR)
        if not 0 < rate.numerator <= _MAX_INT:
            raise ConfigError(f"{float(average_rate):g} frames per second cannot be stored; try .y4m", "output")
        self._time_base = 1 / rate if self._has_constant_rate else time_base
        self._num_frames = 0
        self._own_time_base = time_base
        self._shift = Fraction(0)
        self._durations: dict[int, int] = {}
        if self._has_constant_rate:
            self.warnings.append(f"{path.suffix} holds no variable times; frames are evenly spaced")
        self._container = _open_container(path, self._time_base)
        try:
            self._stream = self._add_stream(rate)
            self._tracks = TrackWriter(self._container, extras.tracks, path.suffix, self.warnings)
            self._container.metadata.update(extras.metadata)
            self._container.set_chapters([_chapter(idx, chapter) for idx, chapter in enumerate(extras.chapters)])
        except BaseException:
            self._container.close()
            raise

    def write(self, frame: Frame) -> None:
        """Encode a frame and copy the packets that come with it."""
        if self._has_constant_rate and not self._num_frames:
            # The frames are to begin at 0.
            self._shift = -frame.pts * self._own_time_base
        picture = make_frame(frame.planes, self._format)
        if picture.format.name != self._stream.pix_fmt:
            picture = picture.reformat(format=self._stream.pix_fmt, threads=1)
        picture.pts = self._num_frames if self._has_constant_rate else frame.pts
        picture.duration = 1 if self._has_constant_rate else frame.duration
        picture.time_base = self._time_base
        self._num_frames += 1
        self._durations[picture.pts] = picture.duration
        self._mux(self._stream.encode(picture))
        self._tracks.write(frame.packets, self._shift)

    def close(self) -> None:
        """Flush the encoder and finish the file."""
        if self._num_frames:
            self._mux(self._stream.encode(None))
        self._container.close()

    def _mux(self, packets: list[Any]) -> None:
        for packet in packets:
            # Encoders forget the durations; that of the last frame is known from nowhere else.
            packet.duration = self._durations.pop(packet.pts)
            self._container.mux(packet)

    def _add_stream(self, rate: Fraction) -> Any:
        has_aspect = self._format.sample_aspect_num not in (0, self._format.sample_aspect_den)
        has_light = self._format.light.has_mastering_display or self._format.light.has_content_light
        is_playable = self._place.lower() in _PLAYABLE_FIRST or self._place.lower() in _BROADCAST
        for codec in self._choice.candidates(playable_first=is_playable or has_aspect or has_light):
            stream = self._try_codec(codec, rate)
            if stream is None:
                continue
            if has_aspect and not codec.is_h26x:
                self.warnings.append(f"{self._place} with {codec.name} holds no pixel aspect ratio; pixels look square")
            if has_light and codec.parameters is None:
                self.warnings.append(f"{self._place} with {codec.name} holds no mastering display and light levels")
            return stream
        kind = f"{self._format.bit_depth}-bit {self._format.chroma_subsampling.name}"
        size = f"{self._format.width}x{self._format.height}"
        codec_name = self._choice.name or ("lossless codec" if self._choice.crf is None else "codec with a crf")
        raise ConfigError(f"{self._place} takes no {codec_name} for {kind} frames of {size}; try .mkv", "output")

    def _try_codec(self, codec: VideoCodec, rate: Fraction) -> Any:
        """A stream of this codec, None if the codec does not take the frames or the container not the codec."""
        pix_fmt, options = codec.pix_fmt(self._format), codec.options(self._format, self._choice.crf)
        is_forgotten = self._place.lower() in _BROADCAST and not codec.is_h26x
        if pix_fmt is None or options is None or is_forgotten:
            return None
        try:
            stream: Any = self._container.add_stream(codec.name, rate=rate, options=options)
        except ValueError:
            return None
        self._set_up(stream, pix_fmt)
        return stream

    def _set_up(self, stream: Any, pix_fmt: str) -> None:
        format = self._format
        stream.width, stream.height, stream.pix_fmt = format.width, format.height, pix_fmt
        context = stream.codec_context
        context.time_base = self._time_base
        context.color_primaries = format.color_primaries
        context.color_trc = format.transfer_characteristics
        context.colorspace = format.matrix_coefficients
        context.color_range = AV_FULL if format.color_range == ColorRange.FULL else AV_LIMITED
        if format.sample_aspect_num:
            context.sample_aspect_ratio = Fraction(format.sample_aspect_num, format.sample_aspect_den)
        if format.chroma_location:
            stream.options = {**stream.options, "chroma_sample_location": str(format.chroma_location)}


def _chapter(idx: int, chapter: Chapter) -> dict[str, Any]:
    times = {"start": chapter.start_ns, "end": chapter.end_ns, "time_base": Fraction(1, NANOSECONDS)}
    return {"id": idx + 1, **times, "metadata": {"title": chapter.title}}


def _open_container(path: Path, time_base: Fraction) -> Any:
    options = {}
    if path.suffix.lower() in _PLAYABLE_FIRST:
        options["video_track_timescale"] = str(time_base.denominator)
    try:
        container = av.open(f"file:{path}", "w", options=options)
    except ValueError as error:
        if isinstance(error, OSError):
            raise
        raise ConfigError(f"{path.suffix} is no known kind of video file; try .mkv, .mp4 or .y4m", "output") from error
    if container.format.name in _IMAGE_MUXERS:
        container.close()
        raise ConfigError(f"{path.suffix} holds single images; name a folder to write PNG images into", "output")
    return container
