from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvcodec.bitstream import MaskGranularity, num_units, unit_indices
from nvcodec.bitstream.fields import Cursor
from nvcodec.bitstream.masks import pack_mask, parse_mask
from nvcodec.bitstream.network_spec import NetworkSpec
from nvcodec.errors import MalformedError
from tests.bitstream.nvst_samples import ENERV, HNERV, NERV, TEXTURE, VAST

NETWORKS = st.sampled_from([HNERV, NERV, ENERV, VAST, TEXTURE])
GRANULARITIES = st.sampled_from(list(MaskGranularity))


@given(NETWORKS, GRANULARITIES, st.integers(0, 2**32), st.floats(0, 1))
def test_mask_round_trip(spec: NetworkSpec, granularity: MaskGranularity, seed: int, kappa: float) -> None:
    flags = np.random.default_rng(seed).random(num_units(spec, granularity)) < kappa
    mask = flags[unit_indices(spec, granularity)]
    cursor = Cursor(pack_mask(mask, spec, granularity), "mask")
    np.testing.assert_array_equal(parse_mask(cursor, spec, granularity), mask)
    cursor.finish()


@pytest.mark.parametrize("spec", [HNERV, NERV, ENERV, VAST, TEXTURE])
@pytest.mark.parametrize("granularity", list(MaskGranularity))
def test_units_are_numbered_by_first_appearance(spec: NetworkSpec, granularity: MaskGranularity) -> None:
    units = unit_indices(spec, granularity)
    assert units.shape == (spec.num_parameters,)
    values, first = np.unique(units, return_index=True)
    np.testing.assert_array_equal(values, np.arange(num_units(spec, granularity)))
    assert np.all(np.diff(first) > 0)


def tensor_units(spec: NetworkSpec, name: str, granularity: MaskGranularity) -> np.ndarray:
    tensor = next(tensor for tensor in spec.layout if tensor.name == name)
    units = unit_indices(spec, granularity)[tensor.offset : tensor.offset + tensor.size]
    return units.reshape(tensor.shape)


def test_kernel_units_of_a_convolution_are_its_slices() -> None:
    units = tensor_units(HNERV, "stages.1.conv.weight", MaskGranularity.KERNEL)
    assert np.unique(units).size == units.shape[0] * units.shape[1]
    assert np.all(units == units[:, :, :1, :1])


def test_kernel_units_of_a_linear_layer_join_the_channels_of_one_position() -> None:
    units = tensor_units(NERV, "stem.1.weight", MaskGranularity.KERNEL)
    by_channel = units.reshape(NERV.base_channels, NERV.base_height * NERV.base_width, NERV.stem_width)
    assert np.all(by_channel == by_channel[:1])
    assert np.unique(by_channel[0]).size == by_channel[0].size


def test_row_units_include_the_bias() -> None:
    for spec, name in ((HNERV, "stages.0.conv"), (NERV, "stem.0")):
        weight = tensor_units(spec, f"{name}.weight", MaskGranularity.ROW)
        bias = tensor_units(spec, f"{name}.bias", MaskGranularity.ROW)
        np.testing.assert_array_equal(weight.reshape(len(bias), -1), np.repeat(bias[:, None], weight[0].size, 1))


@pytest.mark.parametrize(
    ("spec", "name", "shape"),
    [(VAST, "stages.1.grid", (2, 2, 4)), (TEXTURE, "texture.0", (2, 1, 2)), (TEXTURE, "texture.4", (2 * 5, 1, 2))],
)
@pytest.mark.parametrize("granularity", [MaskGranularity.KERNEL, MaskGranularity.ROW])
def test_a_unit_of_a_grid_is_a_channel(
    spec: NetworkSpec, name: str, shape: tuple[int, ...], granularity: MaskGranularity
) -> None:
    units = tensor_units(spec, name, granularity)
    assert units.shape == shape
    assert np.all(units == units[:, :1, :1])
    assert units[1, 0, 0] == units[0, 0, 0] + 1


def test_tensor_units_are_tensors() -> None:
    assert num_units(ENERV, MaskGranularity.TENSOR) == len(ENERV.layout)
    assert num_units(ENERV, MaskGranularity.WEIGHT) == ENERV.num_parameters


@pytest.mark.parametrize("shared", [True, False])
def test_a_uniform_mask_costs_no_words(shared: bool) -> None:
    big = NetworkSpec(NERV.backbone, 9, 16, 16, NERV.stages, 1, pe_levels=40, stem_width=128)
    mask = np.full(big.num_parameters, shared)
    assert mask.size > 250_000
    assert len(pack_mask(mask, big, MaskGranularity.WEIGHT)) < 40


def test_a_mask_that_splits_a_unit_is_refused() -> None:
    mask = np.zeros(HNERV.num_parameters, np.bool_)
    mask[0] = True
    with pytest.raises(MalformedError, match="within one unit"):
        pack_mask(mask, HNERV, MaskGranularity.TENSOR)


def test_a_mask_of_another_length_is_refused() -> None:
    with pytest.raises(MalformedError, match="shape"):
        pack_mask(np.zeros(3, np.bool_), HNERV, MaskGranularity.WEIGHT)
