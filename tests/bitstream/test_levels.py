from __future__ import annotations

import dataclasses
import itertools
from fractions import Fraction

import pytest

from nvcodec.bitstream.levels import LEVELS, Level, file_level, smallest_level, window_memory
from nvcodec.bitstream.network_spec import MAX_MACS_PER_PIXEL, Backbone, NetworkSpec
from nvcodec.errors import MalformedError
from nvcodec.networks.design import NetworkDesign
from nvcodec.networks.solving import solve_network
from tests.bitstream.nvst_samples import HNERV, TEXTURE, VAST, make_file, make_window, open_bytes, read_everything

# Chunks of 150 frames at the rates of the clips: Big Buck Bunny and Elephants Dream have 25 and 24, UVG 120.
BBB, UVG = Fraction(150, 25), Fraction(150, 120)


def authors(backbone: Backbone, width: int, height: int, num_parameters: int, **changes: object) -> NetworkSpec:
    design = dataclasses.replace(NetworkDesign.of_authors(backbone), **changes)  # type: ignore[arg-type]
    return solve_network(design, width, height, 150, num_parameters)


PAPER = {
    "chunk network, 1080p": (authors(Backbone.NERV, 1920, 1080, 6_574_000), BBB, 3),
    "chunk network, UVG": (authors(Backbone.NERV, 1920, 1080, 6_574_000), UVG, 4),
    "half-size chunk network, UVG": (authors(Backbone.NERV, 1920, 1080, 3_356_000), UVG, 4),
    "NeRV, 720p": (authors(Backbone.NERV, 1280, 720, 6_000_000), BBB, 2),
    "NeRV-L, 720p": (authors(Backbone.NERV, 1280, 720, 12_520_000), BBB, 4),
    "E-NeRV, 720p": (authors(Backbone.ENERV, 1280, 720, 6_000_000), BBB, 2),
    "E-NeRV, 720p, authors' size": (authors(Backbone.ENERV, 1280, 720, 12_490_000), BBB, 4),
    "HNeRV, 1280x640": (authors(Backbone.HNERV, 1280, 640, 6_000_000), BBB, 2),
    "HNeRV, 1920x960": (authors(Backbone.HNERV, 1920, 960, 6_000_000, strides=(5, 4, 4, 3, 2)), UVG, 4),
}


@pytest.mark.parametrize("name", PAPER)
def test_every_network_of_the_paper_fits_a_level(name: str) -> None:
    network, duration_s, expected = PAPER[name]
    assert network.macs_per_frame <= MAX_MACS_PER_PIXEL * network.coded_width * network.coded_height
    assert smallest_level(network, [(150, duration_s)]) == expected


def test_levels_contain_each_other() -> None:
    assert list(LEVELS) == [1, 2, 3, 4, 5, 6]
    for small, large in itertools.pairwise(LEVELS.values()):
        for field in dataclasses.fields(Level):
            assert getattr(small, field.name) <= getattr(large, field.name)


def test_the_memory_of_a_window_follows_the_specification() -> None:
    positions, frames = HNERV.base_height * HNERV.base_width, 7
    activations = [HNERV.base_channels * positions, HNERV.num_outputs * HNERV.coded_height * HNERV.coded_width]
    grid = positions
    for stage in HNERV.stages:
        grid *= stage.stride**2
        activations.append(stage.channels * grid)
    expected = 32 * HNERV.num_parameters + 32 * HNERV.embedding_channels * positions * frames
    assert window_memory(HNERV, frames) == expected + 4 * sum(activations) + 8 * max(activations)


def test_the_memory_of_a_window_counts_its_grids() -> None:
    # Base grid 1 x 2, then 2 x 4: channels 3, 2, 2 with the grid's 2, 2 and 6 outputs.
    activations = [3 * 2, 2 * 8, (2 + 2) * 8, 2 * 8, 6 * 8]
    expected = 32 * VAST.num_parameters + 32 * 2 * 2 * 7 + 4 * sum(activations) + 8 * max(activations)
    assert window_memory(VAST, 7) == expected
    without = dataclasses.replace(VAST, stages=tuple(dataclasses.replace(s, grid_channels=0) for s in VAST.stages))
    # The grid itself, and the weights of the convolution that see it: 2 channels of 1 x 1.
    assert VAST.num_parameters - without.num_parameters == 2 * 2 * 4 + 2 * 2
    assert VAST.macs_per_frame - without.macs_per_frame == 2 * 2 * 8


@pytest.mark.parametrize(
    ("margin", "blocks"), [(0, (1, 1)), (1, (1, 2)), (2, (1, 2)), (3, (2, 2)), (4, (2, 2)), (5, (2, 3))]
)
def test_a_texture_has_as_many_blocks_as_cover_its_margin(margin: int, blocks: tuple[int, int]) -> None:
    """The texture of 4 x 8 pixels and its bands."""
    network = dataclasses.replace(TEXTURE, texture_margin=margin)
    assert network.texture_blocks == blocks
    assert network.texture_shape == (2, 8 * blocks[0], 8 * blocks[1])
    bands = [tensor for tensor in network.layout if tensor.is_texture]
    assert [tensor.name for tensor in bands] == [f"texture.{band}" for band in range(15)]
    counts = [1, 2, 3, 4, 5, 6, 7, 8, 7, 6, 5, 4, 3, 2, 1]
    assert [tensor.shape for tensor in bands] == [(2 * count, *blocks) for count in counts]
    assert network.layout[-2].name == "head.weight"
    assert bands[-1].offset + bands[-1].size == network.layout[-2].offset


def test_the_memory_of_a_window_counts_its_texture() -> None:
    # As above, the texture's 2 channels of 1 x 2 blocks of 8 x 8 for 4 x 8 pixels with a margin of 1, and for these
    # pixels motion, the moved texture, and that behind the last stage's 2.
    activations = [3 * 2, 2 * 8, (2 + 2) * 8, 2 * 8, 6 * 8, 2 * 2 * 64, 2 * 32, 2 * 32, 2 * 8 + 2 * 32]
    expected = 32 * TEXTURE.num_parameters + 32 * 4 * 2 * 7 + 4 * sum(activations) + 8 * max(activations)
    assert window_memory(TEXTURE, 7) == expected
    # The texture itself, and the weights of the head of 3 x 3 that see its blocks of 2 x 2.
    assert TEXTURE.num_parameters - VAST.num_parameters == 2 * 2 * 64 + 4 * 2 * 6 * 9
    assert TEXTURE.macs_per_frame - VAST.macs_per_frame == 16 * 2 * 32 + 4 * 2 * 6 * 9 * 8


@pytest.mark.parametrize(("levels", "expected"), [([], 0), ([1, 3, 2], 3), ([1, 0, 2], 0), ([0], 0)])
def test_the_level_of_a_file(levels: list[int], expected: int) -> None:
    assert file_level(levels) == expected
    windows = []
    for idx, level_idx in enumerate(levels):
        window, chunks = make_window(idx, 3 * idx, seed=idx)
        header = dataclasses.replace(window.header, level_idx=level_idx)
        windows.append((dataclasses.replace(window, header=header), chunks))
    data = make_file(windows)
    assert open_bytes(data).level_idx == expected
    read_everything(data)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"max_pixels": 7}, "above its level 1: [0-9]+ pixels"),
        ({"max_parameters": 7}, "above its level 1: [0-9]+ parameters"),
        ({"max_memory": 7}, "above its level 1: [0-9]+ bytes"),
        ({"max_macs_per_s": 7}, "above its level 1: [0-9]+ multiply-accumulates per second"),
    ],
)
def test_a_window_above_its_level_is_refused(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, int], reason: str
) -> None:
    window, chunks = make_window()
    header = dataclasses.replace(window.header, level_idx=1)
    data = make_file([(dataclasses.replace(window, header=header), chunks)])
    unfinished = make_file([(dataclasses.replace(window, header=header), chunks)], is_finished=False)
    monkeypatch.setitem(LEVELS, 1, dataclasses.replace(LEVELS[1], **change))
    for file in (data, unfinished):
        with pytest.raises(MalformedError, match=reason):
            read_everything(file)
    with pytest.raises(MalformedError, match=reason):
        make_file([(dataclasses.replace(window, header=header), chunks)])


def test_no_level_holds_what_is_too_fast() -> None:
    window, _ = make_window()
    network = window.header.network
    assert smallest_level(network, [(2, Fraction(1, 25))]) == 1
    assert smallest_level(network, [(2, Fraction(1, 25)), (2, Fraction(1, 10**12))]) == 0
