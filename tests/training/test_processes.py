"""Processes that train a window together come to what one comes to alone."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from nvcodec.training.processes import ALONE, Processes
from tests.training import together

COUNT = 2
Results = dict[str, dict[str, Tensor]]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[Results]:
    """What each of two processes ends with."""
    folder = tmp_path_factory.mktemp("group")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=together.run_process, args=(rank, COUNT, folder)) for rank in range(COUNT)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    return [read_results(folder / f"{rank}.npz") for rank in range(COUNT)]


def read_results(path: Path) -> Results:
    results: Results = {}
    with np.load(path, allow_pickle=False) as arrays:
        for name, values in arrays.items():
            case, key = name.split("/")
            results.setdefault(case, {})[key] = torch.from_numpy(values)
    return results


@pytest.mark.parametrize("name", together.CASES)
def test_the_same_as_one_process_but_for_rounding(name: str, results: list[Results]) -> None:
    alone = together.trained(name)
    for key, values in alone.items():
        torch.testing.assert_close(results[0][name][key].double(), values.double(), rtol=2e-3, atol=2e-3, msg=key)


@pytest.mark.parametrize("name", [*together.CASES, "stopped"])
def test_all_processes_have_the_whole_model(name: str, results: list[Results]) -> None:
    for key, values in results[0][name].items():
        assert torch.equal(values, results[1][name][key]), key


def test_the_first_process_stops_all(results: list[Results]) -> None:
    assert len(results[0]["stopped"]["psnr"]) == 6


def test_chunks_are_shared_out() -> None:
    assert [list(Processes(rank, 3).chunks_of(7)) for rank in range(3)] == [[0, 3, 6], [1, 4], [2, 5]]
    assert list(ALONE.chunks_of(7)) == list(range(7))


def test_alone_nothing_is_exchanged() -> None:
    values = torch.ones(3)
    ALONE.add_up([values])
    ALONE.take_from_owners([values])
    ALONE.take_from_first(values)
    assert torch.equal(values, torch.ones(3))
    assert ALONE.first_says(5, torch.device("cpu")) == 5
