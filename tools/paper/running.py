"""Works through trials: encode, decode, measure, add a row; a trial that has a row is not run again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from nvcodec.decoder.decoding import decode
from nvcodec.errors import NvcodecError
from tools.paper.coordinate_encoding import encode_coordinates
from tools.paper.encoding import Costs, encode_trial, mask_bytes
from tools.paper.scales import Scale
from tools.paper.trials import Trial
from tools.rd.clips import Clip, prepare_clip
from tools.rd.measuring import measure
from tools.rd.running import describe_machine
from tools.rd.table import Table


@dataclass(frozen=True)
class Row:
    """A finished trial: its fields and what came of it.

    Attributes:
        key: of the trial.
        clip_md5, width, height, num_frames: of the y4m file that was encoded.
        network_parameters: of a chunk's network, embeddings not counted.
        num_windows, num_chunks: of the video.
        volume: parameters as the paper counts them; bpp_volume: bits per pixel if each takes 8.
        file_bytes: all bytes of the file; bpp: its bits per pixel.
        mask_bytes: bytes of the masks among them.
        shared_of_layers: ``layer=fraction`` of the first window's layers of which a part is shared.
        macs_per_pixel: multiply-accumulates to decode; 0 where it was not counted.
        psnr_y, psnr_rgb, ms_ssim: as in :class:`tools.rd.measuring.Quality`.
        windows_s, mask_s, training_s, quantization_s, coding_s: seconds of each stage of the encode.
        decode_s: seconds of a decode into a y4m file; 0 where there is no file.
    """

    key: str
    clip: str
    clip_md5: str
    width: int
    height: int
    num_frames: int
    system: str
    backbone: str
    num_parameters: int
    kappa: float
    chunk_frames: int
    epochs: int
    sparsity: float
    is_fine_tuned: bool
    seed: int
    network_parameters: int
    num_windows: int
    num_chunks: int
    volume: int
    bpp_volume: float
    file_bytes: int
    bpp: float
    mask_bytes: int
    shared_of_layers: str
    macs_per_pixel: int
    psnr_y: float
    psnr_rgb: float
    ms_ssim: float
    windows_s: float
    mask_s: float
    training_s: float
    quantization_s: float
    coding_s: float
    decode_s: float
    device: str
    machine: str

    @property
    def encode_s(self) -> float:
        """All stages together."""
        return self.windows_s + self.mask_s + self.training_s + self.quantization_s + self.coding_s


def run_trials(
    trials: Sequence[Trial], sources: dict[str, Path], scale: Scale, folder: Path, tell: Callable[[str], None]
) -> int:
    """Add a row to ``folder/trials.csv`` for each trial that has none.

    Args:
        trials: to run.
        sources: videos by the stem of their names.
        scale: of the trials.
        folder: for the table, the clips and the files; training curves go into its ``curves``.
        tell: takes a line per trial.

    Returns:
        The number of trials that were refused or failed, or whose clip is missing.
    """
    table, num_failed = Table(folder / "trials.csv", Row), 0
    for trial_idx, trial in enumerate(trials):
        place = f"{trial_idx + 1}/{len(trials)} {trial.key}"
        if trial.key in table:
            continue
        if trial.clip not in sources:
            tell(f"{place}: no such clip; name its folder with --clips")
            num_failed += 1
            continue
        try:
            clip = prepared(trial, sources, scale, folder)
            row = _run(trial, clip, scale, folder)
        except NvcodecError as error:
            tell(f"{place}: failed: {error}")
            num_failed += 1
            continue
        table.append(row)
        tell(f"{place}: {row.volume} parameters, {row.bpp:.4f} bpp, {row.psnr_y:.2f} dB luma, {row.encode_s:.0f} s")
    return num_failed


def prepared(trial: Trial, sources: dict[str, Path], scale: Scale, folder: Path) -> Clip:
    """The frames of a trial."""
    size = (scale.max_width, scale.max_height, trial.num_frames, scale.cropped_height)
    return prepare_clip(sources[trial.clip], folder / "clips", *size)


def stream_path(trial: Trial, folder: Path) -> Path:
    """Where the file of a finished trial lies."""
    return folder / "streams" / f"{trial.key}.nvst"


def curve_path(trial: Trial, folder: Path) -> Path:
    """Where the training curve of a finished trial lies."""
    return folder / "curves" / f"{trial.key}.csv"


def _run(trial: Trial, clip: Clip, scale: Scale, folder: Path) -> Row:
    stream, curve = stream_path(trial, folder), curve_path(trial, folder)
    decoded = stream.with_suffix(".y4m")
    for path in (stream, curve):
        path.parent.mkdir(parents=True, exist_ok=True)
    num_mask_bytes, decode_s = 0, 0.0
    if trial.system.has_stream:
        costs = encode_trial(trial, clip, scale, stream)
        num_bytes, num_mask_bytes = stream.stat().st_size, mask_bytes(stream)
        decode_s = decode(stream, decoded, overwrite=True).seconds
    else:
        costs, num_bytes = encode_coordinates(trial, clip, scale, decoded)
    curve.write_text(_as_csv(costs), encoding="utf-8")
    quality = measure(clip.path, decoded)
    decoded.unlink()
    fields = asdict(trial)
    return Row(
        **{
            **fields,
            "system": trial.system.value,
            "backbone": trial.backbone.name.lower() if trial.system.has_stream else "",
            "num_frames": quality.num_frames,
        },
        key=trial.key,
        clip_md5=clip.md5,
        width=quality.width,
        height=quality.height,
        network_parameters=costs.num_parameters,
        num_windows=costs.num_windows,
        num_chunks=costs.num_chunks,
        volume=costs.volume,
        bpp_volume=quality.bpp(costs.volume),
        file_bytes=num_bytes,
        bpp=quality.bpp(num_bytes),
        mask_bytes=num_mask_bytes,
        shared_of_layers=" ".join(f"{name}={part:.2f}" for name, part in costs.shared_of_layers.items() if part),
        macs_per_pixel=costs.macs_per_pixel,
        psnr_y=quality.psnr_y,
        psnr_rgb=quality.psnr_rgb,
        ms_ssim=quality.ms_ssim,
        **{f"{stage}_s": seconds for stage, seconds in costs.seconds.items()},
        decode_s=decode_s,
        device=costs.device,
        machine=describe_machine(),
    )


def _as_csv(costs: Costs) -> str:
    lines = [f"{seconds:.2f},{psnr:.3f}" for seconds, psnr in costs.curve]
    return "\n".join(["seconds,psnr", *lines, ""])
