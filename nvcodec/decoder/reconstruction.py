"""From a chunk's integers to its frames."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from nvcodec.bitstream import ChunkContent, WindowContent
from nvcodec.bitstream.network_spec import Backbone
from nvcodec.decoder.dequantization import chunk_embeddings, chunk_parameters
from nvcodec.decoder.precision import reduced_precision, without_tf32
from nvcodec.networks import build_network, time_encoding
from nvcodec.video.color import planes_to_rgb, rgb_to_planes
from nvcodec.video.format import VideoFormat
from nvcodec.video.frame import Frame
from nvcodec.video.packing import blocks_to_planes, values_to_samples

FRAMES_AHEAD = {"cpu": 0, "cuda": 1}
"""How many frames a device is given before one is waited for."""


class ChunkReconstructor:
    """The network of one chunk, ready to reconstruct any of its frames.

    Args:
        window: the chunk's window.
        chunk: the chunk.
        video_format: format of the frames.
        device: where to compute.
        dtype: ``torch.float32``, or ``torch.float64`` for the reference of conformance.
        fast: evaluate in bfloat16 where the device is faster with it (spec clause 13, "fast").
    """

    def __init__(
        self,
        window: WindowContent,
        chunk: ChunkContent,
        video_format: VideoFormat,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        *,
        fast: bool = False,
    ) -> None:
        spec = window.header.network
        self.video_format = video_format
        self.chunk = chunk
        self._device, self._fast = device, fast
        self._backbone = spec.backbone
        self._network = build_network(spec).to(device, dtype)
        with torch.inference_mode(), without_tf32(device):
            self._weights = self._network.weights(torch.from_numpy(chunk_parameters(window, chunk)).to(device, dtype))
        self._inputs = torch.from_numpy(_network_inputs(window, chunk)).to(device, dtype)

    @property
    def num_frames(self) -> int:
        """Frames of the chunk."""
        return len(self.chunk.pts)

    def output(self, position: int) -> Tensor:
        """A frame as the network gives it.

        Frames are computed one at a time: the last bits of a convolution depend on the size of its batch, and a frame
        must have the same samples whichever others are asked for with it.

        Args:
            position: of the frame within the chunk.

        Returns:
            (1, *output_shape) of the network, 0..1: RGB or gray in the coded size, or the samples of blocks (VAST).
        """
        precision = reduced_precision(self._device, is_wanted=self._fast)
        with torch.inference_mode(), precision, without_tf32(self._device):
            return self._network.frames(self._weights, self._inputs[position : position + 1])

    def to_rgb(self, output: Tensor) -> Tensor:
        """The network's output for a frame as RGB.

        Returns:
            (1, 3, H, W) RGB, or (1, 1, H, W) for gray video. Within 0..1 if the network gives RGB; if it gives the
            video's own planes, their colours may lie outside.
        """
        with torch.inference_mode():
            if self._backbone == Backbone.VAST:
                return planes_to_rgb(self._planes(output), self.video_format, output.dtype)
            return output[:, :, : self.video_format.height, : self.video_format.width]

    def to_frame(self, position: int, output: Tensor) -> Frame:
        """The network's output for a frame, in the video's own format and with the frame's times."""
        return self._copied(position, output).frame()

    def frames(self, positions: Iterable[int]) -> Iterator[Frame]:
        """Frames in the video's own format, in the order asked for.

        A GPU is given the next frame before the last is waited for, so that it computes while that is copied and used.
        """
        waiting: deque[_CopiedFrame] = deque()
        for position in positions:
            waiting.append(self._copied(position, self.output(position)))
            if len(waiting) > FRAMES_AHEAD[self._device.type]:
                yield waiting.popleft().frame()
        while waiting:
            yield waiting.popleft().frame()

    def _copied(self, position: int, output: Tensor) -> _CopiedFrame:
        with torch.inference_mode():
            planes = [plane[0] for plane in self._planes(output)]
        return _CopiedFrame(planes, int(self.chunk.pts[position]), int(self.chunk.durations[position]), self._device)

    def _planes(self, output: Tensor) -> list[Tensor]:
        return output_planes(output, self._backbone, self.video_format)


class _CopiedFrame:
    """A frame whose samples are on their way from the device to the host."""

    def __init__(self, planes: Iterable[Tensor], pts: int, duration: int, device: torch.device) -> None:
        """Begin to copy planes (h, w), behind what the device has to do for them."""
        self._planes = [plane.to("cpu", non_blocking=True) for plane in planes]
        self._pts, self._duration = pts, duration
        self._end: torch.cuda.Event | None = None
        if device.type == "cuda":
            self._end = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._end.record(torch.cuda.current_stream(device))

    def frame(self) -> Frame:
        """The frame, once it is there."""
        if self._end is not None:
            self._end.synchronize()
        return Frame(tuple(plane.numpy() for plane in self._planes), self._pts, self._duration)


def output_planes(output: Tensor, backbone: Backbone, video_format: VideoFormat) -> list[Tensor]:
    """What networks put out for N frames, in the video's own format: one uint8 or uint16 tensor (N, h, w) per plane."""
    if backbone == Backbone.VAST:
        return blocks_to_planes(values_to_samples(output, video_format), video_format)
    return rgb_to_planes(output, video_format)


def _network_inputs(window: WindowContent, chunk: ChunkContent) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Inputs of all T frames of a chunk: embeddings (T, C, h, w) or time encodings (T, 2 * pe_levels)."""
    header = window.header
    if header.network.has_embedding:
        return chunk_embeddings(chunk)
    if not header.time_length:
        return time_encoding(range(len(chunk.pts)), len(chunk.pts), header.network)
    first = header.time_offset + sum(header.chunk_lengths[: chunk.chunk_idx])
    return time_encoding(range(first, first + len(chunk.pts)), header.time_length, header.network)
