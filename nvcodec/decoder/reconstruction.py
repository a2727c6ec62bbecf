"""From a chunk's integers to its frames."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from nvcodec.bitstream import ChunkContent, WindowContent
from nvcodec.decoder.dequantization import chunk_embeddings, chunk_parameters
from nvcodec.networks import build_network, time_encoding
from nvcodec.video.color import rgb_to_planes
from nvcodec.video.format import VideoFormat
from nvcodec.video.frame import Frame

PIXELS_PER_BATCH = 1 << 19


class ChunkReconstructor:
    """The network of one chunk, ready to reconstruct any of its frames.

    Args:
        window: the chunk's window.
        chunk: the chunk.
        video_format: format of the frames.
        device: where to compute.
        dtype: ``torch.float32``, or ``torch.float64`` for the reference of conformance.
    """

    def __init__(
        self,
        window: WindowContent,
        chunk: ChunkContent,
        video_format: VideoFormat,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        spec = window.header.network
        self.video_format = video_format
        self.chunk = chunk
        self._network = build_network(spec).to(device, dtype)
        self._theta = torch.from_numpy(chunk_parameters(window, chunk)).to(device, dtype)
        self._inputs = torch.from_numpy(_network_inputs(window, chunk)).to(device, dtype)

    @property
    def num_frames(self) -> int:
        """Frames of the chunk."""
        return len(self.chunk.pts)

    def rgb(self, frame_idx: Sequence[int]) -> Tensor:
        """Frames as the network gives them.

        Args:
            frame_idx: N positions within the chunk.

        Returns:
            (N, 3, H, W) RGB, or (N, 1, H, W) for gray video; 0..1.
        """
        with torch.inference_mode():
            output: Tensor = self._network(self._theta, self._inputs[list(frame_idx)])
            return output[:, :, : self.video_format.height, : self.video_format.width]

    def frames(self, frame_idx: Sequence[int]) -> Iterator[Frame]:
        """Frames in the video's own format, in the order asked for, a few at a time.

        Batches have fixed borders within the chunk, so that a frame has the same samples whichever others are asked
        for with it: the last bits of a convolution depend on the size of its batch.
        """
        size = max(1, PIXELS_PER_BATCH // (self.video_format.height * self.video_format.width))
        for batch_idx, positions in itertools.groupby(frame_idx, lambda position: position // size):
            first = batch_idx * size
            batch = range(first, min(first + size, self.num_frames))
            with torch.inference_mode():
                planes = [plane.cpu().numpy() for plane in rgb_to_planes(self.rgb(batch), self.video_format)]
            for position in positions:
                yield Frame(
                    planes=tuple(plane[position - first] for plane in planes),
                    pts=int(self.chunk.pts[position]),
                    duration=int(self.chunk.durations[position]),
                )


def _network_inputs(window: WindowContent, chunk: ChunkContent) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Inputs of all T frames of a chunk: embeddings (T, C, h, w) or time encodings (T, 2 * pe_levels)."""
    header = window.header
    if header.network.has_embedding:
        return chunk_embeddings(chunk)
    if not header.time_over_window:
        return time_encoding(range(len(chunk.pts)), len(chunk.pts), header.network)
    first = sum(header.chunk_lengths[: chunk.chunk_idx])
    return time_encoding(range(first, first + len(chunk.pts)), sum(header.chunk_lengths), header.network)
