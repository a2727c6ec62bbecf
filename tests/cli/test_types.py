"""What options of the command line are read as."""

from __future__ import annotations

import click
import pytest

from nvcodec.cli.types import Duration, Kappa, Quantity


@pytest.mark.parametrize(("text", "value"), [("auto", None), ("0", 0.0), ("1", 1.0), ("0.25", 0.25)])
def test_kappa_is_a_fraction_or_chosen(text: str, value: float | None) -> None:
    assert Kappa().convert(text, None, None) == value


@pytest.mark.parametrize("text", ["1.01", "-0.1", "inf", "Auto", "half", ""])
def test_other_kappas_are_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        Kappa().convert(text, None, None)


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("1h30m", 5400), ("1h0.5s", 3600.5)])
def test_durations(text: str, seconds: float) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "-5s", "1m2h", "1.5h", "nans"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(click.BadParameter, match="duration"):
        Duration().convert(text, None, None)


@pytest.mark.parametrize(
    ("text", "is_bytes", "value"),
    [
        ("800k", False, 800_000),
        ("1.5M", False, 1_500_000),
        ("20MB", False, 20_000_000),
        ("20MiB", False, 20 << 20),
        ("4G", True, 4 << 30),
        ("4GiB", True, 4 << 30),
        ("17", True, 17),
    ],
)
def test_quantities(text: str, is_bytes: bool, value: int) -> None:
    assert Quantity(is_bytes=is_bytes).convert(text, None, None) == value


@pytest.mark.parametrize("text", ["", "M", "-1", "1iB", "1e6", "1.M", "1 000"])
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(click.BadParameter, match="number"):
        Quantity().convert(text, None, None)
