"""What options of the command line are read as."""

from __future__ import annotations

import click
import pytest

from nvcodec.cli.types import Duration, Kappa


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
