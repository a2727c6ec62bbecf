"""The reference values of a file (spec clause "Comparing decoders"), from the reference decoder."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spec.refdec import comparing
from spec.refdec.decode import decode

Float64Array = npt.NDArray[np.float64]


def reference_values(data: bytes) -> Float64Array:
    """The numbers v of clause 15 of all frames, in the order of clause 20."""
    file, windows = decode(data, with_planes=False)
    planes = comparing.reference_values(file, windows)
    return np.concatenate([np.zeros(0), *(plane.ravel() for plane in planes)])
