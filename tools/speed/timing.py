"""Times of things in turn, so that what the machine does beside them hits all alike."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import torch

from nvcodec.decoder.device import keep_freed_memory


@dataclass(frozen=True)
class Case:
    """Something to time, in a process of its own.

    Attributes:
        make: function of a module; what it returns is called once for each measurement.
        arguments: of ``make``.
        keeps_memory: the process keeps freed memory, as our commands do.
        threads: of PyTorch; None: its choice.
    """

    make: Callable[..., Callable[[], object]]
    arguments: tuple[Any, ...] = ()
    keeps_memory: bool = True
    threads: int | None = None


def in_turn(cases: Mapping[str, Case], repeats: int) -> dict[str, float]:
    """Median seconds of each case: all are run once to warm up, then ``repeats`` rounds of all, one after the other."""
    context = multiprocessing.get_context("spawn")
    connections: dict[str, Connection] = {}
    processes = []
    times: dict[str, list[float]] = {name: [] for name in cases}
    try:
        for name, case in cases.items():
            connections[name], theirs = context.Pipe()
            # Not a daemon, since one may not have processes of its own, as a case may.
            process = context.Process(target=_serve, args=(case, theirs))
            process.start()
            # So that the end of the process is seen.
            theirs.close()
            processes.append(process)
            # The next begins to load only when this one is ready.
            _measure(connections[name])
        for _ in range(repeats):
            for name, connection in connections.items():
                times[name].append(_measure(connection))
    finally:
        for connection in connections.values():
            connection.close()
        for process in processes:
            process.join()
    return {name: statistics.median(of_case) for name, of_case in times.items()}


def median_seconds(run: Callable[[], object], repeats: int, device: torch.device) -> float:
    """Median of several runs after one to warm up, in this process."""
    times = []
    for _ in range(repeats + 1):
        _wait(device)
        start = time.perf_counter()
        run()
        _wait(device)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def _measure(connection: Connection) -> float:
    connection.send(None)
    seconds: float = connection.recv()
    return seconds


def _serve(case: Case, connection: Connection) -> None:
    if case.keeps_memory:
        keep_freed_memory()
    if case.threads is not None:
        torch.set_num_threads(case.threads)
    run = case.make(*case.arguments)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    while True:
        try:
            connection.recv()
        except EOFError:
            return
        _wait(device)
        start = time.perf_counter()
        run()
        _wait(device)
        connection.send(time.perf_counter() - start)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
