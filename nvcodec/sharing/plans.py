"""Sharing by layers: a window's chunks share whole tensors, of which the mask hardly tells anything."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nvcodec.bitstream.network_spec import NetworkSpec


def share_last_layers(spec: NetworkSpec, kappa: float) -> npt.NDArray[np.bool_]:
    """Share whole tensors from the head backwards until a fraction κ of the parameters is shared.

    The first layers turn what is told of a frame into a picture of the scene, which is what differs between chunks; the
    last ones draw edges and textures, which chunks of a scene have in common.

    Args:
        spec: the network.
        kappa: fraction to share, 0..1; met to within half a tensor.

    Returns:
        (S,) bool, true where shared.
    """
    borders = np.array([tensor.offset for tensor in spec.layout] + [spec.num_parameters])
    border = borders[np.argmin(np.abs(spec.num_parameters - borders - kappa * spec.num_parameters))]
    shared: npt.NDArray[np.bool_] = np.arange(spec.num_parameters) >= border
    return shared
