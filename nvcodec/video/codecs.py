"""The codecs that containers are written with: which formats each takes, and how it is told to lose nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from av.codec import Codec
from av.codec.codec import UnknownCodecError

from nvcodec.errors import ConfigError
from nvcodec.video.format import ChromaSubsampling, VideoFormat
from nvcodec.video.pixels import PIX_FMTS

MAX_CRF = 63

_RGB_TWINS = ("bgr0", "bgr24")
"""Packed formats that hold the same 8-bit samples as gbrp."""


@dataclass(frozen=True)
class VideoCodec:
    """A codec, by FFmpeg's encoder for it.

    Attributes:
        name: of the encoder.
        lossless: options with which it loses nothing; None where that cannot be relied on.
        lossy: options beside ``crf``; None if it has no such thing.
        is_h26x: H.264 or H.265. Their headers hold the pixel aspect ratio, which PyAV cannot write into a container;
            transport streams hold only them; they cannot halve an odd side.
        takes_gray: its gray is decoded as gray.
        min_side: smallest width and height, pixels.
        parameters: name of the option whose parameters hold mastering display and content light levels.
        light_names: names of these two parameters.
        light_in_units: see ``LightMetadata.mastering_display``.
    """

    name: str
    lossless: Mapping[str, str] | None = None
    lossy: Mapping[str, str] | None = None
    is_h26x: bool = False
    takes_gray: bool = True
    min_side: int = 1
    parameters: str | None = None
    light_names: tuple[str, str] = field(default=("mastering-display", "cll"))
    light_in_units: bool = True

    def pix_fmt(self, format: VideoFormat) -> str | None:
        """Pixel format in which the encoder takes such frames as they are; None if it does not."""
        try:
            known = {pix_fmt.name for pix_fmt in Codec(self.name, "w").video_formats or ()}
        except UnknownCodecError:
            return None
        if not self._takes_shape(format):
            return None
        own = PIX_FMTS[format.chroma_subsampling, format.bit_depth]
        candidates = [own, *(_RGB_TWINS if own == "gbrp" else ())]
        return next((candidate for candidate in candidates if candidate in known), None)

    def options(self, format: VideoFormat, crf: float | None) -> dict[str, str] | None:
        """Options of the encoder; None if it cannot do that.

        Args:
            format: whose mastering display and content light levels are to be written, where the codec can.
            crf: constant rate factor; None: without loss.
        """
        chosen = self.lossless if crf is None else self.lossy
        if chosen is None:
            return None
        options = {**chosen, **({} if crf is None else {"crf": f"{crf:g}"})}
        light = self._light_parameters(format)
        if self.parameters is not None and light:
            own = [options[self.parameters]] if self.parameters in options else []
            options[self.parameters] = ":".join([*own, *light])
        return options

    def _light_parameters(self, format: VideoFormat) -> list[str]:
        light, (display, levels) = format.light, self.light_names
        parameters = []
        if light.has_mastering_display:
            parameters.append(f"{display}={light.mastering_display(in_units=self.light_in_units)}")
        if light.has_content_light:
            parameters.append(f"{levels}={light.max_content_light},{light.max_average_light}")
        return parameters

    def _takes_shape(self, format: VideoFormat) -> bool:
        sides = {ChromaSubsampling.YUV420: (format.width, format.height), ChromaSubsampling.YUV422: (format.width,)}
        halved = sides.get(format.chroma_subsampling, ()) if self.is_h26x else ()
        is_gray = format.chroma_subsampling == ChromaSubsampling.GRAY
        is_large_enough = min(format.width, format.height) >= self.min_side
        return is_large_enough and (self.takes_gray or not is_gray) and all(side % 2 == 0 for side in halved)


FFV1 = VideoCodec("ffv1", {"level": "3", "slicecrc": "1"})
_FAST_H264 = {"qp": "0", "preset": "veryfast", "bf": "0"}
X264 = VideoCodec("libx264", _FAST_H264, {}, is_h26x=True, takes_gray=False, parameters="x264-params")
X264_RGB = VideoCodec("libx264rgb", _FAST_H264, {}, is_h26x=True, parameters="x264-params")
X265 = VideoCodec(
    "libx265",
    {"preset": "ultrafast", "bf": "0", "x265-params": "log-level=error:lossless=1"},
    {"x265-params": "log-level=error"},
    is_h26x=True,
    min_side=16,
    parameters="x265-params",
    light_names=("master-display", "max-cll"),
)
VP9 = VideoCodec(
    "libvpx-vp9",
    {"lossless": "1", "deadline": "realtime", "cpu-used": "5", "lag-in-frames": "0"},
    {"b": "0"},
)
# Its lossless mode is not, for some sizes of 10 bits.
SVT_AV1 = VideoCodec(
    "libsvtav1",
    lossy={},
    parameters="svtav1-params",
    light_names=("mastering-display", "content-light"),
    light_in_units=False,
)
_NAMED = {
    "ffv1": (FFV1,),
    "libsvtav1": (SVT_AV1,),
    "libvpx-vp9": (VP9,),
    "libx264": (X264, X264_RGB),
    "libx265": (X265,),
}
_PLAYABLE_FIRST = (X264, X264_RGB, X265, FFV1, VP9)
_SMALLEST_FIRST = (FFV1, X264, X264_RGB, X265, VP9)


@dataclass(frozen=True)
class CodecChoice:
    """The codec that a user asks for.

    Attributes:
        name: of FFmpeg's encoder; None: the first that the container takes.
        crf: quality as the codec counts it, smaller is better; None: without loss.
    """

    name: str | None = None
    crf: float | None = None

    def validate(self) -> None:
        """Check name and quality.

        Raises:
            ConfigError: an unknown codec, a quality out of range, or one that the codec does not have.
        """
        if self.name is not None and self.name not in _NAMED:
            raise ConfigError(f"{self.name!r} is not one of {', '.join(_NAMED)}", "codec")
        if self.crf is not None and not 0 <= self.crf <= MAX_CRF:
            raise ConfigError(f"{self.crf:g} is not within 0..{MAX_CRF}", "crf")
        if self.name == FFV1.name and self.crf is not None:
            raise ConfigError("ffv1 is lossless and has no quality", "crf")
        if self.name == SVT_AV1.name and self.crf is None:
            raise ConfigError("libsvtav1 has no reliable lossless mode; give a quality with --crf", "codec")

    def candidates(self, *, playable_first: bool) -> tuple[VideoCodec, ...]:
        """Codecs to try, best first."""
        if self.name is not None:
            return _NAMED[self.name]
        return _PLAYABLE_FIRST if playable_first else _SMALLEST_FIRST
