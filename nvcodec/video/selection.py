"""Which frames of a video are wanted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from nvcodec.errors import ConfigError


@dataclass(frozen=True)
class Selection:
    """Which frames are wanted: half-open ranges of frame numbers and of seconds after the first frame."""

    first_frame: int = 0
    end_frame: int | None = None
    start_s: float | None = None
    end_s: float | None = None

    def validate(self) -> None:
        """Check that the ranges can hold a frame.

        Raises:
            ConfigError: negative, not a number, or an end that is not after its start.
        """
        if self.first_frame < 0 or (self.end_frame is not None and self.end_frame <= self.first_frame):
            raise ConfigError(f"{self.first_frame}:{self.end_frame} is not a range A:B with 0 <= A < B", "frames")
        for name, value in (("start", self.start_s), ("end", self.end_s)):
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise ConfigError(f"{value} is not a time in seconds, 0 or more", name)
        if self.end_s is not None and self.end_s <= (self.start_s or 0.0):
            raise ConfigError(f"{self.end_s} s is not after the start, {self.start_s or 0.0} s", "end")

    def has_begun(self, frame_idx: int, time_s: float) -> bool:
        """Whether this frame lies at or behind the begin of the range."""
        return frame_idx >= self.first_frame and (self.start_s is None or time_s >= self.start_s)

    def is_past(self, frame_idx: int, time_s: float) -> bool:
        """Whether this frame and all later ones lie behind the range."""
        is_past_frames = self.end_frame is not None and frame_idx >= self.end_frame
        return is_past_frames or (self.end_s is not None and time_s >= self.end_s)

    def holds_times(self, begin_s: float, end_s: float) -> bool:
        """Whether all times from ``begin_s`` up to ``end_s`` lie within the range of seconds."""
        return (self.start_s is None or begin_s >= self.start_s) and (self.end_s is None or end_s <= self.end_s)

    def count(self, num_frames: int | None) -> int | None:
        """How many of ``num_frames`` frames are wanted; None where times decide or the number is unknown."""
        if num_frames is None or self.start_s is not None or self.end_s is not None:
            return None
        end = num_frames if self.end_frame is None else min(num_frames, self.end_frame)
        return max(0, end - self.first_frame)

    def guess(self, num_frames: int | None, rate: Fraction) -> int | None:
        """About how many of ``num_frames`` frames, ``rate`` a second, are wanted; None where no end is known."""
        ends = [num_frames, self.end_frame, None if self.end_s is None else round(self.end_s * rate)]
        known = [end for end in ends if end is not None]
        if not known:
            return None
        return max(0, min(known) - max(self.first_frame, round((self.start_s or 0.0) * rate)))
