"""Packets of audio and subtitles, chapters and text, taken from a container while its video is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from av.container import InputContainer

from nvcodec.video.tracks import NANOSECONDS, Chapter, Packet, Track, TrackKind

MAX_TRACKS = 64
_MAX_DATA_BYTES, _MAX_EXTRADATA_BYTES, _MAX_DURATION, _MAX_DELAY = 1 << 24, 1 << 20, 2**32 - 1, 2**31 - 1
_MAX_NAME_BYTES, _MAX_TITLE_BYTES, _MAX_TAG_BYTES = 64, 1024, 1 << 14
_MAX_TIME = 2**62
_KINDS = {"audio": TrackKind.AUDIO, "subtitle": TrackKind.SUBTITLE}
_OF_THE_CONTAINER = ("encoder", "settings", "major_brand", "minor_version", "compatible_brands", "duration")
"""Tags that say how the source was written; ``settings`` is a name that nvcodec uses."""
_USUAL_LAYOUTS = ("mono", "stereo", "2.1", "4.0", "5.0", "5.1", "6.1", "7.1")
"""By number of channels."""
_JUMP_S = 1.0
_PATIENCE_S = 3.0


class PacketCollector:
    """What a container holds beside its video.

    Where the clock of a source is restarted, as where recordings were joined, packets are counted to the time before or
    behind the jump: to the one in which their time is nearer to that of the video.

    Args:
        container: just opened with ``metadata_errors="surrogateescape"``.
        audio, subtitles: which kinds of tracks are wanted.

    Attributes:
        streams: whose packets :meth:`take` wants.
        metadata: the container's own tags.
        warnings: what cannot be taken; grows.
    """

    def __init__(self, container: InputContainer, *, audio: bool, subtitles: bool) -> None:
        self.warnings: list[str] = []
        self.streams: list[Any] = []
        self._tracks: list[Track] = []
        wanted = {"audio": audio, "subtitle": subtitles}
        for stream in container.streams:
            if wanted.get(stream.type):
                self._add(stream)
        self.metadata = dict(self._read_tags(container.metadata))
        self.chapters = tuple(self._read_chapters(container))
        self._track_idx = {stream.index: track_idx for track_idx, stream in enumerate(self.streams)}
        self._next_pts: list[int | None] = [None] * len(self.streams)
        self._delays = [0] * len(self.streams)
        self._collected: list[tuple[int, Packet]] = []
        self._early: list[tuple[float, Packet]] = []
        self._video_s = 0.0
        self._ends_s: list[float] = []

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The tracks; their ``delay`` is known once their first packet was taken."""
        return tuple(replace(track, delay=delay) for track, delay in zip(self._tracks, self._delays, strict=True))

    def see_video(self, packet: Any) -> None:
        """Take note of the time of a video packet, in the order of the file."""
        time = packet.pts if packet.dts is None else packet.dts
        if time is None:
            return
        time_s = float(time * packet.time_base)
        if time_s < self._video_s - _JUMP_S:
            self._ends_s.append(self._video_s)
            self._release(len(self._ends_s))
        elif self._early and time_s > self._early[0][0] + _PATIENCE_S:
            # The video does not jump, so these are just late.
            self._release(len(self._ends_s))
        self._video_s = time_s

    def take(self, packet: Any) -> None:
        """Take a packet of one of the streams, in the order of the file."""
        track_idx = self._track_idx[packet.stream_index]
        made = self._copy(packet, track_idx)
        if made is None:
            return
        if self._next_pts[track_idx] is None:
            self._delays[track_idx] = _skipped_samples(packet)
        time_s = float(made.pts * packet.time_base)
        last = self._next_pts[track_idx]
        self._next_pts[track_idx] = made.pts + made.duration
        num_jumps = len(self._ends_s)
        if num_jumps and abs(time_s - self._video_s) > abs(time_s - self._ends_s[-1]):
            self._collected.append((num_jumps - 1, made))
        elif last is not None and time_s < min(float(last * packet.time_base), self._video_s) - _JUMP_S:
            self._early.append((self._video_s, made))
        else:
            self._collected.append((num_jumps, made))

    def collected(self) -> list[tuple[int, Packet]]:
        """The packets that were taken since the last call, each with how often the clock was restarted before it."""
        collected, self._collected = self._collected, []
        return collected

    def finish(self) -> None:
        """Take note that no packet follows."""
        self._release(len(self._ends_s))

    def _release(self, num_jumps: int) -> None:
        self._collected += [(num_jumps, packet) for _, packet in self._early]
        self._early = []

    def _copy(self, packet: Any, track_idx: int) -> Packet | None:
        pts = packet.pts if packet.pts is not None else packet.dts
        pts = self._next_pts[track_idx] if pts is None else pts
        if not packet.size or packet.is_corrupt or pts is None or abs(pts) > _MAX_TIME:
            return None
        if packet.size > _MAX_DATA_BYTES:
            self._warn(f"a packet of track {track_idx} is too large and is left out")
            return None
        duration = min(max(packet.duration or 0, 0), _MAX_DURATION)
        return Packet(track_idx, pts, duration, bytes(packet), bool(packet.is_keyframe))

    def _add(self, stream: Any) -> None:
        context, name = stream.codec_context, f"{stream.type} stream {stream.index}"
        reason = None
        if context is None or not stream.time_base:
            reason = "its codec is not known"
        elif stream.type == "audio" and not context.sample_rate:
            reason = "it does not say its sample rate"
        elif len(context.extradata or b"") > _MAX_EXTRADATA_BYTES:
            reason = "its header is too large"
        elif len(self.streams) == MAX_TRACKS:
            reason = f"there are more than {MAX_TRACKS}"
        if reason is not None:
            self._warn(f"{name} is left out: {reason}")
            return
        is_audio = stream.type == "audio"
        language = self._text(stream.metadata.get("language", ""), "language", _MAX_NAME_BYTES)
        title = stream.metadata.get("title") or stream.metadata.get("name") or ""
        self.streams.append(stream)
        self._tracks.append(
            Track(
                kind=_KINDS[stream.type],
                codec=context.codec.canonical_name,
                time_base=stream.time_base,
                extradata=context.extradata or b"",
                sample_rate=context.sample_rate if is_audio else 0,
                channel_layout=_layout_name(context.layout) if is_audio else "",
                language="" if language == "und" else language,
                title=self._text(title, "title", _MAX_TITLE_BYTES),
                disposition=int(stream.disposition),
            )
        )

    def _read_tags(self, tags: dict[str, str]) -> Iterator[tuple[str, str]]:
        for key, value in tags.items():
            name = self._text(key, "name", _MAX_NAME_BYTES)
            if name and name.casefold() not in _OF_THE_CONTAINER:
                yield name, self._text(value, name, _MAX_TAG_BYTES)

    def _read_chapters(self, container: InputContainer) -> Iterator[Chapter]:
        for chapter in container.chapters():
            if chapter["time_base"]:
                start, end = (round(chapter[side] * chapter["time_base"] * NANOSECONDS) for side in ("start", "end"))
                if -_MAX_TIME <= start <= end <= _MAX_TIME:
                    title = chapter["metadata"].get("title", "")
                    yield Chapter(start, end, self._text(title, "chapter", _MAX_TITLE_BYTES))

    def _text(self, text: str, what: str, max_bytes: int) -> str:
        """Text of a tag, of which bytes that are no UTF-8 were escaped; nearly always they are Windows-1252."""
        data = text.encode("utf-8", "surrogateescape")
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            self._warn(f"the {what} is not UTF-8; it is read as Windows-1252")
            text = data.decode("cp1252", "replace")
        data = text.encode("utf-8")
        if len(data) > max_bytes:
            self._warn(f"the {what} is longer than {max_bytes} bytes and is cut off")
        return data[:max_bytes].decode("utf-8", "ignore")

    def _warn(self, message: str) -> None:
        if message not in self.warnings:
            self.warnings.append(message)


def _layout_name(layout: Any) -> str:
    """FFmpeg's name; the usual layout where the source tells only the number of channels, as PCM in Matroska does."""
    is_counted = layout.name.endswith(" channels") and layout.nb_channels <= len(_USUAL_LAYOUTS)
    return _USUAL_LAYOUTS[layout.nb_channels - 1] if is_counted else str(layout.name)


def _skipped_samples(packet: Any) -> int:
    """How many samples at the beginning of a track are not to be heard."""
    if not packet.has_sidedata("skip_samples"):
        return 0
    return min(int.from_bytes(bytes(packet.get_sidedata("skip_samples"))[:4], "little"), _MAX_DELAY)
