"""What the commands set up before anything else is loaded."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "settings", "expected"),
    [
        ("nvcodec.cli", {}, "20000"),
        ("nvcodec.cli", {"GOMP_SPINCOUNT": "7"}, "7"),
        ("nvcodec.cli", {"OMP_WAIT_POLICY": "active"}, "None"),
        ("nvcodec", {}, "None"),
    ],
)
def test_commands_let_other_processes_have_their_cores_unless_told_otherwise(
    module: str, settings: dict[str, str], expected: str
) -> None:
    code = f"import sys, os, {module}; print(os.environ.get('GOMP_SPINCOUNT'), 'torch' in sys.modules)"
    inherited = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    result = subprocess.run(
        [sys.executable, "-c", code], env={**inherited, **settings}, capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == [expected, "False"]
