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
"""Bits for twice the difference rise by this power of two, as in x264: what is hard to code is also hard to see."""
LEAST_DIFFERENCE = 1 / 1024
"""Of a block, in sample ranges: what stands still wants a little, too."""


def frame_costs(frames: Iterable[Frame]) -> Iterator[float]:
    """For each frame what its bits should be in proportion to.

    A frame costs what cannot be told from the frame before it or, block by block, from its own mean.
    """
    before: Thumbnail | None = None
    for frame in frames:
        picture = make_thumbnail(frame, WIDTH)
        difference = _blocks(np.abs(picture - _smooth(picture)))
        if before is not None:
            difference = np.minimum(difference, _blocks(np.abs(picture - before)))
        before = picture
        yield float(np.maximum(difference, LEAST_DIFFERENCE).mean() ** EXPONENT)


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
