"""A folder of PNG images, 8 or 16 bits per sample, RGB or gray."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter

from nvcodec.video.format import ChromaSubsampling, ColorRange, Plane, VideoFormat
from nvcodec.video.frame import Frame
from nvcodec.video.pixels import AV_FULL, AV_LIMITED, make_frame
from nvcodec.video.stills import encode_still

_ACCURATE = (
    Interpolation.BICUBIC
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.ACCURATE_RND
    | Interpolation.BITEXACT
)
_MAX_ASPECT_DENOMINATOR = 65535
_FAST_COMPRESSION = {"compression_level": "1", "pred": "up"}
_COLORSPACE_OF_KR = {
    0.2126: Colorspace.ITU709,
    0.30: Colorspace.FCC,
    0.299: Colorspace.ITU601,
    0.212: Colorspace.SMPTE240M,
    0.2627: Colorspace.BT2020,
}


class PngWriter:
    """Writes ``frame_000000.png`` and so on into a new folder.

    YUV becomes full-range RGB by the format's luma coefficients, with chroma interpolated; limited-range gray is
    stretched to full range. RGB samples are kept; 10 and 12 bits are stretched to 16. The pixel
    aspect ratio is kept.

    Args:
        folder: made here; must not exist.
        format: of the frames.

    Raises:
        OSError: the folder cannot be made.
    """

    NAME_PATTERN = "frame_??????*.png"

    def __init__(self, folder: Path, format: VideoFormat) -> None:
        self.warnings = ["PNG images hold no times"]
        self._format = format
        self._folder = folder
        self._num_frames = 0
        self._reformatter = VideoReformatter()
        is_gray = format.chroma_subsampling == ChromaSubsampling.GRAY
        names = ("gray", "gray16be") if is_gray else ("rgb24", "rgb48be")
        self._pix_fmt = names[format.bit_depth > 8]
        self._aspect = None
        if format.sample_aspect_num:
            aspect = Fraction(format.sample_aspect_num, format.sample_aspect_den)
            self._aspect = aspect.limit_denominator(_MAX_ASPECT_DENOMINATOR)
        folder.mkdir()

    def write(self, frame: Frame) -> None:
        """Write the next image."""
        is_gray = self._format.chroma_subsampling == ChromaSubsampling.GRAY
        planes = [_stretch(frame.planes[0], self._format)] if is_gray else frame.planes
        picture = self._convert(make_frame(planes, self._format))
        path = self._folder / f"frame_{self._num_frames:06d}.png"
        path.write_bytes(encode_still(picture, "png", _FAST_COMPRESSION, self._aspect))
        self._num_frames += 1

    def close(self) -> None:
        """Every image is whole already."""

    def _convert(self, picture: av.VideoFrame) -> av.VideoFrame:
        format = self._format
        if format.chroma_subsampling in (ChromaSubsampling.RGB, ChromaSubsampling.GRAY):
            return self._reformatter.reformat(picture, format=self._pix_fmt, threads=1)
        return self._reformatter.reformat(
            picture,
            format=self._pix_fmt,
            src_colorspace=_COLORSPACE_OF_KR[format.luma_coefficients[0]],
            src_color_range=AV_FULL if format.color_range == ColorRange.FULL else AV_LIMITED,
            dst_color_range=AV_FULL,
            interpolation=_ACCURATE,
            threads=1,
        )


def _stretch(luma: Plane, format: VideoFormat) -> Plane:
    """Gray samples in full range; PyAV's converter leaves the range of gray as it is."""
    if format.color_range == ColorRange.FULL:
        return luma
    maximum, shift = (1 << format.bit_depth) - 1, format.bit_depth - 8
    stretched = (luma.astype(np.float64) - (16 << shift)) * (maximum / (219 << shift))
    full: Plane = np.floor(stretched + 0.5).clip(0, maximum).astype(format.dtype)
    return full
