"""How many bits the frames of a video want, relative to each other, told without encoding them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from nvcodec.sharing.scenes import Thumbnail, make_thumbnail
from nvcodec.video.frame import Frame

WIDTH = 256
"""Samples across of the picture that is looked at."""
BLOCK = 8
EXPONENT = 0.6
"""Bits for twice the differences rise by this power of two. So does x264, and so does the squared error fall fastest if
it falls with the bits to the power of -0.7."""
LEAST_DIFFERENCE = 1 / 1024
"""Of a frame, in sample ranges: one without detail wants a little, too."""


def frame_costs(frames: Iterable[Frame], bit_depth: int = 8) -> Iterator[float]:
    """For each frame what its bits should be in proportion to.

    That grows with the detail in the frame, and with what of it is new: what can be told neither from the frame before
    nor, block by block, from the block's mean. Detail counts in every frame, as a network has to show it in each.
    """
    before: Thumbnail | None = None
    for frame in frames:
        picture = make_thumbnail(frame, bit_depth, WIDTH)
        detail = news = _blocks(np.abs(picture - _smooth(picture)))
        if before is not None:
            news = np.minimum(detail, _blocks(np.abs(picture - before)))
        before = picture
        yield max(float(detail.mean() + news.mean()), LEAST_DIFFERENCE) ** EXPONENT


def _smooth(picture: Thumbnail) -> Thumbnail:
    """The picture with each block at its mean."""
    means = _blocks(picture).repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)
    return means[: picture.shape[0], : picture.shape[1]]


def _blocks(values: Thumbnail) -> npt.NDArray[np.float32]:
    """Mean of each block; the last ones are filled up with the picture's last row and column."""
    rows, columns = (-side % BLOCK for side in values.shape)
    padded = np.pad(values, ((0, rows), (0, columns)), mode="edge")
    height, width = (side // BLOCK for side in padded.shape)
    means: npt.NDArray[np.float32] = padded.reshape(height, BLOCK, width, BLOCK).mean(axis=(1, 3))
    return means
