"""Videos to encode: opened from anything PyAV reads, images or a pipe, as a stream of planes with times."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import av

from nvcodec.errors import ConfigError, InputError, MalformedError
from nvcodec.video.format import MAX_SIDE, VideoFormat
from nvcodec.video.frame import Frame as Frame
from nvcodec.video.images import ImageReader, find_images
from nvcodec.video.pixels import Orientation, PixelConversion, plan_conversion, read_orientation
from nvcodec.video.reader import ContainerReader, Reader
from nvcodec.video.selection import Selection
from nvcodec.video.y4m import Y4mReader

MIN_SCALED_SIDE = 16
_MAX_NUM_DAMAGE_WARNINGS = 5
_PIPE = "-"


class VideoSource:
    """A video as a stream of frames, read once from start to end.

    Attributes:
        format: of every frame, after turning and scaling.
        time_base: seconds per unit of ``pts`` and ``duration``.
        average_rate: frames per second, 25 where the source does not say.
        num_frames: frames to expect after selection, None where unknown. A damaged source holds fewer.
        about_frames: the same, guessed from times where only those are known; None where not even they are.
        warnings: what was wrong with the source and how it was handled; grows while reading.
        name: what the user called it.

    Use :func:`open_source` to make one.
    """

    def __init__(self, reader: Reader, selection: Selection, scale: str | None, strict: bool) -> None:
        self.name = reader.name
        self.time_base = reader.time_base
        self.average_rate = reader.average_rate
        self.num_frames = selection.count(reader.num_frames)
        self.about_frames = selection.guess(reader.about_frames, reader.average_rate)
        self.warnings: list[str] = []
        self._reader = reader
        self._reading = threading.Lock()
        self._selection = selection
        self._strict = strict
        self._open_again: Callable[[], VideoSource] | None = None
        self._num_damages = 0
        self._decoded = reader.decode(self._report_damage)
        first = next(self._decoded, None)
        if first is None:
            reason = f" ({self.warnings[0]})" if self.warnings else ""
            raise InputError(f"the video holds no frame that can be decoded{reason}", self.name)
        self._first = first
        self._conversion = self._plan(first, scale)
        self.format: VideoFormat = self._conversion.format

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Frame]:
        """Yield the selected frames, once.

        Raises:
            InputError: no frame is selected, or damage in a strict source.
        """
        num_selected = 0
        first_pts: int | None = None
        for frame_idx, (decoded, pts, duration) in enumerate(self._read(self._timed_frames())):
            first_pts = pts if first_pts is None else first_pts
            time_s = float((pts - first_pts) * self.time_base)
            if self._selection.is_past(frame_idx, time_s):
                break
            if self._selection.has_begun(frame_idx, time_s):
                num_selected += 1
                yield Frame(self._conversion.apply(decoded), pts, duration)
        if num_selected == 0:
            raise InputError("no frame lies in the selected range", self.name)

    def may_be_opened_again(self, open_again: Callable[[], VideoSource]) -> None:
        """Say how."""
        self._open_again = open_again

    def again(self) -> VideoSource | None:
        """The same frames once more, from their start; None if they can be read only once."""
        return None if self._open_again is None else self._open_again()

    def close(self) -> None:
        """Release the input, unless another thread is reading: what it waits for may never come."""
        if self._reading.acquire(blocking=False):
            self._reader.close()
            self._reading.release()

    def _read(self, frames: Iterator[tuple[av.VideoFrame, int, int]]) -> Iterator[tuple[av.VideoFrame, int, int]]:
        """The same frames, each of them read under a lock."""
        while True:
            with self._reading:
                frame = next(frames, None)
            if frame is None:
                return
            yield frame

    def _timed_frames(self) -> Iterator[tuple[av.VideoFrame, int, int]]:
        """Decoded frames with strictly increasing pts, and durations that reach to the next frame."""
        timeline = _Timeline(self.time_base, self.average_rate)
        previous, previous_pts = self._first, timeline.place(self._first.pts)
        for frame in self._decoded:
            if _shape(frame) != _shape(self._first):
                before, after = _describe(self._first), _describe(frame)
                self._report_damage(f"the video changes from {before} to {after}; the rest is left out")
                break
            pts = timeline.place(frame.pts)
            yield previous, previous_pts, pts - previous_pts
            previous, previous_pts = frame, pts
        if timeline.num_moved:
            self.warnings.append(f"{timeline.num_moved} frames had times out of order and were moved")
        has_duration = previous.pts is not None and previous.duration > 0
        yield previous, previous_pts, previous.duration if has_duration else max(1, round(timeline.step))

    def _plan(self, first: av.VideoFrame, scale: str | None) -> PixelConversion:
        orientation = read_orientation(first)
        if orientation is None:
            self.warnings.append("the rotation is no multiple of 90 degrees and is ignored")
            orientation = Orientation()
        width, height = (first.height, first.width) if orientation.transposes else (first.width, first.height)
        size = None if scale is None else parse_scale(scale, width, height)
        conversion, losses = plan_conversion(first, self._reader.tags, orientation, size)
        self.warnings += losses
        try:
            conversion.format.validate()
        except MalformedError as error:
            raise InputError(error.reason, self.name) from error
        return conversion

    def _report_damage(self, message: str) -> None:
        if self._strict:
            raise InputError(message, self.name)
        self._num_damages += 1
        if self._num_damages <= _MAX_NUM_DAMAGE_WARNINGS:
            self.warnings.append(message)
        elif self._num_damages == _MAX_NUM_DAMAGE_WARNINGS + 1:
            self.warnings.append("there is more damage, which is not listed")


class _Timeline:
    """Gives every frame a pts greater than the one before.

    Attributes:
        step: units between frames at the average rate.
        num_moved: frames whose own pts could not be kept.
    """

    def __init__(self, time_base: Fraction, average_rate: Fraction) -> None:
        self.step = 1 / (average_rate * time_base)
        self.num_moved = 0
        self._one_second = 1 / time_base
        self._shift = 0
        self._last: int | None = None
        self._anchor = 0
        self._num_since_anchor = 0

    def place(self, pts: int | None) -> int:
        """The pts to use for the next frame: its own, or one made up from the rate where it has none."""
        made_up = self._anchor + round(self._num_since_anchor * self.step)
        placed = made_up if pts is None else pts + self._shift
        if self._last is not None and placed <= self._last:
            self.num_moved += 1
            if self._last - placed > self._one_second:
                # The clock was restarted, as where recordings were joined: all that follows moves along.
                self._shift += self._last + max(1, round(self.step)) - placed
                placed = self._last + max(1, round(self.step))
            else:
                placed = self._last + 1
        if pts is not None:
            self._anchor, self._num_since_anchor = placed, 0
        self._num_since_anchor += 1
        self._last = placed
        return placed


def open_source(
    path: str | Path,
    *,
    frames: tuple[int | None, int | None] | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
    scale: str | None = None,
    strict: bool = False,
) -> VideoSource:
    """Open a video to read its frames.

    Args:
        path: a file or URL that PyAV opens; a folder, glob pattern or printf pattern of images; or "-" for y4m on
            standard input.
        frames: range A:B of frame numbers, B excluded, None for an open end.
        start_s: first time wanted, in seconds after the first frame.
        end_s: first time no longer wanted, in seconds after the first frame.
        scale: "WxH", or a factor such as "0.5" or "1/2"; bicubic.
        strict: refuse damage that is otherwise skipped with a warning.

    Raises:
        ConfigError: a range or scale that means nothing.
        InputError: missing, unreadable, no video, no decodable frame, a side over 16384.
    """
    first_frame, end_frame = frames or (None, None)
    selection = Selection(first_frame or 0, end_frame, start_s, end_s)
    selection.validate()
    reader = _open_reader(str(path))
    try:
        video = VideoSource(reader, selection, scale, strict)
    except BaseException:
        reader.close()
        raise
    if str(path) != _PIPE:
        video.may_be_opened_again(
            partial(open_source, path, frames=frames, start_s=start_s, end_s=end_s, scale=scale, strict=strict)
        )
    return video


def parse_scale(scale: str, width: int, height: int) -> tuple[int, int]:
    """Width and height that a scale text asks for, given those of the source.

    Raises:
        ConfigError: not "WxH" nor a positive factor, or a side under 16 or over 16384.
    """
    explicit = re.fullmatch(r"(\d+)x(\d+)", scale.strip())
    if explicit:
        new_width, new_height = int(explicit[1]), int(explicit[2])
    else:
        try:
            factor = Fraction(scale.strip())
        except (ValueError, ZeroDivisionError) as error:
            raise ConfigError(f"{scale!r} is neither WxH nor a factor such as 0.5 or 1/2", "scale") from error
        new_width, new_height = round(width * factor), round(height * factor)
    if min(new_width, new_height) < MIN_SCALED_SIDE or max(new_width, new_height) > MAX_SIDE:
        size = f"{new_width}x{new_height}"
        raise ConfigError(f"{scale!r} gives {size}; sides must be {MIN_SCALED_SIDE}..{MAX_SIDE}", "scale")
    return new_width, new_height


def _open_reader(path: str) -> Reader:
    if path == _PIPE:
        # A wrapper of its own, so that closing the source does not close the process's standard input.
        return Y4mReader(open(sys.stdin.fileno(), "rb", closefd=False), "standard input", None)
    images = find_images(path)
    if images is not None:
        return ImageReader(images, path)
    if "://" not in path and not Path(path).exists():
        raise InputError("the file does not exist", path)
    return _open_y4m(path) or ContainerReader(path)


def _open_y4m(path: str) -> Y4mReader | None:
    """A reader for a y4m file of a supported kind; None for any other file, which PyAV may know."""
    if not Path(path).is_file():
        return None
    try:
        file = open(path, "rb")  # noqa: SIM115 (the reader closes it)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path) from error
    try:
        return Y4mReader(file, path, Path(path).stat().st_size)
    except InputError:
        file.close()
        return None


def _shape(frame: av.VideoFrame) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name


def _describe(frame: av.VideoFrame) -> str:
    return f"{frame.width}x{frame.height} {frame.format.name}"
