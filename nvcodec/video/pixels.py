"""The border between PyAV's frames and numpy planes: pixel formats, colour tags, orientation.

The only place that knows ``pix_fmt`` names; everything else speaks of :class:`VideoFormat`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import Type as SideDataType
from av.video.reformatter import Interpolation, VideoReformatter

from nvcodec.errors import InputError
from nvcodec.video.format import BIT_DEPTHS, UNSPECIFIED, ChromaSubsampling, ColorRange, Plane, VideoFormat
from nvcodec.video.geometry import Crop
from nvcodec.video.interlacing import FieldOrder
from nvcodec.video.light import read_light

_NAMES = {
    ChromaSubsampling.GRAY: "gray",
    ChromaSubsampling.YUV420: "yuv420p",
    ChromaSubsampling.YUV422: "yuv422p",
    ChromaSubsampling.YUV444: "yuv444p",
    ChromaSubsampling.RGB: "gbrp",
}
PIX_FMTS = {
    (subsampling, bit_depth): name if bit_depth == 8 else f"{name}{bit_depth}le"
    for subsampling, name in _NAMES.items()
    for bit_depth in BIT_DEPTHS
}
_LAYOUTS = {pix_fmt: layout for layout, pix_fmt in PIX_FMTS.items()}
_GBR_ORDER = (2, 0, 1)
"""Position of R, G and B among the planes of PyAV's G, B, R order."""

AV_LIMITED, AV_FULL = 1, 2
_IDENTITY_MATRIX = 0
_CHROMA_CENTER = 2
_MAX_ASPECT_DENOMINATOR = 65535
_BICUBIC = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.BITEXACT


@dataclass(frozen=True)
class StreamTags:
    """What a container or codec says about all frames; names and code points as in :class:`VideoFormat`.

    ``av_color_range`` is PyAV's: 0 unspecified, 1 limited, 2 full. ``sample_aspect`` is 0 where unknown. ``has_fields``
    is false where frames that call themselves interlaced are not: PNGs that are stored in passes. ``has_alpha``: an
    alpha channel lies beside the frames, where decoders do not look for it.
    """

    color_primaries: int = UNSPECIFIED
    transfer_characteristics: int = UNSPECIFIED
    matrix_coefficients: int = UNSPECIFIED
    av_color_range: int = 0
    chroma_location: int = 0
    sample_aspect: Fraction = Fraction(0)
    field_order: FieldOrder = FieldOrder.PROGRESSIVE
    has_fields: bool = True
    has_alpha: bool = False


@dataclass(frozen=True)
class Orientation:
    """How a decoded frame is turned for display: transpose first, then flip."""

    transposes: bool = False
    flips_columns: bool = False
    flips_rows: bool = False

    @property
    def is_identity(self) -> bool:
        """True where nothing has to be turned."""
        return not (self.transposes or self.flips_columns or self.flips_rows)

    def apply(self, plane: Plane) -> Plane:
        """Turn one plane (h, w)."""
        turned = plane.T if self.transposes else plane
        turned = turned[:, ::-1] if self.flips_columns else turned
        return turned[::-1] if self.flips_rows else turned


def read_orientation(frame: av.VideoFrame) -> Orientation | None:
    """Orientation from the frame's display matrix; None where the matrix is no multiple of 90 degrees.

    The matrix maps x' = a x + c y and y' = b x + d y (ISO/IEC 14496-12, clause 8.2.2 unity matrix), in 16.16.
    """
    side_data: Any = frame.side_data
    matrix = side_data.get(SideDataType.DISPLAYMATRIX)
    if matrix is None:
        return Orientation()
    a, b, _, c, d = (int(value) for value in np.frombuffer(bytes(matrix), "<i4")[:5])
    tolerance = max(abs(a), abs(b), abs(c), abs(d)) // 64
    if abs(b) <= tolerance and abs(c) <= tolerance and min(abs(a), abs(d)) > tolerance:
        return Orientation(flips_columns=a < 0, flips_rows=d < 0)
    if abs(a) <= tolerance and abs(d) <= tolerance and min(abs(b), abs(c)) > tolerance:
        return Orientation(transposes=True, flips_columns=c < 0, flips_rows=b < 0)
    return None


@dataclass(frozen=True)
class PixelConversion:
    """What is done to every decoded frame to get the planes of ``format``.

    Attributes:
        format: the planes that result.
        pix_fmt: PyAV's name of the format to convert to; the frame's own where nothing has to be converted.
        orientation: how they are turned then.
        crop: what is kept of them then, before scaling.
    """

    format: VideoFormat
    pix_fmt: str
    orientation: Orientation
    crop: Crop
    _reformatter: VideoReformatter = field(default_factory=VideoReformatter, repr=False, compare=False)

    def apply(self, frame: av.VideoFrame) -> tuple[Plane, ...]:
        """Convert, turn, crop and scale a frame.

        Raises:
            InputError: the converter does not know the frame's pixel format.
        """
        cropped = replace(self.format, width=self.crop.width, height=self.crop.height)
        planes = [
            self.crop.apply(self.orientation.apply(plane), plane_idx, cropped)
            for plane_idx, plane in enumerate(self._planes(self._reformatted(frame, frame.width, frame.height)))
        ]
        if cropped != self.format:
            small = make_frame(planes, cropped)
            planes = self._planes(self._reformatted(small, self.format.width, self.format.height))
        return tuple(plane.copy(order="C") for plane in planes)

    def _reformatted(self, frame: av.VideoFrame, width: int, height: int) -> av.VideoFrame:
        if (frame.width, frame.height, frame.format.name) == (width, height, self.pix_fmt):
            return frame
        try:
            return self._reformatter.reformat(frame, width, height, self.pix_fmt, interpolation=_BICUBIC, threads=1)
        except (av.error.FFmpegError, ValueError) as error:
            raise InputError(f"pixels of format {frame.format.name} cannot be converted", "video") from error

    def _planes(self, frame: av.VideoFrame) -> list[Plane]:
        """Views of the planes of a frame of ``pix_fmt``, in the order of the format."""
        planes = [_rows(plane, self.format)[:, : plane.width] for plane in frame.planes]
        if self.format.chroma_subsampling == ChromaSubsampling.RGB:
            return [planes[plane_idx] for plane_idx in _GBR_ORDER]
        return planes


def plan_conversion(
    frame: av.VideoFrame, tags: StreamTags, orientation: Orientation, crop: Crop, size: tuple[int, int]
) -> tuple[PixelConversion, list[str]]:
    """Find the nearest supported format of a decoded frame.

    Args:
        frame: the first frame of the video, without alpha.
        tags: stand in where the frame has none.
        orientation: how the frames will be turned.
        crop: what is kept of them then.
        size: width and height to which that is scaled.

    Returns:
        The conversion, and one message for each kind of loss it brings.

    Raises:
        ConfigError: the crop begins within a chroma sample.
    """
    pix_fmt, losses = _nearest_pix_fmt(frame.format.name)
    subsampling, bit_depth = _LAYOUTS[pix_fmt.replace("yuvj", "yuv")]
    if orientation.transposes and subsampling == ChromaSubsampling.YUV422:
        subsampling, pix_fmt = ChromaSubsampling.YUV444, pix_fmt.replace("422", "444")
        losses.append("4:2:2 chroma is resampled to 4:4:4, because the frames are turned by 90 degrees")
    crop.check_chroma(subsampling)
    new_width, new_height = size
    is_rgb = subsampling == ChromaSubsampling.RGB
    chroma_location = tags.chroma_location
    if not orientation.is_identity and chroma_location != _CHROMA_CENTER:
        chroma_location = 0
    aspect = 1 / tags.sample_aspect if orientation.transposes and tags.sample_aspect else tags.sample_aspect
    aspect *= Fraction(crop.width * new_height, crop.height * new_width)
    aspect = aspect.limit_denominator(_MAX_ASPECT_DENOMINATOR)
    format = VideoFormat(
        width=new_width,
        height=new_height,
        bit_depth=bit_depth,
        chroma_subsampling=subsampling,
        color_primaries=_tag(frame.color_primaries, tags.color_primaries),
        transfer_characteristics=_tag(frame.color_trc, tags.transfer_characteristics),
        matrix_coefficients=_IDENTITY_MATRIX if is_rgb else _tag(frame.colorspace, tags.matrix_coefficients),
        color_range=_color_range(frame, tags, is_rgb),
        chroma_location=chroma_location if subsampling == ChromaSubsampling.YUV420 else 0,
        sample_aspect_num=aspect.numerator,
        sample_aspect_den=aspect.denominator,
        light=read_light(frame),
    )
    return PixelConversion(format, pix_fmt, orientation, crop), losses


def has_alpha(pix_fmt: str) -> bool:
    """Whether pixels of this format say how opaque they are."""
    return any(component.is_alpha for component in av.VideoFormat(pix_fmt, 64, 64).components)


def make_frame(planes: Sequence[Plane], format: VideoFormat) -> av.VideoFrame:
    """Make a PyAV frame with planes and colour tags of ``format``; its time is left to the caller."""
    frame = av.VideoFrame(format.width, format.height, PIX_FMTS[format.chroma_subsampling, format.bit_depth])
    for plane_idx, plane in enumerate(planes):
        is_rgb = format.chroma_subsampling == ChromaSubsampling.RGB
        target = frame.planes[_GBR_ORDER[plane_idx] if is_rgb else plane_idx]
        _rows(target, format)[:, : plane.shape[1]] = plane
    frame.color_primaries = format.color_primaries
    frame.color_trc = format.transfer_characteristics
    frame.colorspace = format.matrix_coefficients
    frame.color_range = AV_FULL if format.color_range == ColorRange.FULL else AV_LIMITED
    return frame


def _rows(plane: Any, format: VideoFormat) -> Plane:
    """View of the memory of a PyAV plane, (height, line size in samples): wider than the picture."""
    num_samples = plane.height * plane.line_size // format.dtype.itemsize
    rows: Plane = np.frombuffer(plane, format.dtype, num_samples).reshape(plane.height, -1)
    return rows


def _nearest_pix_fmt(pix_fmt: str) -> tuple[str, list[str]]:
    """Nearest supported format (or its full-range yuvj twin), and what is lost on the way."""
    if pix_fmt.replace("yuvj", "yuv") in _LAYOUTS:
        return pix_fmt, []
    # 64x64 is divisible by every subsampling, so that the ratios below are exact.
    description = av.VideoFormat(pix_fmt, 64, 64)
    components = description.components
    num_bits = max(component.bits for component in components)
    bit_depth = next((depth for depth in BIT_DEPTHS if depth >= num_bits), max(BIT_DEPTHS))
    losses = []
    if num_bits > bit_depth:
        losses.append(f"samples of {num_bits} bits ({pix_fmt}) are reduced to {bit_depth} bits")
    if description.is_rgb or description.has_palette or pix_fmt.startswith("xyz"):
        subsampling = ChromaSubsampling.RGB
    elif len(components) < 3:
        subsampling = ChromaSubsampling.GRAY
    else:
        ratio = (64 // components[1].width, 64 // components[1].height)
        exact = {(1, 1): ChromaSubsampling.YUV444, (2, 1): ChromaSubsampling.YUV422, (2, 2): ChromaSubsampling.YUV420}
        near = {(4, 1): ChromaSubsampling.YUV422, (1, 2): ChromaSubsampling.YUV444}
        subsampling = exact.get(ratio) or near.get(ratio) or ChromaSubsampling.YUV420
        if ratio not in exact:
            losses.append(f"the chroma of {pix_fmt} is resampled to {subsampling.name}")
    nearest = PIX_FMTS[subsampling, bit_depth]
    return nearest.replace("yuv", "yuvj") if pix_fmt.startswith("yuvj") else nearest, losses


def _tag(of_frame: int, of_codec: int) -> int:
    """The frame's H.273 code point, or the codec's where the frame has none. 0 means nothing for these planes."""
    value = int(of_codec if of_frame == UNSPECIFIED else of_frame)
    return value if 0 < value <= 255 else UNSPECIFIED


def _color_range(frame: av.VideoFrame, tags: StreamTags, is_rgb: bool) -> ColorRange:
    if frame.format.name.startswith("yuvj"):
        return ColorRange.FULL
    value = int(frame.color_range) or tags.av_color_range
    if value == 0:
        return ColorRange.FULL if is_rgb else ColorRange.LIMITED
    return ColorRange.FULL if value == AV_FULL else ColorRange.LIMITED
