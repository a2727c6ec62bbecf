"""How fast random clips load, beside H.264 of the same quality by PyAV, and by torchcodec where it is installed."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from nvcodec.decoder.clip_dataset import ClipDataset
from nvcodec.decoder.decoding import decode
from nvcodec.decoder.precision import is_bfloat16_fast
from nvcodec.decoder.video_decoder import VideoDecoder
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.pipeline import encode
from nvcodec.metrics import PsnrAccumulator
from nvcodec.video.pixels import make_frame
from nvcodec.video.source import open_source
from tools.rd.clips import find_clips, prepare_clip
from tools.speed.figures import Figure
from tools.speed.timing import Case, in_turn

MAX_WIDTH, MAX_HEIGHT, NUM_FRAMES = 640, 360, 132
CHUNK_FRAMES = 33
"""Also the distance of keyframes."""
CONFIG = EncoderConfig(preset="fast", chunk_frames=CHUNK_FRAMES, bpp=0.03, device="auto")
MAX_CRF, CRF_STEPS = 51.0, 8
CLIP_FRAMES, NUM_CLIPS = 16, 24
NUM_FILES, CLIPS_PER_FILE, BATCH_CLIPS, NUM_WORKERS = 16, 2, 4, 2
REPEATS = 5
PYAV = "H.264 by PyAV"


@dataclass(frozen=True)
class Pair:
    """One video in two files.

    Attributes:
        nvst: ours.
        h264: an mp4 by x264 medium of about as many dB.
        nvst_psnr: of the luma, mean over the frames, in dB.
        h264_psnr: likewise.
    """

    nvst: Path
    h264: Path
    nvst_psnr: float
    h264_psnr: float


def measure_clips() -> list[Figure]:
    """Clips of 16 frames: out of one open file, and of many files through a DataLoader with two workers."""
    with tempfile.TemporaryDirectory() as name:
        pair = make_pair(find_clips([])[0], Path(name))
        figures = [
            Figure("clips", "quality of nvcodec", pair.nvst_psnr, "dB luma", _describe(pair.nvst)),
            Figure("clips", "quality of H.264", pair.h264_psnr, "dB luma", _describe(pair.h264)),
        ]
        for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
            figures += _compare(f"one open file, to {device}", _open_file_cases(pair, device), NUM_CLIPS)
        num_clips = NUM_FILES * CLIPS_PER_FILE
        figures += _compare(f"{NUM_FILES} files, {NUM_WORKERS} workers", _worker_cases(pair, Path(name)), num_clips)
    return figures


def make_pair(source: Path, folder: Path) -> Pair:
    """Encode the beginning of a video with our codec, then with x264 to at least the same luma PSNR."""
    clip = prepare_clip(source, folder, MAX_WIDTH, MAX_HEIGHT, NUM_FRAMES).path
    nvst, decoded, h264 = folder / "clip.nvst", folder / "decoded.y4m", folder / "clip.mp4"
    encode(clip, nvst, CONFIG)
    decode(nvst, decoded)
    aim = luma_psnr(clip, decoded)
    low, high = 0.0, MAX_CRF
    for _ in range(CRF_STEPS):
        crf = (low + high) / 2
        write_h264(clip, h264, crf)
        low, high = (crf, high) if luma_psnr(clip, h264) >= aim else (low, crf)
    write_h264(clip, h264, low)
    return Pair(nvst, h264, aim, luma_psnr(clip, h264))


def write_h264(source: Path, target: Path, crf: float) -> None:
    """An mp4 with a keyframe, before which nothing refers, every ``CHUNK_FRAMES`` frames."""
    options = {"preset": "medium", "crf": f"{crf:.4f}", "g": str(CHUNK_FRAMES), "x264-params": "open-gop=0"}
    with open_source(source) as video, av.open(str(target), "w") as container:
        stream = container.add_stream("libx264", rate=video.average_rate, options=options)
        stream.width, stream.height, stream.pix_fmt = video.format.width, video.format.height, "yuv420p"
        for idx, frame in enumerate(video):
            picture = make_frame(frame.planes, video.format)
            picture.pts, picture.time_base = idx, 1 / video.average_rate
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def luma_psnr(reference: Path, decoded: Path) -> float:
    """Mean over the frames, in dB."""
    with open_source(reference) as one, open_source(decoded) as other:
        psnr = PsnrAccumulator(one.format.bit_depth)
        for frame, other_frame in zip(one, other, strict=True):
            psnr.add(frame.planes, other_frame.planes)
    return psnr.mean_psnr[0]


def nvcodec_clips(path: Path, device: str, fast: bool) -> Callable[[], object]:
    """Clips of an open decoder."""
    decoder = VideoDecoder(path, device=device, fast=fast)

    def load(first: int) -> Tensor:
        return decoder.get_frames_in_range(first, first + CLIP_FRAMES).data

    return partial(_load_all, load, len(decoder), device)


def pyav_clips(path: Path, device: str) -> Callable[[], object]:
    """Clips of an open container, with as many threads as FFmpeg likes."""
    container = av.open(str(path))
    container.streams.video[0].thread_type = "AUTO"
    return partial(_load_all, partial(read_clip, container), container.streams.video[0].frames, device)


def torchcodec_clips(path: Path, device: str) -> Callable[[], object]:
    """Clips of torchcodec's decoder, with as many threads as FFmpeg likes."""
    from torchcodec.decoders import VideoDecoder as TorchcodecDecoder

    decoder = TorchcodecDecoder(path, num_ffmpeg_threads=0)

    def load(first: int) -> Tensor:
        clip: Tensor = decoder.get_frames_in_range(first, first + CLIP_FRAMES).data
        return clip

    return partial(_load_all, load, len(decoder), device)


def read_clip(container: Any, first: int) -> Tensor:
    """The frames from ``first`` on, uint8 (T, 3, H, W): from the keyframe before them, as PyAV's users do it."""
    stream = container.streams.video[0]
    pts = (stream.start_time or 0) + round(first / (stream.average_rate * stream.time_base))
    container.seek(pts, stream=stream)
    frames: list[Tensor] = []
    for frame in container.decode(stream):
        if frame.pts >= pts:
            frames.append(torch.from_numpy(frame.to_ndarray(format="rgb24")))
        if len(frames) == CLIP_FRAMES:
            break
    return torch.stack(frames).permute(0, 3, 1, 2)


class PyavClips(Dataset[Tensor]):
    """What ``ClipDataset`` is, by PyAV: a random clip of a file that is opened for it, on one thread."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files

    def __len__(self) -> int:
        return len(self._files) * CLIPS_PER_FILE

    def __getitem__(self, index: int) -> Tensor:
        with av.open(str(self._files[index // CLIPS_PER_FILE])) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            place = np.random.default_rng(index).integers(stream.frames - CLIP_FRAMES + 1)
            return read_clip(container, int(place))


def our_batches(files: Sequence[Path], fast: bool) -> Callable[[], object]:
    """An epoch of ``ClipDataset``."""
    settings: dict[str, Any] = {"num_frames_per_clip": CLIP_FRAMES, "num_clips_per_file": CLIPS_PER_FILE}
    return _epoch_of(ClipDataset(files, seed=0, device="cpu", fast=fast, **settings))


def pyav_batches(files: Sequence[Path]) -> Callable[[], object]:
    """An epoch of ``PyavClips``."""
    return _epoch_of(PyavClips(files))


def _epoch_of(dataset: Dataset[Any]) -> Callable[[], object]:
    loader = DataLoader(
        dataset,
        BATCH_CLIPS,
        shuffle=True,
        num_workers=NUM_WORKERS,
        persistent_workers=True,
        multiprocessing_context="spawn",
    )

    def run() -> None:
        for _ in loader:
            pass

    return run


def _load_all(load: Callable[[int], Tensor], num_frames: int, device: str) -> None:
    places = random.Random(0)
    for _ in range(NUM_CLIPS):
        load(places.randrange(num_frames - CLIP_FRAMES + 1)).to(device)


def _open_file_cases(pair: Pair, device: str) -> dict[str, Case]:
    cases = {PYAV: _case(pyav_clips, pair.h264, device), "nvcodec": _case(nvcodec_clips, pair.nvst, device, False)}
    if is_bfloat16_fast(torch.device(device)):
        cases["nvcodec, fast"] = _case(nvcodec_clips, pair.nvst, device, True)
    if _has_torchcodec():
        cases["H.264 by torchcodec"] = _case(torchcodec_clips, pair.h264, device)
    return cases


def _worker_cases(pair: Pair, folder: Path) -> dict[str, Case]:
    files: dict[Path, list[Path]] = {pair.nvst: [], pair.h264: []}
    for original, copies in files.items():
        copies += [folder / f"{idx}{original.suffix}" for idx in range(NUM_FILES)]
        for copy in copies:
            shutil.copy(original, copy)
    cases = {PYAV: _case(pyav_batches, files[pair.h264]), "nvcodec": _case(our_batches, files[pair.nvst], False)}
    if is_bfloat16_fast(torch.device("cpu")):
        cases["nvcodec, fast"] = _case(our_batches, files[pair.nvst], True)
    return cases


def _case(make: Callable[..., Callable[[], object]], *arguments: Any) -> Case:
    """Without the memory settings of our commands, which a program that trains does not have."""
    return Case(make, arguments, keeps_memory=False)


def _has_torchcodec() -> bool:
    try:
        import torchcodec.decoders  # noqa: F401
    except (ImportError, RuntimeError):  # RuntimeError: without FFmpeg's libraries
        return False
    return True


def _compare(where: str, cases: Mapping[str, Case], num_clips: int) -> list[Figure]:
    times = in_turn(cases, REPEATS)
    return [
        Figure("clips", f"{name}: {where}", num_clips * CLIP_FRAMES / seconds, "fps", _ratio(times[PYAV] / seconds))
        for name, seconds in times.items()
    ]


def _ratio(speed: float) -> str:
    return "" if speed == 1 else f"{speed:.2f} times PyAV's speed"


def _describe(path: Path) -> str:
    return f"{path.stat().st_size} bytes, random access every {CHUNK_FRAMES} frames"
