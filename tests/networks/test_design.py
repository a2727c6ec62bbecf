from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvcodec.bitstream.layout import TensorKind
from nvcodec.bitstream.network_spec import Backbone, OutputActivation
from nvcodec.errors import ConfigError
from nvcodec.networks.design import NetworkDesign, choose_strides
from nvcodec.networks.solving import solve_network

NERV = NetworkDesign.of_authors(Backbone.NERV)
ENERV = NetworkDesign.of_authors(Backbone.ENERV)
HNERV = NetworkDesign.of_authors(Backbone.HNERV)
VAST = NetworkDesign.of_authors(Backbone.VAST)


@pytest.mark.parametrize(("budget", "base_channels"), [(350_000, 32), (750_000, 48), (1_500_000, 68), (3_000_000, 97)])
def test_hnerv_width_is_its_authors_solution_at_1280x640(budget: int, base_channels: int) -> None:
    spec = solve_network(HNERV, 1280, 640, 132, budget)
    assert spec.base_channels == base_channels
    assert spec.embedding_shape == (16, 2, 4)
    assert [stage.kernel for stage in spec.stages] == [1, 3, 5, 5, 5]
    assert spec.num_parameters + 132 * 16 * 2 * 4 == pytest.approx(budget, rel=0.07)


@pytest.mark.parametrize(("budget", "base_channels"), [(750_000, 58), (1_500_000, 95), (3_000_000, 143)])
def test_hnerv_width_is_its_authors_solution_at_720p(budget: int, base_channels: int) -> None:
    spec = solve_network(HNERV, 1280, 720, 132, budget)
    assert spec.base_channels == base_channels
    assert spec.embedding_shape == (16, 9, 16)


def test_hnerv_channels_shrink_by_the_reduction_to_the_lower_width() -> None:
    spec = solve_network(HNERV, 1280, 640, 132, 1_500_000)
    assert [stage.channels for stage in spec.stages] == [57, 48, 40, 33, 28]
    narrow = solve_network(dataclasses.replace(HNERV, lower_width=35), 1280, 640, 132, 1_500_000)
    assert [stage.channels for stage in narrow.stages] == [57, 48, 40, 35, 35]


@pytest.mark.parametrize(("millions", "base_channels"), [(3.20, 26), (6.28, 58), (12.52, 112)])
def test_nerv_s_m_l_are_the_nearest_networks_to_their_published_sizes(millions: float, base_channels: int) -> None:
    design = dataclasses.replace(NERV, pe_levels=40)
    spec = solve_network(design, 1280, 720, 132, round(millions * 1e6))
    assert spec.base_channels == base_channels
    assert round(spec.num_parameters / 1e6, 2) == millions
    assert (spec.base_height, spec.base_width) == (9, 16)
    assert [stage.channels for stage in spec.stages] == [base_channels, 96, 96, 96, 96]


@pytest.mark.parametrize(("num_parameters", "base_channels"), [(6_574_000, 58), (3_356_000, 26)])
def test_nervast_1080p_chunk_models_have_their_published_sizes(num_parameters: int, base_channels: int) -> None:
    spec = solve_network(NERV, 1920, 1080, 150, num_parameters)
    assert spec.base_channels == base_channels
    assert round(spec.num_parameters, -3) == num_parameters


def test_nervast_1080p_chunk_model_has_its_published_work_per_frame() -> None:
    assert solve_network(NERV, 1920, 1080, 150, 6_574_000).macs_per_frame == pytest.approx(228e9, rel=0.005)


@pytest.mark.parametrize(
    ("num_chunks", "num_windows", "kappa", "naive", "shared"),
    [
        pytest.param(2, 1, 0.7, 13.14, 8.54, id="shake"),
        pytest.param(12, 1, 0.5, 78.8, 42.7, id="elephant-dream"),
        pytest.param(26, 7, 0.5, 170.8, 108.4, id="uvg"),
        pytest.param(60, 15, 0.5, 394.2, 246.4, id="big-buck-bunny"),
    ],
)
def test_nervast_table_1_volumes_follow_from_chunks_and_windows(
    num_chunks: int, num_windows: int, kappa: float, naive: float, shared: float
) -> None:
    millions = round(solve_network(NERV, 1920, 1080, 150, 6_574_000).num_parameters / 1e6, 2)
    digits = 2 if num_chunks == 2 else 1
    assert round(millions * num_chunks, digits) == naive
    assert round(millions * (kappa * num_windows + (1 - kappa) * num_chunks), digits) == shared


def test_enerv_of_bunny_has_its_published_size() -> None:
    spec = solve_network(ENERV, 1280, 720, 132, 12_490_000)
    assert spec.base_channels == 196
    assert round(spec.num_parameters / 1e6, 2) == 12.49
    assert [stage.channels for stage in spec.stages] == [588, 294, 147, 96, 96]
    assert spec.output_activation == OutputActivation.SIGMOID
    assert spec.macs_per_frame / (1280 * 720) == pytest.approx(165e3, rel=0.01)


@pytest.mark.parametrize(
    ("backbone", "width", "height", "strides"),
    [
        (Backbone.HNERV, 1280, 640, (5, 4, 4, 2, 2)),
        (Backbone.HNERV, 640, 320, (5, 4, 2, 2, 2)),
        (Backbone.NERV, 1280, 640, (5, 4, 2, 2)),
        *((backbone, 1280, 720, (5, 2, 2, 2, 2)) for backbone in (Backbone.NERV, Backbone.ENERV, Backbone.HNERV)),
        *((backbone, 1920, 1080, (5, 3, 2, 2, 2)) for backbone in (Backbone.NERV, Backbone.ENERV, Backbone.HNERV)),
        (Backbone.VAST, 1280, 720, (5, 2, 2, 2)),
    ],
)
def test_strides_of_the_authors_sizes_are_theirs_also_in_portrait(
    backbone: Backbone, width: int, height: int, strides: tuple[int, ...]
) -> None:
    design = NetworkDesign.of_authors(backbone)
    assert choose_strides(width, height, design) == strides
    assert choose_strides(height, width, design) == strides


@pytest.mark.parametrize(
    ("width", "height", "base_width", "base_height"),
    [(640, 360, 16, 9), (768, 432, 16, 9), (3840, 2160, 16, 9), (352, 288, 11, 9), (1024, 768, 16, 12), (16, 16, 1, 1)],
)
def test_frames_that_divide_well_are_not_padded(width: int, height: int, base_width: int, base_height: int) -> None:
    spec = solve_network(NERV, width, height, 30, 6_000_000)
    assert (spec.base_width, spec.base_height) == (base_width, base_height)
    assert (spec.coded_width, spec.coded_height) == (width, height)


@settings(max_examples=60, deadline=None)
@given(width=st.integers(1, 8192), height=st.integers(1, 8192))
def test_any_frame_size_gets_a_grid_within_the_limits_that_just_covers_it(width: int, height: int) -> None:
    scale = math.prod(choose_strides(width, height, NERV))
    base_width, base_height = math.ceil(width / scale), math.ceil(height / scale)
    assert max(base_width, base_height) <= 1024
    assert math.prod(choose_strides(height, width, NERV)) == scale
    if min(width, height) >= 160 and max(width, height) <= 2 * min(width, height):
        assert base_width * base_height * scale**2 <= 1.35 * width * height
        assert 12 <= base_width * base_height <= 600


@pytest.mark.parametrize(
    ("width", "height", "strides", "grid"),
    [
        (320, 180, (3, 3, 2), (8, 45, 81)),
        (640, 360, (5, 2, 2), (8, 90, 160)),
        (1920, 1080, (5, 3, 2, 2), (4, 270, 480)),
    ],
)
def test_vast_works_at_half_size_with_a_grid_before_its_last_stage(
    width: int, height: int, strides: tuple[int, ...], grid: tuple[int, int, int]
) -> None:
    spec = solve_network(VAST, width, height, 30, 2_000_000)
    assert tuple(stage.stride for stage in spec.stages) == strides
    assert [tensor.shape for tensor in spec.layout if tensor.kind == TensorKind.GRID] == [grid]
    assert 16 * grid[1] * grid[2] <= spec.coded_width * spec.coded_height
    assert spec.coded_width >= width
    assert spec.coded_height >= height
    assert spec.num_outputs == 6


def test_vast_counts_embeddings_and_grids_into_its_budget() -> None:
    spec = solve_network(dataclasses.replace(VAST, channel_multiple=1), 320, 180, 40, 200_000)
    assert spec.num_parameters + 40 * math.prod(spec.embedding_shape) == pytest.approx(200_000, rel=0.02)


def test_vast_s_stages_have_multiples_of_8_channels() -> None:
    for budget in (100_000, 200_000, 300_000):
        spec = solve_network(VAST, 320, 180, 40, budget)
        assert all(stage.channels % 8 == 0 for stage in spec.stages)


def grids(**changes: object) -> list[int]:
    """Grid channels of each stage of a network for 144x96 pixels; before the stages are 96, 864 and 3456 positions."""
    design = dataclasses.replace(VAST, strides=(3, 2, 1), **changes)
    spec = solve_network(design, 144, 96, 10, 60_000)
    assert (spec.base_height, spec.base_width) == (8, 12)
    return [stage.grid_channels for stage in spec.stages]


def test_the_grid_lies_before_the_last_stage_that_upsamples() -> None:
    assert grids(grid_ratio=math.inf) == [0, 8, 0]


def test_a_grid_that_is_too_large_has_fewer_channels_but_at_least_half_or_lies_before_an_earlier_stage() -> None:
    found = [grids(grid_ratio=ratio) for ratio in (0.4, 0.12, 0.08, 0.02, 0.005, 0.0)]
    assert found[0] == [0, 8, 0]
    assert 4 <= found[1][1] < 8
    assert found[2] == [8, 0, 0]
    assert 4 <= found[3][0] <= 8
    assert found[4:] == [[0, 0, 0]] * 2


def test_the_grid_is_no_larger_than_its_ratio_of_all_other_parameters() -> None:
    for width, height, budget in ((320, 180, 60_000), (640, 360, 400_000), (1920, 1080, 2_000_000)):
        spec = solve_network(VAST, width, height, 30, budget)
        grid = sum(tensor.size for tensor in spec.layout if tensor.kind == TensorKind.GRID)
        assert grid <= VAST.grid_ratio * (spec.num_parameters - grid)


def test_strides_of_the_design_win() -> None:
    spec = solve_network(dataclasses.replace(HNERV, strides=(4, 2)), 100, 50, 10, 300_000)
    assert [stage.stride for stage in spec.stages] == [4, 2]
    assert (spec.coded_width, spec.coded_height) == (104, 56)


@pytest.mark.parametrize("design", [NERV, ENERV])
def test_time_networks_are_the_nearest_to_the_budget(design: NetworkDesign) -> None:
    budget = 4_000_000
    spec = solve_network(design, 640, 360, 30, budget)
    error = abs(spec.num_parameters - budget)
    for change in (-1, 1):
        neighbour = dataclasses.replace(
            spec,
            base_channels=spec.base_channels + change,
            stages=design.stages(spec.base_channels + change, tuple(stage.stride for stage in spec.stages)),
        )
        assert abs(neighbour.num_parameters - budget) >= error


@pytest.mark.parametrize("backbone", list(Backbone))
def test_too_small_a_budget_is_refused_with_the_least_that_works(backbone: Backbone) -> None:
    design = NetworkDesign.of_authors(backbone)
    with pytest.raises(ConfigError, match="smallest network has") as refusal:
        solve_network(design, 320, 180, 30, 1000)
    minimum = int(refusal.value.reason.split("smallest network has ")[1].split(",")[0])
    solve_network(design, 320, 180, 30, minimum).validate()
    with pytest.raises(ConfigError, match=str(minimum)):
        solve_network(design, 320, 180, 30, minimum - 1)


def test_a_budget_that_the_embeddings_exceed_is_refused() -> None:
    with pytest.raises(ConfigError, match=f"{16 * 9 * 16 * 600} of them embeddings"):
        solve_network(HNERV, 1920, 1080, 600, 1_300_000)


def test_too_large_a_budget_is_refused() -> None:
    with pytest.raises(ConfigError, match="largest network has"):
        solve_network(HNERV, 320, 180, 30, 10**12)


def test_gray_networks_have_one_output() -> None:
    assert solve_network(HNERV, 320, 180, 30, 300_000, num_outputs=1).num_outputs == 1


@pytest.mark.parametrize(
    "change",
    [
        {"reduction": 0.5},
        {"expansion": 0.0},
        {"lower_width": 0},
        {"kernel_min": 0},
        {"kernel_max": 2, "kernel_min": 3},
        {"kernel_min": 2, "kernel_max": 2},
        {"strides": ()},
        {"strides": (4, 0)},
        {"strides": (9,)},
        {"head_kernel": 4},
        {"grid_channels": 8},
        {"grid_channels": -1},
        {"grid_ratio": -0.1},
        {"channel_multiple": 0},
        {"min_pixels_per_position": 0},
    ],
)
def test_impossible_designs_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        solve_network(dataclasses.replace(HNERV, **change), 320, 180, 30, 500_000)


def test_a_texture_counts_and_takes_the_place_of_the_grid() -> None:
    plain = solve_network(VAST, 320, 180, 40, 200_000)
    textured = solve_network(VAST, 320, 180, 40, 200_000, texture_margin=3)
    assert any(stage.grid_channels for stage in plain.stages)
    assert not any(stage.grid_channels for stage in textured.stages)
    assert (textured.texture_channels, textured.texture_margin) == (1, 3)
    assert (textured.num_features, textured.embedding_channels) == (16, 18)
    assert textured.num_parameters + 40 * math.prod(textured.embedding_shape) == pytest.approx(200_000, rel=0.02)
