"""What the chunks of a window share, and whether they have a texture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nvcodec.bitstream.network_spec import MAX_TEXTURE_MARGIN
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.sizing import is_texture_crowded, texture_fits, window_kappa
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
        kappa: fraction of the parameters that its chunks are to share, textures left aside.
        motion: per chunk (T, 2) pixels by which its frames lie off the middle of their texture; () without one.
        is_texture_shared: all chunks have the same, or each has its own.
    """

    kappa: float
    motion: tuple[Tensor, ...] = ()
    is_texture_shared: bool = False

    @property
    def texture_margin(self) -> int | None:
        """Pixels of the texture beyond each side of the frame; None: without a texture."""
        return math.ceil(max(_reach(self.motion))) if self.motion else None

    @property
    def num_textures(self) -> int:
        """How many are stored."""
        return 1 if self.is_texture_shared else len(self.motion)


def window_sharing(config: EncoderConfig, video_format: VideoFormat, chunks: Sequence[ChunkFrames]) -> WindowSharing:
    """What a window's chunks are to share: what the user or the preset says, else what makes the most of the bits.

    A texture is best shared, whatever the chunks share beside it, unless they have little in common even where it
    follows the camera, or too much of it lies beyond each chunk's frames, or bits are plenty. Then each has its own if
    nothing else is shared, either.
    """
    lengths = [len(chunk) for chunk in chunks]
    planes, bit_depth = [chunk.planes[0] for chunk in chunks], video_format.bit_depth
    is_different = not config.is_kappa_given and chunks_differ(planes, bit_depth)
    plain = WindowSharing(0.0 if is_different else window_kappa(config, video_format, lengths))
    if not config.resolved_preset().design.texture_channels:
        return plain
    shared = own = None
    if not config.is_kappa_given or plain.kappa == 1:
        motion = _off_middle(planes, bit_depth, is_shared=True)
        if not is_different and not _moves(video_format, motion):
            # Then nor does a chunk of it, whose frames were followed from those of the chunk before.
            return plain
        if _has_texture(config, video_format, lengths, motion, num_textures=1) and not (
            is_different and chunks_differ(planes, bit_depth, motion)
        ):
            shared = WindowSharing(window_kappa(config, video_format, lengths, _reach(motion)), motion, True)
            if config.is_kappa_given or not is_texture_crowded(config, video_format, lengths, _reach(motion)):
                return shared
    if not config.is_kappa_given or plain.kappa == 0:
        motion = _off_middle(planes, bit_depth, is_shared=False)
        if _has_texture(config, video_format, lengths, motion, num_textures=len(lengths)):
            own = WindowSharing(0.0, motion)
    return own or shared or plain


def _off_middle(planes: Sequence[Tensor], bit_depth: int, *, is_shared: bool) -> tuple[Tensor, ...]:
    """Motion of each chunk's frames, (T, 2), on a texture that all chunks share or on each chunk's own."""
    if is_shared:
        return tuple(centred(global_motion(planes, bit_depth)))
    # What the frames of one texture show of it has nothing to do with those of another.
    return tuple(centred(global_motion([plane], bit_depth))[0] for plane in planes)


def _has_texture(
    config: EncoderConfig,
    video_format: VideoFormat,
    chunk_lengths: Sequence[int],
    motion: Sequence[Tensor],
    *,
    num_textures: int,
) -> bool:
    """Whether textures show frames with such a motion well, and there are bits for them."""
    side, reach = min(video_format.width, video_format.height), _reach(motion)
    if not _moves(video_format, motion) or max(reach) > min(MOST_MOTION * side, MAX_TEXTURE_MARGIN):
        return False
    return texture_fits(config, video_format, chunk_lengths, num_textures, reach)


def _moves(video_format: VideoFormat, motion: Sequence[Tensor]) -> bool:
    """Whether the picture moves as a whole by so much that a texture that follows is worth it."""
    return max(_reach(motion)) >= LEAST_MOTION * min(video_format.width, video_format.height)


def _reach(motion: Sequence[Tensor]) -> tuple[float, float]:
    """How far frames lie off the middle of their texture, across and down."""
    across, down = torch.cat(list(motion)).abs().amax(dim=0).tolist()
    return across, down
