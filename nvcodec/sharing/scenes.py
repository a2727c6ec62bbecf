"""Threshold-based scene change detection on the differences of neighbouring frames (paper section 3.1)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nvcodec.errors import ConfigError
from nvcodec.video.frame import Frame

Thumbnail = npt.NDArray[np.float32]

THUMBNAIL_WIDTH = 64
ADJACENT = 2
"""How many differences on either side a cut has to stand out from."""
REACH = 4
"""Frames on either side that must differ across a cut: a flash this short is not a scene."""
_MIN_PERSISTENCE = 0.5


@dataclass(frozen=True)
class CutThreshold:
    """When the difference between two neighbouring frames is a cut.

    Attributes:
        min_difference: smallest difference, see :func:`frame_difference`; 0.1 is a tenth of the sample range.
        min_ratio: how many times larger than every adjacent difference it must be.
    """

    min_difference: float = 0.07
    min_ratio: float = 3.0

    def validate(self) -> None:
        """Check the ranges.

        Raises:
            ConfigError: min_difference outside 0..2 or min_ratio under 1.
        """
        if not 0.0 < self.min_difference <= 2.0:
            raise ConfigError(f"min_difference is {self.min_difference}, allowed is 0..2 without 0", "cut threshold")
        if not self.min_ratio >= 1.0:
            raise ConfigError(f"min_ratio is {self.min_ratio}, allowed is 1 or more", "cut threshold")


def mark_cuts(frames: Iterable[Frame], threshold: CutThreshold, bit_depth: int = 8) -> Iterator[tuple[Frame, bool]]:
    """Yield every frame with whether a new scene begins at it; the first frame begins none.

    A cut is a difference that stands out from the adjacent ones, so that motion, fades and noise are none, and that
    lasts: the frames before it must differ from the frames after it, so that a flash is none.

    Holds back ``REACH`` frames at most.

    Raises:
        ConfigError: the threshold is out of range.
    """
    threshold.validate()
    detector = _Detector(threshold)
    waiting: deque[Frame] = deque()
    for frame in frames:
        waiting.append(frame)
        detector.add(make_thumbnail(frame, bit_depth))
        if len(waiting) > REACH:
            yield waiting.popleft(), detector.next_is_cut()
    while waiting:
        yield waiting.popleft(), detector.next_is_cut()


def make_thumbnail(frame: Frame, bit_depth: int = 8, about_width: int = THUMBNAIL_WIDTH) -> Thumbnail:
    """Box-averaged first plane (luma; red of RGB), about so many samples wide, scaled to 0..1."""
    luma = frame.planes[0]
    height, width = luma.shape
    box_width = max(1, width // about_width)
    box_height = min(box_width, height)
    rows, columns = height // box_height, width // box_width
    cropped = luma[: rows * box_height, : columns * box_width]
    # Adding whole rows first lets the inner loop run over contiguous memory.
    row_sums = cropped.reshape(rows, box_height, -1).sum(axis=1, dtype=np.uint32)
    sums = row_sums.reshape(rows, columns, box_width).sum(axis=2)
    maximum = (1 << bit_depth) - 1
    thumbnail: Thumbnail = (sums / (maximum * box_height * box_width)).astype(np.float32)
    return thumbnail


def frame_difference(first: Thumbnail, second: Thumbnail) -> float:
    """Mean absolute difference of two thumbnails in place, plus that of their sorted values.

    The second term compares histograms (it is their earth mover's distance). It tells a new scene from the same
    one moved, as where a page is scrolled. 0 for equal frames, 2 for black against white.
    """
    in_place = np.abs(first - second).mean()
    sorted_values = np.abs(np.sort(first, axis=None) - np.sort(second, axis=None)).mean()
    return float(in_place + sorted_values)


class _Detector:
    """Sliding window of thumbnails around the frame that is decided next."""

    def __init__(self, threshold: CutThreshold) -> None:
        self._threshold = threshold
        self._thumbnails: deque[Thumbnail] = deque()
        self._differences: deque[float] = deque()
        self._position = 0

    def add(self, thumbnail: Thumbnail) -> None:
        """Add a frame at the end."""
        if self._thumbnails:
            self._differences.append(frame_difference(self._thumbnails[-1], thumbnail))
        self._thumbnails.append(thumbnail)

    def next_is_cut(self) -> bool:
        """Decide the next frame from what was added so far."""
        is_cut = self._is_cut(self._position)
        if self._position >= REACH:
            self._thumbnails.popleft()
            if self._differences:
                self._differences.popleft()
        else:
            self._position += 1
        return is_cut

    def _is_cut(self, position: int) -> bool:
        if position == 0:
            return False
        pair = position - 1
        differences = list(self._differences)
        difference = differences[pair]
        if difference < self._threshold.min_difference:
            return False
        adjacent = differences[max(0, pair - ADJACENT) : pair] + differences[pair + 1 : pair + 1 + ADJACENT]
        if difference < self._threshold.min_ratio * max(adjacent, default=0.0):
            return False
        return self._lasts(position, _MIN_PERSISTENCE * difference)

    def _lasts(self, position: int, min_difference: float) -> bool:
        """Whether the last frame before differs from all after, and the first frame after from all before."""
        thumbnails = list(self._thumbnails)
        before, after = thumbnails[position - 1], thumbnails[position]
        across = [frame_difference(before, later) for later in thumbnails[position : position + REACH]]
        across += [frame_difference(earlier, after) for earlier in thumbnails[max(0, position - REACH) : position]]
        return min(across) >= min_difference
