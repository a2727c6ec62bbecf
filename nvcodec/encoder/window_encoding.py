"""One window from frames to what is trained, and from that to integers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Self

import numpy as np
import torch
from torch import Tensor

from nvcodec.bitstream import (
    ChunkContent,
    MaskGranularity,
    StreamHeader,
    WindowContent,
    WindowHeader,
    smallest_level,
)
from nvcodec.bitstream.headers import MAX_SYMBOL
from nvcodec.bitstream.network_spec import NetworkSpec
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.quantization import (
    QuantizedEmbeddings,
    QuantizedWindow,
    quantize_embeddings,
    quantize_parameters,
    trained_symbols,
)
from nvcodec.encoder.sizing import window_network
from nvcodec.encoder.window_sharing import WindowSharing, window_sharing
from nvcodec.networks import build_network
from nvcodec.sharing.fisher import empirical_fisher
from nvcodec.sharing.plans import share_last_layers
from nvcodec.sharing.selection import select_mask
from nvcodec.sharing.windows import Window
from nvcodec.training.chunk_frames import ChunkFrames
from nvcodec.training.losses import Loss, distortion
from nvcodec.training.processes import Processes
from nvcodec.training.window_model import WindowModel
from nvcodec.video.format import VideoFormat


@dataclass(frozen=True)
class WindowFrames:
    """The frames of a window as training needs them; those of the source can go.

    Attributes:
        chunks: on the training device.
        pts, durations: per chunk, (T,) times of the frames, in units of the source's time base.
    """

    chunks: tuple[ChunkFrames, ...]
    pts: tuple[tuple[int, ...], ...]
    durations: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, window: Window, video_format: VideoFormat, device: torch.device) -> Self:
        """Bring them to the device."""
        return cls(
            tuple(ChunkFrames.of(frames, video_format, device) for frames in window.chunks),
            tuple(tuple(frame.pts for frame in frames) for frames in window.chunks),
            tuple(tuple(frame.duration for frame in frames) for frames in window.chunks),
        )

    @property
    def chunk_lengths(self) -> tuple[int, ...]:
        """Frames of each chunk."""
        return tuple(len(chunk) for chunk in self.chunks)

    def to(self, device: torch.device) -> Self:
        """The same on a device."""
        return replace(self, chunks=tuple(chunk.to(device) for chunk in self.chunks))


@dataclass(frozen=True)
class WindowJob:
    """A window that is ready to be trained.

    Attributes:
        window_idx, first_frame: its place in the video.
        config: its settings, the share of the video's bits that it gets among them.
        spec: the network of its chunks.
        sharing: what they are to share.
        granularity: of the mask.
        chunks: its frames, on the training device.
        pts, durations: per chunk, (T,) times of the frames, in units of ``time_base`` seconds.
        model: its untrained networks.
        generator: source of everything random in this window.
    """

    window_idx: int
    first_frame: int
    config: EncoderConfig
    spec: NetworkSpec
    sharing: WindowSharing
    granularity: MaskGranularity
    chunks: tuple[ChunkFrames, ...]
    pts: tuple[tuple[int, ...], ...]
    durations: tuple[tuple[int, ...], ...]
    time_base: Fraction
    model: WindowModel
    generator: torch.Generator

    @property
    def chunk_lengths(self) -> tuple[int, ...]:
        """Frames of each chunk."""
        return tuple(len(chunk) for chunk in self.chunks)

    @property
    def chunk_times(self) -> tuple[tuple[int, Fraction], ...]:
        """Frames of each chunk, and seconds for which they are shown."""
        return tuple((len(durations), sum(durations) * self.time_base) for durations in self.durations)


def prepare_window(
    frames: WindowFrames,
    window_idx: int,
    first_frame: int,
    stream: StreamHeader,
    config: EncoderConfig,
    device: torch.device,
) -> WindowJob:
    """Size the network of a window and share what needs no information.

    A window of one chunk has nothing to share. Each window has a generator of its own, so that its bytes do not depend
    on the windows before it.
    """
    preset = config.resolved_preset()
    chunks = frames.chunks
    sharing = window_sharing(config, stream.format, chunks)
    textures = (sharing.texture_margin, sharing.num_textures)
    spec = window_network(config, stream.format, frames.chunk_lengths, sharing.kappa, *textures)
    generator = torch.Generator().manual_seed(config.seed + window_idx)
    job = WindowJob(
        window_idx=window_idx,
        first_frame=first_frame,
        config=config,
        spec=spec,
        sharing=sharing,
        granularity=config.granularity if config.is_kappa_given else MaskGranularity.TENSOR,
        chunks=chunks,
        pts=frames.pts,
        durations=frames.durations,
        time_base=stream.time_base,
        model=WindowModel(
            build_network(spec),
            frames.chunk_lengths,
            generator=generator,
            device=device,
            encoder_width=preset.encoder_width,
            motion=sharing.motion,
        ),
        generator=generator,
    )
    if not _mask_needs_information(job, config):
        is_alone = len(chunks) == 1
        kappa = 0 if is_alone else sharing.kappa
        mask = share_last_layers(spec, kappa, shares_texture=sharing.is_texture_shared and not is_alone)
        job.model.share(torch.from_numpy(mask))
    return job


def choose_mask(job: WindowJob, config: EncoderConfig, processes: Processes) -> None:
    """Choose what the window's chunks share by Fisher information, if so asked, and tell the model (section 3.1)."""
    if _mask_needs_information(job, config):
        scores = empirical_fisher(job.model.shared, _frame_losses(job)).numpy()
        mask = select_mask(scores, job.spec, job.sharing.kappa, job.granularity, config.threshold)
        agreed = torch.from_numpy(mask.astype(np.uint8)).to(job.model.device)
        # The last bits of the scores may differ between machines.
        processes.take_from_first(agreed)
        job.model.share(agreed.bool())


def quantize_window(job: WindowJob, config: EncoderConfig) -> tuple[WindowContent, tuple[ChunkContent, ...]]:
    """The integers of the window's blocks: those of its training, or of what that has come to if it knew of none."""
    if job.model.coding is not None:
        return window_content(job, trained_symbols(job.model.coding))
    preset, model = config.resolved_preset(), job.model
    parameters = quantize_parameters(
        job.spec,
        model.mask.cpu().numpy(),
        _to_numpy(model.shared),
        [_to_numpy(o) for o in model.own],
        preset.weight_bits,
    )
    embeddings: list[QuantizedEmbeddings] = []
    if job.spec.has_embedding:
        values = [_to_numpy(model.embeddings(idx, chunk)) for idx, chunk in enumerate(job.chunks)]
        embeddings = [quantize_embeddings(chunk_values, preset.embedding_bits) for chunk_values in values]
    return window_content(job, QuantizedWindow(parameters, tuple(embeddings)))


def window_content(job: WindowJob, quantized: QuantizedWindow) -> tuple[WindowContent, tuple[ChunkContent, ...]]:
    """The blocks of a window with some symbols."""
    parameters = quantized.parameters
    largest = max(int(np.abs(symbols).max(initial=0)) for symbols in (parameters.shared, *parameters.own))
    header = WindowHeader(
        window_idx=job.window_idx,
        first_frame=job.first_frame,
        chunk_lengths=job.chunk_lengths,
        network=job.spec,
        granularity=job.granularity,
        step_idx=parameters.step_idx,
        wide_symbols=largest > MAX_SYMBOL,
        time_length=sum(job.chunk_lengths) if job.model.time_over_window else 0,
        level_idx=smallest_level(job.spec, job.chunk_times),
    )
    chunks = []
    for chunk_idx, own in enumerate(parameters.own):
        step_idx, embeddings = quantized.embeddings[chunk_idx] if quantized.embeddings else (0, None)
        chunks.append(
            ChunkContent(
                chunk_idx=chunk_idx,
                pts=np.array(job.pts[chunk_idx], dtype=np.int64),
                durations=np.array(job.durations[chunk_idx], dtype=np.int64),
                own_step_shift=(0,) * len(job.spec.layout),
                own=own,
                embedding_step_idx=step_idx,
                embeddings=embeddings,
            )
        )
    return WindowContent(header, job.model.mask.cpu().numpy(), parameters.shared), tuple(chunks)


def _mask_needs_information(job: WindowJob, config: EncoderConfig) -> bool:
    return config.is_kappa_given and len(job.chunks) > 1 and 0 < job.sharing.kappa < 1


def _frame_losses(job: WindowJob) -> Iterator[Callable[[Tensor], Tensor]]:
    """Squared error of each frame of the window, as a function of the parameters."""
    for chunk_idx, chunk in enumerate(job.chunks):
        for position in range(len(chunk)):
            frame_idx = torch.tensor([position], device=job.model.device)
            targets = chunk.targets(frame_idx, job.spec.backbone)
            with torch.no_grad():
                inputs = job.model.inputs(chunk_idx, frame_idx, targets)

            def loss(theta: Tensor, inputs: Tensor = inputs, targets: Tensor = targets) -> Tensor:
                reconstruction = job.model.reconstruct(theta, inputs, targets.shape[2], targets.shape[3])
                return distortion(reconstruction, targets, Loss.L2)

            yield loss


def _to_numpy(values: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return values.detach().cpu().numpy()
