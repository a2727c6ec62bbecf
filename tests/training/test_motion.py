"""How the picture moves as a whole, on pictures that are moved by a known amount."""

from __future__ import annotations

import pytest
import torch

from nvcodec.training.motion import centred, global_motion
from tests import panning


def panned(num_frames: int, step: tuple[int, int], bit_depth: int = 8) -> torch.Tensor:
    """Frames (T, 64, 96) through which a camera pans, ``step`` pixels to the right and down in every frame."""
    places = [(30 + frame_idx * step[0], 20 + frame_idx * step[1]) for frame_idx in range(num_frames)]
    return panning.views(places, bit_depth=bit_depth)


@pytest.mark.parametrize("bit_depth", [8, 10])
def test_a_pan_is_found_from_the_first_frame_on_and_centred(bit_depth: int) -> None:
    frames = panned(7, (2, -1), bit_depth)
    (motion,) = global_motion([frames], bit_depth)
    assert torch.equal(motion[0], torch.zeros(2))
    expected = torch.tensor([[2.0 * idx - 6, 3.0 - idx] for idx in range(7)])
    torch.testing.assert_close(centred([motion])[0], expected, atol=0.1, rtol=0)


@pytest.mark.parametrize("jump", [(0, 36), (0, -36), (48, 0), (-36, 36)])
def test_a_sudden_jump_is_found_in_the_middle_of_a_pan(jump: tuple[int, int]) -> None:
    before = [(60 + idx, 40 - idx) for idx in range(4)]
    places = before + [(x + jump[0], y + jump[1]) for x, y in before]
    (motion,) = global_motion([panning.views(places, 90, 120, contrast=3)], 8)
    expected = torch.tensor(places, dtype=torch.float32) - torch.tensor(places[0])
    torch.testing.assert_close(motion, expected, atol=0.2, rtol=0)


def test_a_jump_that_is_found_coarsely_is_judged_by_where_it_leads() -> None:
    places = [(120, 90), (123, 18)]
    (motion,) = global_motion([panning.views(places, 180, 240)], 8)
    torch.testing.assert_close(motion[1], torch.tensor([3.0, -72.0]), atol=0.2, rtol=0)


def test_chunks_of_one_texture_are_centred_together() -> None:
    chunks = [torch.tensor([[0.0, 0.0], [2.0, -6.0]]), torch.tensor([[9.0, 1.0]]), torch.tensor([[-1.0, -3.0]] * 2)]
    first, second, third = centred(chunks)
    assert first.tolist() == [[-4, 2.5], [-2, -3.5]]
    assert second.tolist() == [[5, 3.5]]
    assert third.tolist() == [[-5, -0.5]] * 2
    assert [chunk.tolist() for chunk in centred(chunks[1:2])] == [[[0, 0]]]


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
    picture = (panning.landscape(800, 1200) * 255).to(torch.uint8)
    frames = torch.stack([picture[40 - 6 * idx :, 8 * idx :][:720, :1100] for idx in range(3)])
    (motion,) = centred(global_motion([frames], 8))
    torch.testing.assert_close(motion, torch.tensor([[-8.0, 6.0], [0.0, 0.0], [8.0, -6.0]]), atol=0.3, rtol=0)


def test_light_that_changes_is_no_motion() -> None:
    frames = panned(5, (0, 0)).float() * torch.linspace(0.6, 1, 5)[:, None, None]
    (motion,) = global_motion([frames.to(torch.uint8)], 8)
    assert float(motion.abs().max()) < 0.2
