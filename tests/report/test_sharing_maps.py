from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nvcodec.bitstream import MaskGranularity, NvstReader
from nvcodec.bitstream.network_spec import Backbone
from nvcodec.report.sharing_maps import MAX_COLUMNS, MAX_ROWS, window_sharing
from tests import encodes


@pytest.mark.parametrize(
    ("backbone", "granularity"),
    [(Backbone.HNERV, "kernel"), (Backbone.NERV, "weight"), (Backbone.VAST, "tensor")],
)
def test_layers_add_up_to_the_window(tmp_path: Path, backbone: Backbone, granularity: str) -> None:
    settings = {"backbone": backbone, "kappa": 0.5, "granularity": MaskGranularity[granularity.upper()]}
    encodes.tiny_encode(encodes.two_scene_clip(tmp_path), tmp_path / "a.nvst", settings=settings)
    with NvstReader(tmp_path / "a.nvst") as reader:
        sharing = window_sharing(reader, 0)
        window = reader.read_window(0)
    assert sharing.num_shared == window.mask.sum() == sum(layer.num_shared for layer in sharing.layers)
    assert sharing.num_parameters == window.mask.size == sum(layer.num_parameters for layer in sharing.layers)
    assert len({layer.name for layer in sharing.layers}) == len(sharing.layers)
    maps = [layer.map for layer in sharing.layers if layer.map is not None]
    assert all(levels.shape[0] <= MAX_ROWS and levels.shape[1] <= MAX_COLUMNS for levels in maps)
    assert bool(maps) == (granularity != "tensor")


def test_a_map_has_a_row_for_each_output_channel(nvst: Path) -> None:
    with NvstReader(nvst) as reader:
        sharing = window_sharing(reader, 1)
        window = reader.read_window(1)
    tensors = {tensor.name.removesuffix(".weight"): tensor for tensor in window.header.network.layout}
    layer = next(
        layer for layer in sharing.layers if layer.map is not None and tensors[layer.name].shape[0] <= MAX_ROWS
    )
    tensor = tensors[layer.name]
    kernels = window.mask[tensor.offset : tensor.offset + tensor.size].reshape(tensor.shape).mean(axis=(2, 3))
    np.testing.assert_array_equal(layer.map, np.round(kernels * 255))
