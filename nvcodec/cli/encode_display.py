"""How a running encode looks: a live line on a terminal, plain lines elsewhere, JSON lines for machines."""

from __future__ import annotations

import dataclasses
import enum
import json
import time
from types import TracebackType
from typing import Protocol, Self

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from nvcodec.cli.formatting import format_bytes, format_count, format_duration
from nvcodec.encoder.progress import EncodeProgress, EncodeResult, Stage

VERBOSE_INTERVAL_S = 2.0


class EncodeDisplay(Protocol):
    """Shows an encode; a context manager around it."""

    def __enter__(self) -> Self:
        """Begin."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End, whatever happened."""
        ...

    def update(self, state: EncodeProgress) -> None:
        """Show a new state."""
        ...

    def finish(self, result: EncodeResult) -> None:
        """Show the result."""
        ...


class QuietDisplay:
    """Shows nothing."""

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End."""

    def update(self, state: EncodeProgress) -> None:
        """Show nothing."""

    def finish(self, result: EncodeResult) -> None:
        """Show nothing."""


class JsonDisplay(QuietDisplay):
    """One JSON object per event on standard output; ``event`` is ``progress`` or ``result``."""

    def update(self, state: EncodeProgress) -> None:
        """Write a progress event."""
        self._write("progress", state)

    def finish(self, result: EncodeResult) -> None:
        """Write the result."""
        totals: dict[str, float | None] = {
            "num_frames": result.num_frames,
            "psnr_y": result.psnr_y,
            "psnr_rgb": result.psnr_rgb,
        }
        self._write("result", result, totals)

    def _write(
        self, event: str, record: EncodeProgress | EncodeResult, extra: dict[str, float | None] | None = None
    ) -> None:
        values = {"event": event, **dataclasses.asdict(record), **(extra or {})}
        click.echo(
            json.dumps(values, default=lambda value: value.value if isinstance(value, enum.Enum) else str(value))
        )


class PlainDisplay(QuietDisplay):
    """Lines on standard error: one for each finished window; told more, also its plan and training as it goes."""

    def __init__(self, verbosity: int) -> None:
        self._verbosity = verbosity
        self._last_line = 0.0

    def update(self, state: EncodeProgress) -> None:
        """Print what is new."""
        if state.stage in (Stage.WRITTEN, Stage.TAKEN_OVER):
            click.echo(window_line(state), err=True)
        elif self._verbosity and state.stage is Stage.PLAN:
            click.echo(plan_line(state), err=True)
            self._last_line = time.monotonic()
        elif self._verbosity and state.stage is Stage.TRAIN and self._is_due():
            click.echo(f"  {training_text(state)}", err=True)

    def finish(self, result: EncodeResult) -> None:
        """Print the summary."""
        click.echo(result_line(result), err=True)

    def _is_due(self) -> bool:
        interval = 0.0 if self._verbosity > 1 else VERBOSE_INTERVAL_S
        if time.monotonic() - self._last_line < interval:
            return False
        self._last_line = time.monotonic()
        return True


class LiveDisplay(QuietDisplay):
    """A progress bar that stays at the bottom of the terminal, with a line above it for each finished window."""

    def __init__(self) -> None:
        self._progress = Progress(
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.description}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._task: TaskID | None = None
        self._has_told_plan = False

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the terminal as it was."""
        self._progress.stop()

    def update(self, state: EncodeProgress) -> None:
        """Redraw."""
        if state.stage in (Stage.WRITTEN, Stage.TAKEN_OVER):
            self._print(window_line(state))
        elif state.stage is Stage.PLAN and not self._has_told_plan:
            self._print(plan_line(state))
            self._has_told_plan = True
        if self._task is None:
            self._task = self._progress.add_task("", total=1.0)
        self._progress.update(self._task, completed=done_fraction(state), description=training_text(state))

    def finish(self, result: EncodeResult) -> None:
        """Print the summary below."""
        self._print(result_line(result))

    def _print(self, line: str) -> None:
        self._progress.console.print(line, highlight=False, markup=False)


def done_fraction(state: EncodeProgress) -> float:
    """How much of the video is done; of the window at work, where the video's length is not known."""
    if not state.frames_expected:
        return state.window_fraction
    if state.stage in (Stage.SURVEY, Stage.PILOT):
        return state.frames_coded / state.frames_expected
    at_work = 0.0 if state.stage in (Stage.WRITTEN, Stage.TAKEN_OVER) else state.window_fraction * state.num_frames
    return min(1.0, (state.frames_coded + at_work) / state.frames_expected)


def plan_line(state: EncodeProgress) -> str:
    """A window before it trains, with the estimated time for all that is left, and the memory that it takes at most."""
    begun = f", {state.window_fraction:.0%} of them done by an earlier encode" if state.window_fraction else ""
    return (
        f"{window_text(state)}, {format_count(state.num_parameters)} parameters each, "
        f"{state.num_epochs} epochs{begun}; "
        f"estimated time left {format_duration(state.seconds_left)}{memory_text(state)}"
    )


def window_text(state: EncodeProgress) -> str:
    """Which window: its frames and chunks."""
    last_frame = state.first_frame + state.num_frames - 1
    return f"window {state.window_idx}: frames {state.first_frame}-{last_frame}, {chunks_text(state)}"


def chunks_text(state: EncodeProgress) -> str:
    """How many chunks the window has."""
    return "1 chunk" if state.num_chunks == 1 else f"{state.num_chunks} chunks"


def memory_text(state: EncodeProgress) -> str:
    """How much memory a planned window takes at most, and for what."""
    if state.memory is None:
        return ""
    program, frames, training = (
        format_bytes(part) for part in (state.memory.program, state.memory.frames, state.memory.training)
    )
    total = format_bytes(state.memory.total)
    return f", memory about {total}: program {program} + 2 windows' frames {frames} + training {training}"


def training_text(state: EncodeProgress) -> str:
    """Window, chunks, epoch, quality, size and time left of a window at work."""
    if state.stage is Stage.SURVEY:
        expected = "" if state.frames_expected is None else f"/{state.frames_expected}"
        return f"reading the video once to share out its bits, {state.num_frames}{expected} frames"
    if state.stage is Stage.PILOT:
        return f"window {state.window_idx}, {chunks_text(state)}, a short training to size its networks"
    if state.stage is not Stage.TRAIN:
        doing = {Stage.PLAN: "planned", Stage.MASK: "choosing what they share"}.get(state.stage, "done")
        return f"window {state.window_idx}, {chunks_text(state)}, {doing}, {time_left_text(state)}"
    coded = "" if state.frames_expected is None else f"{state.frames_coded}/{state.frames_expected} frames coded, "
    rate = "" if state.bpp is None else f"{state.bpp:.4f} bpp, "
    return (
        f"window {state.window_idx}, {chunks_text(state)}, epoch {state.epoch}/{state.num_epochs}, "
        f"{state.psnr:.2f} dB, {rate}{coded}{format_bytes(state.bytes_written)}, {time_left_text(state)}"
    )


def time_left_text(state: EncodeProgress) -> str:
    """How long the rest is going to take."""
    return f"{format_duration(state.seconds_left)} left"


def window_line(state: EncodeProgress) -> str:
    """A window that stands in the file."""
    how = "written and verified" if state.stage is Stage.WRITTEN else "taken over and verified"
    is_last = state.frames_coded == state.frames_expected or state.stage is Stage.TAKEN_OVER
    left = "" if is_last or not state.seconds_left else f", {time_left_text(state)}"
    return f"{window_text(state)}, {how}, {state.psnr:.2f} dB RGB, {format_bytes(state.bytes_written)} so far{left}"


def result_line(result: EncodeResult) -> str:
    """The whole encode in a line."""
    windows = f"{len(result.windows)} window{'s' if len(result.windows) != 1 else ''}"
    size = f"{result.num_frames} frames in {windows}, {format_bytes(result.file_bytes)}, {result.bpp:.4f} bpp"
    psnr_y, psnr_rgb = result.psnr_y, result.psnr_rgb
    if psnr_y is None or psnr_rgb is None:
        return f"nothing to do, the file is complete: {size}"
    incomplete = "" if result.is_complete else " (stopped early: the file is valid, but not complete; --resume goes on)"
    return (
        f"{size}, {psnr_y:.2f} dB Y, {psnr_rgb:.2f} dB RGB, "
        f"{format_duration(result.seconds)} on {result.device}{incomplete}"
    )
