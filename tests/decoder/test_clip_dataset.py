"""Random clips of many files: which frames, from whom, in which process."""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

from nvcodec import ClipDataset, VideoDecoder
from nvcodec.errors import ConfigError, InputError, TruncatedError
from tests import clips, encodes
from tools.check_conformance import VECTORS

NUM_FRAMES, FPS = 12, 25
NUM_FILES = 3


@pytest.fixture(scope="module")
def folder(two_windows: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three files a.nvst, b.nvst and c.nvst, all of the same twelve frames."""
    folder = tmp_path_factory.mktemp("clips")
    for name in "cab":
        shutil.copy(two_windows, folder / f"{name}.nvst")
    return folder


@pytest.fixture(scope="module")
def all_rgb(two_windows: Path) -> torch.Tensor:
    return VideoDecoder(two_windows)[:]


def dataset(folder: Path, **settings: Any) -> ClipDataset:
    return ClipDataset(folder / "*.nvst", **{"num_frames_per_clip": 4, "num_clips_per_file": 2, "seed": 0, **settings})


def first_frames(data: ClipDataset) -> list[int]:
    return [round(float(clip.pts_seconds[0]) * FPS) for clip in (data[idx] for idx in range(len(data)))]


def test_clips_are_frames_in_a_row_of_each_file(folder: Path, all_rgb: torch.Tensor) -> None:
    data = dataset(folder)
    assert data.files == [str(folder / f"{name}.nvst") for name in "abc"]
    assert len(data) == 6
    for idx in range(6):
        clip = data[idx]
        assert clip.file_idx == idx // 2
        first = round(float(clip.pts_seconds[0]) * FPS)
        assert 0 <= first <= NUM_FRAMES - 4
        assert torch.equal(clip.data, all_rgb[first : first + 4])
        assert clip.pts_seconds.tolist() == pytest.approx([(first + step) / FPS for step in range(4)])
    assert torch.equal(data[-1].data, data[5].data)
    with pytest.raises(IndexError):
        data[6]
    assert len(list(data)) == 6


def test_places_are_those_of_the_seed_the_epoch_and_the_item(folder: Path) -> None:
    data = dataset(folder)
    places = first_frames(data)
    assert first_frames(dataset(folder)) == places
    assert first_frames(dataset(folder, seed=1)) != places
    data.set_epoch(1)
    assert first_frames(data) != places
    data.set_epoch(0)
    assert first_frames(data) == places


def test_without_a_seed_places_are_drawn_from_the_random_numbers_of_pytorch(folder: Path) -> None:
    data = dataset(folder, seed=None)
    torch.manual_seed(3)
    places = first_frames(data)
    assert first_frames(data) != places
    torch.manual_seed(3)
    assert first_frames(data) == places


def test_every_place_is_drawn(folder: Path) -> None:
    assert set(first_frames(dataset(folder, num_frames_per_clip=10, num_clips_per_file=10))) == {0, 1, 2}


def test_frames_between_are_left_out(folder: Path) -> None:
    clip = dataset(folder, num_indices_between_frames=3)[0]
    steps = torch.diff(clip.pts_seconds * FPS).round().tolist()
    assert steps == [3, 3, 3]
    clip = dataset(folder, num_frames_per_clip=5, num_indices_between_frames=4)[0]
    assert (clip.pts_seconds * FPS).round().tolist() == [0, 4, 8, 8, 8]


def test_frames_some_time_apart(tmp_path: Path) -> None:
    encodes.tiny_encode(clips.variable_rate_clip(tmp_path), tmp_path / "a.nvst")
    times = [pts / 1000 for pts in clips.VARIABLE_PTS]
    data = ClipDataset(
        tmp_path / "a.nvst", num_frames_per_clip=3, seconds_between_frames=0.1, num_clips_per_file=5, seed=0
    )
    for idx in range(5):
        clip = data[idx]
        assert set(clip.pts_seconds.tolist()) <= set(times)
        gaps = torch.diff(clip.pts_seconds)
        assert (gaps >= 0).all() and (gaps < 0.22).all()
    long = ClipDataset(tmp_path / "a.nvst", num_frames_per_clip=4, seconds_between_frames=0.15)[0]
    assert long.pts_seconds.tolist() == [0.0, 0.12, 0.21, 0.21]


def test_few_files_stay_open(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    class Counted(VideoDecoder):
        def __init__(self, source: str, **settings: Any) -> None:
            opened.append(Path(source).stem)
            super().__init__(source, **settings)

    monkeypatch.setattr("nvcodec.decoder.clip_dataset.VideoDecoder", Counted)
    data = dataset(folder, num_clips_per_file=1, max_open_files=2)
    for idx in (0, 1, 0, 2, 0, 1):
        data[idx]
    assert opened == ["a", "b", "c", "b"]


def test_a_transform_and_the_settings_of_the_decoder(folder: Path) -> None:
    data = dataset(folder, transform=crop, dimension_order="NHWC", output_dtype=torch.float32)
    assert (data[0].data.shape, data[0].data.dtype) == ((4, 8, 8, 3), torch.float32)


def crop(frames: torch.Tensor) -> torch.Tensor:
    return frames[:, :8, :8]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize(("context", "num_workers"), [("fork", 2), ("spawn", 1)])
def test_workers_give_the_same_clips_in_every_epoch(
    folder: Path, context: str, num_workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "OMP_NUM_THREADS", "1")
    data = dataset(folder)
    data[0]  # a file is open when the workers start
    settings: dict[str, Any] = {"multiprocessing_context": context, "persistent_workers": True}
    loader = DataLoader(data, batch_size=3, num_workers=num_workers, **settings)
    for epoch in (0, 1):
        data.set_epoch(epoch)
        batches = list(loader)
        assert [tuple(batch.data.shape) for batch in batches] == [(3, 4, 3, 48, 64)] * 2
        assert torch.cat([batch.file_idx for batch in batches]).tolist() == [0, 0, 1, 1, 2, 2]
        assert torch.equal(
            torch.cat([batch.data for batch in batches]), torch.stack([data[idx].data for idx in range(6)])
        )


def test_pickling_leaves_open_files_behind(folder: Path) -> None:
    data = dataset(folder)
    clip = data[3]
    copy = pickle.loads(pickle.dumps(data))
    assert torch.equal(copy[3].data, clip.data)


def test_files_behind_addresses(two_windows: Path, all_rgb: torch.Tensor) -> None:
    fsspec = pytest.importorskip("fsspec")
    for name in ("y", "x"):
        fsspec.filesystem("memory").pipe(f"/clips/{name}.nvst", two_windows.read_bytes())
    data = ClipDataset(["memory://clips/*.nvst", str(two_windows)], num_frames_per_clip=12)
    assert data.files == ["memory:///clips/x.nvst", "memory:///clips/y.nvst", str(two_windows)]
    assert all(torch.equal(clip.data, all_rgb) for clip in (data[idx] for idx in range(3)))


def test_errors_name_the_file(folder: Path, tmp_path: Path) -> None:
    whole = (folder / "a.nvst").read_bytes()
    (tmp_path / "cut.nvst").write_bytes(whole[:10])
    with pytest.raises(TruncatedError, match=r"cut\.nvst"):
        ClipDataset(tmp_path / "cut.nvst")[0]
    with pytest.raises(InputError, match=r"none\.nvst"):
        ClipDataset(tmp_path / "none.nvst")[0]
    with pytest.raises(InputError, match="holds no frame"):
        ClipDataset(VECTORS / "valid" / "no-windows.nvst")[0]


@pytest.mark.parametrize(
    "settings",
    [
        {"num_frames_per_clip": 0},
        {"num_indices_between_frames": 0},
        {"num_clips_per_file": 0},
        {"max_open_files": 0},
        {"seconds_between_frames": 0.0},
        {"seconds_between_frames": float("nan")},
        {"seed": -1},
    ],
)
def test_settings_that_are_out_of_range(folder: Path, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(settings))):
        dataset(folder, **settings)


def test_there_must_be_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file matches"):
        ClipDataset(tmp_path / "*.nvst")
    with pytest.raises(ConfigError, match="there are no files"):
        ClipDataset([])
