"""The networks of one window's chunks over one vector of shared and one of own parameters each (paper, section 3)."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from nvcodec.bitstream.network_spec import Backbone, NetworkSpec
from nvcodec.networks import Network
from nvcodec.networks.texture import MOTION_UNIT
from nvcodec.training.chunk_frames import ChunkFrames
from nvcodec.training.coding import Coding
from nvcodec.training.embedding_encoder import EmbeddingEncoder
from nvcodec.training.saturation import floored_output

EMBEDDING_BATCH = 8
# Of the embeddings of VAST at the start: what all frames have in common, and relative to that what each has alone.
EMBEDDING_STD = 0.5
FRAME_STD_RATIO = 0.3


class WindowModel:
    """Parameters and networks of the N chunks of a window.

    A chunk's parameters are ``where(mask, shared, own[n])``, so automatic differentiation is Algorithm 1: the gradient
    of a shared parameter is the sum over the chunks, that of an own one is its chunk's alone.

    Attributes:
        spec: the network of every chunk.
        shared: (S,) parameters, used where the mask is true.
        own: N vectors (S,), used where the mask is false.
        mask: (S,) bool, true where a parameter is shared.
        encoders: N embedding encoders (HNeRV; never stored in the file), until embeddings are learned directly.
        free_embeddings: N tensors (T, C, h, w), embeddings that are learned directly from the beginning (VAST).
        coding: quantises parameters and embeddings, once training knows of that; None before.
        time_over_window: time runs over the window (κ = 1 without embeddings) instead of the chunk.
    """

    def __init__(
        self,
        network: Network,
        chunk_lengths: Sequence[int],
        *,
        generator: torch.Generator,
        device: torch.device,
        encoder_width: int = 0,
        motion: Sequence[Tensor] = (),
    ) -> None:
        """Draw the initial parameters, the same for all chunks.

        Args:
            network: of every chunk; moved to the device.
            chunk_lengths: frames of each chunk.
            generator: of everything random.
            device: where to train.
            encoder_width: channels of the embedding encoders (HNeRV only).
            motion: per chunk (T, 2) pixels by which its frames lie off the middle of the texture, if there is one.
        """
        self.spec = spec = network.spec
        self.device = device
        self.chunk_lengths = tuple(chunk_lengths)
        self.network = network.to(device)
        initial = network.initial_parameters(generator).to(device)
        self.shared = initial.clone().requires_grad_()
        self.own = [initial.clone().requires_grad_() for _ in chunk_lengths]
        self.share(torch.zeros(spec.num_parameters, dtype=torch.bool))
        self.encoders: list[EmbeddingEncoder] = []
        self.free_embeddings: list[Tensor] = []
        self.coding: Coding | None = None
        if spec.backbone == Backbone.VAST:
            self.free_embeddings = _initial_embeddings(spec, chunk_lengths, motion, generator, device)
        elif spec.has_embedding:
            first = EmbeddingEncoder(spec, width=encoder_width, generator=generator).to(device)
            self.encoders = [first, *(copy.deepcopy(first) for _ in chunk_lengths[1:])]

    def share(self, mask: Tensor) -> None:
        """Share the parameters where ``mask`` (S,) is true from now on."""
        self.mask = mask.to(self.device)
        self._shares_all, self._shares_none = bool(self.mask.all()), not bool(self.mask.any())
        self.time_over_window = self._shares_all and not self.spec.has_embedding and len(self.chunk_lengths) > 1
        self._time_inputs = [] if self.spec.has_embedding else self._times_of_chunks()

    def theta(self, chunk_idx: int) -> Tensor:
        """Parameters (S,) of one chunk's network, as they are coded if they are."""
        if self._shares_all:
            values = self.shared
        elif self._shares_none:
            values = self.own[chunk_idx]
        else:
            values = torch.where(self.mask, self.shared, self.own[chunk_idx])
        return values if self.coding is None else self.coding.parameters(values)

    def begin_coding(self, chunks: Sequence[ChunkFrames], initial_step: float) -> Coding:
        """From now on quantise what is coded, and let embeddings be learned directly: the encoders are gone.

        Args:
            chunks: the source frames.
            initial_step: steps in standard deviations.
        """
        embeddings = self.free_embeddings
        if self.encoders:
            embeddings = [self.embeddings(idx, chunk) for idx, chunk in enumerate(chunks)]
        thetas = [self.theta(chunk_idx) for chunk_idx in range(len(chunks))]
        self.encoders, self.free_embeddings = [], []
        self.coding = Coding(
            self.spec,
            self.mask,
            self.shared,
            self.own,
            thetas,
            embeddings,
            initial_step=initial_step,
        )
        return self.coding

    def vectors(self) -> list[Tensor]:
        """The shared and all own parameters."""
        return [self.shared, *self.own]

    def embedded(self) -> list[Tensor]:
        """What is learned for the embeddings: parameters of the encoders, or the embeddings themselves."""
        return self.free_embeddings or [values for encoder in self.encoders for values in encoder.parameters()]

    def inputs(self, chunk_idx: int, frame_idx: Tensor, targets: Tensor) -> Tensor:
        """Network inputs of some frames.

        Args:
            chunk_idx: which chunk.
            frame_idx: (N,) positions within the chunk.
            targets: (N, C, H, W) the frames themselves, 0..1.

        Returns:
            Embeddings (N, C, h, w), or time encodings (N, 2 * pe_levels).
        """
        if self.coding is not None and self.spec.has_embedding:
            return self.coding.inputs(chunk_idx, frame_idx)
        if self.free_embeddings:
            return self.free_embeddings[chunk_idx][frame_idx]
        if self.encoders:
            embeddings: Tensor = self.encoders[chunk_idx](self._pad(targets))
            return embeddings
        return self._time_inputs[chunk_idx][frame_idx]

    def embeddings(self, chunk_idx: int, chunk: ChunkFrames) -> Tensor:
        """Embeddings (T, C, h, w) of all frames of a chunk, without gradient."""
        batches = torch.split(torch.arange(len(chunk), device=self.device), EMBEDDING_BATCH)
        with torch.no_grad():
            return torch.cat(
                [self.inputs(chunk_idx, batch, chunk.targets(batch, self.spec.backbone)) for batch in batches]
            )

    def reconstruct(self, theta: Tensor, inputs: Tensor, height: int, width: int, output_floor: float = 0.0) -> Tensor:
        """Frames (N, num_outputs, height, width), 0..1, of a network with parameters ``theta`` (S,).

        Their gradient is that of :func:`floored_output`; with ``output_floor`` 0 it is the true one.
        """
        logits = self.network.logits(self.network.weights(theta), inputs)[:, :, :height, :width]
        return floored_output(logits, self.spec, output_floor)

    def _times_of_chunks(self) -> list[Tensor]:
        """Per chunk what a network without embeddings is told of each frame, on the device once for all iterations."""
        if self.time_over_window:
            of_window = self.network.time_inputs(range(sum(self.chunk_lengths)), sum(self.chunk_lengths))
            return list(torch.split(of_window.to(self.device), list(self.chunk_lengths)))
        return [self.network.time_inputs(range(count), count).to(self.device) for count in self.chunk_lengths]

    def _pad(self, targets: Tensor) -> Tensor:
        """Repeat the last row and column up to the coded size."""
        bottom = self.spec.coded_height - targets.shape[2]
        right = self.spec.coded_width - targets.shape[3]
        return functional.pad(targets, (0, right, 0, bottom), mode="replicate")


def _initial_embeddings(
    spec: NetworkSpec,
    chunk_lengths: Sequence[int],
    motion: Sequence[Tensor],
    generator: torch.Generator,
    device: torch.device,
) -> list[Tensor]:
    """Per chunk (T, C, h, w): nearly equal, as frames of a chunk are, but for the motion."""
    common = torch.randn(spec.embedding_shape, generator=generator)
    embeddings = []
    for chunk_idx, length in enumerate(chunk_lengths):
        of_frames = torch.randn(length, *spec.embedding_shape, generator=generator)
        values = EMBEDDING_STD * (common + FRAME_STD_RATIO * of_frames)
        if spec.texture_channels:
            values[:, spec.num_features :] = motion[chunk_idx][:, :, None, None] / MOTION_UNIT
        embeddings.append(values.to(device).requires_grad_())
    return embeddings
