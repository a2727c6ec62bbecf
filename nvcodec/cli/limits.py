"""The options that say what a file may ask for, shared by all commands that read one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from nvcodec.bitstream.limits import Limits
from nvcodec.cli.types import Quantity

R = TypeVar("R")


def limit_options(command: Callable[..., R]) -> Callable[..., R]:
    """Decorate a command's function: it gets ``limits``, what a file may ask for before it is refused."""

    @click.option("--max-pixels", type=Quantity(), help="Refuse larger frames and networks.  [default: 67.1M]")
    @click.option("--max-frames", type=Quantity(), help="Refuse files of more frames.  [default: 16.8M]")
    @click.option(
        "--max-memory", type=Quantity(is_bytes=True), help="Refuse chunks and boxes that take more.  [default: 8G]"
    )
    @functools.wraps(command)
    def limited(*args: Any, max_pixels: int | None, max_frames: int | None, max_memory: int | None, **kwargs: Any) -> R:
        given = {"max_pixels": max_pixels, "max_frames": max_frames, "max_memory": max_memory}
        limits = Limits(**{name: value for name, value in given.items() if value is not None})
        return command(*args, limits=limits, **kwargs)

    return limited
