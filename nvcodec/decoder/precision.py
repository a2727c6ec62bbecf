"""The precision of the networks' convolutions."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch


def is_bfloat16_fast(device: torch.device) -> bool:
    """Whether a device computes with bfloat16 itself: CPUs with AMX or AVX-512 BF16, and CUDA from Ampere on."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # Versions of PyTorch before 2.10 do not tell.
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(bool(capabilities.get(name, False)) for name in ("amx_bf16", "avx512_bf16"))


def reduced_precision(device: torch.device, *, is_wanted: bool) -> AbstractContextManager[object]:
    """Let a device that is faster with bfloat16 use it within, for the networks' stages.

    Parameters, their gradients, outputs and the loss stay float32. Files are as good (results/rd/README.md).

    Args:
        device: where the networks run.
        is_wanted: false to leave everything as it is.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=is_wanted and is_bfloat16_fast(device))
