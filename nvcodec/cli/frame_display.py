"""How far a command has come with its frames."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

FrameDisplay = Callable[[str, int, int], None]
"""Told what is done, how many frames of it, of how many."""


@contextmanager
def frame_display(quiet: bool) -> Iterator[FrameDisplay]:
    """A bar on a terminal, with a line for what is at work; nothing elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield lambda doing, done, of: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (BarColumn(bar_width=24), MofNCompleteColumn(), TextColumn("{task.description},"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def show(doing: str, done: int, of: int) -> None:
            if doing not in tasks:
                for task in tasks.values():
                    bar.update(task, visible=False)
                tasks[doing] = bar.add_task(escape(doing))
            bar.update(tasks[doing], completed=done, total=of)

        yield show
