"""Copies packets of audio and subtitles into a container that is being written."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import av
from av.codec import Codec
from av.codec.codec import UnknownCodecError

from nvcodec.video.tracks import Packet, Track, TrackKind

_ENCODERS = {"mp3": "libmp3lame", "opus": "libopus"}
"""Those whose settings say what delay they cause, where others have the codec's name."""
_REFUSALS = (av.error.FFmpegError, UnknownCodecError, ValueError, TypeError, OverflowError)


class TrackWriter:
    """The tracks of a container, to be made before its first frame is written.

    Args:
        container: open for writing.
        tracks: to copy; those that the container does not take are left out.
        suffix: of the container's name, for messages.
        warnings: told what is left out.
    """

    def __init__(self, container: Any, tracks: Sequence[Track], suffix: str, warnings: list[str]) -> None:
        self._warnings = warnings
        self._container = container
        self._tracks = tracks
        self._streams: list[Any] = []
        self._num_refused = [0] * len(tracks)
        for track_idx, track in enumerate(tracks):
            stream = None
            # A container that fails on one track would fail as a whole.
            if _takes(container.format.name, track):
                stream = _add_stream(container, track)
            else:
                self._warnings.append(
                    f"{suffix} does not take {track.codec} {track.kind.name.lower()}: track {track_idx} is left out"
                )
            self._streams.append(stream)

    def write(self, packets: Sequence[Packet], shift: Fraction) -> None:
        """Copy packets, ``shift`` seconds later."""
        for packet in packets:
            stream, track = self._streams[packet.track_idx], self._tracks[packet.track_idx]
            if stream is None:
                continue
            copied = av.Packet(packet.data)
            copied.pts = copied.dts = packet.pts + round(shift / track.time_base)
            copied.duration, copied.time_base = packet.duration, track.time_base
            copied.is_keyframe, copied.stream = packet.is_key, stream
            try:
                self._container.mux_one(copied)
            except ValueError:
                # The library's name for what it does not take, such as times that go back.
                self._refuse(packet.track_idx)

    def _refuse(self, track_idx: int) -> None:
        self._num_refused[track_idx] += 1
        if self._num_refused[track_idx] == 1:
            self._warnings.append(f"packets of track {track_idx} that the container does not take are left out")


def _takes(container_name: str, track: Track) -> bool:
    """Whether a container of this kind can be begun with the track."""
    try:
        probe = av.open(io.BytesIO(), "w", format=container_name)
        with contextlib.closing(probe):
            _add_stream(probe, track)
            probe.start_encoding()
    except _REFUSALS:
        return False
    return True


def _add_stream(container: Any, track: Track) -> Any:
    """A stream of the container with the track's parameters; nothing is going to be encoded."""
    try:
        template = _template(track)
    except UnknownCodecError:
        # There is no encoder; such codecs need no more than a name.
        stream = container.add_mux_stream(track.codec, rate=track.sample_rate or None)
        _check_type(stream.type, track)
    else:
        stream = container.add_stream_from_template(template)
        _set_up(stream, track)
        stream.codec_context.extradata = track.extradata or None
    stream.time_base = track.time_base
    stream.disposition = track.disposition
    stream.metadata.update({name: text for name in ("language", "title") if (text := getattr(track, name))})
    return stream


def _template(track: Track) -> Any:
    """A stream of the codec, in a container of its own.

    An encoder alone can tell a container of its delay and of the size of its samples. It is opened where there is a
    delay, so that what lies before the sound's beginning has a place before the time of the first frame, and for PCM.
    """
    scratch = av.open(io.BytesIO(), "w", format="null")
    if track.delay or track.codec.startswith("pcm_"):
        with contextlib.suppress(*_REFUSALS):
            stream = _encoder_stream(scratch, _ENCODERS.get(track.codec, track.codec), track)
            _set_up(stream, track)
            stream.codec_context.open()
            scratch.start_encoding()
            return stream
    return _encoder_stream(scratch, track.codec, track)


def _encoder_stream(container: Any, codec: str, track: Track) -> Any:
    _check_type(Codec(codec, "w").type, track)
    return container.add_stream(codec, **({"rate": track.sample_rate} if track.sample_rate else {}))


def _check_type(found: str, track: Track) -> None:
    if found != track.kind.name.lower():
        raise ValueError(f"{track.codec} is {found}")


def _set_up(stream: Any, track: Track) -> None:
    if track.kind == TrackKind.AUDIO:
        stream.codec_context.sample_rate = track.sample_rate
        stream.codec_context.layout = track.channel_layout
