from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvcodec.bitstream import MaskGranularity, unit_indices
from nvcodec.bitstream.network_spec import Backbone
from nvcodec.sharing.selection import MaskThreshold, select_mask
from tests import encodes

SPECS = {backbone: encodes.tiny_spec(backbone) for backbone in Backbone}
GRANULARITIES = list(MaskGranularity)
THRESHOLDS = list(MaskThreshold)


def random_scores(backbone: Backbone, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).lognormal(sigma=3, size=SPECS[backbone].num_parameters)


def tensor_of_units(spec, units: np.ndarray) -> np.ndarray:
    """Tensor in which each unit begins."""
    tensor_of_parameter = np.repeat(np.arange(len(spec.layout)), [tensor.size for tensor in spec.layout])
    return tensor_of_parameter[np.unique(units, return_index=True)[1]]


@given(
    backbone=st.sampled_from(list(Backbone)),
    granularity=st.sampled_from(GRANULARITIES),
    threshold=st.sampled_from(THRESHOLDS),
    kappa=st.floats(0, 1),
    seed=st.integers(0, 100),
)
@settings(max_examples=120, deadline=None)
def test_kappa_is_met_to_within_one_unit(
    backbone: Backbone, granularity: MaskGranularity, threshold: MaskThreshold, kappa: float, seed: int
) -> None:
    spec = SPECS[backbone]
    units = unit_indices(spec, granularity)
    mask = select_mask(random_scores(backbone, seed), spec, kappa, granularity, threshold)
    assert mask.dtype == np.bool_
    assert mask.shape == (spec.num_parameters,)
    largest_unit = np.bincount(units).max()
    assert abs(int(mask.sum()) - kappa * spec.num_parameters) <= largest_unit
    shared_of_unit = np.bincount(units, weights=mask)
    assert np.isin(shared_of_unit, (0, 1) if granularity is MaskGranularity.WEIGHT else shared_of_unit).all()
    assert ((shared_of_unit == 0) | (shared_of_unit == np.bincount(units))).all()  # no unit is split


@given(
    granularity=st.sampled_from(GRANULARITIES),
    threshold=st.sampled_from(THRESHOLDS),
    kappa=st.floats(0.05, 0.95),
    seed=st.integers(0, 100),
)
@settings(max_examples=80, deadline=None)
def test_the_least_information_is_shared_first(
    granularity: MaskGranularity, threshold: MaskThreshold, kappa: float, seed: int
) -> None:
    spec = SPECS[Backbone.NERV]
    scores, units = random_scores(Backbone.NERV, seed), unit_indices(spec, granularity)
    mask = select_mask(scores, spec, kappa, granularity, threshold)
    means = np.bincount(units, weights=scores) / np.bincount(units)
    is_shared = np.bincount(units, weights=mask) > 0
    groups = np.zeros_like(means, dtype=np.int64)
    if threshold is MaskThreshold.TENSOR:
        groups = tensor_of_units(spec, units)
    for group in np.unique(groups):
        shared, own = means[(groups == group) & is_shared], means[(groups == group) & ~is_shared]
        assert not shared.size or not own.size or shared.max() <= own.min()


@pytest.mark.parametrize("threshold", THRESHOLDS)
@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("backbone", list(Backbone))
def test_kappa_0_shares_nothing_and_1_everything(
    backbone: Backbone, granularity: MaskGranularity, threshold: MaskThreshold
) -> None:
    scores = random_scores(backbone, 1)
    assert not select_mask(scores, SPECS[backbone], 0, granularity, threshold).any()
    assert select_mask(scores, SPECS[backbone], 1, granularity, threshold).all()


def test_a_threshold_per_tensor_shares_the_same_fraction_of_every_tensor() -> None:
    spec = SPECS[Backbone.HNERV]
    scores = random_scores(Backbone.HNERV, 2)
    scores[: spec.num_parameters // 2] *= 1e-30  # globally these would all come first
    mask = select_mask(scores, spec, 0.5, MaskGranularity.WEIGHT, MaskThreshold.TENSOR)
    for tensor in spec.layout:
        num_shared = int(mask[tensor.offset : tensor.offset + tensor.size].sum())
        assert abs(num_shared - 0.5 * tensor.size) <= 1, tensor.name
    assert select_mask(scores, spec, 0.5, MaskGranularity.WEIGHT)[: spec.num_parameters // 2].all()


def test_equal_scores_share_in_order_whatever_the_platform_sorts() -> None:
    spec = SPECS[Backbone.HNERV]
    mask = select_mask(np.ones(spec.num_parameters), spec, 0.25, MaskGranularity.WEIGHT)
    num_shared = int(mask.sum())
    assert mask[:num_shared].all()


def test_more_kappa_keeps_what_was_shared() -> None:
    spec, scores = SPECS[Backbone.HNERV], random_scores(Backbone.HNERV, 3)
    masks = [select_mask(scores, spec, kappa, MaskGranularity.KERNEL) for kappa in (0.2, 0.5, 0.8)]
    for less, more in itertools.pairwise(masks):
        assert not (less & ~more).any()
        assert less.sum() < more.sum()
