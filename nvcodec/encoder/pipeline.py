"""The encode, from source to file: windows, masks, training, integers, blocks, verification."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch

from nvcodec import __version__
from nvcodec.bitstream import ChunkContent, NvstReader, NvstWriter, StreamHeader, WindowContent
from nvcodec.bitstream.front_index import add_front_index
from nvcodec.decoder.device import describe_device, memory_errors_reported, resolve_device
from nvcodec.decoder.reconstruction import ChunkReconstructor
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.output import PartialFile, writing_reported
from nvcodec.encoder.progress import EncodeProgress, EncodeResult, Stage, WindowReport
from nvcodec.encoder.window_encoding import (
    WindowJob,
    choose_mask,
    estimate_seconds,
    prepare_window,
    quantize_window,
    train,
)
from nvcodec.errors import ChecksumError
from nvcodec.metrics import frame_psnr
from nvcodec.sharing.windows import Window, WindowPlan, iter_windows
from nvcodec.training.fit import FitProgress
from nvcodec.video.format import ChromaSubsampling, Plane, VideoFormat
from nvcodec.video.sink import FrameSink, open_sink
from nvcodec.video.source import VideoSource, open_source

ProgressCallback = Callable[[EncodeProgress], None]


def encode(
    source: str | Path | VideoSource,
    target: str | Path,
    config: EncoderConfig | None = None,
    *,
    progress: ProgressCallback | None = None,
    should_stop: Callable[[], bool] | None = None,
    overwrite: bool = False,
    recon: str | Path | None = None,
    faststart: bool = False,
) -> EncodeResult:
    """Encode a video into a .nvst file.

    Windows are encoded one after the other; memory is bounded by the window. Every window is decoded again from the
    file before the next begins. The file has its own name only once it is closed; if the encode fails or is broken off
    (``KeyboardInterrupt``) after whole windows, those are kept, as an unfinished file.

    Args:
        source: path of the video (see ``open_source``), or an opened source.
        target: path of the .nvst file.
        config: settings; None for the defaults.
        progress: told how far the encode is, after every iteration.
        should_stop: asked after every iteration; once true, training ends, the window at work is written and the file
            closed, valid but not complete.
        overwrite: replace an existing target.
        recon: also write the decoded frames to this video.
        faststart: put a copy of the index in front, once the file is closed; if that fails the file is kept without it.

    Returns:
        What was written, with its measured quality.

    Raises:
        ConfigError: a setting is out of range.
        InputError: the source cannot be read.
        OutputError: the target exists or cannot be written.
        DeviceError: the device is missing or its memory is too small.
    """
    config = config or EncoderConfig()
    config.validate()
    device = resolve_device(config.device)
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    with ExitStack() as stack:
        video = source if isinstance(source, VideoSource) else stack.enter_context(open_source(source))
        output = stack.enter_context(PartialFile(Path(target), overwrite=overwrite))
        sink = None
        if recon is not None:
            sink = open_sink(recon, video.format, video.time_base, video.average_rate, overwrite=overwrite)
            stack.enter_context(sink)
        session = _EncodeSession(video, output, config, device, sink, progress, should_stop, faststart)
        try:
            return session.run()
        except BaseException:
            if session.reports:
                output.keep_first(session.verified_bytes)
            raise


class _EncodeSession:
    """One running encode; what its stages pass on to each other."""

    def __init__(
        self,
        video: VideoSource,
        output: PartialFile,
        config: EncoderConfig,
        device: torch.device,
        sink: FrameSink | None,
        progress: ProgressCallback | None,
        should_stop: Callable[[], bool] | None,
        faststart: bool,
    ) -> None:
        self.reports: list[WindowReport] = []
        self.verified_bytes = 0
        self._video = video
        self._output = output
        self._config = config
        self._device = device
        self._sink = sink
        self._progress = progress or (lambda progress: None)
        self._should_stop = should_stop or (lambda: False)
        self._faststart = faststart
        self._start = time.monotonic()
        self._frames_coded = 0
        with writing_reported(output.path):
            self._stream = StreamHeader(video.format, video.time_base, video.num_frames or 0)
            self._writer = NvstWriter(output.file, self._stream)
            self._writer.write_metadata(_metadata(config))

    def run(self) -> EncodeResult:
        """Encode all windows, or those until the stop, and close the file."""
        plan = window_plan(self._config, self._video)
        is_complete = True
        for window_idx, window in enumerate(iter_windows(self._video, plan)):
            with memory_errors_reported(f"window {window_idx}"):
                self._encode_window(window, window_idx)
            if self._should_stop():
                # Whether this was the last window is known only by asking for another.
                is_complete = self._video.num_frames == self._frames_coded
                break
        with writing_reported(self._output.path):
            self._writer.finish(is_complete=is_complete)
        self._output.keep()
        if self._sink is not None:
            self._sink.close()
        if self._faststart:
            add_front_index(self._output.path)
        return self._result(is_complete)

    def _encode_window(self, window: Window, window_idx: int) -> None:
        job = prepare_window(window, window_idx, self._frames_coded, self._stream, self._config, self._device)
        self._tell(job, Stage.PLAN, seconds_left=self._rest_of_video(job, estimate_seconds(job, self._config)))
        self._tell(job, Stage.MASK)
        choose_mask(job, self._config)
        train(job, self._config, lambda state: self._tell_training(job, state), self._should_stop)
        content, chunks = quantize_window(job, self._config)
        with writing_reported(self._output.path):
            bytes_before = self._output.file.tell()
            self._writer.write_window(content, chunks)
            num_bytes = self._output.file.tell() - bytes_before
        psnr_y, psnr_rgb = self._verify(job, content, chunks)
        self.verified_bytes = bytes_before + num_bytes
        report = WindowReport(
            window_idx=window_idx,
            first_frame=self._frames_coded,
            chunk_lengths=job.chunk_lengths,
            num_parameters=job.spec.num_parameters,
            kappa=float(np.mean(content.mask)),
            psnr_y=psnr_y,
            psnr_rgb=psnr_rgb,
            num_bytes=num_bytes,
        )
        self.reports.append(report)
        self._frames_coded += report.num_frames
        self._tell(job, Stage.WRITTEN, psnr=psnr_rgb)

    def _verify(self, job: WindowJob, content: WindowContent, chunks: Sequence[ChunkContent]) -> tuple[float, float]:
        """Decode the window from the file, compare every integer and measure every frame.

        Returns:
            Mean luma PSNR and mean RGB PSNR in dB.

        Raises:
            ChecksumError: the file does not hold what was written.
        """
        with NvstReader(self._output.partial_path) as reader:
            written = reader.read_window(job.window_idx)
            if not (np.array_equal(written.mask, content.mask) and np.array_equal(written.shared, content.shared)):
                raise ChecksumError("the shared parameters differ from what was written", f"window {job.window_idx}")
            luma, rgb = [], []
            for chunk in chunks:
                decoded = reader.read_chunk(job.window_idx, chunk.chunk_idx, written)
                _require_same_integers(decoded, chunk, job.window_idx)
                for y, colour in self._chunk_quality(job, written, decoded):
                    luma.append(y)
                    rgb.append(colour)
        return float(np.mean(luma)), float(np.mean(rgb))

    def _chunk_quality(self, job: WindowJob, window: WindowContent, chunk: ChunkContent) -> list[tuple[float, float]]:
        """Luma and RGB PSNR of each decoded frame of a chunk, in dB; the frames go to the reconstruction file."""
        video_format = self._video.format
        reconstructor = ChunkReconstructor(window, chunk, video_format, self._device)
        source = job.chunks[chunk.chunk_idx]
        bit_depth = video_format.bit_depth
        quality = []
        for position in range(len(source)):
            targets = source.targets(torch.tensor([position], device=self._device))
            rgb = reconstructor.rgb(position)
            frame = reconstructor.to_frame(position, rgb)
            mse_rgb = float(torch.mean((rgb - targets) ** 2))
            mse_y = _luma_mse(frame.planes, [plane[position].cpu().numpy() for plane in source.planes], video_format)
            quality.append((frame_psnr(mse_y, 2**bit_depth - 1, bit_depth), frame_psnr(mse_rgb, 1.0, bit_depth)))
            if self._sink is not None:
                self._sink.write(frame)
        return quality

    def _tell_training(self, job: WindowJob, state: FitProgress) -> None:
        self._tell(
            job,
            Stage.TRAIN,
            epoch=state.epoch,
            window_fraction=state.fraction,
            psnr=state.psnr,
            seconds_left=self._rest_of_video(job, state.seconds_left, state.fraction),
        )

    def _rest_of_video(self, job: WindowJob, window_seconds: float, fraction: float = 0.0) -> float:
        """Extrapolate the time left of a window, ``fraction`` of which is done, to the rest of the video."""
        num_frames = sum(job.chunk_lengths)
        expected = self._video.num_frames
        if expected is None or fraction >= 1:
            return window_seconds
        whole_window = window_seconds / (1 - fraction)
        later_frames = max(0, expected - self._frames_coded - num_frames)
        return window_seconds + whole_window * later_frames / num_frames

    def _tell(
        self,
        job: WindowJob,
        stage: Stage,
        *,
        epoch: int = 0,
        window_fraction: float = 0.0,
        psnr: float = 0.0,
        seconds_left: float = 0.0,
    ) -> None:
        self._progress(
            EncodeProgress(
                stage=stage,
                window_idx=job.window_idx,
                first_frame=job.first_frame,
                num_frames=sum(job.chunk_lengths),
                num_chunks=len(job.chunks),
                num_parameters=job.spec.num_parameters,
                epoch=epoch,
                num_epochs=self._config.resolved_preset().recipe.num_epochs(job.chunk_lengths),
                window_fraction=window_fraction,
                psnr=psnr,
                bytes_written=self._output.file.tell(),
                frames_coded=self._frames_coded,
                frames_expected=self._video.num_frames,
                seconds_left=seconds_left,
            )
        )

    def _result(self, is_complete: bool) -> EncodeResult:
        file_bytes = self._output.path.stat().st_size
        video_format = self._video.format
        pixels = self._frames_coded * video_format.width * video_format.height
        return EncodeResult(
            windows=tuple(self.reports),
            is_complete=is_complete,
            file_bytes=file_bytes,
            bpp=8 * file_bytes / max(pixels, 1),
            seconds=time.monotonic() - self._start,
            device=describe_device(self._device),
            warnings=tuple(self._video.warnings),
        )


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


def _metadata(config: EncoderConfig) -> dict[str, str]:
    """What made the file, for people; no decoder needs it."""
    recipe = config.resolved_preset().recipe
    return {
        "encoder": f"nvcodec {__version__}",
        "settings": f"preset={config.preset} epochs={recipe.epochs} kappa={config.kappa:g} seed={config.seed}",
    }


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
