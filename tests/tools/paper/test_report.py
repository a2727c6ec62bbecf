"""The report: a table and a plot for each experiment of which something was run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tools.paper.test_running import TINY
from tools.paper.__main__ import main
from tools.paper.cost import Cost
from tools.paper.dynamics import Dynamics
from tools.paper.experiments import BUNNY, EXPERIMENTS, Experiment
from tools.paper.figures import draw
from tools.paper.report import write_report
from tools.paper.results import Result, results_of
from tools.paper.running import Row, curve_path
from tools.paper.scales import SCALES, Scale
from tools.paper.trials import System, Trial
from tools.paper.volumes import volume
from tools.rd.table import Table

KINDS = ("table-3", "fig-10", "sharing")
BETTER = {System.NAIVE_SPLIT: 0.0, System.NERVAST: 1.0}


def made_row(trial: Trial) -> Row:
    """A row as if the trial had been run: more parameters are better, and so is sharing."""
    num_chunks = max(1, trial.num_frames // trial.chunk_frames)
    volume = round(trial.num_parameters * num_chunks * (1 - trial.kappa * (num_chunks - 1) / num_chunks))
    quality = 20 + volume / 1e5 + BETTER.get(trial.system, 0.5) + 0.01 * trial.seed
    return Row(
        key=trial.key,
        clip=trial.clip,
        clip_md5="0",
        width=160,
        height=80,
        num_frames=trial.num_frames,
        system=trial.system.value,
        backbone="nerv",
        num_parameters=trial.num_parameters,
        kappa=trial.kappa,
        chunk_frames=trial.chunk_frames,
        epochs=trial.epochs,
        sparsity=trial.sparsity,
        is_fine_tuned=trial.is_fine_tuned,
        seed=trial.seed,
        network_parameters=trial.num_parameters,
        num_windows=1,
        num_chunks=num_chunks,
        volume=volume,
        bpp_volume=volume / 1e6,
        file_bytes=volume,
        bpp=volume / 1.1e6,
        mask_bytes=volume // 50,
        shared_of_layers="stem.1=0.77",
        macs_per_pixel=500,
        psnr_y=quality,
        psnr_rgb=quality - 1,
        ms_ssim=0.9,
        windows_s=0.1,
        mask_s=0.2,
        training_s=3.0,
        quantization_s=0.1,
        coding_s=0.1,
        decode_s=0.5,
        device="cpu",
        machine="a machine",
    )


@pytest.mark.parametrize("scale", SCALES.values(), ids=SCALES)
def test_every_experiment_has_trials_whose_networks_exist_and_whose_names_differ(scale: Scale) -> None:
    keys: dict[str, Trial] = {}
    for experiment in EXPERIMENTS.values():
        trials = experiment.trials(scale)
        assert trials
        for trial in trials:
            if trial.system.has_stream and trial.system is not System.ONE_WINDOW:
                assert volume(trial, scale) > 0
            assert keys.setdefault(trial.key, trial) == trial
            assert scale.preset(trial.backbone, trial.epochs).recipe.rate is None


def test_every_experiment_has_a_table_and_every_kind_of_plot_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw_one_of_a_kind(experiment: Experiment, results: Sequence[Result], folder: Path) -> None:
        if experiment.name in KINDS:
            draw(experiment, results, folder)

    monkeypatch.setattr("tools.paper.report.draw", draw_one_of_a_kind)
    table = Table(tmp_path / "trials.csv", Row)
    for experiment in EXPERIMENTS.values():
        for trial in experiment.trials(SCALES["cpu"]):
            if trial.key not in table:
                table.append(made_row(trial))
    Table(tmp_path / "cost.csv", Cost).append(Cost("a", 5, 1_000_000, 0.5, 25.0, 2.5, "cpu"))
    Table(tmp_path / "dynamics.csv", Dynamics).append(Dynamics("moving", 12.6, 4.25))
    text = write_report(tmp_path, SCALES["cpu"]).read_text()
    for name, experiment in EXPERIMENTS.items():
        assert f"## {experiment.title}" in text
        assert (tmp_path / f"{name}.png").exists() == (name in KINDS)
    assert (tmp_path / "fig-2.png").exists()
    # Sharing is 1 dB better at its volume, and what it saves is in both rates alike.
    (line,) = [line for line in text.splitlines() if line.startswith("| eight chunks, half as long |") and "±" in line][
        -1:
    ]
    assert line.count("dB") == 4 and "+0.50 ± 0.00 dB" in line
    assert "| moving | 12.60 | 4.25 |" in text
    assert "| 5 | 1.00 | 0.50 | 25.0 | 2.5 |" in text


def test_deltas_compare_the_curves_of_a_clip(tmp_path: Path) -> None:
    table, scale = Table(tmp_path / "trials.csv", Row), SCALES["cpu"]
    for trial in EXPERIMENTS["fig-7a"].trials(scale):
        row = made_row(trial)
        # The same curve, but that sharing takes half the rate.
        quality = 20 + trial.num_parameters / 1e4
        halved = row.num_parameters * (0.5 if trial.system is System.NERVAST else 1)
        table.append(replace(row, psnr_y=quality, bpp_volume=halved, bpp=2 * halved))
    text = write_report(tmp_path, scale).read_text()
    of_experiment = text[text.index("`fig-7a`") : text.index("`fig-7b`")]
    lines = [line for line in of_experiment.splitlines() if "| nervast | naive-split |" in line]
    assert len(lines) == 2
    assert all(line.count("-50.0 %") == 2 for line in lines)


def test_results_are_those_of_an_experiments_cases(tmp_path: Path) -> None:
    experiment, scale = EXPERIMENTS["table-4"], SCALES["cpu"]
    first = experiment.cases(scale)[0]
    rows = {trial.key: made_row(trial) for trial in first.trials}
    (result,) = results_of(experiment, scale, rows)
    assert result.case == first
    assert result.clip == BUNNY
    assert result.mean("psnr_y") == pytest.approx(made_row(first.trials[1]).psnr_y)
    assert result.deviation("psnr_y") == pytest.approx(0.01)


def test_the_command_runs_and_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.paper.__main__.SCALES", {"cpu": TINY})
    monkeypatch.setattr("sys.argv", ["paper", "--out", str(tmp_path), "fig-10"])
    # All but the clip that is not there.
    assert main() == 1
    trial = TINY.trial(BUNNY, System.SEQUENTIAL)
    assert curve_path(trial, tmp_path).exists()
    monkeypatch.setattr("sys.argv", ["paper", "--out", str(tmp_path), "--report"])
    assert main() == 0
    assert "fig-10" in (tmp_path / "tables.md").read_text()


def test_a_folder_of_other_settings_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["paper", "--out", str(tmp_path), "table-5"])
    for scale, status in ((TINY, 0), (TINY, 0), (replace(TINY, epochs=1), 1)):
        monkeypatch.setattr("tools.paper.__main__.SCALES", {"cpu": scale})
        assert main() == status
    assert [row.key for row in Table(tmp_path / "dynamics.csv", Dynamics).rows] == ["bigbuckbunny-160x80-12f"]


def test_an_unknown_experiment_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["paper", "--out", str(tmp_path), "table-9"])
    with pytest.raises(SystemExit):
        main()
