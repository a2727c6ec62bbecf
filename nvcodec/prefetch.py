"""Make the next of a series while the last is in use."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Iterator
from queue import SimpleQueue
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")

# How long to wait for an item that nobody wants any more: a stalled pipe must not keep a command from ending.
PATIENCE_S = 5.0


class Prefetch(Iterator[T], Generic[T]):
    """The items of another iterable, made by a thread of their own, each as soon as the one before is taken.

    So there is never more than one item beside those that the caller holds. What making an item raises is raised where
    it would be taken. To be used as a context, at whose end the thread ends, too.

    Attributes:
        is_closing: set when no more items are wanted. Whatever takes long to make an item can ask.
    """

    def __init__(self, items: Iterable[T], is_closing: threading.Event | None = None) -> None:
        """Begin with the first item.

        Args:
            items: iterated in the thread alone.
            is_closing: the event that is to be set at the end; None for a new one.
        """
        self.is_closing = is_closing or threading.Event()
        self._wanted: SimpleQueue[bool] = SimpleQueue()
        self._made: SimpleQueue[T | _Raised] = SimpleQueue()
        self._wanted.put(True)
        self._thread = threading.Thread(target=self._make, args=(items,), name="prefetch", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.is_closing.set()
        self._wanted.put(False)
        self._thread.join(PATIENCE_S)

    def __next__(self) -> T:
        """Take an item and begin with the one behind it."""
        made = self._made.get()
        if isinstance(made, _Raised):
            # Asked once more, an iterator that has ended says so again.
            self._made.put(made)
            raise made.error
        self._wanted.put(True)
        return made

    def _make(self, items: Iterable[T]) -> None:
        iterator = iter(items)
        try:
            while self._wanted.get():
                self._made.put(next(iterator))
        except BaseException as error:
            self._made.put(_Raised(error))
        finally:
            if isinstance(iterator, Generator):
                iterator.close()


class _Raised:
    """What was raised instead of an item."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
