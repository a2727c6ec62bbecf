"""The last tenths of a percent or a decibel: symbols that matter least become 0, until a window is at its aim.

Larger steps are no way there. A trained value lies where its step rounds it well, and any other step costs decibels at
once, which only more training brings back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nvcodec.training.chunk_frames import ChunkFrames
from nvcodec.training.window_model import WindowModel

MOST_TRIMMED = 0.5
"""Part of the symbols of 1 and -1 that may become 0."""
RESOLUTION = 1024
"""Steps between none of these and all of them."""


@dataclass(frozen=True)
class _Candidates:
    """Symbols of one vector that may become 0.

    Attributes:
        vector: (S,) the model's shared parameters, or a chunk's own.
        places: (n,) where in it they are.
        values: (n,) what is there now.
        ranks: (n,) how many symbols, of all vectors, raise the squared error by less for each bit that they save.
    """

    vector: Tensor
    places: Tensor
    values: Tensor
    ranks: Tensor


def trim(
    model: WindowModel,
    chunks: Sequence[ChunkFrames],
    generator: torch.Generator,
    aim: float,
    measure: Callable[[], float],
) -> None:
    """Make the cheapest of the parameters' symbols of 1 and -1 zero, as few as bring something down to an aim.

    Args:
        model: a window whose steps are fixed.
        chunks: its frames.
        generator: on the CPU.
        aim: what is to be measured, or less.
        measure: of the window as it is coded now, falling with every symbol that becomes 0: its bits, or its quality.
    """
    if measure() <= aim:
        return
    candidates = _candidates(model, _sensitivities(model, chunks, generator))
    count = sum(len(some.ranks) for some in candidates)
    least, most = 0, int(MOST_TRIMMED * RESOLUTION)
    while most - least > 1:
        tried = (least + most) // 2
        _take_away(candidates, tried * count // RESOLUTION)
        if measure() > aim:
            least = tried
        else:
            most = tried
    _take_away(candidates, most * count // RESOLUTION)


def _take_away(candidates: Sequence[_Candidates], count: int) -> None:
    """Make so many of the candidates 0, the cheapest, and the others what they were."""
    with torch.no_grad():
        for some in candidates:
            some.vector[some.places] = torch.where(some.ranks < count, 0, some.values)


def _candidates(model: WindowModel, sensitivities: Sequence[Tensor]) -> list[_Candidates]:
    assert model.coding is not None
    steps = model.coding.parameter_steps().detach()
    masks = [model.mask, *(~model.mask for _ in model.own)]
    places, prices = [], []
    for vector, mask, sensitivity in zip(model.vectors(), masks, sensitivities, strict=True):
        magnitudes = torch.round(vector.detach() / steps).abs()
        gains = _gains(model, magnitudes, mask)
        places.append(torch.nonzero((magnitudes == 1) & mask & (gains > 0)).squeeze(1))
        prices.append((sensitivity * steps**2 / gains)[places[-1]])
    ranks = torch.argsort(torch.argsort(torch.cat(prices), stable=True))
    return [
        _Candidates(vector, of_vector, vector.detach()[of_vector].clone(), of_ranks)
        for vector, of_vector, of_ranks in zip(
            model.vectors(), places, torch.split(ranks, [len(some) for some in places]), strict=True
        )
    ]


def _gains(model: WindowModel, magnitudes: Tensor, mask: Tensor) -> Tensor:
    """Bits (S,) that a 1 of each tensor takes more than a 0, by how often there are either.

    They are below 0 where nearly all are 1, as where a layer has died.
    """
    sizes = [tensor.size for tensor in model.spec.layout]
    gains = []
    for of_tensor, is_coded in zip(torch.split(magnitudes, sizes), torch.split(mask, sizes), strict=True):
        zeros, ones = (((of_tensor == value) & is_coded).sum().clamp(min=1) for value in (0, 1))
        gains.append(torch.log2(2 * zeros / ones).expand(len(of_tensor)))
    return torch.cat(gains)


def _sensitivities(model: WindowModel, chunks: Sequence[ChunkFrames], generator: torch.Generator) -> list[Tensor]:
    """How much the squared error of all frames rises with a parameter's square, by estimate: of each vector, (S,).

    The diagonal of J^T J, J being the derivative of a frame's samples by the parameters: its expectation is the square
    of J^T v for signs v drawn at random (Hutchinson 1989), of which there is one set for each frame.
    """
    vectors = model.vectors()
    totals = [torch.zeros_like(vector) for vector in vectors]
    for chunk_idx, chunk in enumerate(chunks):
        for position in range(len(chunk)):
            frame_idx = torch.tensor([position], device=model.device)
            targets = chunk.targets(frame_idx, model.spec.backbone)
            theta = model.theta(chunk_idx)
            output = model.reconstruct(theta, model.inputs(chunk_idx, frame_idx, targets), *targets.shape[2:])
            signs = 2 * torch.randint(0, 2, output.shape, generator=generator) - 1
            found = torch.autograd.grad(output, vectors, signs.to(output), allow_unused=True)
            for total, gradient in zip(totals, found, strict=True):
                if gradient is not None:
                    total += gradient**2
    return totals
