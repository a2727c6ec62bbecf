"""Windows encoded by the machines of a Ray cluster, which is an optional extra: ``nvcodec[ray]``."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import ModuleType, TracebackType
from typing import Any, Self

from nvcodec.decoder.device import keep_freed_memory
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.executors import PATIENCE_S, Coded, News, Telling, as_sent, in_order
from nvcodec.encoder.window_task import CodedWindow, WindowListener, WindowTask, encode_window
from nvcodec.errors import ConfigError, TrainingError

MOST_ATTEMPTS = 4
"""How often a window is begun before the cluster is given up."""


class RayCluster:
    """Encodes windows on a Ray cluster, each as a task of its own with its threads, or a GPU, as its resources.

    A window whose machine is lost is given to another, from its last training state on.

    Args:
        address: as ``ray.init`` takes it: ``auto`` or ``ray://host:port``.
        config: settings; a window takes their threads, and a GPU unless they name the CPU and if the cluster has any.
        num_at_once: most windows at the same time; None: as many as there are resources for.

    Raises:
        ConfigError: Ray is missing, there is no such cluster, or it has not the resources for one window.
    """

    def __init__(self, address: str, config: EncoderConfig, num_at_once: int | None = None) -> None:
        self._ray = _import_ray()
        self._at_work: dict[int, _AtWork] = {}
        try:
            self._ray.init(address=address, log_to_driver=False, logging_level="ERROR", ignore_reinit_error=True)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise ConfigError(f"there is no Ray cluster at {address}: {error}", "cluster") from error
        resources = self._ray.cluster_resources()
        num_gpus, num_threads = int(resources.get("GPU", 0)), config.threads or 1
        uses_gpus = config.device == "cuda" or (config.device == "auto" and num_gpus > 0)
        self._device = "cuda" if uses_gpus else "cpu"
        self._options = {"num_cpus": num_threads, "num_gpus": int(uses_gpus), "max_concurrency": 3, "max_restarts": 0}
        capacity = num_gpus if uses_gpus else int(resources.get("CPU", 0)) // num_threads
        if not capacity:
            self._ray.shutdown()
            needed = "a GPU" if uses_gpus else f"{num_threads} CPUs"
            raise ConfigError(f"the cluster has not {needed} for a window", "cluster")
        self.num_at_once = min(capacity, num_at_once or capacity)

    def __call__(self, tasks: Iterator[WindowTask], listener: WindowListener) -> Coded:
        """As ``Executor`` says."""
        return in_order(self, tasks, listener)

    def __enter__(self) -> Self:
        """It has begun."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End what is at work, and leave the cluster."""
        for window in self._at_work.values():
            self._ray.kill(window.encoder)
        self._ray.shutdown()

    def begin(self, task: WindowTask) -> None:
        """As ``Workers`` says."""
        self._begin(replace(task, config=replace(task.config, device=self._device)), num_attempts=1)

    def news(self) -> Iterator[News]:
        """As ``Workers`` says."""
        waiting = {ref: window for window in self._at_work.values() for ref in (window.coded, window.news)}
        ready, _ = self._ray.wait(list(waiting), num_returns=1, timeout=PATIENCE_S)
        # With what is coded the encoder goes, and with it what it has told before.
        for ref in sorted(ready, key=lambda ref: waiting[ref].coded is ref):
            window = waiting[ref]
            try:
                if ref is window.news:
                    yield from self._told(window)
                else:
                    yield self._finished(window)
            except self._ray.exceptions.RayTaskError as error:
                raise error.cause if isinstance(error.cause, Exception) else error from None
            except self._ray.exceptions.RayError as error:
                self._begin_again(window, error)

    def stop(self) -> None:
        """As ``Workers`` says."""
        for window in self._at_work.values():
            window.encoder.stop.remote()

    def _begin(self, task: WindowTask, num_attempts: int) -> None:
        encoder = self._ray.remote(Encoder).options(**self._options).remote()
        coded = encoder.encode.remote(self._ray.put(task))
        self._at_work[task.window_idx] = _AtWork(task, encoder, coded, encoder.news.remote(), num_attempts)

    def _told(self, window: _AtWork) -> Iterator[News]:
        for news in self._ray.get(window.news):
            if isinstance(news.what, bytes):
                window.task = replace(window.task, state=news.what)
            yield news
        window.news = window.encoder.news.remote()

    def _finished(self, window: _AtWork) -> News:
        coded: CodedWindow = self._ray.get(window.coded)
        del self._at_work[window.task.window_idx]
        self._ray.kill(window.encoder)
        return News(window.task.window_idx, coded)

    def _begin_again(self, window: _AtWork, error: Exception) -> None:
        """Give a window to another machine."""
        if self._at_work.get(window.task.window_idx) is not window:
            # Both of what it was waited for has failed, and this is the second.
            return
        if window.num_attempts == MOST_ATTEMPTS:
            place = f"window {window.task.window_idx}"
            raise TrainingError(f"{MOST_ATTEMPTS} machines of the cluster were lost in turn: {error}", place)
        self._begin(window.task, window.num_attempts + 1)


@dataclass(eq=False)
class _AtWork:
    """A window that the cluster encodes: by whom, and the references of what is going to be coded and told."""

    task: WindowTask
    encoder: Any
    coded: Any
    news: Any
    num_attempts: int


class Encoder:
    """Encodes one window on a machine of the cluster, and tells of it while it does; Ray's word for it is actor."""

    def __init__(self) -> None:
        keep_freed_memory()
        self._news: queue.SimpleQueue[News] = queue.SimpleQueue()
        self._stop = threading.Event()

    def encode(self, task: WindowTask) -> CodedWindow:
        """Encode it."""
        try:
            return encode_window(task, Telling(self._news.put, self._stop.is_set))
        except Exception as error:
            raise as_sent(error) from None

    def news(self) -> list[News]:
        """What there is to tell since the last time; waits a little if there is nothing."""
        news: list[News] = []
        with contextlib.suppress(queue.Empty):
            news.append(self._news.get(timeout=PATIENCE_S))
            while True:
                news.append(self._news.get_nowait())
        return news

    def stop(self) -> None:
        """Let the training end now."""
        self._stop.set()


def _import_ray() -> ModuleType:
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise ConfigError("Ray is missing; install it with: pip install 'nvcodec[ray]'", "cluster") from error
    module: ModuleType = ray
    return module
