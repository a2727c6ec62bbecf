from __future__ import annotations

import builtins
from collections.abc import Callable

import pytest

from nvcodec.errors import ConfigError
from nvcodec.report.comparison import Comparison, FrameQuality
from nvcodec.report.curves import bd_rates


def point(num_bytes: int | None, db: float) -> Comparison:
    quality = FrameQuality(db, db - 2, 1 - 10 ** (-db / 20))
    return Comparison("a", 64, 48, False, (quality,), 0.0, 0.4, 10, 0.4, num_bytes)


def curve(factor: float = 1.0) -> list[Comparison]:
    """A doubling of the rate makes 3 dB."""
    return [point(round(factor * 1000 * 2**idx), 30 + 3 * idx) for idx in (2, 0, 3, 1)]


def test_four_fifths_of_the_rate_are_a_fifth_less() -> None:
    deltas = bd_rates({"x265": curve(), "ours": curve(0.8), "same": curve()})
    assert list(deltas) == ["ours", "same"]
    for metric in ("psnr_y", "psnr_rgb", "ms_ssim"):
        assert deltas["ours"][metric].rate_pct == pytest.approx(-20, abs=0.1)
        assert deltas["same"][metric].rate_pct == pytest.approx(0, abs=1e-6)


def test_curves_without_common_quality_have_no_delta() -> None:
    far = [point(1000 * 2**idx, 80 + idx) for idx in range(4)]
    assert bd_rates({"a": curve(), "b": far})["b"]["psnr_y"] is None


@pytest.mark.parametrize(
    ("curves", "message"),
    [
        ({}, "compares two curves"),
        ({"a": curve()}, "there is only a"),
        ({"a": curve(), "b": curve()[:3]}, "needs 4 points of a curve; b has 3"),
        ({"a": curve(), "b": [*curve()[:3], point(None, 40)]}, "needs sizes"),
    ],
)
def test_what_cannot_be_compared_is_said(curves: dict[str, list[Comparison]], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        bd_rates(curves)


def test_a_missing_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[..., object] = builtins.__import__

    def without(name: str, *arguments: object, **options: object) -> object:
        if name == "bjontegaard":
            raise ModuleNotFoundError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r"pip install 'nvcodec\[bench\]'"):
        bd_rates({"a": curve(), "b": curve()})
