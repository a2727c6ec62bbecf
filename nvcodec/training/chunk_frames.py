"""The frames of one chunk as training sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nvcodec.bitstream.network_spec import Backbone
from nvcodec.video.color import planes_to_rgb
from nvcodec.video.format import Plane, VideoFormat
from nvcodec.video.frame import Frame
from nvcodec.video.packing import planes_to_blocks, samples_to_values


@dataclass(frozen=True)
class ChunkFrames:
    """A chunk's source frames, kept as the source stores them; batches become real-valued only when asked for.

    Attributes:
        format: how to read the planes.
        planes: one tensor (T, h, w) per plane, uint8 or uint16, on the training device.
    """

    format: VideoFormat
    planes: tuple[Tensor, ...]

    @classmethod
    def of(cls, frames: Sequence[Frame], video_format: VideoFormat, device: torch.device) -> ChunkFrames:
        """Stack ``frames`` (T of them, all of ``video_format``) on ``device``."""
        planes = tuple(
            torch.from_numpy(np.stack([frame.planes[plane_idx] for frame in frames])).to(device)
            for plane_idx in range(video_format.num_planes)
        )
        return cls(video_format, planes)

    def to(self, device: torch.device) -> ChunkFrames:
        """The same frames on a device."""
        return ChunkFrames(self.format, tuple(plane.to(device) for plane in self.planes))

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process gets the samples themselves; PyTorch would put them in shared memory, often too small."""
        return _of_arrays, (self.format, tuple(plane.cpu().numpy() for plane in self.planes))

    def __len__(self) -> int:
        """Number of frames T."""
        return int(self.planes[0].shape[0])

    def targets(self, frame_idx: Tensor, backbone: Backbone) -> Tensor:
        """Frames as a network should output them.

        Args:
            frame_idx: (N,) positions within the chunk.
            backbone: of the network.

        Returns:
            The samples of blocks (N, samples_per_block, ceil(H / 2), ceil(W / 2)) for VAST, else what :meth:`rgb`
            returns; float32, 0..1.
        """
        if backbone != Backbone.VAST:
            return self.rgb(frame_idx)
        blocks = planes_to_blocks([plane[frame_idx] for plane in self.planes], self.format)
        return samples_to_values(blocks, self.format)

    def rgb(self, frame_idx: Tensor) -> Tensor:
        """Frames (N,) as (N, 3, H, W) RGB, or (N, 1, H, W) for gray sources; float32, 0..1."""
        return planes_to_rgb([plane[frame_idx] for plane in self.planes], self.format).clamp_(0, 1)


def _of_arrays(video_format: VideoFormat, planes: Sequence[Plane]) -> ChunkFrames:
    # Where they come from they may not be writable, which PyTorch's tensors have to be.
    return ChunkFrames(video_format, tuple(torch.from_numpy(np.require(plane, requirements="W")) for plane in planes))
