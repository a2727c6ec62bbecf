"""Symbols that become 0 so that a window comes down to its aim."""

from __future__ import annotations

import pytest
import torch

from nvcodec.bitstream.network_spec import Backbone
from nvcodec.decoder.reconstruction import output_planes
from nvcodec.training.chunk_frames import ChunkFrames
from nvcodec.training.quality import luma_psnr
from nvcodec.training.trimming import MOST_TRIMMED, trim
from nvcodec.training.window_model import WindowModel
from nvcodec.video.format import VideoFormat
from tests import encodes

FORMAT, LENGTHS = VideoFormat(32, 24), (4, 3)


def begun(kappa: float) -> tuple[WindowModel, list[ChunkFrames]]:
    model = encodes.window_model(encodes.tiny_spec(Backbone.HNERV), LENGTHS)
    model.share(torch.arange(model.spec.num_parameters) < kappa * model.spec.num_parameters)
    chunks = [encodes.chunk_frames(FORMAT, length, first=7 * idx) for idx, length in enumerate(LENGTHS)]
    model.begin_coding(chunks, 0.7).fix_steps()
    return model, chunks


def coded(model: WindowModel) -> torch.Tensor:
    assert model.coding is not None
    shared, own, _ = model.coding.integers()
    return torch.cat([torch.from_numpy(part) for part in (shared, *own)])


def num_nonzero(model: WindowModel) -> float:
    return float((coded(model) != 0).sum())


@pytest.mark.parametrize("kappa", [0.0, 0.4, 1.0])
def test_only_ones_become_zeros_and_no_more_than_needed(kappa: float) -> None:
    model, chunks = begun(kappa)
    before = coded(model)
    aim = num_nonzero(model) - 0.1 * (before.abs() == 1).sum().item()
    trim(model, chunks, torch.Generator(), aim, lambda: num_nonzero(model))
    after = coded(model)
    assert torch.equal(before[before != after].abs(), torch.ones(int((before != after).sum())).int())
    assert not after[before != after].any()
    assert aim - len(before) / 1024 <= num_nonzero(model) <= aim


def test_what_is_at_its_aim_stays_as_it_is() -> None:
    model, chunks = begun(0.4)
    before = coded(model)
    trim(model, chunks, torch.Generator(), num_nonzero(model), lambda: num_nonzero(model))
    assert torch.equal(before, coded(model))


def test_no_more_than_a_part_goes_however_low_the_aim() -> None:
    model, chunks = begun(0.4)
    before = coded(model)
    trim(model, chunks, torch.Generator(), 0.0, lambda: num_nonzero(model))
    gone = (before != coded(model)).sum() / (before.abs() == 1).sum()
    assert 0.8 * MOST_TRIMMED < gone <= MOST_TRIMMED


def test_those_go_that_matter_least() -> None:
    """As many others, by chance, cost more quality."""
    model, chunks = begun(0.4)
    assert model.coding is not None
    copy, before = model.coding.copy(), coded(model)

    def psnr() -> float:
        return luma_psnr(model, chunks, range(len(chunks)))

    # Whatever the quality of random networks is: what they draw now is what there is to keep.
    for chunk_idx, chunk in enumerate(chunks):
        keep_drawn(model, chunk_idx, chunk)
    aim = num_nonzero(model) - 0.3 * (before.abs() == 1).sum().item()
    trim(model, chunks, torch.Generator(), aim, lambda: num_nonzero(model))
    cheapest, count = psnr(), num_nonzero(model)
    worst = []
    for seed in range(3):
        model.coding.go_back(copy)
        take_random(model, int((before != 0).sum() - count), seed)
        assert num_nonzero(model) == count
        worst.append(psnr())
    assert cheapest > max(worst) + 1


def test_where_zeros_are_rare_they_would_save_nothing() -> None:
    model, chunks = begun(1.0)
    assert model.coding is not None
    tensor = model.spec.layout[2]
    first = sum(before.size for before in model.spec.layout[:2])
    of_tensor = slice(first, first + tensor.size)
    with torch.no_grad():
        model.shared[of_tensor] = model.coding.parameter_steps()[of_tensor]
    trim(model, chunks, torch.Generator(), 0.0, lambda: num_nonzero(model))
    after = coded(model)
    assert torch.equal(after[of_tensor], torch.ones(tensor.size).int())
    assert not torch.equal(after, torch.ones(len(after)).int())


def keep_drawn(model: WindowModel, chunk_idx: int, chunk: ChunkFrames) -> None:
    """Make what the network draws the source."""
    for position in range(len(chunk)):
        frame_idx = torch.tensor([position])
        targets = chunk.targets(frame_idx, model.spec.backbone)
        with torch.no_grad():
            inputs = model.inputs(chunk_idx, frame_idx, targets)
            output = model.reconstruct(model.theta(chunk_idx), inputs, *targets.shape[2:])
        for plane, drawn in zip(chunk.planes, output_planes(output, model.spec.backbone, chunk.format), strict=True):
            plane[position] = drawn[0]


def take_random(model: WindowModel, count: int, seed: int) -> None:
    assert model.coding is not None
    steps = model.coding.parameter_steps().detach()
    vectors, masks = model.vectors(), [model.mask, *(~model.mask for _ in model.own)]
    ones = [
        (idx, place)
        for idx, (vector, mask) in enumerate(zip(vectors, masks, strict=True))
        for place in torch.nonzero((torch.round(vector.detach() / steps).abs() == 1) & mask).flatten().tolist()
    ]
    order = torch.randperm(len(ones), generator=torch.Generator().manual_seed(seed))[:count]
    with torch.no_grad():
        for chosen in order.tolist():
            idx, place = ones[chosen]
            vectors[idx][place] = 0
