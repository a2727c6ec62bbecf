"""One trial from clip to file, with what its stages cost."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from nvcodec.bitstream import MaskGranularity, NvstReader, NvstWriter, StreamHeader
from nvcodec.bitstream.editing import concatenate
from nvcodec.bitstream.parts import bytes_by_part
from nvcodec.decoder.device import describe_device, resolve_device
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.memory import window_plan
from nvcodec.encoder.presets import Preset
from nvcodec.encoder.window_encoding import WindowFrames, WindowJob, prepare_window, quantize_window
from nvcodec.sharing.windows import Window, iter_windows
from nvcodec.training.fit import FitProgress
from nvcodec.video.source import open_source
from tools.paper.scales import Scale
from tools.paper.systems import prune, share, train_in_order, train_jointly
from tools.paper.trials import System, Trial
from tools.rd.clips import Clip

# Enough for the paper's windows, of a minute of 1080p.
MOST_MEMORY_BYTES = 1 << 36
STAGES = ("windows", "mask", "training", "quantization", "coding")


@dataclass(frozen=True)
class TrialConfig(EncoderConfig):
    """An encode as a scale has it."""

    scale: Scale | None = None

    @classmethod
    def of(cls, trial: Trial, scale: Scale) -> TrialConfig:
        """The settings of a trial, on the paper's fixed grid of chunks and with its masks, a bit per parameter."""
        return cls(
            backbone=trial.backbone,
            num_parameters=trial.num_parameters,
            chunk_frames=trial.chunk_frames,
            fixed_chunks=True,
            kappa=trial.kappa,
            granularity=MaskGranularity.WEIGHT,
            preset=scale.base,
            epochs=trial.epochs,
            seed=trial.seed,
            max_memory_bytes=MOST_MEMORY_BYTES,
            scale=scale,
        )

    def resolved_preset(self) -> Preset:
        """The scale's."""
        assert self.scale is not None
        return self.scale.preset(self.backbone, self.epochs)


@dataclass
class Costs:
    """What an encode cost and came to.

    Attributes:
        seconds: by stage.
        num_parameters: S of the first window.
        macs_per_pixel: of the first window's network.
        volume: parameters as the paper counts them: shared ones once a window, own ones and embeddings once a chunk;
            without those that were pruned.
        shared_of_layers: fraction of the weights of each layer that is shared, in the first window.
        num_windows, num_chunks: of the video.
        curve: (seconds of training, PSNR in dB of the epoch just trained) of the first window; of a sequential training
            one chunk after the other.
        device: that trained, for people.
    """

    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    num_parameters: int = 0
    macs_per_pixel: int = 0
    volume: int = 0
    shared_of_layers: dict[str, float] = field(default_factory=dict)
    num_windows: int = 0
    num_chunks: int = 0
    curve: list[tuple[float, float]] = field(default_factory=list)
    device: str = ""

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time of what is done inside."""
        start = time.monotonic()
        yield
        self.seconds[name] += time.monotonic() - start


def encode_trial(trial: Trial, clip: Clip, scale: Scale, stream: Path) -> Costs:
    """Encode a clip.

    Each window is kept beside the stream until the last is done, so that a run that is broken off goes on there.
    """
    config = TrialConfig.of(trial, scale)
    config.validate()
    device = resolve_device(config.device)
    costs, parts = Costs(device=describe_device(device)), []
    with open_source(clip.path) as video:
        header = StreamHeader(video.format, video.time_base, video.num_frames or 0)
        windows = iter_windows(video, window_plan(config, video))
        if trial.system is System.ONE_WINDOW:
            windows = iter([_joined(list(windows))])
        first_frame = 0
        while True:
            with costs.stage("windows"):
                window = next(windows, None)
            if window is None:
                break
            part = stream.with_suffix(f".{len(parts)}.nvst")
            note = part.with_suffix(".json")
            if note.exists():
                done = Costs(**json.loads(note.read_text(encoding="utf-8")))
            else:
                done = Costs()
                frames = WindowFrames.of(window, video.format, device)
                job = prepare_window(frames, len(parts), first_frame, header, config, device)
                _encode_window(job, trial, config, header, part, done)
                unfinished = note.with_suffix(".part")
                unfinished.write_text(json.dumps(asdict(done)), encoding="utf-8")
                unfinished.replace(note)
            _add(costs, done)
            parts.append(part)
            first_frame += len(window.frames)
    concatenate(parts, stream, overwrite=True)
    for part in parts:
        part.with_suffix(".json").unlink()
        part.unlink()
    return costs


def mask_bytes(stream: Path) -> int:
    """Bytes of a file's masks."""
    with NvstReader(stream) as reader:
        return bytes_by_part(reader)["mask"]


def _joined(windows: Sequence[Window]) -> Window:
    return Window(
        tuple(frame for window in windows for frame in window.frames),
        tuple(length for window in windows for length in window.chunk_lengths),
    )


def _encode_window(
    job: WindowJob, trial: Trial, config: TrialConfig, header: StreamHeader, part: Path, costs: Costs
) -> None:
    def keep(progress: FitProgress) -> None:
        nonlocal epoch
        if progress.epoch != epoch:
            epoch = progress.epoch
            if epoch:
                costs.curve.append((time.monotonic() - start, progress.psnr))

    epoch = 0
    with costs.stage("mask"):
        share(job, trial, config)
    start = time.monotonic()
    num_pruned = 0
    with costs.stage("training"):
        train_window = train_in_order if trial.system is System.SEQUENTIAL else train_jointly
        train_window(job, config, header, keep)
        if trial.is_fine_tuned:
            num_pruned = prune(job, trial, config, keep)
    with costs.stage("quantization"):
        content, chunks = quantize_window(job, config)
    with costs.stage("coding"), open(part, "wb") as file:
        writer = NvstWriter(file, header)
        # Each window is a file of its own until all are joined.
        writer.write_window(replace(content, header=replace(content.header, window_idx=0, first_frame=0)), chunks)
        writer.finish(is_complete=True)
    mask, num_chunks = job.model.mask.cpu(), len(job.chunks)
    num_shared = int(mask.sum())
    embeddings = sum(job.chunk_lengths) * job.spec.embedding_channels * job.spec.base_height * job.spec.base_width
    costs.volume = num_shared + (job.spec.num_parameters - num_shared) * num_chunks + embeddings - num_pruned
    costs.shared_of_layers = {
        tensor.name.removesuffix(".weight"): float(mask[tensor.offset : tensor.offset + tensor.size].float().mean())
        for tensor in job.spec.layout
        if tensor.kind.is_weight
    }
    costs.num_parameters, costs.num_windows, costs.num_chunks = job.spec.num_parameters, 1, num_chunks
    costs.macs_per_pixel = round(job.spec.macs_per_frame / (job.spec.coded_width * job.spec.coded_height))


def _add(costs: Costs, done: Costs) -> None:
    for stage, seconds in done.seconds.items():
        costs.seconds[stage] += seconds
    if not costs.num_windows:
        costs.num_parameters, costs.macs_per_pixel, costs.curve = done.num_parameters, done.macs_per_pixel, done.curve
        costs.shared_of_layers = done.shared_of_layers
    costs.volume += done.volume
    costs.num_windows += done.num_windows
    costs.num_chunks += done.num_chunks
