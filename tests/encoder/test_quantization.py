from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvcodec.bitstream import step_size
from nvcodec.bitstream.network_spec import Backbone
from nvcodec.encoder.quantization import quantize, quantize_embeddings, quantize_parameters
from tests import encodes

SPEC = encodes.tiny_spec(Backbone.HNERV)
NUM_CHUNKS = 3

seeds = st.integers(0, 2**32 - 1)
scales = st.floats(-12, 0).map(lambda exponent: 2.0**exponent)


def random_parameters(seed: int, scale: float, kappa: float = 0.5):
    rng = np.random.default_rng(seed)
    mask = rng.random(SPEC.num_parameters) < kappa
    shared = (scale * rng.standard_normal(SPEC.num_parameters)).astype(np.float32)
    own = [(scale * rng.standard_normal(SPEC.num_parameters)).astype(np.float32) for _ in range(NUM_CHUNKS)]
    return mask, shared, own


@given(seed=seeds, scale=scales, weight_bits=st.integers(2, 8), kappa=st.sampled_from([0.0, 0.3, 0.5, 1.0]))
@settings(max_examples=60, deadline=None)
def test_values_are_within_half_a_step_and_symbols_within_their_bits(
    seed: int, scale: float, weight_bits: int, kappa: float
) -> None:
    mask, shared, own = random_parameters(seed, scale, kappa)
    quantized = quantize_parameters(SPEC, mask, shared, own, weight_bits)
    largest = 2 ** (weight_bits - 1) - 1
    steps = np.concatenate(
        [np.full(tensor.size, step_size(idx)) for tensor, idx in zip(SPEC.layout, quantized.step_idx, strict=True)]
    )
    tolerance = 0.5 * (1 + 1e-9)
    assert quantized.shared.shape == (int(mask.sum()),)
    assert len(quantized.own) == NUM_CHUNKS
    for symbols, values, where in (
        (quantized.shared, shared, mask),
        *((symbols, values, ~mask) for symbols, values in zip(quantized.own, own, strict=True)),
    ):
        assert symbols.dtype == np.int32
        assert symbols.size == where.sum()
        assert np.abs(symbols).max(initial=0) <= largest
        errors = np.abs(symbols * steps[where] - values[where].astype(np.float64))
        assert (errors <= tolerance * steps[where]).all()


@given(seed=seeds, weight_bits=st.integers(3, 8))
@settings(max_examples=30, deadline=None)
def test_the_step_of_a_tensor_is_the_smallest_that_fits(seed: int, weight_bits: int) -> None:
    mask, shared, own = random_parameters(seed, 0.1)
    quantized = quantize_parameters(SPEC, mask, shared, own, weight_bits)
    thetas = np.stack([np.where(mask, shared, parameters) for parameters in own])
    for tensor, idx in zip(SPEC.layout, quantized.step_idx, strict=True):
        largest = np.abs(thetas[:, tensor.offset : tensor.offset + tensor.size]).max()
        assert largest / step_size(idx) <= 2 ** (weight_bits - 1) - 0.5
        assert largest / step_size(idx - 1) > 2 ** (weight_bits - 1) - 0.51


def test_values_that_no_chunk_uses_have_no_influence() -> None:
    mask, shared, own = random_parameters(0, 0.1)
    expected = quantize_parameters(SPEC, mask, shared, own, 8)
    shared[~mask] = 1e6
    for parameters in own:
        parameters[mask] = -1e6
    actual = quantize_parameters(SPEC, mask, shared, own, 8)
    assert actual.step_idx == expected.step_idx
    np.testing.assert_array_equal(actual.shared, expected.shared)
    for one, other in zip(actual.own, expected.own, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_tensor_of_zeros_is_coded_as_zeros() -> None:
    zeros = np.zeros(SPEC.num_parameters, np.float32)
    quantized = quantize_parameters(SPEC, zeros < 1, zeros, [zeros], 8)
    assert not quantized.shared.any()


@given(seed=seeds, scale=scales, embedding_bits=st.integers(2, 8))
@settings(max_examples=40, deadline=None)
def test_embeddings_are_within_half_a_step(seed: int, scale: float, embedding_bits: int) -> None:
    rng = np.random.default_rng(seed)
    embeddings = (scale * rng.standard_normal((3, *SPEC.embedding_shape))).astype(np.float32)
    step_idx, symbols = quantize_embeddings(embeddings, embedding_bits)
    assert symbols.shape == embeddings.shape
    assert symbols.dtype == np.int32
    assert np.abs(symbols).max() <= 2 ** (embedding_bits - 1) - 1
    errors = np.abs(symbols * step_size(step_idx) - embeddings.astype(np.float64))
    assert errors.max() <= 0.5 * (1 + 1e-9) * step_size(step_idx)


@pytest.mark.parametrize(("value", "symbol"), [(0.24, 0), (0.26, 1), (-0.26, -1), (0.75, 2), (1.0, 2), (-63.5, -127)])
def test_quantize_takes_the_nearest_multiple(value: float, symbol: int) -> None:
    assert quantize([value], 0.5).tolist() == [symbol]
