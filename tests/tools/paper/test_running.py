"""Trials from clip to row: they are run once, resumed window by window, and every system passes through."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from nvcodec.bitstream import NvstReader
from nvcodec.bitstream.network_spec import Backbone
from tests import encodes
from tools.paper import coordinate_encoding, encoding
from tools.paper.running import Row, curve_path, run_trials, stream_path
from tools.paper.scales import SCALES, Scale
from tools.paper.trials import System, Trial
from tools.rd.table import Table

TINY = replace(
    SCALES["cpu"],
    num_frames=12,
    chunk_frames=3,
    epochs=2,
    num_parameters={Backbone.NERV: 24_000, Backbone.ENERV: 60_000, Backbone.HNERV: 24_000},
)


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Path]:
    """A clip of two scenes."""
    return {"two_scenes": encodes.two_scene_clip(tmp_path)}


def run(trials: list[Trial], sources: dict[str, Path], folder: Path, scale: Scale = TINY) -> dict[str, Row]:
    lines: list[str] = []
    assert run_trials(trials, sources, scale, folder, lines.append) == 0, lines
    return {row.key: row for row in Table(folder / "trials.csv", Row).rows}


def test_every_system_has_a_row_and_a_curve(
    sources: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coordinate_encoding, "FIRST_PASSES", 4)
    monkeypatch.setattr(coordinate_encoding, "LATER_PASSES", 4)
    trials = [TINY.trial("two_scenes", system) for system in System if system is not System.MONOLITHIC]
    trials.append(TINY.trial("two_scenes", System.MONOLITHIC, chunk_frames=12))
    trials += [TINY.trial("two_scenes", System.NERVAST, backbone) for backbone in (Backbone.ENERV, Backbone.HNERV)]
    rows = run(trials, sources, tmp_path / "out")
    assert list(rows) == [trial.key for trial in trials]
    for trial in trials:
        row = rows[trial.key]
        assert (row.num_frames, row.system, row.kappa) == (12, trial.system.value, trial.kappa)
        assert row.psnr_y > 5
        assert row.file_bytes > row.mask_bytes
        assert (row.mask_bytes > 500) == trial.system.shares
        assert row.bpp == pytest.approx(8 * row.file_bytes / (row.width * row.height * 12), rel=1e-4)
        assert row.bpp_volume == pytest.approx(8 * row.volume / (row.width * row.height * 12), rel=1e-4)
        if trial.system.has_stream:
            with NvstReader(stream_path(trial, tmp_path / "out")) as reader:
                assert reader.num_frames == 12
                assert reader.is_complete
                assert len(reader.windows) == row.num_windows
                assert sum(len(window.chunks) for window in reader.windows) == row.num_chunks


def test_volume_counts_what_is_shared_once_a_window(sources: dict[str, Path], tmp_path: Path) -> None:
    systems = (System.NAIVE_SPLIT, System.NERVAST, System.ONE_WINDOW)
    trials = [TINY.trial("two_scenes", system) for system in systems]
    naive, nervast, one_window = (run(trials, sources, tmp_path)[trial.key] for trial in trials)
    size = naive.network_parameters
    assert (naive.num_windows, nervast.num_windows, one_window.num_windows) == (2, 2, 1)
    assert naive.volume == 4 * size
    assert nervast.volume == pytest.approx(2 * (0.5 + 2 * 0.5) * size, abs=8)
    assert one_window.volume == pytest.approx((0.5 + 4 * 0.5) * size, abs=8)


def test_pruning_is_paid_back_in_parameters_and_in_bytes(sources: dict[str, Path], tmp_path: Path) -> None:
    trials = [
        TINY.trial("two_scenes", System.NERVAST, sparsity=sparsity, is_fine_tuned=True) for sparsity in (0.0, 0.6)
    ]
    whole, pruned = (run(trials, sources, tmp_path)[trial.key] for trial in trials)
    assert pruned.volume < 0.45 * whole.volume
    assert pruned.file_bytes < 0.75 * whole.file_bytes


def test_embeddings_count_into_the_volume(sources: dict[str, Path], tmp_path: Path) -> None:
    trial = TINY.trial("two_scenes", System.NAIVE_SPLIT, Backbone.HNERV)
    row = run([trial], sources, tmp_path)[trial.key]
    with NvstReader(stream_path(trial, tmp_path)) as reader:
        network = reader.read_window_header(0)[0].network
    of_frame = network.embedding_channels * network.base_height * network.base_width
    assert row.volume == 4 * row.network_parameters + 12 * of_frame


def test_a_finished_trial_is_not_run_again_and_a_broken_one_goes_on_at_its_window(
    sources: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial, undisturbed = TINY.trial("two_scenes", System.NERVAST), tmp_path / "undisturbed"
    run([trial], sources, undisturbed)
    broken, prepared = tmp_path / "broken", []
    prepare_window = encoding.prepare_window

    def count(window: object, window_idx: int, *others: object) -> object:
        if window_idx == 1 and not prepared.count(1):
            prepared.append(1)
            raise KeyboardInterrupt
        prepared.append(window_idx)
        return prepare_window(window, window_idx, *others)

    monkeypatch.setattr(encoding, "prepare_window", count)
    with pytest.raises(KeyboardInterrupt):
        run([trial], sources, broken)
    assert Table(broken / "trials.csv", Row).rows == []
    row = run([trial], sources, broken)[trial.key]
    assert prepared == [0, 1, 1]
    assert stream_path(trial, broken).read_bytes() == stream_path(trial, undisturbed).read_bytes()
    assert row.num_windows == 2
    run([trial], sources, broken)
    assert prepared == [0, 1, 1]


def test_the_curve_has_a_point_per_epoch(sources: dict[str, Path], tmp_path: Path) -> None:
    trials = [TINY.trial("two_scenes", system, epochs=3) for system in (System.NERVAST, System.SEQUENTIAL)]
    run(trials, sources, tmp_path)
    lengths = []
    for trial in trials:
        rows = list(csv.DictReader(curve_path(trial, tmp_path).read_text().splitlines()))
        seconds = [float(row["seconds"]) for row in rows]
        assert seconds == sorted(seconds)
        lengths.append(len(rows))
    # Of the first window, which has two chunks; one after the other where the training is sequential.
    assert lengths == [3, 6]


def test_a_missing_clip_is_said_and_the_others_are_run(sources: dict[str, Path], tmp_path: Path) -> None:
    lines: list[str] = []
    trials = [TINY.trial(name, System.NAIVE_SPLIT) for name in ("elsewhere", "two_scenes")]
    assert run_trials(trials, sources, TINY, tmp_path, lines.append) == 1
    assert "no such clip" in lines[0]
    assert len(Table(tmp_path / "trials.csv", Row).rows) == 1


def test_a_window_that_was_not_finished_is_encoded_again(sources: dict[str, Path], tmp_path: Path) -> None:
    trial = TINY.trial("two_scenes", System.NAIVE_SPLIT)
    run([trial], sources, tmp_path / "undisturbed")
    torn = stream_path(trial, tmp_path / "broken").with_suffix(".0.nvst")
    torn.parent.mkdir(parents=True)
    torn.write_bytes(b"what a killed run left")
    run([trial], sources, tmp_path / "broken")
    whole, again = (stream_path(trial, tmp_path / name).read_bytes() for name in ("undisturbed", "broken"))
    assert whole == again
    assert not torn.exists()
