"""How a window is trained, apart from how long it takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nvcodec.training.losses import Loss


@dataclass(frozen=True)
class RateRecipe:
    """How a training takes the rate into account.

    Attributes:
        start: fraction of the training after which what is coded is quantised.
        fixed_steps: fraction of the training after which the steps are learned no more.
        step_learning_rate: of the log2 of the steps, at the peak of the schedule.
        initial_step: steps at the start, in standard deviations of what they quantise, before a short training scales
            them to suit the goal.
        embedding_rate: learning rate of embeddings relative to that of the parameters, once they are learned directly.
    """

    start: float = 0.5
    fixed_steps: float = 0.8
    step_learning_rate: float = 0.02
    initial_step: float = 0.25
    embedding_rate: float = 2.0


@dataclass(frozen=True)
class Recipe:
    """How a window is trained.

    Attributes:
        epochs: passes over the frames of the window.
        min_iterations: more epochs are made of a window whose chunks are short, until there are this many iterations.
        batch_size: frames of each chunk in one iteration.
        learning_rate: peak learning rate of Adam.
        beta1, beta2: Adam's decay rates.
        warmup_ratio: fraction of the training that warms up.
        loss: distortion to minimise.
        output_floor: least derivative of the output activation while training, see ``floored_output``.
        full_rate_fan_in: layers with more inputs per output than this learn slower in proportion, since all inputs add
            to one output's change; None: all layers learn at the full rate.
        rate: how the training takes the rate into account; None: it does not.
        reduced_precision: convolutions may be less precise where that is faster.
    """

    epochs: int
    min_iterations: int = 0
    batch_size: int = 1
    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    warmup_ratio: float = 0.1
    loss: Loss = Loss.L2
    output_floor: float = 0.0
    full_rate_fan_in: int | None = None
    rate: RateRecipe | None = None
    reduced_precision: bool = False

    def num_iterations(self, chunk_lengths: Sequence[int]) -> int:
        """Iterations of one epoch: the longest chunk's whole batches, as the originals drop the last."""
        return max(1, max(chunk_lengths) // self.batch_size)

    def num_epochs(self, chunk_lengths: Sequence[int]) -> int:
        """Epochs of a window with such chunks."""
        return max(self.epochs, math.ceil(self.min_iterations / self.num_iterations(chunk_lengths)))
