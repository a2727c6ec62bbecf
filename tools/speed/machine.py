"""The machine: its name, and how fast it multiplies and copies."""

from __future__ import annotations

import os

import torch

from tools.rd.running import processor_name
from tools.speed.timing import median_seconds

SIDES = {"cpu": 2048, "cuda": 8192}
"""Rows and columns of the matrices, by type of device: enough for it to be busy."""
COPIED_BYTES = 256 << 20


def describe_machine() -> str:
    """Processor and number of cores, and the GPU if there is one."""
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{processor_name()}, {os.cpu_count()} cores{gpu}"


def peak_flops(dtype: torch.dtype, device: torch.device) -> float:
    """Floating-point operations per second of a product of square matrices."""
    side = SIDES[device.type]
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    return 2 * side**3 / median_seconds(lambda: a @ b, 7, device)


def copy_bandwidth(device: torch.device) -> float:
    """Bytes per second of a copy, read and written."""
    source = torch.zeros(COPIED_BYTES, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * COPIED_BYTES / median_seconds(lambda: target.copy_(source), 7, device)
