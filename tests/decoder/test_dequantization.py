from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvcodec.bitstream import (
    NUM_STEPS,
    ChunkContent,
    MaskGranularity,
    NvstReader,
    WindowContent,
    WindowHeader,
    step_size,
)
from nvcodec.bitstream.network_spec import Backbone
from nvcodec.decoder.dequantization import chunk_embeddings, chunk_parameters
from tests import encodes

SPEC = encodes.tiny_spec(Backbone.HNERV)
NUM_TENSORS = len(SPEC.layout)


def make_content(seed: int, largest: int = 127) -> tuple[WindowContent, ChunkContent]:
    rng = np.random.default_rng(seed)
    mask = rng.random(SPEC.num_parameters) < 0.5
    num_shared = int(mask.sum())
    symbols = rng.integers(-largest, largest + 1, SPEC.num_parameters, dtype=np.int32)
    header = WindowHeader(
        window_idx=0,
        first_frame=0,
        chunk_lengths=(1,),
        network=SPEC,
        granularity=MaskGranularity.WEIGHT,
        step_idx=tuple(int(idx) for idx in rng.integers(0, NUM_STEPS, NUM_TENSORS)),
    )
    chunk = ChunkContent(
        chunk_idx=0,
        pts=np.zeros(1, np.int64),
        durations=np.ones(1, np.int64),
        own_step_shift=tuple(int(shift) for shift in rng.integers(-16, 17, NUM_TENSORS)),
        own=symbols[num_shared:],
        embedding_step_idx=int(rng.integers(0, NUM_STEPS)),
        embeddings=rng.integers(-16383, 16384, (1, *SPEC.embedding_shape), dtype=np.int32),
    )
    return WindowContent(header, mask, symbols[:num_shared]), chunk


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_every_parameter_is_exactly_its_symbol_times_its_step(seed: int) -> None:
    window, chunk = make_content(seed)
    theta = chunk_parameters(window, chunk)
    assert theta.dtype == np.float32
    shared, own = iter(window.shared.tolist()), iter(chunk.own.tolist())
    expected = []
    for tensor_idx, tensor in enumerate(SPEC.layout):
        step = Fraction(step_size(window.header.step_idx[tensor_idx]))
        own_step = step * Fraction(2) ** chunk.own_step_shift[tensor_idx]
        for position in range(tensor.offset, tensor.offset + tensor.size):
            expected.append(next(shared) * step if window.mask[position] else next(own) * own_step)
    assert [Fraction(value) for value in theta.tolist()] == expected


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_embeddings_are_exactly_their_symbols_times_the_step(seed: int) -> None:
    _, chunk = make_content(seed)
    values = chunk_embeddings(chunk)
    assert values.dtype == np.float32
    step = Fraction(step_size(chunk.embedding_step_idx))
    assert chunk.embeddings is not None
    exact = [symbol * step for symbol in chunk.embeddings.ravel().tolist()]
    assert [Fraction(value) for value in values.ravel().tolist()] == exact


def test_embeddings_of_a_network_of_time_are_refused() -> None:
    with pytest.raises(ValueError, match="no embeddings"):
        chunk_embeddings(SimpleNamespace(embeddings=None))


def test_chunks_of_a_window_agree_where_shared_and_differ_elsewhere(two_windows) -> None:
    with NvstReader(two_windows) as reader:
        window = reader.read_window(0)
        thetas = [chunk_parameters(window, reader.read_chunk(0, chunk_idx, window)) for chunk_idx in range(2)]
    np.testing.assert_array_equal(thetas[0][window.mask], thetas[1][window.mask])
    assert (thetas[0][~window.mask] != thetas[1][~window.mask]).any()
