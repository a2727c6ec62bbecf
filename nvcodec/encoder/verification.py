"""Windows read back from the file: they are what was written, and this is how well they show the source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from nvcodec.bitstream import ChunkContent, NvstReader, WindowContent
from nvcodec.decoder.reconstruction import ChunkReconstructor
from nvcodec.encoder.progress import WindowReport
from nvcodec.errors import ChecksumError
from nvcodec.metrics import frame_psnr
from nvcodec.training.chunk_frames import ChunkFrames
from nvcodec.video.format import ChromaSubsampling, Plane, VideoFormat
from nvcodec.video.sink import FrameSink
from nvcodec.video.tracks import Packet


def require_written(
    reader: NvstReader, content: WindowContent, chunks: Sequence[ChunkContent], packets: Sequence[Packet]
) -> None:
    """Compare every integer of a window, and its packets.

    Raises:
        ChecksumError: the file does not hold what was written.
    """
    window_idx = content.header.window_idx
    written = reader.read_window(window_idx)
    if not (np.array_equal(written.mask, content.mask) and np.array_equal(written.shared, content.shared)):
        raise ChecksumError("the shared parameters differ from what was written", f"window {window_idx}")
    if reader.read_packets(window_idx) != sorted(packets, key=lambda packet: packet.track_idx):
        raise ChecksumError("audio or subtitles differ from what was written", f"window {window_idx}")
    for chunk in chunks:
        _require_same_integers(reader.read_chunk(window_idx, chunk.chunk_idx, written), chunk, window_idx)


def measure_window(
    reader: NvstReader,
    window_idx: int,
    sources: Sequence[ChunkFrames],
    device: torch.device,
    sink: FrameSink | None,
) -> WindowReport:
    """Decode a window and measure every frame.

    Args:
        reader: the file.
        window_idx: the window.
        sources: the source's frames of each chunk.
        device: where to decode.
        sink: takes the decoded frames; None if nobody wants them.
    """
    window = reader.read_window(window_idx)
    luma, rgb = [], []
    for chunk_idx, source in enumerate(sources):
        chunk = reader.read_chunk(window_idx, chunk_idx, window)
        for y, colour in _chunk_quality(ChunkReconstructor(window, chunk, source.format, device), source, device, sink):
            luma.append(y)
            rgb.append(colour)
    return report_window(reader, window_idx, float(np.mean(luma)), float(np.mean(rgb)))


def report_window(
    reader: NvstReader, window_idx: int, psnr_y: float | None = None, psnr_rgb: float | None = None
) -> WindowReport:
    """A window as it stands in the file; its quality is known only to the caller."""
    entry = reader.windows[window_idx]
    header, num_shared = reader.read_window_header(window_idx)
    num_parameters = header.network.num_parameters
    return WindowReport(
        window_idx=window_idx,
        first_frame=entry.first_frame,
        chunk_lengths=header.chunk_lengths,
        num_parameters=num_parameters,
        kappa=num_shared / num_parameters,
        psnr_y=psnr_y,
        psnr_rgb=psnr_rgb,
        num_bytes=entry.run_bytes + sum(chunk.box_bytes for chunk in entry.chunks),
    )


def _chunk_quality(
    reconstructor: ChunkReconstructor, source: ChunkFrames, device: torch.device, sink: FrameSink | None
) -> Iterator[tuple[float, float]]:
    """Luma and RGB PSNR of each decoded frame of a chunk, in dB."""
    bit_depth = source.format.bit_depth
    for position in range(len(source)):
        targets = source.rgb(torch.tensor([position], device=device))
        output = reconstructor.output(position)
        # As shown: colours outside the cube, which planes may have, are clipped in both.
        rgb, frame = reconstructor.to_rgb(output).clamp(0, 1), reconstructor.to_frame(position, output)
        mse_rgb = float(torch.mean((rgb - targets) ** 2))
        mse_y = _luma_mse(frame.planes, [plane[position].cpu().numpy() for plane in source.planes], source.format)
        yield frame_psnr(mse_y, 2**bit_depth - 1, bit_depth), frame_psnr(mse_rgb, 1.0, bit_depth)
        if sink is not None:
            sink.write(frame)


def _require_same_integers(decoded: ChunkContent, written: ChunkContent, window_idx: int) -> None:
    same_embeddings = (
        decoded.embeddings is None
        if written.embeddings is None
        else decoded.embeddings is not None and np.array_equal(decoded.embeddings, written.embeddings)
    )
    same_times = np.array_equal(decoded.pts, written.pts) and np.array_equal(decoded.durations, written.durations)
    if not (same_embeddings and same_times and np.array_equal(decoded.own, written.own)):
        place = f"window {window_idx}, chunk {written.chunk_idx}"
        raise ChecksumError("the chunk differs from what was written", place)


def _luma_mse(decoded: Sequence[Plane], source: Sequence[Plane], video_format: VideoFormat) -> float:
    """Mean squared error of the luma plane; of all three planes for RGB video."""
    num_planes = 3 if video_format.chroma_subsampling == ChromaSubsampling.RGB else 1
    errors = [
        np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2)
        for a, b in zip(decoded[:num_planes], source[:num_planes], strict=True)
    ]
    return float(np.mean(errors))
