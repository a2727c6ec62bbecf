"""lmbda R, the part of a window's loss that stands for its bits, over the course of the training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from nvcodec.training.chunk_frames import ChunkFrames
from nvcodec.training.processes import Processes
from nvcodec.training.recipe import RateRecipe
from nvcodec.training.state import taken
from nvcodec.training.steering import RateGoal, Steering
from nvcodec.training.window_model import WindowModel

MEASURING_INTERVAL = 10
REFIT_INTERVAL = 5 * MEASURING_INTERVAL
FEW_ITERATIONS = 500
"""In fewer, steps do not come to where they belong by learning, and lmbda runs away meanwhile."""
MOST_EXCESS = 0.05
"""By which the rate may be off its goal where the steps are fixed before they are scaled to suit it."""


class RateTerm:
    """Quantises what is coded, from here to the end of a training, and adds its rate to the loss.

    The loss of an iteration is the sum of the chunks' weighted distortions, plus lmbda times the window's bits per
    pixel times the sum of those weights: lmbda weighs bits per pixel against the distortion of a frame.
    """

    def __init__(
        self,
        model: WindowModel,
        chunks: Sequence[ChunkFrames],
        recipe: RateRecipe,
        goal: RateGoal,
        *,
        distortion: Tensor,
        num_iterations: int,
        processes: Processes,
    ) -> None:
        """Begin to quantise, or go on with what is quantised already.

        Args:
            model: the window's networks.
            chunks: the source frames.
            recipe: when and how.
            goal: what the rate should come to.
            distortion: of a frame as it is now, a scalar.
            num_iterations: how many there are going to be from here on.
            processes: that train together. Each counts the bits of its chunks, the first those of what is shared.
        """
        self._coding = model.coding or model.begin_coding(chunks, recipe.initial_step)
        self._coding.count_only(processes.chunks_of(len(chunks)), shared=processes.is_first)
        self._goal = goal
        self._processes = processes
        self._recipe = recipe
        if goal.lmbda is None and num_iterations < FEW_ITERATIONS:
            self._coding.scale_steps(goal.bits - goal.fixed_bits, self._rounded_bits)
        self._num_begun, self._num_iterations = 0, num_iterations
        video_format, lengths = chunks[0].format, [len(chunk) for chunk in chunks]
        self._num_pixels = video_format.width * video_format.height * sum(lengths)
        self._sum_of_weights = sum(lengths) / max(lengths)
        self._steering = Steering(goal, distortion, self._num_pixels, num_iterations)

    @property
    def bpp(self) -> float:
        """Bits per pixel of the window, all of them, if it were rounded now or some iterations ago."""
        return self._steering.rate.item() / self._num_pixels

    @property
    def lmbda(self) -> float:
        """The weight of the bits per pixel now."""
        return self._steering.lmbda.item()

    def parameter_groups(self, learning_rate: float) -> list[dict[str, Any]]:
        """What the optimiser has to learn from now on beside the parameters.

        Args:
            learning_rate: of the parameters, at its peak.
        """
        embeddings = {"params": self._coding.embeddings, "peak": learning_rate * self._recipe.embedding_rate}
        steps = {"params": self._coding.steps(), "peak": self._recipe.step_learning_rate}
        return [embeddings, steps] if self._coding.embeddings else [steps]

    def common(self) -> list[Tensor]:
        """What is learned of all chunks together beside the shared parameters."""
        return self._coding.steps()

    @property
    def is_due_to_refit(self) -> bool:
        """The next iteration fits the tables and measures the bits anew, and so needs none of what is there of them."""
        return self._num_begun % REFIT_INTERVAL == 0

    def state(self) -> dict[str, Tensor]:
        """What it takes, beside what the optimiser learns, to go on where it :attr:`is_due_to_refit`."""
        coding = self._coding
        return {
            "rate_iterations": torch.tensor([self._num_begun, self._num_iterations]),
            "steps": torch.tensor([*coding.step_idx, *coding.embedding_step_idx], dtype=torch.int64),
            **self._steering.state(),
        }

    @staticmethod
    def num_iterations_of(state: Mapping[str, Tensor]) -> int | None:
        """How many iterations the term of a :meth:`state` was made for; None if there was no term."""
        return int(taken(state, "rate_iterations", torch.int64)[1]) if "rate_iterations" in state else None

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a :meth:`state`.

        Raises:
            TrainingError: something is missing.
        """
        self._num_begun = int(taken(state, "rate_iterations", torch.int64)[0])
        self._steering.restore(state)
        steps = taken(state, "steps", torch.int64).tolist()
        if steps:
            self._coding.take_steps(steps)

    def begin_iteration(self, fraction: float, speed: float) -> None:
        """Prepare an iteration: the steps, the tables, and lmbda.

        Args:
            fraction: of the training that is done, 0..1.
            speed: the iteration's learning rate relative to the peak, 0..1.
        """
        is_fixing = fraction >= self._recipe.fixed_steps and not self._coding.has_fixed_steps
        if is_fixing:
            self._fix_steps()
        elif self._num_begun % REFIT_INTERVAL == 0:
            self._coding.refit()
        if is_fixing or self._num_begun % MEASURING_INTERVAL == 0:
            self._steering.measure(self._rounded_bits())
        self._steering.update(speed)
        self._num_begun += 1

    def _fix_steps(self) -> None:
        if self._goal.lmbda is None:
            goal = self._goal.bits - self._goal.fixed_bits
            if abs(math.log(max(self._rounded_bits().item(), 1.0) / max(goal, 1.0))) > MOST_EXCESS:
                self._coding.scale_steps(goal, self._rounded_bits)
        self._coding.fix_steps()

    def _rounded_bits(self) -> Tensor:
        """Bits of what all processes code if it were rounded now, a scalar."""
        bits = self._coding.rounded_bits()
        self._processes.add_up([bits])
        return bits

    def loss(self) -> Tensor:
        """The term, a scalar to differentiate."""
        return self._steering.lmbda * (self._sum_of_weights / self._num_pixels) * self._coding.bits()
