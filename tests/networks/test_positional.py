from __future__ import annotations

import dataclasses
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvcodec.bitstream.network_spec import Backbone
from nvcodec.networks import NetworkDesign, solve_network, time_encoding
from nvcodec.networks.positional import grid_encoding

SPEC = solve_network(NetworkDesign.of_authors(Backbone.ENERV), 320, 180, 30, 3_000_000)
PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803")


def sine(angle: Decimal) -> Decimal:
    term = total = angle
    for n in range(1, 60):
        term = -term * angle * angle / ((2 * n) * (2 * n + 1))
        total += term
    return total


def exact_encoding(position: Fraction, levels: int) -> list[Decimal]:
    """The formula as it stands, in 70 digits: sin(pi p), cos(pi p) = sin(pi p + pi / 2)."""
    values = []
    with localcontext() as context:
        context.prec = 70
        for level in range(levels):
            for quarter in (Fraction(0), Fraction(1, 2)):
                phase = (position * Fraction(5, 4) ** level + quarter) % 2
                values.append(sine(PI * phase.numerator / phase.denominator))
    return values


@pytest.mark.parametrize(
    ("frame_idx", "num_frames"), [(131, 132), (7, 13), (0, 5), (1, 2), (5, 1), (299, 300), (999_999_999, 1_000_000_007)]
)
def test_every_value_is_the_float32_nearest_to_the_exact_one(frame_idx: int, num_frames: int) -> None:
    values = time_encoding([frame_idx], num_frames, SPEC)[0]
    assert values.dtype == np.float32
    for value, exact in zip(values, exact_encoding(Fraction(frame_idx, num_frames), SPEC.pe_levels), strict=True):
        if abs(exact) < Decimal("1e-60"):
            assert value == 0
        else:
            half_ulp = Decimal(float(np.spacing(np.abs(value)))) / 2
            assert abs(Decimal(float(value)) - exact) <= half_ulp * Decimal("1.000001")


def test_levels_are_interleaved_sines_and_cosines() -> None:
    spec = dataclasses.replace(SPEC, pe_levels=2, pe_base_num=2, pe_base_den=1)
    np.testing.assert_array_equal(
        time_encoding([0, 1, 2], 4, spec),
        np.array([[0, 1, 0, 1], [np.sqrt(0.5), np.sqrt(0.5), 1, 0], [1, 0, 0, -1]], np.float32),
    )


def test_times_of_bunny_are_told_apart() -> None:
    assert len(np.unique(time_encoding(range(132), 132, SPEC), axis=0)) == 132


@settings(max_examples=30, deadline=None)
@given(numerator=st.integers(0, 10**6), denominator=st.integers(1, 10**6), factor=st.integers(2, 1000))
def test_only_the_ratio_counts(numerator: int, denominator: int, factor: int) -> None:
    np.testing.assert_array_equal(
        time_encoding([numerator], denominator, SPEC), time_encoding([numerator * factor], denominator * factor, SPEC)
    )


def test_grid_encoding_is_rows_then_columns_row_by_row() -> None:
    encoding = grid_encoding(SPEC)
    height, width, length = SPEC.base_height, SPEC.base_width, 2 * SPEC.pe_levels
    assert encoding.shape == (height * width, 2 * length)
    row, column = height - 2, width - 3
    position = encoding[row * width + column]
    np.testing.assert_array_equal(position[:length], time_encoding([row], height, SPEC)[0])
    np.testing.assert_array_equal(position[length:], time_encoding([column], width, SPEC)[0])
