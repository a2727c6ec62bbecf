"""The texture's cosine transform and its motion against the formulas of the specification."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from nvcodec.bitstream.network_spec import Backbone, NetworkSpec, Stage, coefficients_of_band
from nvcodec.networks.texture import Texture, cosines, frequencies_of_band

# Coded 18 x 12 from a base grid of 3 x 2; the texture of 2 channels has 3 x 3 blocks, which end with the margin at the
# right and beyond it at the bottom.
SPEC = NetworkSpec(
    Backbone.VAST,
    2,
    3,
    4,
    (Stage(3, 3, 4),),
    1,
    num_outputs=6,
    embedding_channels=4,
    texture_channels=2,
    texture_margin=3,
)


def some_bands(spec: NetworkSpec, seed: int = 4) -> dict[str, Tensor]:
    """Coefficients of noise."""
    generator = torch.Generator().manual_seed(seed)
    return {
        tensor.name: torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
        for tensor in spec.layout
        if tensor.is_texture
    }


def moved(spec: NetworkSpec, samples: Tensor, motion: Tensor) -> Tensor:
    """What frames show, (N, channels, coded height, coded width)."""
    blocks = Texture(spec).moved(samples, motion)
    assert blocks.shape[1:] == (4 * len(samples), spec.coded_height // 2, spec.coded_width // 2)
    return functional.pixel_shuffle(blocks, 2)


def some_samples(spec: NetworkSpec) -> Tensor:
    return torch.randn(spec.texture_shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64)


def test_bands_hold_every_coefficient_once() -> None:
    found = [(u, band - u) for band in range(15) for u in frequencies_of_band(band)]
    assert sorted(found) == list(itertools.product(range(8), repeat=2))
    assert [len(frequencies_of_band(band)) for band in range(15)] == [coefficients_of_band(band) for band in range(15)]


def test_cosines_are_orthonormal() -> None:
    torch.testing.assert_close(cosines() @ cosines().T, torch.eye(8, dtype=torch.float64), rtol=0, atol=1e-14)


def amplitude(frequency: int, place: int) -> float:
    if frequency == 0:
        return math.sqrt(1 / 8)
    return math.cos(math.pi * (2 * place + 1) * frequency / 16) / 2


def samples_by_hand(spec: NetworkSpec, bands: dict[str, Tensor]) -> np.ndarray:
    """The formula of the specification, a coefficient at a time."""
    samples = np.zeros(spec.texture_shape)
    for band in range(15):
        count = min(band, 14 - band) + 1
        for channel, row, column in np.ndindex(*bands[f"texture.{band}"].shape):
            u = max(0, band - 7) + channel % count
            value = float(bands[f"texture.{band}"][channel, row, column])
            for y, x in itertools.product(range(8), repeat=2):
                wave = amplitude(u, y) * amplitude(band - u, x)
                samples[channel // count, 8 * row + y, 8 * column + x] += wave * value
    return samples


@pytest.mark.parametrize("margin", [0, 3, 5])
def test_samples_follow_their_formula(margin: int) -> None:
    spec = dataclasses.replace(SPEC, texture_margin=margin)
    bands = some_bands(spec)
    samples = Texture(spec).samples(bands)
    np.testing.assert_allclose(samples.numpy(), samples_by_hand(spec, bands), rtol=0, atol=1e-12)
    single = Texture(spec).samples({name: values.float() for name, values in bands.items()})
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), samples, rtol=0, atol=1e-5)


def test_samples_are_precise_where_layers_are_not() -> None:
    bands = {name: values.float() for name, values in some_bands(SPEC).items()}
    with torch.autocast("cpu", torch.bfloat16):
        samples = Texture(SPEC).samples(bands)
    torch.testing.assert_close(samples, Texture(SPEC).samples(bands), rtol=0, atol=0)


@settings(max_examples=30, deadline=None)
@given(
    base=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.integers(1, 5),
    channels=st.integers(1, 3),
    margin=st.integers(0, 17),
    seed=st.integers(0, 2**32),
)
def test_the_transform_is_orthonormal(
    base: tuple[int, int], stride: int, channels: int, margin: int, seed: int
) -> None:
    """Two textures have the same product as their coefficients, so an error of a coefficient is one of the samples."""
    height, width = base
    spec = dataclasses.replace(
        SPEC,
        base_height=height,
        base_width=width,
        stages=(Stage(stride, 1, 2),),
        texture_channels=channels,
        texture_margin=margin,
    )
    one, other = (some_bands(spec, seed + which) for which in (0, 1))
    product = sum(float((one[name] * other[name]).sum()) for name in one)
    first, second = (Texture(spec).samples(bands) for bands in (one, other))
    assert first.shape == spec.texture_shape
    assert all(size >= 2 * (length * stride + margin) for size, length in zip(first.shape[1:], base, strict=True))
    assert float((first * second).sum()) == pytest.approx(product, rel=0, abs=1e-9)
    assert sum(values.numel() for values in one.values()) == first.numel()


def constant_motion(spec: NetworkSpec, right: float, down: float) -> Tensor:
    motion = torch.tensor([right, down], dtype=torch.float64)
    return motion[None, :, None, None].expand(1, 2, spec.base_height, spec.base_width)


@pytest.mark.parametrize("margin", [0, 3])
def test_without_motion_a_frame_shows_what_is_within_the_margin(margin: int) -> None:
    spec = dataclasses.replace(SPEC, texture_margin=margin)
    samples = some_samples(spec)
    (shown,) = moved(spec, samples, constant_motion(spec, 0, 0))
    torch.testing.assert_close(shown, samples[:, margin : margin + 12, margin : margin + 18], rtol=0, atol=1e-12)


# Beyond the margin at the bottom are the rows that fill the blocks.
@pytest.mark.parametrize(("right", "down"), [(1, 0), (0, 1), (3, -2), (-1, 3), (0, 9)])
def test_two_units_of_motion_move_the_texture_by_a_pixel(right: int, down: int) -> None:
    samples = some_samples(SPEC)
    (shown,) = moved(SPEC, samples, constant_motion(SPEC, 2 * right, 2 * down))
    torch.testing.assert_close(shown, samples[:, 3 + down : 15 + down, 3 + right : 21 + right], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("right", "down"), [(50, -50), (-50, 50)])
def test_beyond_its_edges_the_texture_goes_on_as_it_is_there(right: int, down: int) -> None:
    samples = some_samples(SPEC)
    (shown,) = moved(SPEC, samples, constant_motion(SPEC, 2 * right, 2 * down))
    corner = samples[:, 0 if down < 0 else -1, 0 if right < 0 else -1]
    torch.testing.assert_close(shown, corner[:, None, None].expand(-1, 12, 18), rtol=0, atol=1e-12)


def cubic(distance: float) -> float:
    """The kernel of cubic convolution with a = -0.75."""
    a, d = -0.75, abs(distance)
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


def linear_at(values: np.ndarray, position: float) -> np.ndarray:
    """Between the first axis' values, whose positions are the halves, held at the ends."""
    return np.stack(
        [np.interp(position, np.arange(len(values)) + 0.5, column) for column in values.reshape(len(values), -1).T]
    ).reshape(values.shape[1:])


def moved_by_hand(spec: NetworkSpec, samples: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """The formula of the specification, a sample at a time, for the motion (2, h, w) of one frame."""
    rows, columns = samples.shape[1:]
    shown = np.zeros((len(samples), spec.coded_height, spec.coded_width))
    for y in range(spec.coded_height):
        by_column = linear_at(motion.transpose(1, 2, 0), (y + 0.5) / spec.coded_height * spec.base_height)
        for x in range(spec.coded_width):
            right, down = 0.5 * linear_at(by_column, (x + 0.5) / spec.coded_width * spec.base_width)
            row, column = y + spec.texture_margin + down, x + spec.texture_margin + right
            for j in range(math.floor(row) - 1, math.floor(row) + 3):
                for i in range(math.floor(column) - 1, math.floor(column) + 3):
                    sample = samples[:, min(max(j, 0), rows - 1), min(max(i, 0), columns - 1)]
                    shown[:, y, x] += cubic(row - j) * cubic(column - i) * sample
    return shown


def test_the_moved_texture_follows_its_formula() -> None:
    samples = some_samples(SPEC)
    generator = torch.Generator().manual_seed(5)
    # Up to a dozen pixels, so that part of it lies beyond the edges, and differently at every position.
    motion = 12 * torch.randn(2, 2, 2, 3, generator=generator, dtype=torch.float64)
    shown = moved(SPEC, samples, motion)
    for frame, frame_motion in zip(shown, motion, strict=True):
        expected = moved_by_hand(SPEC, samples.numpy(), frame_motion.numpy())
        np.testing.assert_allclose(frame.numpy(), expected, rtol=0, atol=1e-10)
    single = moved(SPEC, samples.float(), motion.float())
    torch.testing.assert_close(single.double(), shown, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("num_frames", "num_threads"), [(1, 2), (3, 2), (1, 7), (2, 4)])
def test_threads_and_gradients_change_nothing(num_frames: int, num_threads: int) -> None:
    samples = some_samples(SPEC).float()
    motion = 12 * torch.randn(num_frames, 2, 2, 3, generator=torch.Generator().manual_seed(5))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(num_threads)
        parts = moved(SPEC, samples, motion)
        whole = moved(SPEC, samples, motion.requires_grad_())
    finally:
        torch.set_num_threads(before)
    assert whole.requires_grad
    torch.testing.assert_close(parts, whole.detach(), rtol=0, atol=0)
