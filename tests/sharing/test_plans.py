"""Sharing by whole tensors, from the head backwards."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nvcodec.bitstream import MaskGranularity, unit_indices
from nvcodec.bitstream.network_spec import Backbone, NetworkSpec
from nvcodec.sharing.plans import chunks_differ, share_last_layers
from tests import encodes, panning

SPECS = {backbone: encodes.tiny_spec(backbone) for backbone in Backbone}
TEXTURED = encodes.tiny_spec(Backbone.VAST, texture_channels=1, texture_margin=3, embedding_channels=6)
KAPPAS = st.floats(0, 1)
BACKBONES = st.sampled_from(list(Backbone))


def mask_of(spec: NetworkSpec, kappa: float, *, shares_texture: bool = False) -> npt.NDArray[np.bool_]:
    return share_last_layers(spec, kappa, shares_texture=shares_texture)


@pytest.mark.parametrize("backbone", list(Backbone))
def test_kappa_0_shares_nothing_and_1_everything(backbone: Backbone) -> None:
    assert not mask_of(SPECS[backbone], 0).any()
    assert mask_of(SPECS[backbone], 1).all()
    assert not mask_of(TEXTURED, 0).any()
    assert mask_of(TEXTURED, 1, shares_texture=True).all()


@given(backbone=BACKBONES, kappa=KAPPAS)
@settings(deadline=None)
def test_whole_tensors_are_shared_from_the_last_on_and_kappa_is_met_to_within_half_of_one(
    backbone: Backbone, kappa: float
) -> None:
    spec = SPECS[backbone]
    mask = mask_of(spec, kappa)
    assert (mask.dtype, mask.shape) == (np.bool_, (spec.num_parameters,))
    is_shared = tensors_of(spec, mask)
    assert is_shared == sorted(is_shared, key=lambda values: True in values)
    assert abs(int(mask.sum()) - kappa * spec.num_parameters) <= max(tensor.size for tensor in spec.layout) / 2


@given(kappa=KAPPAS, shares_texture=st.booleans())
@settings(deadline=None)
def test_a_texture_is_shared_or_not_whatever_kappa_is(kappa: float, shares_texture: bool) -> None:
    mask = mask_of(TEXTURED, kappa, shares_texture=shares_texture)
    is_shared = tensors_of(TEXTURED, mask)
    of_texture = [tensor.is_texture for tensor in TEXTURED.layout]
    assert {values == {True} for values, is_texture in zip(is_shared, of_texture, strict=True) if is_texture} == {
        shares_texture
    }
    rest = [values for values, is_texture in zip(is_shared, of_texture, strict=True) if not is_texture]
    num_rest = sum(tensor.size for tensor in TEXTURED.layout if not tensor.is_texture)
    assert rest == sorted(rest, key=lambda values: True in values)
    num_shared = int(mask.sum()) - shares_texture * (TEXTURED.num_parameters - num_rest)
    largest = max(tensor.size for tensor in TEXTURED.layout if not tensor.is_texture)
    assert abs(num_shared - kappa * num_rest) <= largest / 2


def tensors_of(spec: NetworkSpec, mask: npt.NDArray[np.bool_]) -> list[set[bool]]:
    """What is true of the parameters of each tensor; asserted to be one thing."""
    tensors = unit_indices(spec, MaskGranularity.TENSOR)
    is_shared = [set(mask[tensors == unit].tolist()) for unit in range(len(spec.layout))]
    assert all(len(values) == 1 for values in is_shared)
    return is_shared


@given(backbone=BACKBONES, kappas=st.tuples(KAPPAS, KAPPAS))
@settings(deadline=None)
def test_more_kappa_keeps_what_was_shared(backbone: Backbone, kappas: tuple[float, float]) -> None:
    less, more = (mask_of(SPECS[backbone], kappa) for kappa in sorted(kappas))
    assert not (less & ~more).any()


@pytest.mark.parametrize(("bit_depth", "dtype"), [(8, torch.uint8), (10, torch.uint16)])
def test_chunks_differ_by_their_mean_pictures_and_not_by_their_motion(bit_depth: int, dtype: torch.dtype) -> None:
    scale = 2 ** (bit_depth - 8)
    ramp = torch.arange(64).repeat(48, 1)

    def chunk(brightness: int, motion: int) -> torch.Tensor:
        frames = [torch.roll(ramp, motion * frame, dims=1) + brightness for frame in range(8)]
        return (torch.stack(frames) * scale).to(dtype)

    assert not chunks_differ([chunk(50, 0)], bit_depth)
    assert not chunks_differ([chunk(50, 0), chunk(51, 0)], bit_depth)
    assert not chunks_differ([chunk(50, 5), chunk(60, 5)], bit_depth)
    assert chunks_differ([chunk(50, 0), chunk(60, 0)], bit_depth)
    assert chunks_differ([chunk(0, 5), chunk(150, 5)], bit_depth)


def test_the_camera_s_motion_is_no_difference_where_it_is_known() -> None:
    # Across and back up, so that either end of a frame may be what the others do not show.
    places = [(frame_idx, 40 - frame_idx) for frame_idx in range(40)]
    chunks = torch.split(panning.views(places), 8)
    motion = torch.split(torch.tensor(places, dtype=torch.float32) - 20, 8)
    assert chunks_differ(chunks, 8)
    assert not chunks_differ(chunks, 8, motion)
    darker = [chunk // (1 + chunk_idx) for chunk_idx, chunk in enumerate(chunks)]
    assert chunks_differ(darker, 8, motion)


@pytest.mark.parametrize("down", [63.0, 64.0, 64.6, 200.0])
def test_frames_that_show_nothing_in_common_differ(down: float) -> None:
    frame = torch.full((1, 64, 96), 100, dtype=torch.uint8)
    motion = [torch.zeros(1, 2), torch.tensor([[0.0, down]])]
    assert chunks_differ([frame, frame], 8, motion) == (down >= 64)


def test_only_what_all_frames_show_is_compared() -> None:
    picture = torch.arange(60 * 90).reshape(60, 90).to(torch.uint16)
    places = [(0, 0), (9, 3), (4, 10), (10, 2)]
    frames = torch.stack([picture[y : y + 50, x : x + 80] for x, y in places])
    motion = torch.tensor(places, dtype=torch.float32) + 0.2
    # Equal pictures, once moved: what differs least is called different by nothing but noise.
    assert not chunks_differ(frames[:, None].unbind(), 8, motion[:, None].unbind())
    assert chunks_differ(frames[:, None].unbind(), 8)
