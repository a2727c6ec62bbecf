from __future__ import annotations

import subprocess
import sys

import pytest

from nvcodec.metrics import bpp


def test_bpp_counts_bits_of_all_bytes_over_all_pixels() -> None:
    assert bpp(1_500_000, 1280, 640, 132) == pytest.approx(0.11097, abs=1e-5)
    assert bpp(3, 4, 2, 3) == 1


def test_counting_bits_needs_no_torch() -> None:
    code = "import sys, nvcodec.metrics; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
