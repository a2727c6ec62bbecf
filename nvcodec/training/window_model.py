"""The networks of one window's chunks over one vector of shared and one of own parameters each (paper, section 3)."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from nvcodec.bitstream.network_spec import NetworkSpec
from nvcodec.networks import build_network, initial_parameters, time_encoding
from nvcodec.training.embedding_encoder import EmbeddingEncoder
from nvcodec.training.saturation import floored_output


class WindowModel:
    """Parameters and networks of the N chunks of a window.

    A chunk's parameters are ``where(mask, shared, own[n])``, so automatic differentiation is Algorithm 1: the gradient
    of a shared parameter is the sum over the chunks, that of an own one is its chunk's alone.

    Attributes:
        spec: the network of every chunk.
        shared: (S,) parameters, used where the mask is true.
        own: N vectors (S,), used where the mask is false.
        mask: (S,) bool, true where a parameter is shared.
        encoders: N embedding encoders (never stored in the file), or none if inputs are functions of time.
        time_over_window: time runs over the window (κ = 1 without embeddings) instead of the chunk.
    """

    def __init__(
        self,
        spec: NetworkSpec,
        chunk_lengths: Sequence[int],
        *,
        generator: torch.Generator,
        device: torch.device,
        encoder_width: int,
    ) -> None:
        self.spec = spec
        self.device = device
        self.chunk_lengths = tuple(chunk_lengths)
        self.network = build_network(spec).to(device)
        initial = initial_parameters(spec, generator).to(device)
        self.shared = initial.clone().requires_grad_()
        self.own = [initial.clone().requires_grad_() for _ in chunk_lengths]
        self.mask = torch.zeros(spec.num_parameters, dtype=torch.bool, device=device)
        self.time_over_window = False
        self.encoders: list[EmbeddingEncoder] = []
        if spec.has_embedding:
            first = EmbeddingEncoder(spec, width=encoder_width, generator=generator).to(device)
            self.encoders = [first, *(copy.deepcopy(first) for _ in chunk_lengths[1:])]

    def share(self, mask: Tensor) -> None:
        """Share the parameters where ``mask`` (S,) is true from now on."""
        self.mask = mask.to(self.device)
        all_shared = bool(self.mask.all())
        self.time_over_window = all_shared and not self.spec.has_embedding and len(self.chunk_lengths) > 1

    def theta(self, chunk_idx: int) -> Tensor:
        """Parameters (S,) of one chunk's network."""
        return torch.where(self.mask, self.shared, self.own[chunk_idx])

    def trainable(self) -> list[nn.Parameter | Tensor]:
        """Everything the optimiser updates."""
        return [self.shared, *self.own, *(p for encoder in self.encoders for p in encoder.parameters())]

    def inputs(self, chunk_idx: int, frame_idx: Tensor, targets: Tensor) -> Tensor:
        """Network inputs of some frames.

        Args:
            chunk_idx: which chunk.
            frame_idx: (N,) positions within the chunk.
            targets: (N, C, H, W) the frames themselves, 0..1.

        Returns:
            Embeddings (N, C, h, w), or time encodings (N, 2 * pe_levels).
        """
        if self.encoders:
            embeddings: Tensor = self.encoders[chunk_idx](self._pad(targets))
            return embeddings
        first = sum(self.chunk_lengths[:chunk_idx]) if self.time_over_window else 0
        num_frames = sum(self.chunk_lengths) if self.time_over_window else self.chunk_lengths[chunk_idx]
        encoding = time_encoding([first + idx for idx in frame_idx.tolist()], num_frames, self.spec)
        return torch.from_numpy(encoding).to(self.device)

    def reconstruct(self, theta: Tensor, inputs: Tensor, height: int, width: int, output_floor: float = 0.0) -> Tensor:
        """Frames (N, num_outputs, height, width), 0..1, of a network with parameters ``theta`` (S,).

        Their gradient is that of :func:`floored_output`; with ``output_floor`` 0 it is the true one.
        """
        logits = self.network.logits(theta, inputs)[:, :, :height, :width]
        return floored_output(logits, self.spec, output_floor)

    def _pad(self, targets: Tensor) -> Tensor:
        """Repeat the last row and column up to the coded size."""
        bottom = self.spec.coded_height - targets.shape[2]
        right = self.spec.coded_width - targets.shape[3]
        return functional.pad(targets, (0, right, 0, bottom), mode="replicate")
