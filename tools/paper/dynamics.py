"""How much of a clip moves (the paper's Table 5)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nvcodec.video.source import open_source
from tools.rd.clips import Clip


@dataclass(frozen=True)
class Dynamics:
    """Temporal information of a clip.

    Attributes:
        key: the clip's name.
        mean_difference: standard deviation of the difference of neighbouring frames' luma, 8-bit, mean over the frames
            (ITU-T P.910 takes the largest instead).
        optical_flow: mean length of the optical flow between neighbouring frames (Farnebäck's), in pixels.
    """

    key: str
    mean_difference: float
    optical_flow: float


def dynamics(clip: Clip) -> Dynamics:
    """Measure an 8-bit clip of two frames or more."""
    import cv2

    differences, lengths = [], []
    with open_source(clip.path) as video:
        before = None
        for frame in video:
            luma = np.ascontiguousarray(frame.planes[0])
            if before is not None:
                differences.append(np.std(luma.astype(np.float32) - before))
                flow = cv2.calcOpticalFlowFarneback(before, luma, None, 0.5, 3, 15, 3, 5, 1.2, 0)
                lengths.append(np.mean(np.hypot(flow[..., 0], flow[..., 1])))
            before = luma
    return Dynamics(clip.name, float(np.mean(differences)), float(np.mean(lengths)))
