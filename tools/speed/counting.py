"""How many operations and bytes a computation takes, and which of the two bounds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Work:
    """Operations and bytes.

    Attributes:
        flops: floating-point operations of matrix products and convolutions.
        num_bytes: that all operations read and write, if nothing stays in a cache between them.
    """

    flops: float
    num_bytes: float

    def bound(self, peak_flops: float, bandwidth: float, seconds: float) -> str:
        """What fraction of the machine it takes, in words."""
        of_peak, of_copy = self.flops / seconds / peak_flops, self.num_bytes / seconds / bandwidth
        which = "arithmetic" if of_peak > of_copy else "bytes"
        return (
            f"{self.flops / 1e9:.3g} GFLOP at {of_peak:.0%} of a matrix product's speed, "
            f"{self.num_bytes / 1e9:.3g} GB at {of_copy:.0%} of a copy's: bound by {which}"
        )


def count(run: Callable[[], object]) -> Work:
    """The work of a computation, which is run once."""
    flops, traffic = FlopCounterMode(display=False), _Traffic()
    with flops, traffic:
        run()
    return Work(flops.get_total_flops(), traffic.num_bytes)


class _Traffic(TorchDispatchMode):
    """Adds up the bytes that operations read and write. Views do neither."""

    def __init__(self) -> None:
        super().__init__()
        self.num_bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if not func.is_view:
            tensors = [leaf for leaf in tree_flatten((args, kwargs, result))[0] if isinstance(leaf, Tensor)]
            self.num_bytes += sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        return result
