"""Single pictures as the bytes of a JPEG or PNG file."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import Colorspace

from nvcodec.video.pixels import AV_FULL

JPEG_QUALITY = {"qmin": "2", "qmax": "2", "huffman": "optimal"}
"""The finest that the encoder has: about 43 dB."""


def jpeg(rgb: npt.NDArray[np.uint8]) -> bytes:
    """A JPEG file, without subsampling, of a picture (H, W, 3)."""
    picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), "rgb24").reformat(
        format="yuvj444p", dst_colorspace=Colorspace.ITU601, dst_color_range=AV_FULL
    )
    return encode_still(picture, "mjpeg", JPEG_QUALITY)


def gray_png(gray: npt.NDArray[np.uint8]) -> bytes:
    """A PNG file of a picture (H, W)."""
    return encode_still(av.VideoFrame.from_ndarray(np.ascontiguousarray(gray), "gray"), "png", {})


def encode_still(
    picture: av.VideoFrame, codec: str, options: Mapping[str, str], sample_aspect: Fraction | None = None
) -> bytes:
    """One picture by a codec of PyAV, in the pixel format that it has; ``sample_aspect`` is None if unknown."""
    # A context of its own for each image: what follows a flush is a new file.
    context = CodecContext.create(codec, "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height, context.pix_fmt = picture.width, picture.height, picture.format.name
    context.time_base = Fraction(1, 25)
    context.color_range = picture.color_range
    if sample_aspect is not None:
        context.sample_aspect_ratio = sample_aspect
    context.options = dict(options)
    picture.pts = 0
    return b"".join(bytes(packet) for packet in [*context.encode(picture), *context.encode(None)])
