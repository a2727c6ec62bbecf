"""How the picture moves as a whole, on pictures that are moved by a known amount."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from nvcodec.training.motion import global_motion


def landscape(height: int, width: int) -> torch.Tensor:
    """A random picture (height, width) with large shapes and, fainter, small ones, 0..1."""
    generator = torch.Generator().manual_seed(3)
    picture = torch.zeros(height, width)
    for cell in (64, 32, 16, 8):
        noise = torch.rand(1, 1, height // cell + 2, width // cell + 2, generator=generator)
        picture += cell / 128 * functional.interpolate(noise, size=(height, width), mode="bicubic")[0, 0]
    return picture.clamp(0, 1)


def panned(num_frames: int, step: tuple[int, int], bit_depth: int = 8) -> torch.Tensor:
    """Frames (T, 64, 96) through which a camera pans, ``step`` pixels to the right and down in every frame."""
    picture = landscape(200, 320) * (2**bit_depth - 1)
    places = [(40 + 2 * frame_idx * step[1], 60 + 2 * frame_idx * step[0]) for frame_idx in range(num_frames)]
    windows = [picture[y : y + 128, x : x + 192] for y, x in places]
    halved = functional.avg_pool2d(torch.stack(windows)[:, None], 2)[:, 0].round()
    return torch.from_numpy(halved.numpy().astype(np.uint8 if bit_depth == 8 else np.uint16))


@pytest.mark.parametrize("bit_depth", [8, 10])
def test_a_pan_is_found_and_centred(bit_depth: int) -> None:
    frames = panned(7, (2, -1), bit_depth)
    (motion,) = global_motion([frames], bit_depth)
    expected = torch.tensor([[2.0 * idx - 6, 3.0 - idx] for idx in range(7)])
    torch.testing.assert_close(motion, expected, atol=0.1, rtol=0)


def test_chunks_are_one_sequence() -> None:
    frames = panned(6, (1, 1))
    together = global_motion([frames], 8)[0]
    first, second = global_motion([frames[:4], frames[4:]], 8)
    assert torch.equal(torch.cat([first, second]), together)


def test_a_thing_that_moves_by_itself_is_left_out() -> None:
    frames = panned(5, (0, 0)).clone()
    for frame_idx in range(5):
        frames[frame_idx, 20:40, 10 + 8 * frame_idx : 30 + 8 * frame_idx] = 255
    (motion,) = global_motion([frames], 8)
    assert float(motion.abs().max()) < 0.1


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (48, 64)])
def test_pictures_without_detail_stand_still(size: tuple[int, int]) -> None:
    frames = torch.full((3, *size), 90, dtype=torch.uint8)
    assert torch.equal(global_motion([frames], 8)[0], torch.zeros(3, 2))


def test_large_pictures_are_measured_in_their_own_pixels() -> None:
    picture = (landscape(800, 1200) * 255).to(torch.uint8)
    frames = torch.stack([picture[40 - 6 * idx :, 8 * idx :][:720, :1100] for idx in range(3)])
    (motion,) = global_motion([frames], 8)
    torch.testing.assert_close(motion, torch.tensor([[-8.0, 6.0], [0.0, 0.0], [8.0, -6.0]]), atol=0.3, rtol=0)


def test_light_that_changes_is_no_motion() -> None:
    frames = panned(5, (0, 0)).float() * torch.linspace(0.6, 1, 5)[:, None, None]
    (motion,) = global_motion([frames.to(torch.uint8)], 8)
    assert float(motion.abs().max()) < 0.2
