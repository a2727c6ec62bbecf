"""SIREN and NIRVANA's network: what they compute, and that the product's loop trains them."""

from __future__ import annotations

import math

import pytest
import torch

from nvcodec.training.fit import fit
from nvcodec.training.recipe import Recipe
from nvcodec.training.window_model import WindowModel
from nvcodec.video.format import VideoFormat
from tests import encodes
from tools.paper.coordinates import FEATURES, OMEGA, PatchNetwork, SineNetwork, Siren

FORMAT = VideoFormat(32, 24)
NETWORKS = [Siren.of_size(32, 24, 3000), PatchNetwork.of_size(32, 24, 30_000, group_frames=4, patch_side=16)]


@pytest.mark.parametrize("network", NETWORKS, ids=["siren", "nirvana"])
def test_frames_have_the_clips_size_or_whole_patches(network: SineNetwork) -> None:
    theta = network.initial_parameters(torch.Generator().manual_seed(0))
    frames = network(theta, network.time_inputs([0, 2, 3], 4))
    assert frames.shape == ((3, 3, 24, 32) if isinstance(network, Siren) else (3, 3, 32, 32))
    assert not torch.equal(frames[0], frames[1])


@pytest.mark.parametrize("network", NETWORKS, ids=["siren", "nirvana"])
def test_the_products_loop_trains_them(network: SineNetwork) -> None:
    generator = torch.Generator().manual_seed(0)
    model = WindowModel(network, [4], generator=generator, device=encodes.CPU)
    psnrs = []
    recipe = Recipe(100 if isinstance(network, Siren) else 300, batch_size=4, learning_rate=1e-3)
    fit(model, [encodes.chunk_frames(FORMAT, 4)], recipe, generator=generator, on_progress=psnrs.append)
    assert psnrs[-1].psnr > psnrs[0].psnr + 6


def test_sizes_are_the_nearest() -> None:
    for wanted in (1000, 5000, 25_000):
        network = Siren.of_size(32, 24, wanted)
        assert abs(network.spec.num_parameters - wanted) < 8 * network.spec.hidden_width


def test_a_siren_is_what_its_paper_says() -> None:
    network = Siren.of_size(4, 2, 200)
    spec = network.spec
    theta = network.initial_parameters(torch.Generator().manual_seed(0))
    weights = network.weights(theta)
    assert weights["layers.0.weight"].abs().max() <= 1 / 3
    assert weights["layers.1.weight"].abs().max() <= math.sqrt(6 / spec.hidden_width) / OMEGA
    # The pixel in row 1 and column 2 of the second of four frames.
    x = torch.tensor([0.5, 0.25, -0.25])
    for idx in range(spec.num_layers):
        x = torch.sin(OMEGA * (weights[f"layers.{idx}.weight"] @ x + weights[f"layers.{idx}.bias"]))
    x = weights["head.weight"] @ x + weights["head.bias"]
    logits = network.logits(weights, network.time_inputs([1], 4))
    torch.testing.assert_close(logits[0, :, 1, 2], x, rtol=1e-4, atol=1e-5)


def test_patches_lie_where_their_places_say() -> None:
    network = PatchNetwork.of_size(8, 4, 2000, group_frames=2, patch_side=2)
    weights = network.weights(network.initial_parameters(torch.Generator().manual_seed(0)))
    frames = network.logits(weights, network.time_inputs([0, 1], 2))
    # The patch in the second row and third column of 2 x 4.
    values = network.values(weights, torch.tensor([0.5, 0.25])).view(1, FEATURES, 1, 1)
    patch = (weights["upsampling.weight"][:, :, 1, 1] @ values.flatten() + weights["upsampling.bias"]).view(2, 3, 2, 2)
    torch.testing.assert_close(frames[:, :, 2:4, 4:6], patch)
