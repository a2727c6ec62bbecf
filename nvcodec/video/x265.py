"""The conventional encoder that files are held against."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import av

from nvcodec.errors import InputError
from nvcodec.video.format import VideoFormat
from nvcodec.video.frame import Frame
from nvcodec.video.pixels import PIX_FMTS, make_frame
from nvcodec.video.reader import reason_of

PRESET = "medium"
MIN_CRF, MAX_CRF = 0.0, 51.0
CRF_PER_HALVING = 6.0
"""By which the rate factor grows where half the bytes are left, as a rule."""
TOLERANCE = 0.01
MAX_ENCODES = 8


def encode_x265(
    frames: Iterable[Frame], video_format: VideoFormat, rate: Fraction, interval: int, crf: float, target: Path
) -> int:
    """Encode frames into an elementary HEVC stream, whose keyframes are closed and at most ``interval`` frames apart.

    Args:
        frames: in order.
        video_format: of the frames.
        rate: frames per second.
        interval: frames.
        crf: constant rate factor.
        target: the file, which is replaced.

    Returns:
        Its bytes.

    Raises:
        InputError: x265 has no such format or size, or fails.
    """
    parameters = f"log-level=none:info=0:open-gop=0:keyint={interval}"
    options = {"preset": PRESET, "crf": f"{crf:.3f}", "x265-params": parameters}
    try:
        with av.open(f"file:{target}", "w", format="hevc") as container:
            stream = container.add_stream("libx265", rate=rate, options=options)
            stream.width, stream.height = video_format.width, video_format.height
            stream.pix_fmt = PIX_FMTS[video_format.chroma_subsampling, video_format.bit_depth]
            stream.codec_context.time_base = 1 / rate
            for frame_idx, frame in enumerate(frames):
                picture = make_frame(frame.planes, video_format)
                picture.pts, picture.time_base = frame_idx, 1 / rate
                container.mux(stream.encode(picture))
            container.mux(stream.encode(None))
    except (av.error.FFmpegError, ValueError) as error:
        size = f"{video_format.width}x{video_format.height}"
        raise InputError(f"cannot encode {size} frames of this kind: {reason_of(error)}", "x265") from error
    return target.stat().st_size


def encode_to_size(encode: Callable[[float], int], num_bytes: int) -> float:
    """Search the rate factor whose file is nearest in size, within one percent if there is one; its file is left.

    Args:
        encode: makes the file of a rate factor and tells its size.
        num_bytes: the size to meet.

    Returns:
        The rate factor.
    """
    low, high = MIN_CRF, MAX_CRF
    sizes: dict[float, int] = {}
    crf = 32.0
    while True:
        sizes[crf] = encode(crf)
        ratio = sizes[crf] / num_bytes
        if abs(ratio - 1) <= TOLERANCE or len(sizes) == MAX_ENCODES:
            break
        # Larger rate factors make smaller files.
        low, high = (max(low, crf), high) if ratio > 1 else (low, min(high, crf))
        following = _next_factor(sizes, num_bytes, low, high)
        if following in sizes:
            break
        crf = following
    best = min(sizes, key=lambda tried: abs(sizes[tried] - num_bytes))
    if best != crf:
        encode(best)
    return best


def _next_factor(sizes: dict[float, int], num_bytes: int, low: float, high: float) -> float:
    """Where the size should be met: by the two nearest sizes, on a logarithmic scale; by the rule, of one."""
    nearest = sorted(sizes, key=lambda crf: abs(math.log(sizes[crf] / num_bytes)))
    crf, excess = nearest[0], math.log2(sizes[nearest[0]] / num_bytes)
    per_halving = CRF_PER_HALVING
    if len(nearest) > 1 and sizes[nearest[0]] != sizes[nearest[1]]:
        slope = (nearest[1] - nearest[0]) / math.log2(sizes[nearest[0]] / sizes[nearest[1]])
        per_halving = min(max(slope, 1.0), 20.0)
    wanted = round(crf + excess * per_halving, 2)
    return wanted if low < wanted < high else round((low + high) / 2, 2)
