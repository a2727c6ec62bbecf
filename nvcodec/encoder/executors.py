"""Where windows are encoded: in this process one after the other, or in several of this machine."""

from __future__ import annotations

import multiprocessing
import signal
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Protocol, Self

import torch

from nvcodec.decoder.device import keep_freed_memory, resolve_device
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.progress import EncodeProgress, Stage
from nvcodec.encoder.window_task import CodedWindow, WindowListener, WindowTask, encode_window
from nvcodec.errors import DeviceError, NvcodecError, TrainingError
from nvcodec.training.processes import ALONE, Processes

PATIENCE_S = 0.2
"""Longest time in which nobody asks whether to stop."""
TELLING_INTERVAL_S = 0.1
"""Least time in which another process tells again how far a training is."""


Coded = Iterator[tuple[WindowTask, CodedWindow]]


class Executor(Protocol):
    """Encodes windows somewhere. To be used as a context, within which it can be called once.

    Attributes:
        num_at_once: windows that are encoded at the same time, at least 1.
    """

    num_at_once: int

    def __call__(self, tasks: Iterator[WindowTask], listener: WindowListener) -> Coded:
        """Encode windows, and give each back with its task, in their order.

        No more tasks are taken than it needs to be busy; what is given back is let go of.

        Raises:
            DeviceError: a device is missing or its memory is too small.
            TrainingError: a training diverged, or whoever did it has died.
        """
        ...

    def __enter__(self) -> Self:
        """Begin."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End everything at once."""
        ...


class ThisProcess:
    """Encodes one window after the other here.

    Args:
        processes: that train each together, of which this is the first.
    """

    def __init__(self, processes: Processes = ALONE) -> None:
        self.num_at_once = 1
        self._processes = processes

    def __call__(self, tasks: Iterator[WindowTask], listener: WindowListener) -> Coded:
        """As :class:`Executor` says."""
        while (task := next(tasks, None)) is not None:
            yield task, encode_window(task, listener, self._processes)
            # So that the next window's frames are not a third time in memory.
            del task

    def __enter__(self) -> Self:
        """There is nothing to begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """There is nothing to end."""


@dataclass(frozen=True)
class News:
    """What a worker tells: how far it is, a training state, a warning, what it has coded, or what it failed with."""

    window_idx: int
    what: EncodeProgress | bytes | str | CodedWindow | Exception


class Workers(Protocol):
    """Who encodes windows elsewhere, each worker one at a time."""

    num_at_once: int

    def begin(self, task: WindowTask) -> None:
        """Give a window to a worker that has none."""
        ...

    def news(self) -> Iterable[News]:
        """What there is to tell since the last time, in order; waits a little if there is nothing."""
        ...

    def stop(self) -> None:
        """Let the trainings that are at work end now."""
        ...


def in_order(workers: Workers, tasks: Iterator[WindowTask], listener: WindowListener) -> Coded:
    """Keep workers busy, and give back what they have coded in the order of the tasks.

    As many windows as there are workers may wait for one before them, which takes longer.
    """
    held: deque[WindowTask] = deque()
    coded: dict[int, CodedWindow] = {}
    has_more, has_stopped = True, False
    while has_more or held:
        if not has_stopped and listener.should_stop():
            workers.stop()
            has_stopped = True
        while has_more and len(held) < 2 * workers.num_at_once and len(held) - len(coded) < workers.num_at_once:
            task = next(tasks, None)
            if task is None:
                has_more = False
            else:
                workers.begin(task)
                held.append(task)
            del task
        while held and held[0].window_idx in coded:
            yield held[0], coded.pop(held.popleft().window_idx)
        for news in workers.news() if len(held) > len(coded) else ():
            match news.what:
                case EncodeProgress():
                    listener.told(news.what)
                case bytes():
                    listener.state_made(news.window_idx, news.what)
                case str():
                    listener.warned(news.what)
                case CodedWindow():
                    coded[news.window_idx] = news.what
                case _:
                    raise news.what


class Telling:
    """The listener of a window that is encoded elsewhere than those who want to know; it does not tell too often.

    Args:
        tell: takes what there is to tell.
        should_stop: asked after every iteration.
    """

    def __init__(self, tell: Callable[[News], None], should_stop: Callable[[], bool]) -> None:
        self._tell = tell
        self.should_stop = should_stop
        self._last = 0.0

    def told(self, state: EncodeProgress) -> None:
        """Pass it on, unless it is of a training of which something was told a moment ago."""
        now = time.monotonic()
        if state.stage is not Stage.TRAIN or now - self._last >= TELLING_INTERVAL_S:
            self._last = now
            self._tell(News(state.window_idx, state))

    def state_made(self, window_idx: int, state: bytes) -> None:
        """Pass it on."""
        self._tell(News(window_idx, state))

    def warned(self, reason: str) -> None:
        """Pass it on."""
        self._tell(News(0, reason))


class SeveralProcesses:
    """Encodes windows in processes of this machine, each on some of its cores or on a GPU of its own.

    Args:
        num_at_once: how many.
        config: settings.

    Raises:
        DeviceError: there are fewer GPUs.
    """

    def __init__(self, num_at_once: int, config: EncoderConfig) -> None:
        self.num_at_once = num_at_once
        self._device = resolve_device(config.device).type
        if self._device == "cuda" and num_at_once > torch.cuda.device_count():
            raise DeviceError(
                f"{num_at_once} workers need as many GPUs, there are {torch.cuda.device_count()}", "device"
            )
        self._workers: list[_Worker] = []

    def __call__(self, tasks: Iterator[WindowTask], listener: WindowListener) -> Coded:
        """As :class:`Executor` says."""
        self._workers = [_Worker() for _ in range(self.num_at_once)]
        return in_order(self, tasks, listener)

    def __enter__(self) -> Self:
        """There is nothing to begin before the first window is there."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the processes, whatever they are doing."""
        for worker in self._workers:
            worker.end()

    def begin(self, task: WindowTask) -> None:
        """As :class:`Workers` says."""
        idx, worker = next((idx, worker) for idx, worker in enumerate(self._workers) if worker.window_idx is None)
        device = f"cuda:{idx}" if self._device == "cuda" else "cpu"
        worker.begin(replace(task, config=replace(task.config, device=device)))

    def news(self) -> Iterator[News]:
        """As :class:`Workers` says."""
        busy = {worker.connection: worker for worker in self._workers if worker.window_idx is not None}
        for connection in wait(list(busy), PATIENCE_S):
            assert isinstance(connection, Connection)
            yield busy[connection].hear()

    def stop(self) -> None:
        """As :class:`Workers` says."""
        for worker in self._workers:
            worker.stop()


class _Worker:
    """A process that encodes windows, seen from the one that gives them to it.

    Attributes:
        window_idx: at work; None if there is none.
        connection: to it.
    """

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.window_idx: int | None = None
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def begin(self, task: WindowTask) -> None:
        """Give it a window."""
        self.window_idx = task.window_idx
        # If it has died, that is told where it would be heard.
        with suppress(OSError):
            self.connection.send(task)

    def hear(self) -> News:
        """What it tells."""
        assert self.window_idx is not None
        try:
            news: News = self.connection.recv()
        except (EOFError, OSError):
            self._process.join()
            reason = f"the process that encoded it ended with exit code {self._process.exitcode}"
            return News(self.window_idx, TrainingError(reason, f"window {self.window_idx}"))
        if isinstance(news.what, CodedWindow):
            self.window_idx = None
        return news

    def stop(self) -> None:
        """Let its training end now."""
        if self.window_idx is not None:
            with suppress(OSError):
                self.connection.send(None)

    def end(self) -> None:
        """End it."""
        self._process.kill()
        self._process.join()
        self.connection.close()


def _work(connection: Connection) -> None:
    """Encode windows until there are no more, or until their training was stopped."""
    # The first process decides what an interrupt means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_freed_memory()
    # Nothing comes while a window is at work but the word to stop, or the end of the first process.
    listener = Telling(connection.send, connection.poll)
    with suppress(EOFError, OSError):
        while (task := connection.recv()) is not None:
            window_idx = task.window_idx
            try:
                what: CodedWindow | Exception = encode_window(task, listener)
            except Exception as error:
                what = as_sent(error)
            del task
            connection.send(News(window_idx, what))


def as_sent(error: Exception) -> Exception:
    """An error that can be sent to another process: what is no refusal goes as the text of its traceback."""
    if isinstance(error, NvcodecError):
        return error
    return RuntimeError("".join(traceback.format_exception(error)))
