"""The precision of the networks' convolutions."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

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


class _Tf32:
    """PyTorch's settings by which GPUs round the factors of float32, which all threads of a process have in common."""

    def __init__(self) -> None:
        # Versions of PyTorch before 2.9 have other names.
        convolutions = getattr(torch.backends.cudnn, "conv", torch.backends.cudnn)
        is_new = hasattr(convolutions, "fp32_precision")
        self._name = "fp32_precision" if is_new else "allow_tf32"
        self._exact: object = "ieee" if is_new else False
        self._settings = (convolutions, torch.backends.cuda.matmul)
        self._before: list[object] = []
        self._num_within = 0
        self._lock = threading.Lock()

    @contextmanager
    def off(self) -> Iterator[None]:
        """Without rounding within; behind the last thread that is, all is as the program had it."""
        with self._lock:
            if not self._num_within:
                self._before = [getattr(setting, self._name) for setting in self._settings]
                self._set([self._exact] * len(self._settings))
            self._num_within += 1
        try:
            yield
        finally:
            with self._lock:
                self._num_within -= 1
                if not self._num_within:
                    self._set(self._before)

    def _set(self, values: Sequence[object]) -> None:
        for setting, value in zip(self._settings, values, strict=True):
            setattr(setting, self._name, value)


_TF32 = _Tf32()


def without_tf32(device: torch.device) -> AbstractContextManager[None]:
    """Let a GPU compute float32 as such within.

    PyTorch rounds the factors of its convolutions to 11 bits otherwise (TF32), and of products if a program asks for
    that: too few for spec clause 13. No effect on CPUs.
    """
    return _TF32.off() if device.type == "cuda" else nullcontext()
