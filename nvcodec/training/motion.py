"""How a window's picture moves as a whole: where each frame lies on what the camera pans over."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

COARSEST_SIDE = 40
MOST_PIXELS = 300_000
LOCAL_SIDE = 15
MAX_ITERATIONS = 6
PRECISION = 0.01
# A residual of this much, of 1, has a fourth of the weight of none: what moves by itself is to be left out.
TOLERANCE = 0.03
# Which halving the phase correlation is computed on.
JUMP_LEVEL = 2
# Frames are compared with the first of so many, so that errors do not add up from frame to frame.
REFERENCE_INTERVAL = 12


def global_motion(planes: Sequence[Tensor], bit_depth: int) -> list[Tensor]:
    """Displacement of the frames of one texture, estimated from luma.

    The translation between two frames is the one of least robustly weighted squared difference, found by Gauss-Newton
    from coarse to fine (Lucas and Kanade), from that of the frame before or the peak of the phase correlation on.

    Args:
        planes: N chunks that follow each other, each (T, H, W), uint8 or uint16.
        bit_depth: of the samples.

    Returns:
        N times (T, 2) pixels to the right and down, float32: what a frame shows at a place lies there plus its
        displacement in the first frame.
    """
    frames = [frame for chunk in planes for frame in chunk]
    motion = torch.zeros(len(frames), 2)
    reference, of_reference = 0, _pyramid(frames[0], bit_depth)
    unit = planes[0].shape[2] / of_reference[0].shape[1]
    for idx in range(1, len(frames)):
        start, of_frame = motion[idx - 1] - motion[reference], _pyramid(frames[idx], bit_depth)
        motion[idx] = motion[reference] + _translation(of_reference, of_frame, start)
        if idx - reference == REFERENCE_INTERVAL:
            reference, of_reference = idx, of_frame
    return list(torch.split(motion * unit, [len(chunk) for chunk in planes]))


def centred(motion: Sequence[Tensor]) -> list[Tensor]:
    """Displacements, N times (T, 2), of the frames of one texture, with the middle of their range at 0."""
    together = torch.cat(list(motion))
    middle = (together.amax(dim=0) + together.amin(dim=0)) / 2
    return [of_chunk - middle for of_chunk in motion]


def _pyramid(frame: Tensor, bit_depth: int) -> list[Tensor]:
    """The detail of a frame (H, W), and of it halved again and again; the first is small enough to be quick."""
    levels = [frame.to("cpu", torch.float32) / (2**bit_depth - 1)]
    while min(levels[-1].shape) > COARSEST_SIDE:
        levels.append(functional.avg_pool2d(levels[-1][None], 2)[0])
    is_small = [level.numel() <= MOST_PIXELS for level in levels]
    return [_detail(level) for level in levels[is_small.index(True) if any(is_small) else -1 :]]


def _detail(level: Tensor) -> Tensor:
    """What a picture (H, W) has beside its local mean, which changes with the light."""
    side = min(LOCAL_SIDE, *(length // 2 * 2 + 1 for length in level.shape))
    mean = level[None]
    for height, width in ((side, 1), (1, side)):
        padding = (height // 2, width // 2)
        mean = functional.avg_pool2d(mean, (height, width), stride=1, padding=padding, count_include_pad=False)
    return level - mean[0]


def _translation(reference: Sequence[Tensor], frame: Sequence[Tensor], start: Tensor) -> Tensor:
    """Displacement (2,) between two frames in pixels of the finest level.

    A descent finds only what is near, so there is another one from where the picture may have jumped to. Both may end
    somewhere bad, where there is little detail; so they have to beat where they began, and standing still.
    """
    jump = _jump(reference, frame)
    is_near = float((jump - start).abs().max()) <= 2**JUMP_LEVEL
    starts = [start] if is_near else [start, jump]
    candidates = [torch.zeros(2), *starts, *(_descent(reference, frame, first) for first in starts)]
    return min(candidates, key=lambda candidate: _difference(reference[0], frame[0], candidate))


def _descent(reference: Sequence[Tensor], frame: Sequence[Tensor], displacement: Tensor) -> Tensor:
    """Where the least difference (2,) is that is found from a displacement on, from coarse to fine."""
    for idx in reversed(range(len(reference))):
        scale = 2.0**idx
        for _ in range(MAX_ITERATIONS):
            step = _improvement(reference[idx], frame[idx], displacement / scale)
            displacement = displacement + step * scale
            if float(step.abs().max()) < PRECISION:
                break
    return displacement


def _jump(reference: Sequence[Tensor], frame: Sequence[Tensor]) -> Tensor:
    """Displacement (2,) between two frames in pixels of the finest level, however large, but found on a coarse one."""
    idx = min(JUMP_LEVEL, len(reference) - 1)
    height, width = reference[idx].shape
    # Twice the size, so that what leaves at one side does not come in at the other.
    spectra = [torch.fft.rfft2(level[idx], s=(2 * height, 2 * width)) for level in (reference, frame)]
    cross = spectra[0] * spectra[1].conj()
    correlation = torch.fft.irfft2(cross / (cross.abs() + 1e-6), s=(2 * height, 2 * width))
    y, x = divmod(int(correlation.argmax()), 2 * width)
    jump = (x - 2 * width if x >= width else x, y - 2 * height if y >= height else y)
    return torch.tensor(jump, dtype=torch.float32) * float(2**idx)


def _difference(reference: Tensor, frame: Tensor, displacement: Tensor) -> float:
    """Mean robust squared difference of a frame to a displaced one; what lies beyond that differs as much as can be."""
    moved, is_inside = _displaced(reference, displacement)
    relative = ((frame - moved) / TOLERANCE) ** 2
    return float(torch.where(is_inside, relative / (1 + relative), 1.0).mean())


def _improvement(reference: Tensor, frame: Tensor, displacement: Tensor) -> Tensor:
    """One Gauss-Newton step (2,), at most 4 pixels."""
    moved, is_inside = _displaced(reference, displacement)
    slope_x = (moved[1:-1, 2:] - moved[1:-1, :-2]) / 2
    slope_y = (moved[2:, 1:-1] - moved[:-2, 1:-1]) / 2
    error = (frame - moved)[1:-1, 1:-1]
    weight = is_inside[1:-1, 1:-1] * (1 + (error / TOLERANCE) ** 2) ** -2
    a, b, c = ((weight * left * right).sum() for left, right in _pairs(slope_x, slope_y))
    # A little is added for pictures without any detail, which are not to move.
    a, c = a + 1e-4, c + 1e-4
    right_x, right_y = (weight * slope_x * error).sum(), (weight * slope_y * error).sum()
    determinant = a * c - b * b
    step = torch.stack((c * right_x - b * right_y, a * right_y - b * right_x)) / determinant
    return torch.nan_to_num(step).clamp(-4, 4)


def _displaced(reference: Tensor, displacement: Tensor) -> tuple[Tensor, Tensor]:
    """What a frame (H, W) would show that is displaced, and where (H, W) that lies within the reference."""
    height, width = reference.shape
    x = (torch.arange(width) + 0.5 + displacement[0]) * (2 / width) - 1
    y = (torch.arange(height) + 0.5 + displacement[1]) * (2 / height) - 1
    places = torch.stack((x.expand(height, -1), y[:, None].expand(-1, width)), dim=-1)
    moved = functional.grid_sample(reference[None, None], places[None], padding_mode="border", align_corners=False)
    return moved[0, 0], (x.abs() <= 1) & (y[:, None].abs() <= 1)


def _pairs(x: Tensor, y: Tensor) -> tuple[tuple[Tensor, Tensor], ...]:
    return (x, x), (x, y), (y, y)
