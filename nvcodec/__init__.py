"""nvcodec: a video codec whose bitstream is small neural networks that share parameters within a scene.

    nvcodec.encode("in.mp4", "out.nvst", nvcodec.EncoderConfig(preset="fast"))
    frames = nvcodec.VideoDecoder("out.nvst")[0:10]      # uint8 (N, C, H, W)

Importing the package is fast: PyTorch and PyAV load with the first thing that needs them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nvcodec.bitstream.editing import concatenate, cut
    from nvcodec.decoder.clip_dataset import Clip, ClipDataset
    from nvcodec.decoder.decoding import decode
    from nvcodec.decoder.frames import Frame, FrameBatch
    from nvcodec.decoder.video_decoder import VideoDecoder
    from nvcodec.encoder.config import EncoderConfig
    from nvcodec.encoder.pipeline import encode
    from nvcodec.errors import NvcodecError

__version__ = "0.1.0"

__all__ = [
    "Clip",
    "ClipDataset",
    "EncoderConfig",
    "Frame",
    "FrameBatch",
    "NvcodecError",
    "VideoDecoder",
    "concatenate",
    "cut",
    "decode",
    "encode",
]

_HOME = {
    "Clip": "nvcodec.decoder.clip_dataset",
    "ClipDataset": "nvcodec.decoder.clip_dataset",
    "EncoderConfig": "nvcodec.encoder.config",
    "Frame": "nvcodec.decoder.frames",
    "FrameBatch": "nvcodec.decoder.frames",
    "NvcodecError": "nvcodec.errors",
    "VideoDecoder": "nvcodec.decoder.video_decoder",
    "concatenate": "nvcodec.bitstream.editing",
    "cut": "nvcodec.bitstream.editing",
    "decode": "nvcodec.decoder.decoding",
    "encode": "nvcodec.encoder.pipeline",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its home when it is first used."""
    if name not in _HOME:
        raise AttributeError(f"module 'nvcodec' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
