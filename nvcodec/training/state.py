"""A training between two iterations: all that it takes to go on from there to the very same end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from nvcodec.errors import TrainingError

MOMENTS = ("step", "exp_avg", "exp_avg_sq")
"""What Adam keeps of a parameter."""


@dataclass(frozen=True)
class TrainingState:
    """A training as it is after an iteration.

    Attributes:
        num_done: iterations that are done. The order of the frames is drawn again up to there.
        fraction: fraction of the training that is done, 0..1.
        tensors: by name; what was never changed is left out, since a training that begins has it as well.
    """

    num_done: int
    fraction: float
    tensors: Mapping[str, Tensor]

    @property
    def mask(self) -> Tensor:
        """(S,) bool, what the chunks share.

        Raises:
            TrainingError: it is missing.
        """
        return taken(self.tensors, "mask", torch.bool)


def optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What an optimiser has changed so far, and its memory of that."""
    tensors = {}
    for idx, parameter in enumerate(_parameters(optimizer)):
        if parameter in optimizer.state:
            tensors[f"value.{idx}"] = parameter.detach()
            tensors.update({f"{name}.{idx}": optimizer.state[parameter][name] for name in MOMENTS})
    return tensors


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Bring an optimiser of the same parameters, and those, to what :func:`optimizer_state` told.

    Raises:
        TrainingError: it was told of other parameters.
    """
    for idx, parameter in enumerate(_parameters(optimizer)):
        if f"value.{idx}" not in tensors:
            continue
        for name in ("value", "exp_avg", "exp_avg_sq"):
            if taken(tensors, f"{name}.{idx}", torch.float32).shape != parameter.shape:
                raise TrainingError(f"{name}.{idx} has another shape", "training state")
        with torch.no_grad():
            parameter.copy_(tensors[f"value.{idx}"])
        optimizer.state[parameter] = {name: tensors[f"{name}.{idx}"].to(parameter.device) for name in MOMENTS}


def taken(tensors: Mapping[str, Tensor], name: str, dtype: torch.dtype) -> Tensor:
    """A tensor of that name and type.

    Raises:
        TrainingError: there is none.
    """
    tensor = tensors.get(name)
    if tensor is None or tensor.dtype != dtype:
        raise TrainingError(f"{name} is missing, or of another type", "training state")
    return tensor


def _parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]
