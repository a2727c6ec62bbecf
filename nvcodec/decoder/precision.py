"""The precision of the networks' convolutions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

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


@contextmanager
def without_tf32(device: torch.device) -> Iterator[None]:
    """Let a GPU compute float32 as such within.

    PyTorch rounds the factors of its convolutions to 11 bits otherwise (TF32), and of products if a program asks for
    that: too few for spec clause 13. Afterwards all is as the program had it. No effect on CPUs.
    """
    if device.type != "cuda":
        yield
        return
    # Versions of PyTorch before 2.9 have other names.
    convolutions = getattr(torch.backends.cudnn, "conv", torch.backends.cudnn)
    name, exact = ("fp32_precision", "ieee") if hasattr(convolutions, "fp32_precision") else ("allow_tf32", False)
    settings = (convolutions, torch.backends.cuda.matmul)
    before = [getattr(setting, name) for setting in settings]
    try:
        for setting in settings:
            setattr(setting, name, exact)
        yield
    finally:
        for setting, value in zip(settings, before, strict=True):
            setattr(setting, name, value)
