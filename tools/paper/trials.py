"""What is run: one system on one clip at one setting."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from nvcodec.bitstream.network_spec import Backbone


class System(enum.Enum):
    """A system that the paper evaluates; the value names it in tables.

    ``NERVAST`` is the product with a given κ. Those after it differ in nothing but how the mask is chosen, in the
    training (SRVC's order: chunk after chunk, shared parameters frozen after the first), or in the windows (one for the
    whole video). ``SIREN`` and ``NIRVANA`` are networks of their own.
    """

    NAIVE_SPLIT = "naive-split"
    MONOLITHIC = "monolithic"
    NERVAST = "nervast"
    RANDOM = "random"
    RANDOM_IN_LAYERS = "random-in-layers"
    VARIANCE = "variance"
    DIFFERENCE = "difference"
    SEQUENTIAL = "sequential"
    ONE_WINDOW = "one-window"
    SIREN = "siren"
    NIRVANA = "nirvana"

    @property
    def has_stream(self) -> bool:
        """Whether the product's format has a place for it."""
        return self not in (System.SIREN, System.NIRVANA)

    @property
    def shares(self) -> bool:
        """Whether chunks have parameters in common."""
        return self.has_stream and self not in (System.NAIVE_SPLIT, System.MONOLITHIC)


@dataclass(frozen=True)
class Trial:
    """One row of the results.

    Attributes:
        clip: stem of the clip's file name.
        system: which system.
        backbone: its base network; of no meaning for SIREN and NIRVANA.
        num_parameters: of each chunk's network, as the originals count; for one without chunks of the whole video.
        kappa: fraction of the parameters that is shared, 0..1 without 1.
        chunk_frames: frames of a chunk.
        num_frames: most frames of the clip.
        epochs: passes over the frames.
        sparsity: fraction of the weights that is pruned, 0..1 without 1.
        is_fine_tuned: trained further afterwards.
        seed: of everything random.
    """

    clip: str
    system: System
    backbone: Backbone
    num_parameters: int
    kappa: float
    chunk_frames: int
    num_frames: int
    epochs: int
    sparsity: float = 0.0
    is_fine_tuned: bool = False
    seed: int = 0

    @property
    def key(self) -> str:
        """Names the trial, also as a file."""
        parts = [
            self.clip,
            self.system.value,
            self.backbone.name.lower() if self.system.has_stream else "",
            f"{self.num_parameters}params",
            f"kappa{self.kappa:g}",
            f"{self.num_frames}frames",
            f"chunk{self.chunk_frames}",
            f"{self.epochs}epochs",
            f"sparsity{self.sparsity:g}" if self.is_fine_tuned else "",
            f"seed{self.seed}",
        ]
        return "-".join(part for part in parts if part)
