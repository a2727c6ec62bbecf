"""The next item is made while the last is in use."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest

from nvcodec.prefetch import Prefetch


def test_items_come_in_order_and_end() -> None:
    with Prefetch(range(100)) as items:
        assert list(items) == list(range(100))
        assert next(items, None) is None


def test_the_next_item_is_made_while_the_last_is_in_use_and_none_beyond() -> None:
    begun = [threading.Event() for _ in range(4)]

    def make() -> Iterator[int]:
        for idx, event in enumerate(begun):
            event.set()
            yield idx

    with Prefetch(make()) as items:
        assert next(items) == 0
        assert begun[1].wait(10)
        assert not begun[2].wait(0.05)
        assert next(items) == 1
        assert begun[2].wait(10)


def test_an_error_is_raised_where_its_item_would_be_taken_and_again() -> None:
    def make() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    with Prefetch(make()) as items:
        assert next(items) == 1
        for _ in range(2):
            with pytest.raises(ValueError, match="broken"):
                next(items)


def test_the_thread_ends_with_the_context() -> None:
    before = threading.active_count()
    with pytest.raises(KeyError), Prefetch(iter(range(10))) as items:
        next(items)
        raise KeyError
    assert threading.active_count() == before


def test_what_is_being_made_can_ask_whether_it_is_wanted() -> None:
    is_closing = threading.Event()

    def make() -> Iterator[int]:
        yield 0
        assert is_closing.wait(10)

    with Prefetch(make(), is_closing) as items:
        assert next(items) == 0


def test_an_item_that_was_taken_is_not_held() -> None:
    class Item:
        pass

    with Prefetch(Item() for _ in range(3)) as items:
        first = weakref.ref(next(items))
        next(items)
        gc.collect()
        assert first() is None


def test_a_generator_that_is_not_needed_to_its_end_is_closed_with_what_it_holds() -> None:
    closed = threading.Event()

    def inner() -> Iterator[int]:
        try:
            yield from range(100)
        finally:
            closed.set()

    def outer() -> Iterator[int]:
        with Prefetch(inner()) as items:
            yield from items

    before = threading.active_count()
    made = outer()
    with pytest.raises(KeyError), Prefetch(made) as items:
        next(items)
        raise KeyError
    assert closed.is_set()
    assert threading.active_count() == before
