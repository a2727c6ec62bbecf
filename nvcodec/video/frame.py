"""One frame: its planes and its time."""

from __future__ import annotations

from dataclasses import dataclass

from nvcodec.video.format import Plane
from nvcodec.video.tracks import Packet


@dataclass(frozen=True)
class Frame:
    """One frame.

    Attributes:
        planes: (h, w) arrays, uint8 or uint16, in the order of the format's planes.
        pts: time at which it is shown, in units of the source's ``time_base``.
        duration: time until the next frame, at least 1, in the same units.
        packets: of audio and subtitles, that begin before the frame ends and did not come with an earlier one.
    """

    planes: tuple[Plane, ...]
    pts: int
    duration: int
    packets: tuple[Packet, ...] = ()
