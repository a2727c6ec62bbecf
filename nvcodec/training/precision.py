"""The precision of the networks' convolutions while they are trained."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch


def reduced_precision(device: torch.device, *, is_wanted: bool) -> AbstractContextManager[object]:
    """Let a device that is much faster with bfloat16 use it within, for convolutions and what follows them.

    Parameters, their gradients and the loss stay float32. The files are as good (results/rd/README.md).

    Args:
        device: where the networks run. CPUs with tiles (AMX) are that much faster; for CUDA it was not measured.
        is_wanted: false to leave everything as it is.
    """
    # Versions of PyTorch before 2.10 do not tell.
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    is_faster = device.type == "cpu" and bool(capabilities.get("amx_bf16", False))
    return torch.autocast(device.type, torch.bfloat16, enabled=is_wanted and is_faster)
