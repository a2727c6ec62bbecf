"""What the chunks of a window share, and whether they have a texture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nvcodec.bitstream.network_spec import MAX_TEXTURE_MARGIN
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.sizing import is_crowded, texture_fits, window_kappa
from nvcodec.sharing.plans import chunks_differ
from nvcodec.training.chunk_frames import ChunkFrames
from nvcodec.training.motion import centred, global_motion
from nvcodec.video.format import VideoFormat

# Motion off the middle of a texture, relative to the shorter side of the frame. What moves less is kept as well by a
# coarse grid, in less time. What moves more has not been tried, and takes much memory.
LEAST_MOTION = 0.01
MOST_MOTION = 0.5


@dataclass(frozen=True)
class WindowSharing:
    """The choice for one window.

    Attributes:
        kappa: fraction of the parameters that its chunks are to share.
        motion: per chunk (T, 2) pixels by which its frames lie off the middle of their texture; () without one.
    """

    kappa: float
    motion: tuple[Tensor, ...] = ()

    @property
    def texture_margin(self) -> int | None:
        """Pixels of the texture beyond each side of the frame; None: without a texture."""
        return math.ceil(max(_reach(self.motion))) if self.motion else None


def window_sharing(config: EncoderConfig, video_format: VideoFormat, chunks: Sequence[ChunkFrames]) -> WindowSharing:
    """What a window's chunks are to share: what the user or the preset says, else what makes the most of the bits.

    A texture is shared as a whole, by networks that share everything, or each chunk has its own, in networks that share
    nothing. Own ones are better where chunks have little in common, even where a texture follows the camera, or where
    there are bits for far more than one network.
    """
    lengths = [len(chunk) for chunk in chunks]
    planes, bit_depth = [chunk.planes[0] for chunk in chunks], video_format.bit_depth
    is_different = not config.is_kappa_given and chunks_differ(planes, bit_depth)
    kappa = 0.0 if is_different else window_kappa(config, video_format, lengths)
    if config.is_kappa_given:
        candidates = [kappa] if kappa in (0, 1) else []
    else:
        candidates = [0.0, 1.0] if is_crowded(config, video_format, lengths) else [1.0, 0.0]
    if not config.resolved_preset().design.texture_channels:
        return WindowSharing(kappa)
    for candidate in candidates:
        motion = _off_middle(planes, bit_depth, is_shared=candidate == 1)
        if not _is_suited(motion, video_format):
            continue
        if candidate == 1 and is_different and chunks_differ(planes, bit_depth, motion):
            continue
        if texture_fits(config, video_format, lengths, candidate, _reach(motion)):
            return WindowSharing(candidate, motion)
    return WindowSharing(kappa)


def _off_middle(planes: Sequence[Tensor], bit_depth: int, *, is_shared: bool) -> tuple[Tensor, ...]:
    """Motion of each chunk's frames, (T, 2), on a texture that all chunks share or on each chunk's own."""
    if is_shared:
        return tuple(centred(global_motion(planes, bit_depth)))
    # What the frames of one texture show of it has nothing to do with those of another.
    return tuple(centred(global_motion([plane], bit_depth))[0] for plane in planes)


def _is_suited(motion: Sequence[Tensor], video_format: VideoFormat) -> bool:
    """Whether a texture shows frames with such a motion well."""
    side, largest = min(video_format.width, video_format.height), max(_reach(motion))
    return LEAST_MOTION * side <= largest <= min(MOST_MOTION * side, MAX_TEXTURE_MARGIN)


def _reach(motion: Sequence[Tensor]) -> tuple[float, float]:
    """How far frames lie off the middle of their texture, across and down."""
    across, down = torch.cat(list(motion)).abs().amax(dim=0).tolist()
    return across, down
