"""A video file of any container that PyAV writes, with a lossless codec that the container takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.codec import Codec
from av.codec.codec import UnknownCodecError

from nvcodec.errors import ConfigError
from nvcodec.video.format import ChromaSubsampling, ColorRange, VideoFormat
from nvcodec.video.frame import Frame
from nvcodec.video.pixels import AV_FULL, AV_LIMITED, PIX_FMTS, make_frame

_RGB_TWINS = ("bgr0", "bgr24")
"""Packed formats that hold the same 8-bit samples as gbrp."""
_PLAYABLE_FIRST = frozenset((".mp4", ".mov", ".m4v"))
_BROADCAST = frozenset((".ts", ".m2ts", ".mts", ".m2t"))
"""Transport streams accept any codec and then forget which one it was."""
_CONSTANT_RATE = frozenset((".avi",))
_MAX_INT = 2**31 - 1
_MAX_RATE_DENOMINATOR = 10**6
_IMAGE_MUXERS = frozenset(("image2", "image2pipe", "apng", "gif", "webp"))


@dataclass(frozen=True)
class _LosslessCodec:
    name: str
    options: dict[str, str] = field(default_factory=dict)


_FFV1 = _LosslessCodec("ffv1", {"level": "3", "slicecrc": "1"})
_X264 = _LosslessCodec("libx264", {"qp": "0", "preset": "veryfast", "bf": "0"})
_X264_RGB = _LosslessCodec("libx264rgb", {"qp": "0", "preset": "veryfast", "bf": "0"})
_VP9 = _LosslessCodec("libvpx-vp9", {"lossless": "1", "deadline": "realtime", "cpu-used": "5", "lag-in-frames": "0"})
_HOLDING_ASPECT = (_X264, _X264_RGB)
"""Codecs whose own headers hold the pixel aspect ratio; PyAV cannot write it into a container."""


class ContainerWriter:
    """Writes a container; the codec is FFV1, H.264 or VP9, whichever the container takes, without loss.

    Args:
        path: its suffix names the container.
        format: of the frames.
        time_base: seconds per unit of ``pts``. The container may round times (Matroska: to milliseconds).
        average_rate: frames per second.

    Raises:
        ConfigError: unknown suffix, or no lossless codec for such frames in this container.
        OSError: cannot be written.
    """

    def __init__(self, path: Path, format: VideoFormat, time_base: Fraction, average_rate: Fraction) -> None:
        self.warnings: list[str] = []
        self._format = format
        self._place = path.suffix
        self._has_constant_rate = path.suffix.lower() in _CONSTANT_RATE
        rate = average_rate.limit_denominator(_MAX_RATE_DENOMINATOR)
        if not 0 < rate.numerator <= _MAX_INT:
            raise ConfigError(f"{float(average_rate):g} frames per second cannot be stored; try .y4m", "output")
        self._time_base = 1 / rate if self._has_constant_rate else time_base
        self._num_frames = 0
        self._durations: dict[int, int] = {}
        if self._has_constant_rate:
            self.warnings.append(f"{path.suffix} holds no variable times; frames are evenly spaced")
        self._container = _open_container(path, self._time_base)
        try:
            self._stream = self._add_stream(rate)
        except BaseException:
            self._container.close()
            raise

    def write(self, frame: Frame) -> None:
        """Encode a frame."""
        picture = make_frame(frame.planes, self._format)
        if picture.format.name != self._stream.pix_fmt:
            picture = picture.reformat(format=self._stream.pix_fmt, threads=1)
        picture.pts = self._num_frames if self._has_constant_rate else frame.pts
        picture.duration = 1 if self._has_constant_rate else frame.duration
        picture.time_base = self._time_base
        self._num_frames += 1
        self._durations[picture.pts] = picture.duration
        self._mux(self._stream.encode(picture))

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
        for codec in _codecs_for(self._place.lower(), has_aspect):
            pix_fmt = _codec_pix_fmt(codec, self._format)
            if pix_fmt is None:
                continue
            try:
                stream: Any = self._container.add_stream(codec.name, rate=rate, options=codec.options)
            except ValueError:
                continue  # the container does not take this codec
            self._set_up(stream, pix_fmt)
            if has_aspect and codec not in _HOLDING_ASPECT:
                self.warnings.append(f"{self._place} with {codec.name} holds no pixel aspect ratio; pixels look square")
            return stream
        kind = f"{self._format.bit_depth}-bit {self._format.chroma_subsampling.name}"
        size = f"{self._format.width}x{self._format.height}"
        raise ConfigError(f"{self._place} takes no lossless codec for {kind} frames of {size}; try .mkv", "output")

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


def _codecs_for(suffix: str, has_aspect: bool) -> list[_LosslessCodec]:
    """Codecs to try, best first."""
    if suffix in _BROADCAST:
        return [_X264, _X264_RGB]
    if suffix in _PLAYABLE_FIRST or has_aspect:
        return [_X264, _X264_RGB, _FFV1, _VP9]
    return [_FFV1, _X264, _X264_RGB, _VP9]


def _codec_pix_fmt(codec: _LosslessCodec, format: VideoFormat) -> str | None:
    """Pixel format in which the codec takes the frames without loss; None if it does not."""
    try:
        known = {pix_fmt.name for pix_fmt in Codec(codec.name, "w").video_formats or ()}
    except UnknownCodecError:
        return None
    own = PIX_FMTS[format.chroma_subsampling, format.bit_depth]
    candidates = [own, *(_RGB_TWINS if own == "gbrp" else ())]
    pix_fmt = next((candidate for candidate in candidates if candidate in known), None)
    return None if codec == _X264 and not _fits_h264(format) else pix_fmt


def _fits_h264(format: VideoFormat) -> bool:
    """H.264 cannot halve an odd side, and its gray is decoded as 4:2:0."""
    sides = {ChromaSubsampling.YUV420: (format.width, format.height), ChromaSubsampling.YUV422: (format.width,)}
    is_gray = format.chroma_subsampling == ChromaSubsampling.GRAY
    return not is_gray and all(side % 2 == 0 for side in sides.get(format.chroma_subsampling, ()))
