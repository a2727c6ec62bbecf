"""The compute device: choice, name and memory errors."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from nvcodec.errors import DeviceError

# Parameters of glibc's mallopt.
M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4
M_ARENA_MAX = -8


def resolve_device(name: str) -> torch.device:
    """The device called ``auto`` (CUDA if there is one, else the CPU), ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        DeviceError: CUDA is asked for and there is none, or the name is none of these.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name != "cpu" and not name.startswith("cuda"):
        raise DeviceError(f"unknown device {name!r}; use auto, cpu or cuda", "device")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise DeviceError("no CUDA device is available; use --device cpu", "device")
    try:
        return torch.device(name)
    except RuntimeError as error:
        raise DeviceError(f"unknown device {name!r}; use auto, cpu or cuda", "device") from error


def prepare_device(name: str, threads: int | None, *, deterministic: bool = False) -> torch.device:
    """What :func:`resolve_device` returns, with so many CPU threads from now on; None: PyTorch's choice.

    Args:
        name: of the device.
        threads: of the CPU.
        deterministic: from now on a GPU computes the same every time, if more slowly; a CPU does in any case.

    Raises:
        DeviceError: as there.
    """
    device = resolve_device(name)
    if threads is not None:
        torch.set_num_threads(threads)
    if deterministic and device.type == "cuda":
        # Without this cuBLAS shares its memory between streams as it comes. It is read when CUDA begins.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
    return device


def describe_device(device: torch.device) -> str:
    """The device for people, e.g. ``cpu (x86_64, 2 threads)``."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return f"cpu ({platform.machine()}, {torch.get_num_threads()} threads)"


def keep_freed_memory() -> None:
    """Let this process keep the memory that it frees, for commands that own their process.

    glibc hands buffers of many megabytes back to the kernel, and every next layer pays page faults for them again: at
    1280x720 that is a sixth of the time. What threads other than the first free it would hand back all the same: they
    allocate where the first does, and a decode, whose frames a thread makes, is a quarter faster. Without effect
    elsewhere.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, 1)
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


@contextmanager
def memory_errors_reported(what: str) -> Iterator[None]:
    """Turn the ways in which memory runs out into a ``DeviceError`` that says during ``what``."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise DeviceError(f"out of memory during {what}", "device") from error
    except RuntimeError as error:
        # The CPU allocator has no exception type of its own.
        if "can't allocate memory" not in str(error) and "not enough memory" not in str(error):
            raise
        raise DeviceError(f"out of memory during {what}", "device") from error
