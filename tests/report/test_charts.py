from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nvcodec.report.charts import LEFT, MAX_POINTS, PLOT_WIDTH, TOP, Line, Scale, chart, round_values, thinned


def test_lines_fill_their_plot() -> None:
    drawn = chart("a", [Line("b", "ours", [(0, 10.0), (5, 30.0), (10, 20.0)])], Scale(0, 10))
    xs, ys = zip(*(map(float, point.split(",")) for point in drawn.paths[0].points.split()), strict=True)
    assert xs == (LEFT, LEFT + PLOT_WIDTH / 2, LEFT + PLOT_WIDTH)
    assert min(ys) == ys[1] > TOP
    assert [tick.label for tick in drawn.y_ticks] == ["10", "15", "20", "25", "30"]


@given(low=st.floats(-1e6, 1e6), span=st.floats(1e-3, 1e6))
def test_labels_lie_within_their_range_and_tell_its_values(low: float, span: float) -> None:
    values = round_values(low, low + span)
    assert 2 <= len(values) <= 9
    for value, label in values:
        assert low - 1e-6 * span <= value <= low + span + 1e-6 * span
        assert abs(float(label.replace(",", "")) - value) <= 1e-6 * max(1.0, abs(value))
    assert len({label for _, label in values}) == len(values)


def test_one_value_and_none_are_drawn_as_well() -> None:
    assert chart("a", [Line("b", "ours", [(0, 60.0), (1, 60.0)])], Scale(0, 2)).paths
    assert chart("a", [Line("b", "ours", [])], Scale(0, 2)).paths[0].points == ""


def test_a_long_line_keeps_what_is_worst() -> None:
    points = [(float(idx), 30.0 - (idx == 77_777)) for idx in range(100_000)]
    kept = thinned(points)
    assert len(kept) <= MAX_POINTS
    assert (77_777.0, 29.0) in kept
