"""A video beside its source, frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nvcodec.errors import ConfigError, InputError
from nvcodec.metrics import bpp, frame_psnr, ms_ssim
from nvcodec.prefetch import Prefetch
from nvcodec.report.alignment import align
from nvcodec.report.videos import ComparedVideo, SourceVideo
from nvcodec.video.color import planes_to_rgb
from nvcodec.video.format import ChromaSubsampling, VideoFormat
from nvcodec.video.frame import Frame

FrameCallback = Callable[[int, int], None]
"""Told how many frames are done, of how many."""


@dataclass(frozen=True)
class FrameQuality:
    """How well a frame shows the source's.

    Attributes:
        psnr_y: of the luma in dB; of R, G and B together for RGB video.
        psnr_rgb: of R, G and B together in dB, both by the source's matrix and range.
        ms_ssim: of the luma; the mean of R's, G's and B's for RGB video.
    """

    psnr_y: float
    psnr_rgb: float
    ms_ssim: float


@dataclass(frozen=True)
class FramePair:
    """A frame of the source, the video's frame that shows it, and how well.

    Attributes:
        source_idx, video_idx: positions, the first among the selected frames of the source.
        source, video: the frames.
    """

    source_idx: int
    video_idx: int
    source: Frame
    video: Frame


@dataclass(frozen=True)
class Comparison:
    """A video beside its source.

    Attributes:
        name: of the video.
        width, height: of its frames, to which the source was scaled if its own differ.
        is_source_scaled: whether they do.
        frames: quality of each frame that was compared.
        first_source_s, last_source_s: seconds when the first and the last of the source's frames begin.
        num_frames: of the whole video.
        duration_s: of the whole video, seconds.
        num_bytes: of the whole video; None if unknown.
    """

    name: str
    width: int
    height: int
    is_source_scaled: bool
    frames: tuple[FrameQuality, ...]
    first_source_s: float
    last_source_s: float
    num_frames: int
    duration_s: float
    num_bytes: int | None

    @property
    def psnr_y(self) -> float:
        """Mean over the frames, dB."""
        return float(np.mean([frame.psnr_y for frame in self.frames]))

    @property
    def psnr_rgb(self) -> float:
        """Mean over the frames, dB."""
        return float(np.mean([frame.psnr_rgb for frame in self.frames]))

    @property
    def ms_ssim(self) -> float:
        """Mean over the frames."""
        return float(np.mean([frame.ms_ssim for frame in self.frames]))

    @property
    def bpp(self) -> float | None:
        """Bits per pixel of the whole video."""
        return None if self.num_bytes is None else bpp(self.num_bytes, self.width, self.height, self.num_frames)

    @property
    def bit_rate(self) -> float | None:
        """Bits per second of the whole video."""
        return None if self.num_bytes is None or self.duration_s <= 0 else 8 * self.num_bytes / self.duration_s


class AlignedVideo:
    """A video and its source, ready to be read side by side.

    Args:
        source: the source, in its own size.
        video: the video.

    Attributes:
        source: in the video's size.
        video: as given.
        pairs: positions of frames that belong together.
        is_source_scaled: whether the sizes differed.

    Raises:
        ConfigError: the frames are not the source's, or only one of both is RGB.
    """

    def __init__(self, source: SourceVideo, video: ComparedVideo) -> None:
        facts, own = video.facts, source.facts.format
        size = facts.format.width, facts.format.height
        if _is_rgb(own) != _is_rgb(facts.format):
            raise ConfigError("RGB can be compared with RGB only, as its luma is not coded", facts.name)
        self.pairs = align(source.facts.times, facts.times, facts.name)
        self.is_source_scaled = (own.width, own.height) != size
        self.source = source.scaled(*size) if self.is_source_scaled else source
        self.video = video

    def __iter__(self) -> Iterator[FramePair]:
        """The pairs in order, each side read in a thread of its own."""
        with Prefetch(enumerate(self.source.frames())) as sources, Prefetch(enumerate(self.video.frames())) as videos:
            for source_idx, video_idx in self.pairs:
                source = _frame_at(source_idx, sources, self.source.facts.name)
                video = _frame_at(video_idx, videos, self.video.facts.name)
                yield FramePair(source_idx, video_idx, source, video)

    def quality(self, pair: FramePair) -> FrameQuality:
        """How well the video's frame shows the source's."""
        return frame_quality(pair.source, pair.video, self.source.facts.format, self.video.facts.format)

    def comparison(self, qualities: list[FrameQuality]) -> Comparison:
        """The comparison that the qualities of all pairs make."""
        facts = self.video.facts
        return Comparison(
            name=facts.name,
            width=facts.format.width,
            height=facts.format.height,
            is_source_scaled=self.is_source_scaled,
            frames=tuple(qualities),
            first_source_s=self.source.facts.times[self.pairs[0][0]],
            last_source_s=self.source.facts.times[self.pairs[-1][0]],
            num_frames=len(facts.times),
            duration_s=facts.duration_s,
            num_bytes=facts.num_bytes,
        )


def compare(source: SourceVideo, video: ComparedVideo, progress: FrameCallback = lambda done, of: None) -> Comparison:
    """Compare a video with its source.

    Raises:
        ConfigError: its frames are not the source's, or only one of both is RGB.
        InputError: one of them cannot be read.
        BitstreamError: a .nvst file is damaged.
    """
    aligned = AlignedVideo(source, video)
    qualities = []
    for pair in aligned:
        qualities.append(aligned.quality(pair))
        progress(len(qualities), len(aligned.pairs))
    return aligned.comparison(qualities)


def frame_quality(source: Frame, video: Frame, source_format: VideoFormat, video_format: VideoFormat) -> FrameQuality:
    """How well a frame shows another of its size.

    A video of another bit depth has its samples multiplied to the source's. Its matrix and range are taken to be the
    source's, since streams lose these tags.
    """
    bit_depth, peak = source_format.bit_depth, 2**source_format.bit_depth - 1
    gain = 2.0 ** (bit_depth - video_format.bit_depth)
    reference, decoded = _luma(source, source_format), _luma(video, video_format) * gain
    mse = float(np.mean((reference - decoded) ** 2))
    read_as = replace(
        source_format, bit_depth=video_format.bit_depth, chroma_subsampling=video_format.chroma_subsampling
    )
    error = frame_rgb(source, source_format) - frame_rgb(video, read_as)
    mse_rgb = float(error.double().square().mean())
    return FrameQuality(
        psnr_y=frame_psnr(mse, peak, bit_depth),
        psnr_rgb=frame_psnr(mse_rgb, 1.0, bit_depth),
        ms_ssim=float(ms_ssim(torch.from_numpy(reference), torch.from_numpy(decoded), peak=peak).mean()),
    )


def frame_rgb(frame: Frame, video_format: VideoFormat) -> Tensor:
    """A frame as (3, H, W) RGB in 0..1, as it is shown."""
    planes = [torch.from_numpy(plane)[None] for plane in frame.planes]
    return planes_to_rgb(planes, video_format)[0].clamp(0, 1).expand(3, -1, -1)


def _frame_at(position: int, frames: Iterator[tuple[int, Frame]], name: str) -> Frame:
    """The frame at a position that lies ahead."""
    for frame_idx, frame in frames:
        if frame_idx == position:
            return frame
    raise InputError("it has fewer frames than when it was read before", name)


def _luma(frame: Frame, video_format: VideoFormat) -> npt.NDArray[np.float64]:
    """The luma (1, H, W), or R, G and B (3, H, W)."""
    return np.stack([plane.astype(np.float64) for plane in frame.planes[: 3 if _is_rgb(video_format) else 1]])


def _is_rgb(video_format: VideoFormat) -> bool:
    return video_format.chroma_subsampling == ChromaSubsampling.RGB
