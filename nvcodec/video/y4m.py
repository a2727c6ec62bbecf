"""YUV4MPEG2: uncompressed frames in a file or a pipe, with a header line that names their format.

PyAV reads such files too, but hides a cut-off end and the chroma location, and cannot write the latter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO

import av
import numpy as np

from nvcodec.errors import ConfigError, InputError
from nvcodec.video.format import ChromaSubsampling, ColorRange, Plane, VideoFormat
from nvcodec.video.frame import Frame
from nvcodec.video.interlacing import FieldOrder
from nvcodec.video.pixels import AV_FULL, AV_LIMITED, StreamTags, make_frame
from nvcodec.video.reader import FALLBACK_RATE, MAX_RATE, Report
from nvcodec.video.timeline import Evenness

MAGIC = b"YUV4MPEG2"
_MAX_HEADER_BYTES = 4096
_FRAME_MARK = b"FRAME"
_COLORSPACES = {
    "420jpeg": (ChromaSubsampling.YUV420, 8, 2),
    "420mpeg2": (ChromaSubsampling.YUV420, 8, 1),
    "420paldv": (ChromaSubsampling.YUV420, 8, 3),
    "420": (ChromaSubsampling.YUV420, 8, 0),
    "422": (ChromaSubsampling.YUV422, 8, 0),
    "444": (ChromaSubsampling.YUV444, 8, 0),
    "mono": (ChromaSubsampling.GRAY, 8, 0),
    "420p10": (ChromaSubsampling.YUV420, 10, 0),
    "422p10": (ChromaSubsampling.YUV422, 10, 0),
    "444p10": (ChromaSubsampling.YUV444, 10, 0),
    "mono10": (ChromaSubsampling.GRAY, 10, 0),
    "420p12": (ChromaSubsampling.YUV420, 12, 0),
    "422p12": (ChromaSubsampling.YUV422, 12, 0),
    "444p12": (ChromaSubsampling.YUV444, 12, 0),
    "mono12": (ChromaSubsampling.GRAY, 12, 0),
}
"""Names of the C field: subsampling, bit depth and chroma location (0 where the name does not say)."""
_FIELD_ORDERS = {
    "p": FieldOrder.PROGRESSIVE,
    "?": FieldOrder.PROGRESSIVE,
    "t": FieldOrder.TOP_FIRST,
    "b": FieldOrder.BOTTOM_FIRST,
}
"""Of the I field; "m", mixed, says it for every frame anew, which nobody writes."""
_COLORSPACE_NAMES = {colorspace: name for name, colorspace in _COLORSPACES.items()}


@dataclass(frozen=True)
class Y4mHeader:
    """The header line. ``format`` has no primaries, transfer or matrix: the line has no place for them."""

    format: VideoFormat
    rate: Fraction
    field_order: FieldOrder = FieldOrder.PROGRESSIVE

    def pack(self) -> bytes:
        """Write the line.

        Raises:
            ConfigError: RGB has no y4m form.
        """
        format = self.format
        if format.chroma_subsampling == ChromaSubsampling.RGB:
            raise ConfigError("y4m cannot hold RGB; write a .mkv file or a folder of PNGs instead", "output")
        fields = [
            MAGIC.decode(),
            f"W{format.width}",
            f"H{format.height}",
            f"F{self.rate.numerator}:{self.rate.denominator}",
            "Ip",
            f"A{format.sample_aspect_num}:{format.sample_aspect_den if format.sample_aspect_num else 0}",
            f"C{_pack_colorspace(format)}",
            f"XCOLORRANGE={format.color_range.name}",
        ]
        return " ".join(fields).encode() + b"\n"


def parse_header(line: bytes, place: str) -> Y4mHeader:
    """Parse the header line, with or without its line feed.

    Raises:
        InputError: not y4m, a field is broken, or the colour space or the interlacing is not supported.
    """
    words = line.decode("ascii", "replace").split()
    if not words or words[0] != MAGIC.decode():
        raise InputError("this is not y4m (no YUV4MPEG2 header)", place)
    fields = {word[0]: word[1:] for word in words[1:] if word[0] != "X"}
    extensions = dict(word[1:].upper().split("=", 1) for word in words[1:] if word[0] == "X" and "=" in word)
    colorspace = fields.get("C", "420jpeg")
    if colorspace not in _COLORSPACES:
        raise InputError(f"the y4m colour space {colorspace!r} is not supported", place)
    if fields.get("I", "p") not in _FIELD_ORDERS:
        raise InputError(f"the y4m interlacing {fields['I']!r} is not supported", place)
    subsampling, bit_depth, chroma_location = _COLORSPACES[colorspace]
    try:
        width, height = int(fields["W"]), int(fields["H"])
        rate = _parse_ratio(fields.get("F", "0:0"))
        aspect = _parse_ratio(fields.get("A", "0:0"))
    except (KeyError, ValueError) as error:
        raise InputError("the y4m header has no valid width, height, rate or aspect", place) from error
    format = VideoFormat(
        width=width,
        height=height,
        bit_depth=bit_depth,
        chroma_subsampling=subsampling,
        color_range=ColorRange.FULL if extensions.get("COLORRANGE") == "FULL" else ColorRange.LIMITED,
        chroma_location=chroma_location,
        sample_aspect_num=aspect.numerator,
        sample_aspect_den=aspect.denominator,
    )
    return Y4mHeader(format, rate if 0 < rate <= MAX_RATE else FALLBACK_RATE, _FIELD_ORDERS[fields.get("I", "p")])


class Y4mReader:
    """Reads y4m from a binary stream, which need not be seekable.

    Args:
        file: at its start.
        name: for messages.
        num_bytes: size of the whole stream where known.

    Raises:
        InputError: not y4m, or not a supported form of it.
    """

    def __init__(self, file: BinaryIO, name: str, num_bytes: int | None) -> None:
        self.name = name
        self.collector = None
        self._file = file
        line = file.readline(_MAX_HEADER_BYTES)
        header = parse_header(line, name)
        self._format = header.format
        if min(header.format.width, header.format.height) < 1:
            raise InputError(f"the y4m header says {header.format.width}x{header.format.height} pixels", name)
        self.average_rate = header.rate
        self.time_base = 1 / header.rate
        self._frame_bytes = header.format.samples_per_frame * header.format.dtype.itemsize
        self.num_frames: int | None = None
        if num_bytes is not None:
            # Marks with parameters are longer, but nobody writes them; the count is an expectation only.
            stored_bytes = self._frame_bytes + len(_FRAME_MARK) + 1
            self.num_frames = -(-(num_bytes - len(line)) // stored_bytes)
        self.about_frames = self.num_frames
        self.tags = StreamTags(
            av_color_range=AV_FULL if header.format.color_range == ColorRange.FULL else AV_LIMITED,
            chroma_location=header.format.chroma_location,
            field_order=header.field_order,
            sample_aspect=Fraction(header.format.sample_aspect_num, header.format.sample_aspect_den),
        )

    def decode(self, report: Report) -> Iterator[av.VideoFrame]:
        """Yield all whole frames; a cut-off or broken one ends the stream and is reported."""
        num_frames = 0
        while mark := self._file.readline(_MAX_HEADER_BYTES):
            if not mark.startswith(_FRAME_MARK):
                report(f"frame {num_frames} has no y4m frame mark; the rest is left out")
                return
            data = self._file.read(self._frame_bytes)
            if len(data) < self._frame_bytes:
                report(f"the file breaks off in frame {num_frames}")
                return
            frame = make_frame(_split_planes(data, self._format), self._format)
            frame.pts = num_frames
            num_frames += 1
            yield frame

    def close(self) -> None:
        """Close the stream."""
        self._file.close()


class Y4mWriter:
    """Writes y4m to a binary stream.

    Args:
        file: closed by :meth:`close`.
        format: of the frames.
        average_rate: frames per second, all that y4m says about time.

    Raises:
        ConfigError: RGB has no y4m form.
    """

    def __init__(self, file: BinaryIO, format: VideoFormat, average_rate: Fraction) -> None:
        self.warnings: list[str] = []
        self._file = file
        self._evenness = Evenness()
        try:
            file.write(Y4mHeader(format, average_rate).pack())
        except BaseException:
            file.close()
            raise

    def write(self, frame: Frame) -> None:
        """Append a frame; a warning tells once where its time is lost."""
        self._evenness.add(frame.pts)
        if not self.warnings and not self._evenness.is_even:
            self.warnings.append("y4m holds no variable times; frames are evenly spaced")
        self._file.write(_FRAME_MARK + b"\n")
        for plane in frame.planes:
            self._file.write(np.ascontiguousarray(plane).data)
        # Who reads a pipe gets each frame when it is there, not when the next one pushes it out.
        self._file.flush()

    def close(self) -> None:
        """Close the stream."""
        self._file.close()


def _split_planes(data: bytes, format: VideoFormat) -> list[Plane]:
    samples: Plane = np.frombuffer(data, format.dtype)
    planes: list[Plane] = []
    offset = 0
    for plane_idx in range(format.num_planes):
        height, width = format.plane_shape(plane_idx)
        planes.append(samples[offset : offset + height * width].reshape(height, width))
        offset += height * width
    return planes


def _pack_colorspace(format: VideoFormat) -> str:
    layout = (format.chroma_subsampling, format.bit_depth)
    return _COLORSPACE_NAMES.get((*layout, format.chroma_location)) or _COLORSPACE_NAMES[(*layout, 0)]


def _parse_ratio(text: str) -> Fraction:
    numerator, denominator = (int(number) for number in text.split(":"))
    return Fraction(numerator, denominator) if numerator > 0 and denominator > 0 else Fraction(0)
