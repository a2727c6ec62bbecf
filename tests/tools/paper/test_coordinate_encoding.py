"""What SIREN's and NIRVANA's coders count is what a decoder needs, and enough for it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nvcodec.bitstream.fields import Cursor
from nvcodec.bitstream.sections import parse_section
from nvcodec.bitstream.steps import step_size
from nvcodec.encoder.quantization import QuantizedParameters
from nvcodec.training.recipe import Recipe
from nvcodec.video.format import VideoFormat
from tests import encodes
from tools.paper import coordinate_encoding
from tools.paper.coordinate_encoding import NirvanaCoder, SirenCoder
from tools.paper.coordinates import PatchNetwork, SineNetwork, Siren

FORMAT = VideoFormat(32, 24)
RECIPE = Recipe(2, learning_rate=1e-3)


def parsed(data: bytes, network: SineNetwork) -> np.ndarray:
    return parse_section(Cursor(data, "section"), [tensor.size for tensor in network.spec.layout], -(2**15), 2**15 - 1)


def values_of(quantized: QuantizedParameters, network: SineNetwork) -> np.ndarray:
    steps = [step_size(idx) for idx in quantized.step_idx]
    return quantized.own[0] * np.repeat(steps, [tensor.size for tensor in network.spec.layout])


def test_a_sirens_symbols_and_steps_are_its_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    coder = SirenCoder(Siren.of_size(32, 24, 2000), RECIPE)
    generator = torch.Generator().manual_seed(0)
    theta, symbols = coder.code(encodes.chunk_frames(FORMAT, 4), generator, encodes.CPU)
    assert np.abs(symbols).max() <= 127
    first = coder.network.spec.layout[0]
    part = slice(first.offset, first.offset + first.size)
    ratios = theta.numpy()[part][symbols[part] != 0] / symbols[part][symbols[part] != 0]
    assert np.allclose(ratios, ratios[0])


def test_nirvanas_parameters_are_the_sum_of_what_is_coded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coordinate_encoding, "FIRST_PASSES", 20)
    monkeypatch.setattr(coordinate_encoding, "LATER_PASSES", 20)
    coded = []
    trained_symbols = coordinate_encoding.trained_symbols

    def note(coding):
        quantized = trained_symbols(coding)
        coded.append(quantized.parameters)
        return quantized

    monkeypatch.setattr(coordinate_encoding, "trained_symbols", note)
    network = PatchNetwork.of_size(32, 24, 4000, group_frames=3, patch_side=8)
    coder = NirvanaCoder(network, RECIPE)
    generator = torch.Generator().manual_seed(0)
    total = np.zeros(network.spec.num_parameters)
    for group_idx in range(3):
        theta, symbols = coder.code(encodes.chunk_frames(FORMAT, 3), generator, encodes.CPU)
        total += values_of(coded[group_idx], network)
        assert np.array_equal(symbols, coded[group_idx].own[0])
        assert np.allclose(theta.numpy(), total, atol=1e-5)
    # The same frames again take few bits.
    sizes = [coordinate_encoding._num_bytes(network, quantized.own[0]) for quantized in coded]
    assert sizes[2] < sizes[0]


def test_the_bytes_hold_the_symbols(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Siren.of_size(32, 24, 2000)
    symbols = np.random.default_rng(0).integers(-20, 20, network.spec.num_parameters).astype(np.int32)
    packed = []
    pack_section = coordinate_encoding.pack_section
    monkeypatch.setattr(
        coordinate_encoding, "pack_section", lambda groups: packed.append(pack_section(groups)) or packed[-1]
    )
    num_bytes = coordinate_encoding._num_bytes(network, symbols)
    assert num_bytes == len(packed[0]) + len(network.spec.layout)
    assert np.array_equal(parsed(packed[0], network), symbols)
