"""The weight of the rate, lmbda in D + lmbda R: fixed, or steered towards a number of bits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from nvcodec.training.state import taken

GAIN = 32.0
"""How often lmbda would be multiplied by the excess of the rate over the whole of the steering at full speed."""
DAMPING = 2.0
"""How often it is multiplied by the excess of the moment, so that it falls in time while the rate comes to its goal."""
LEAST_SPEED = 1 / 64
MAX_LOG_STEP = 0.2
MAX_LOG_RANGE = math.log(256)
LEAST_LMBDA = 1e-12


@dataclass(frozen=True)
class RateGoal:
    """What the rate of a window should come to.

    Attributes:
        bits: of the window, to which lmbda is steered.
        lmbda: fixed weight of the bits per pixel against the distortion; None: steered.
        fixed_bits: what the window takes beside its coded symbols.
    """

    bits: float
    lmbda: float | None = None
    fixed_bits: float = 0.0


class Steering:
    """lmbda from iteration to iteration, kept on the device so that nothing waits for it.

    The logarithm of lmbda follows the logarithm of rate over goal, its integral and itself. It begins where lmbda
    belongs if a tenth more bits would lessen the distortion by a fortieth, and does not leave a range around that.

    Attributes:
        lmbda: its value now, a scalar tensor.
        rate: bits of the window when they were last measured, fixed ones included, a scalar tensor.
    """

    def __init__(self, goal: RateGoal, distortion: Tensor, num_pixels: int, num_iterations: int) -> None:
        """Begin.

        Args:
            goal: where to go.
            distortion: of the window as it is now, a scalar.
            num_pixels: of all frames of the window.
            num_iterations: how many updates there will be.
        """
        self._goal = goal
        self._gain = GAIN / max(num_iterations, 1)
        if goal.lmbda is None:
            self.lmbda = (0.25 * distortion * num_pixels / goal.bits).clamp(min=LEAST_LMBDA)
        else:
            self.lmbda = torch.full_like(distortion, goal.lmbda)
        self._log_start = torch.log(self.lmbda)
        self._integral = torch.zeros_like(self.lmbda)
        self.rate = torch.full_like(distortion, goal.bits)

    def state(self) -> dict[str, Tensor]:
        """What an update takes from those before it, scalars."""
        return {"log_start": self._log_start, "integral": self._integral, "rate": self.rate}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a :meth:`state`; needs to be updated before lmbda is used.

        Raises:
            TrainingError: a value is missing.
        """
        self._log_start, self._integral, self.rate = (
            taken(state, name, torch.float32).to(self.lmbda.device).view(())
            for name in ("log_start", "integral", "rate")
        )

    def measure(self, bits: Tensor) -> None:
        """Take notice of the bits of the window's symbols, a scalar without gradient."""
        self.rate = bits + self._goal.fixed_bits

    def update(self, speed: float) -> None:
        """Steer by what was measured last.

        Args:
            speed: the learning rate relative to its peak, 0..1. The slower the training, the less the rate heeds lmbda.
        """
        if self._goal.lmbda is not None:
            return
        excess = torch.log(self.rate / self._goal.bits)
        step = (self._gain / max(speed, LEAST_SPEED) * excess).clamp(-MAX_LOG_STEP, MAX_LOG_STEP)
        self._integral = (self._integral + step).clamp(-MAX_LOG_RANGE, MAX_LOG_RANGE)
        away = (self._integral + DAMPING * excess).clamp(-MAX_LOG_RANGE, MAX_LOG_RANGE)
        self.lmbda = torch.exp(self._log_start + away)
