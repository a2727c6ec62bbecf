"""What of a video fits into memory."""

from __future__ import annotations

import numpy as np

from nvcodec.encoder.config import EncoderConfig
from nvcodec.sharing.windows import WindowPlan
from nvcodec.video.source import VideoSource


def window_plan(config: EncoderConfig, video: VideoSource) -> WindowPlan:
    """How the windows of a video are cut: as many frames as the memory bound allows, and the chunk length in frames.

    A chunk that would not fit into the memory becomes shorter.
    """
    chunk_frames = config.chunk_frames or max(1, round(config.chunk_s * video.average_rate))
    frame_bytes = video.format.samples_per_frame * np.dtype(video.format.dtype).itemsize
    # A window's frames are held twice for a moment, as the source gives them and stacked for training.
    max_frames = max(1, config.max_memory_bytes // (2 * frame_bytes))
    return WindowPlan(
        chunk_frames=min(chunk_frames, max_frames), max_frames=max_frames, fixed_chunks=config.fixed_chunks
    )
