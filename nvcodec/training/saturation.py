"""Training through the output activation's flat ends."""

from __future__ import annotations

import torch
from torch import Tensor

from nvcodec.bitstream.network_spec import NetworkSpec, OutputActivation
from nvcodec.networks import output_activation


class _FlooredOutput(torch.autograd.Function):
    """The output activation, whose derivative is at least a given fraction of its largest one."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, logits: Tensor, spec: NetworkSpec, floor: float) -> Tensor:
        output = output_activation(logits, spec)
        ctx.save_for_backward(output)
        ctx.steepest = 0.25 if spec.output_activation == OutputActivation.SIGMOID else 0.5  # type: ignore[attr-defined]
        ctx.floor = floor  # type: ignore[attr-defined]
        return output

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (output,) = ctx.saved_tensors  # type: ignore[attr-defined]
        steepest: float = ctx.steepest  # type: ignore[attr-defined]
        # Both activations have the derivative 4 y (1 - y) times their steepest one, at y = 1/2.
        slope = torch.addcmul(output, output, output, value=-1).mul_(4 * steepest)
        return slope.clamp_(min=ctx.floor * steepest).mul_(gradients[0]), None, None  # type: ignore[attr-defined]


def floored_output(logits: Tensor, spec: NetworkSpec, floor: float) -> Tensor:
    """The output activation with a derivative that training cannot lose.

    A network that has gone all black has logits at which the activation is flat to the last bit, and gets no gradient
    when a bright frame comes. Fades from black do that to fast recipes.

    Args:
        logits: (N, num_outputs, H, W).
        spec: says which activation.
        floor: least derivative, relative to the largest; 0 is the true derivative.

    Returns:
        The same values as ``output_activation(logits, spec)``.
    """
    result: Tensor = _FlooredOutput.apply(logits, spec, floor)  # type: ignore[no-untyped-call]
    return result
