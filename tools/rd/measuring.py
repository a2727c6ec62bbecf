"""One way to measure all codecs: decoded frames beside those that were encoded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from nvcodec.errors import InputError
from nvcodec.metrics import PsnrAccumulator, bpp, ms_ssim, rgb_psnr
from nvcodec.video.color import planes_to_rgb
from nvcodec.video.format import VideoFormat
from nvcodec.video.frame import Frame
from nvcodec.video.source import open_source

MAX_PSNR = 60.0
"""Most that one 8-bit frame counts for, as in ``nvcodec.metrics.frame_psnr``."""
_MATRIX_NAMES = {(0.299, 0.114): "BT.601", (0.2126, 0.0722): "BT.709"}


@dataclass(frozen=True)
class Quality:
    """Quality of a decoded clip. PSNRs in dB are means over the frames of the frames' PSNRs, at most 60 dB each.

    Attributes:
        width, height, num_frames: of the clip.
        psnr_y, psnr_u, psnr_v: of each plane.
        psnr_611: (6 psnr_y + psnr_u + psnr_v) / 8.
        psnr_rgb: of R, G and B together, clipped to 0..1.
        rgb_conversion: matrix and range of that RGB, and its filter of the chroma.
        ms_ssim: mean over the frames, of the luma.
    """

    width: int
    height: int
    num_frames: int
    psnr_y: float
    psnr_u: float
    psnr_v: float
    psnr_611: float
    psnr_rgb: float
    rgb_conversion: str
    ms_ssim: float

    def bpp(self, num_bytes: int) -> float:
        """Bits per pixel of a stream of these frames."""
        return bpp(num_bytes, self.width, self.height, self.num_frames)


def measure(source: Path, decoded: Path) -> Quality:
    """Compare two 8-bit 4:2:0 videos frame by frame.

    Raises:
        InputError: they differ in size, kind or number of frames.
    """
    rgb, similarity = [], []
    with open_source(source) as reference, open_source(decoded) as result:
        video_format = reference.format
        _require_same(_layout(video_format), _layout(result.format), decoded)
        psnr = PsnrAccumulator(video_format.bit_depth)
        others = iter(result)
        for frame in reference:
            other = next(others, None)
            if other is None:
                break
            psnr.add(frame.planes, other.planes)
            # Both by the source's matrix and range, whatever the decoded video says of its own.
            rgb += rgb_psnr(_rgb_of(frame, video_format), _rgb_of(other, video_format))
            luma = [torch.from_numpy(planes[0])[None] for planes in (frame.planes, other.planes)]
            similarity.append(float(ms_ssim(*luma, peak=255)[0]))
        num_decoded = psnr.num_frames + sum(1 for _ in others)
    with open_source(source) as reference:
        _require_same(sum(1 for _ in reference), num_decoded, decoded)
    y, u, v = psnr.mean_psnr
    return Quality(
        width=video_format.width,
        height=video_format.height,
        num_frames=psnr.num_frames,
        psnr_y=y,
        psnr_u=u,
        psnr_v=v,
        psnr_611=(6 * y + u + v) / 8,
        psnr_rgb=float(np.mean(np.minimum(rgb, MAX_PSNR))),
        rgb_conversion=_describe_conversion(video_format),
        ms_ssim=float(np.mean(similarity)),
    )


def _rgb_of(frame: Frame, video_format: VideoFormat) -> torch.Tensor:
    return planes_to_rgb([torch.from_numpy(plane)[None] for plane in frame.planes], video_format).clamp(0, 1)


def _describe_conversion(video_format: VideoFormat) -> str:
    matrix = _MATRIX_NAMES[video_format.luma_coefficients]
    return f"{matrix} {video_format.color_range.name.lower()} range; chroma repeated (nearest)"


def _layout(video_format: VideoFormat) -> tuple[int, int, str, int]:
    return video_format.width, video_format.height, video_format.chroma_subsampling.name, video_format.bit_depth


def _require_same(expected: object, actual: object, decoded: Path) -> None:
    if expected != actual:
        raise InputError(f"decoded are {actual}, encoded were {expected} (frames, or size and kind)", str(decoded))
