"""How good the frames of a window are that is being trained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from nvcodec.decoder.reconstruction import output_planes
from nvcodec.metrics import frame_psnr
from nvcodec.training.chunk_frames import ChunkFrames
from nvcodec.training.window_model import WindowModel
from nvcodec.video.format import ChromaSubsampling, VideoFormat


def luma_psnr(model: WindowModel, chunks: Sequence[ChunkFrames], chunk_indices: Iterable[int]) -> float:
    """Mean over the frames of some chunks of the luma PSNR in dB, as the frames would be decoded now; 0 of none.

    Of R, G and B together for RGB video.
    """
    values: list[float] = []
    for chunk_idx in chunk_indices:
        chunk = chunks[chunk_idx]
        with torch.no_grad():
            theta = model.theta(chunk_idx)
            for position in range(len(chunk)):
                frame_idx = torch.tensor([position], device=model.device)
                targets = chunk.targets(frame_idx, model.spec.backbone)
                inputs = model.inputs(chunk_idx, frame_idx, targets)
                output = model.reconstruct(theta, inputs, *targets.shape[2:])
                decoded = output_planes(output, model.spec.backbone, chunk.format)
                values.append(
                    _luma_psnr([plane[0] for plane in decoded], [p[position] for p in chunk.planes], chunk.format)
                )
    return sum(values) / len(values) if values else 0.0


def _luma_psnr(decoded: Sequence[Tensor], source: Sequence[Tensor], video_format: VideoFormat) -> float:
    num_planes = 3 if video_format.chroma_subsampling == ChromaSubsampling.RGB else 1
    errors = [
        torch.mean((a.double() - b.double()) ** 2).item()
        for a, b in zip(decoded[:num_planes], source[:num_planes], strict=True)
    ]
    return frame_psnr(sum(errors) / len(errors), 2**video_format.bit_depth - 1, video_format.bit_depth)
