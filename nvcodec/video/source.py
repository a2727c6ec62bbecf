"""Videos to encode: opened from anything PyAV reads, images or a pipe, as a stream of planes with times."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import av

from nvcodec.errors import InputError, MalformedError
from nvcodec.video.format import VideoFormat
from nvcodec.video.frame import Frame as Frame
from nvcodec.video.geometry import Crop, parse_crop, parse_scale
from nvcodec.video.images import ImageReader, find_images
from nvcodec.video.interlacing import deinterlaced, require_progressive
from nvcodec.video.pixels import Orientation, PixelConversion, has_alpha, plan_conversion, read_orientation
from nvcodec.video.reader import ContainerReader, Reader
from nvcodec.video.selection import Selection
from nvcodec.video.timeline import Timeline
from nvcodec.video.tracks import NOTHING, Extras, Packet, PacketQueue, chapters_between, shifted
from nvcodec.video.y4m import Y4mReader

_MAX_NUM_DAMAGE_WARNINGS = 5
_PIPE = "-"
_ALPHA_ADVICE = (
    "which cannot be coded; lay it over a background, or drop it: ffmpeg -i IN -pix_fmt yuv444p -c:v ffv1 OUT.mkv"
)


class VideoSource:
    """A video as a stream of frames, read once from start to end.

    Attributes:
        format: of every frame, after turning, cropping and scaling.
        time_base: seconds per unit of ``pts`` and ``duration``.
        average_rate: frames per second, 25 where the source does not say.
        num_frames: frames to expect after selection, None where unknown. A damaged source holds fewer.
        about_frames: the same, guessed from times where only those are known; None where not even they are.
        extras: audio and subtitle tracks, chapters in the selected seconds, and the source's descriptive text.
        warnings: what was wrong with the source and how it was handled; grows while reading.
        name: what the user called it.

    Use :func:`open_source` to make one.
    """

    def __init__(
        self,
        reader: Reader,
        selection: Selection,
        *,
        crop: str | None,
        scale: str | None,
        deinterlace: bool,
        strict: bool,
    ) -> None:
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
        if deinterlace:
            self._decoded = deinterlaced(self._decoded, reader.tags.field_order, self.time_base)
        elif reader.tags.has_fields:
            self._decoded = require_progressive(self._decoded, reader.tags.field_order, self.name)
        first = next(self._decoded, None)
        if first is None:
            reason = f" ({self.warnings[0]})" if self.warnings else ""
            raise InputError(f"the video holds no frame that can be decoded{reason}", self.name)
        self._first = first
        self._timeline = Timeline(self.time_base, self.average_rate)
        self.extras = self._read_extras()
        self._queue = PacketQueue(self.extras.tracks, self.time_base)
        self._unplaced: list[tuple[int, Packet]] = []
        self._conversion = self._plan(first, crop, scale)
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
        for frame_idx, frame in enumerate(self._read(self._timed_frames())):
            first_pts = frame.pts if first_pts is None else first_pts
            time_s = float((frame.pts - first_pts) * self.time_base)
            if self._selection.is_past(frame_idx, time_s):
                break
            if not self._selection.has_begun(frame_idx, time_s):
                self._queue.skip_to(frame.end_pts)
                continue
            num_selected += 1
            packets = self._queue.take_all() if frame.is_last else self._queue.take_before(frame.end_pts)
            yield Frame(self._conversion.apply(frame.picture), frame.pts, frame.end_pts - frame.pts, packets)
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

    def _read(self, frames: Iterator[_TimedFrame]) -> Iterator[_TimedFrame]:
        """The same frames, each of them read under a lock, with the packets that were collected meanwhile."""
        while True:
            with self._reading:
                frame = next(frames, None)
                if frame is None:
                    return
                self._place_packets(is_end=frame.is_last)
            yield frame

    def _place_packets(self, is_end: bool) -> None:
        """Queue the packets that were collected, on the clock of the frames."""
        collector = self._reader.collector
        if collector is None:
            return
        if is_end:
            self.warnings += [warning for warning in collector.warnings if warning not in self.warnings]
        self._unplaced += collector.collected()
        shifts, waiting = self._timeline.shifts, []
        for num_jumps, packet in self._unplaced:
            if num_jumps < len(shifts) or is_end:
                shift = shifts[min(num_jumps, len(shifts) - 1)] * self.time_base
                self._queue.add(shifted(packet, shift, self.extras.tracks[packet.track_idx]))
            else:
                waiting.append((num_jumps, packet))
        self._unplaced = waiting

    def _read_extras(self) -> Extras:
        """What the source holds beside the frames; some of it is known only once the first frame is there."""
        collector = self._reader.collector
        if collector is None:
            return NOTHING
        self.warnings += collector.warnings
        begin = (self._first.pts or 0) * self.time_base
        start = -math.inf if self._selection.start_s is None else begin + Fraction(self._selection.start_s)
        end = math.inf if self._selection.end_s is None else begin + Fraction(self._selection.end_s)
        return Extras(collector.tracks, chapters_between(collector.chapters, start, end), collector.metadata)

    def _timed_frames(self) -> Iterator[_TimedFrame]:
        """Decoded frames with strictly increasing pts, which end where the next one begins."""
        timeline = self._timeline
        previous, previous_pts = self._first, timeline.place(self._first.pts)
        for frame in self._decoded:
            if _shape(frame) != _shape(self._first):
                before, after = _describe(self._first), _describe(frame)
                self._report_damage(f"the video changes from {before} to {after}; the rest is left out")
                break
            pts = timeline.place(frame.pts)
            yield _TimedFrame(previous, previous_pts, pts)
            previous, previous_pts = frame, pts
        if timeline.num_moved:
            self.warnings.append(f"{timeline.num_moved} frames had times out of order and were moved")
        has_duration = previous.pts is not None and previous.duration > 0
        duration = previous.duration if has_duration else max(1, round(timeline.step))
        yield _TimedFrame(previous, previous_pts, previous_pts + duration, is_last=True)

    def _plan(self, first: av.VideoFrame, crop: str | None, scale: str | None) -> PixelConversion:
        if self._reader.tags.has_alpha or has_alpha(first.format.name):
            raise InputError(f"the video has an alpha channel ({first.format.name}), {_ALPHA_ADVICE}", self.name)
        orientation = read_orientation(first)
        if orientation is None:
            self.warnings.append("the rotation is no multiple of 90 degrees and is ignored")
            orientation = Orientation()
        width, height = (first.height, first.width) if orientation.transposes else (first.width, first.height)
        rectangle = Crop(width, height, 0, 0) if crop is None else parse_crop(crop, width, height)
        size = rectangle.width, rectangle.height
        if scale is not None:
            size = parse_scale(scale, *size)
        conversion, losses = plan_conversion(first, self._reader.tags, orientation, rectangle, size)
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


@dataclass(frozen=True)
class _TimedFrame:
    """A decoded frame, and when it is shown."""

    picture: av.VideoFrame
    pts: int
    end_pts: int
    is_last: bool = False


def open_source(
    path: str | Path,
    *,
    frames: tuple[int | None, int | None] | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
    crop: str | None = None,
    scale: str | None = None,
    deinterlace: bool = False,
    strict: bool = False,
    audio: bool = True,
    subtitles: bool = True,
) -> VideoSource:
    """Open a video to read its frames.

    Args:
        path: a file or address that PyAV or fsspec opens; a folder, glob pattern or printf pattern of images; or "-"
            for y4m on standard input.
        frames: range A:B of frame numbers, B excluded, None for an open end.
        start_s: first time wanted, in seconds after the first frame.
        end_s: first time no longer wanted, in seconds after the first frame.
        crop: "WxH+X+Y", or "WxH" for the middle, in pixels of the upright picture.
        scale: of what is cropped: "WxH", or a factor such as "0.5" or "1/2"; bicubic.
        deinterlace: make interlaced video progressive, one frame for each frame, instead of refusing it.
        strict: refuse damage that is otherwise skipped with a warning.
        audio, subtitles: which tracks the frames are to bring along.

    Raises:
        ConfigError: a range, crop or scale that means nothing.
        InputError: missing, unreadable, no video, no decodable frame, a side over 16384, an alpha channel, interlaced.
    """
    first_frame, end_frame = frames or (None, None)
    selection = Selection(first_frame or 0, end_frame, start_s, end_s)
    selection.validate()
    reader = _open_reader(str(path), audio, subtitles)
    try:
        video = VideoSource(reader, selection, crop=crop, scale=scale, deinterlace=deinterlace, strict=strict)
    except BaseException:
        reader.close()
        raise
    if str(path) != _PIPE:
        video.may_be_opened_again(
            partial(
                open_source,
                path,
                frames=frames,
                start_s=start_s,
                end_s=end_s,
                crop=crop,
                scale=scale,
                deinterlace=deinterlace,
                strict=strict,
                audio=audio,
                subtitles=subtitles,
            )
        )
    return video


def _open_reader(path: str, audio: bool, subtitles: bool) -> Reader:
    if path == _PIPE:
        # A wrapper of its own, so that closing the source does not close the process's standard input.
        return Y4mReader(open(sys.stdin.fileno(), "rb", closefd=False), "standard input", None)
    images = find_images(path)
    if images is not None:
        return ImageReader(images, path)
    if "://" not in path and not Path(path).exists():
        raise InputError("the file does not exist", path)
    return _open_y4m(path) or ContainerReader(path, audio=audio, subtitles=subtitles)


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
