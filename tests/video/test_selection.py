"""Which frames are wanted, and about how many those are."""

from __future__ import annotations

from fractions import Fraction

import pytest

from nvcodec.video.selection import Selection


@pytest.mark.parametrize(
    ("selection", "num_frames", "guess"),
    [
        (Selection(), 100, 100),
        (Selection(), None, None),
        (Selection(20, 60), 100, 40),
        (Selection(20, 60), None, 40),
        (Selection(20), None, None),
        (Selection(start_s=1.0), 100, 75),
        (Selection(start_s=1.0, end_s=2.0), None, 25),
        (Selection(end_s=10.0), 100, 100),
        (Selection(start_s=10.0), 100, 0),
        (Selection(first_frame=30, start_s=1.0), 100, 70),
    ],
)
def test_a_guess_of_the_number_of_frames(selection: Selection, num_frames: int | None, guess: int | None) -> None:
    assert selection.guess(num_frames, Fraction(25)) == guess
