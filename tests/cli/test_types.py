"""What options of the command line are read as."""

from __future__ import annotations

import click
import pytest

from nvcodec.cli.types import Kappa


@pytest.mark.parametrize(("text", "value"), [("auto", None), ("0", 0.0), ("1", 1.0), ("0.25", 0.25)])
def test_kappa_is_a_fraction_or_chosen(text: str, value: float | None) -> None:
    assert Kappa().convert(text, None, None) == value


@pytest.mark.parametrize("text", ["1.01", "-0.1", "inf", "Auto", "half", ""])
def test_other_kappas_are_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        Kappa().convert(text, None, None)
