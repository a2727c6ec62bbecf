"""What every kind of input offers to :class:`nvcodec.video.source.VideoSource`, and the one that reads containers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
from av.container import InputContainer

from nvcodec.addresses import open_address
from nvcodec.errors import InputError
from nvcodec.video.collecting import PacketCollector
from nvcodec.video.interlacing import FieldOrder
from nvcodec.video.pixels import StreamTags

Report = Callable[[str], None]
"""Told of every damage that is skipped; raises where damage is not tolerated."""

FALLBACK_RATE = Fraction(25)
MAX_RATE = 1000
_WITHOUT_FIELDS = ("png", "apng")
_LOOK_AHEAD_S = 2
"""Seconds of video that are read before they are decoded, since containers may hold audio behind its frames."""
_AV_ERRORS = (av.error.FFmpegError, OSError, ValueError)


class Reader(Protocol):
    """An opened input that yields decoded frames in display order.

    ``num_frames`` is what the container promises, None where it does not; ``about_frames`` is then a guess from how
    long it says that it lasts, if it says so. A frame's ``pts`` may be None.
    """

    name: str
    time_base: Fraction
    average_rate: Fraction
    num_frames: int | None
    about_frames: int | None
    tags: StreamTags

    @property
    def collector(self) -> PacketCollector | None:
        """What takes audio and subtitles; None for sources that have none."""
        ...

    def decode(self, report: Report) -> Iterator[av.VideoFrame]:
        """Yield the frames that are sound and report what is skipped."""
        ...

    def close(self) -> None:
        """Release the input."""
        ...


class ContainerReader:
    """Reads the best video stream of whatever PyAV opens.

    Args:
        path: file or address.
        audio, subtitles: which packets are to be collected, too.

    Raises:
        InputError: missing, unreadable, not a video, no video stream, or no decoder for it.
    """

    def __init__(self, path: str, *, audio: bool = False, subtitles: bool = False) -> None:
        self.name = path
        self._container = open_container(path)
        stream: Any = self._container.streams.best("video")
        if stream is None:
            self._container.close()
            raise InputError("the file has no video stream", path)
        self._stream = stream
        context = stream.codec_context
        if context is None or not stream.time_base:
            self._container.close()
            raise InputError("there is no decoder for the video stream", path)
        self.time_base: Fraction = stream.time_base
        rates = (stream.average_rate, stream.guessed_rate, stream.base_rate)
        self.average_rate = next((rate for rate in rates if rate and 0 < rate < MAX_RATE), FALLBACK_RATE)
        self.num_frames: int | None = _promised_frames(self._container, stream) or None
        duration_s = (self._container.duration or 0) / av.time_base
        self.about_frames: int | None = self.num_frames or round(duration_s * self.average_rate) or None
        aspect = stream.sample_aspect_ratio or context.sample_aspect_ratio
        self.tags = StreamTags(
            color_primaries=int(context.color_primaries),
            transfer_characteristics=int(context.color_trc),
            matrix_coefficients=int(context.colorspace),
            av_color_range=int(context.color_range),
            sample_aspect=aspect if aspect and aspect > 0 else Fraction(0),
            field_order=FieldOrder.of_av(context.field_order),
            has_fields=context.name not in _WITHOUT_FIELDS,
            has_alpha=stream.metadata.get("alpha_mode") == "1",
        )
        self.collector = PacketCollector(self._container, audio=audio, subtitles=subtitles)

    def decode(self, report: Report) -> Iterator[av.VideoFrame]:
        """Yield all sound frames; damaged packets and frames are skipped and reported."""
        num_frames = num_skipped = 0
        end_s = 0.0
        for packet_idx, packet in enumerate(self._video_packets(report)):
            try:
                if packet.is_corrupt:
                    raise ValueError("the packet is incomplete")
                frames: list[av.VideoFrame] = packet.decode()
            except _AV_ERRORS as error:
                num_skipped += 1
                report(f"damaged packet {packet_idx} skipped, after {num_frames} frames: {reason_of(error)}")
                continue
            for frame in frames:
                if frame.is_corrupt:
                    num_skipped += 1
                    report(f"damaged frame skipped, after {num_frames} frames")
                    continue
                num_frames += 1
                end_s = self._end_s(frame)
                yield frame
        self._check_end(num_frames, num_skipped, end_s, report)

    def close(self) -> None:
        """Close the container."""
        self._container.close()

    def _video_packets(self, report: Report) -> Iterator[Any]:
        """The packets of the video. Others are collected on the way, those that come a little late in time, too."""
        num_ahead = round(_LOOK_AHEAD_S * self.average_rate) if self.collector.streams else 0
        held: deque[Any] = deque()
        for packet in self._packets(report):
            if packet.stream_index != self._stream.index:
                self.collector.take(packet)
                continue
            self.collector.see_video(packet)
            held.append(packet)
            if len(held) > num_ahead:
                yield held.popleft()
        self.collector.finish()
        yield from held

    def _packets(self, report: Report) -> Iterator[Any]:
        packets = self._container.demux([self._stream, *self.collector.streams])
        while True:
            try:
                yield next(packets)
            except StopIteration:
                return
            except _AV_ERRORS as error:
                report(f"the file breaks off: {reason_of(error)}")
                return

    def _end_s(self, frame: av.VideoFrame) -> float:
        if frame.pts is None:
            return 0.0
        return float((frame.pts + (frame.duration or 0)) * self.time_base)

    def _check_end(self, num_frames: int, num_skipped: int, end_s: float, report: Report) -> None:
        """Report an end that comes before the one the container promises."""
        if num_frames == 0:
            return
        if self.num_frames is not None:
            if num_frames + num_skipped < self.num_frames:
                report(f"the file breaks off after {num_frames} of {self.num_frames} frames")
            return
        promised_s = _duration_tag_s(self._stream.metadata.get("DURATION", ""))
        if promised_s - end_s > 3 / float(self.average_rate):
            report(f"the file breaks off after {num_frames} frames, at {end_s:.2f} of {promised_s:.2f} s")


def open_container(path: str) -> InputContainer:
    """Open a file or address with PyAV; an address of a kind that FFmpeg does not know, through fsspec.

    Raises:
        InputError: with the system's or the library's reason.
    """
    is_url = "://" in path and not Path(path).exists()
    try:
        try:
            # The prefix keeps a colon in a file's name from being read as a protocol; tags need not be UTF-8.
            return av.open(path if is_url else f"file:{path}", "r", metadata_errors="surrogateescape")
        except av.error.ProtocolNotFoundError:
            return av.open(open_address(path, reads_ahead=True), "r", metadata_errors="surrogateescape")
    except _AV_ERRORS as error:
        raise InputError(f"cannot be opened as video: {reason_of(error)}", path) from error


def reason_of(error: Exception) -> str:
    """The reason of a library's error as one short line without numbers and file names."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return reason[:1].lower() + reason[1:]


def _promised_frames(container: InputContainer, stream: Any) -> int:
    """Frames that the container says it shows; 0 if it does not say. An edit list may hide some of what it stores."""
    if "mov" not in container.format.name.split(",") or len(stream.index_entries) > stream.frames:
        return int(stream.frames)
    return sum(not entry.is_discard for entry in stream.index_entries)


def _duration_tag_s(text: str) -> float:
    """Seconds of a Matroska DURATION tag, ``HH:MM:SS.fraction``; 0 where it is none."""
    try:
        hours, minutes, seconds = text.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except ValueError:
        return 0.0
