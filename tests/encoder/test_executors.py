"""Windows that are encoded at the same time: to the bytes of one after the other, in order, and with the same ends."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nvcodec.bitstream import NvstReader
from nvcodec.encoder import state_file
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.executors import News, Telling, as_sent, in_order
from nvcodec.encoder.pipeline import encode
from nvcodec.encoder.progress import EncodeProgress, Stage
from nvcodec.encoder.window_task import CodedWindow
from nvcodec.errors import ConfigError, TrainingError
from nvcodec.training.processes import Processes
from tests import clips, encodes


class Task:
    """As much of a task as the order needs."""

    def __init__(self, window_idx: int) -> None:
        self.window_idx = window_idx


class OutOfOrder:
    """Workers that finish the window that was begun last first."""

    def __init__(self, num_at_once: int) -> None:
        self.num_at_once = num_at_once
        self.at_work: list[int] = []
        self.most_at_work = 0
        self.is_stopped = False

    def begin(self, task: Any) -> None:
        self.at_work.append(task.window_idx)
        self.most_at_work = max(self.most_at_work, len(self.at_work))

    def news(self) -> list[News]:
        window_idx = self.at_work.pop()
        state = EncodeProgress(Stage.TRAIN, window_idx, 0, 1, 1, 1)
        return [News(window_idx, what) for what in (state, b"state", "warning", coded_window())]

    def stop(self) -> None:
        self.is_stopped = True


def coded_window() -> CodedWindow:
    return object.__new__(CodedWindow)


class Listener:
    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.wants_stop = False

    def told(self, state: EncodeProgress) -> None:
        self.heard.append(state.stage)

    def state_made(self, window_idx: int, state: bytes) -> None:
        self.heard.append(state)

    def warned(self, reason: str) -> None:
        self.heard.append(reason)

    def should_stop(self) -> bool:
        return self.wants_stop


@pytest.mark.parametrize("num_at_once", [1, 2, 3])
def test_what_is_coded_comes_back_in_order_and_few_tasks_are_held(num_at_once: int) -> None:
    workers, listener = OutOfOrder(num_at_once), Listener()
    taken: deque[int] = deque()

    def tasks() -> Iterator[Any]:
        for window_idx in range(7):
            taken.append(window_idx)
            yield Task(window_idx)

    given = []
    for task, _ in in_order(workers, tasks(), listener):
        given.append(task.window_idx)
        assert len(taken) <= len(given) + 2 * num_at_once
    assert given == list(range(7))
    assert workers.most_at_work == num_at_once
    assert listener.heard == [Stage.TRAIN, b"state", "warning"] * 7


def test_a_stop_reaches_the_workers_once() -> None:
    workers, listener = OutOfOrder(2), Listener()
    listener.wants_stop = True
    assert len(list(in_order(workers, iter([Task(0), Task(1)]), listener))) == 2
    assert workers.is_stopped


def test_a_training_is_told_of_now_and_then_and_a_plan_always(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [10.0]
    monkeypatch.setattr("nvcodec.encoder.executors.time.monotonic", lambda: now[0])
    told: list[News] = []
    listener = Telling(told.append, lambda: False)
    for stage, second in ((Stage.PLAN, 10.0), (Stage.MASK, 10.0), (Stage.TRAIN, 10.05), (Stage.TRAIN, 10.11)):
        now[0] = second
        listener.told(EncodeProgress(stage, 0, 0, 1, 1, 1))
    assert [news.what.stage for news in told] == [Stage.PLAN, Stage.MASK, Stage.TRAIN]


def test_what_is_no_refusal_is_sent_with_its_traceback() -> None:
    refusal = TrainingError("diverged", "window 0")
    assert as_sent(refusal) is refusal
    try:
        raise LookupError("x")
    except LookupError as error:
        assert "test_executors.py" in str(as_sent(error))


# Processes that are started anew know nothing of presets that a test has replaced.
SETTINGS = EncoderConfig(preset="draft", device="cpu", chunk_frames=3, epochs=2, threads=1, num_parameters=12_000)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three windows."""
    frames = encodes.two_scene_frames(12)
    frames += [type(frame)(frame.planes, frame.pts + 12, 1) for frame in frames[:6]]
    return encodes.write_y4m(tmp_path_factory.mktemp("source") / "a.y4m", frames)


@pytest.fixture(scope="module")
def whole(source: Path) -> Path:
    """Its encode by one process."""
    encode(source, source.with_name("whole.nvst"), SETTINGS)
    return source.with_name("whole.nvst")


def test_workers_come_to_the_same_bytes(source: Path, whole: Path, tmp_path: Path) -> None:
    told: list[EncodeProgress] = []
    result = encode(source, tmp_path / "a.nvst", SETTINGS, workers=2, progress=told.append)
    assert (tmp_path / "a.nvst").read_bytes() == whole.read_bytes()
    assert result.is_complete
    assert [state.window_idx for state in told if state.stage is Stage.WRITTEN] == [0, 1, 2]
    assert {state.window_idx for state in told if state.stage is Stage.TRAIN} == {0, 1, 2}
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_workers_go_on_from_training_states(
    source: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_file, "INTERVAL_S", 0.0)
    target = tmp_path / "a.nvst"

    def interrupt(state: EncodeProgress) -> None:
        if len(list(tmp_path.glob("*.state"))) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode(source, target, SETTINGS, workers=2, progress=interrupt)
    assert multiprocessing.active_children() == []
    left = {int(path.name.split(".")[-2]) for path in tmp_path.glob("*.state")}
    told: list[EncodeProgress] = []
    result = encode(source, target, SETTINGS, workers=2, progress=told.append, resume=True)
    assert target.read_bytes() == whole.read_bytes()
    assert result.warnings == ()
    assert os.listdir(tmp_path) == ["a.nvst"]
    assert left == {state.window_idx for state in told if state.stage is Stage.PLAN and state.window_fraction}


@pytest.mark.slow
def test_a_stop_ends_all_trainings_and_a_worker_that_dies_ends_the_encode(source: Path, tmp_path: Path) -> None:
    long = dataclasses.replace(SETTINGS, epochs=100_000)
    trained: set[int] = set()

    def note(state: EncodeProgress) -> None:
        if state.stage is Stage.TRAIN:
            trained.add(state.window_idx)

    target = tmp_path / "a.nvst"
    result = encode(source, target, long, workers=2, progress=note, should_stop=lambda: len(trained) == 2)
    assert (result.is_complete, len(result.windows)) == (False, 2)
    with NvstReader(target) as reader:
        reader.verify()
        assert (reader.is_finished, reader.is_complete, reader.num_frames) == (True, False, 12)

    def kill(state: EncodeProgress) -> None:
        if state.stage is Stage.TRAIN:
            for child in multiprocessing.active_children():
                os.kill(child.pid or 0, signal.SIGKILL)

    with pytest.raises(TrainingError, match=r"window \d: the process that encoded it ended with exit code -9"):
        encode(source, tmp_path / "b.nvst", long, workers=2, progress=kill)
    assert os.listdir(tmp_path) == ["a.nvst"]


def test_what_goes_not_together_is_refused(tmp_path: Path) -> None:
    source = clips.write_clip(tmp_path / "a.mkv", num_frames=2)
    with pytest.raises(ConfigError, match="workers: 0 is not allowed"):
        encode(source, tmp_path / "a.nvst", workers=0)
    with pytest.raises(ConfigError, match="workers: cannot go together"):
        encode(source, tmp_path / "a.nvst", workers=2, processes=Processes(0, 2))
