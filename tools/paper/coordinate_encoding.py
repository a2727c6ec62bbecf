"""SIREN and NIRVANA from clip to bytes and back. Neither has a place in the product's format.

Their integers are coded as the format codes those of a section, with a byte for each tensor's step; there is no other
side information, which the product's files have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nvcodec.bitstream.sections import pack_section
from nvcodec.bitstream.steps import step_size
from nvcodec.decoder.device import describe_device, resolve_device
from nvcodec.encoder.quantization import QuantizedParameters, quantize_parameters, trained_symbols
from nvcodec.training.chunk_frames import ChunkFrames
from nvcodec.training.coding import Coding
from nvcodec.training.fit import fit
from nvcodec.training.recipe import RateRecipe, Recipe
from nvcodec.training.steering import RateGoal
from nvcodec.training.window_model import WindowModel
from nvcodec.video.color import rgb_to_planes
from nvcodec.video.format import VideoFormat
from nvcodec.video.frame import Frame
from nvcodec.video.sink import open_sink
from nvcodec.video.source import open_source
from tools.paper.coordinates import PatchNetwork, SineNetwork, Siren
from tools.paper.encoding import Costs
from tools.paper.scales import Scale
from tools.paper.trials import System, Trial
from tools.rd.clips import Clip

WEIGHT_BITS = 8
# SIREN's authors have 1e-4 and many more iterations; ten times the rate is best here.
LEARNING_RATE = 1e-3
PATCH_SIDE = 8
# Of NIRVANA relative to the epochs of other systems: an iteration shows all frames of a group of three, so that later
# groups have half again the iterations of a chunk of 24 frames, and the first has four times as many.
FIRST_PASSES, LATER_PASSES = 96, 36
# Of NIRVANA's first network, a parameter; of all others, a pixel: about what NerVast's file takes at the scale cpu.
FIRST_BITS, LATER_BPP = 3.0, 0.42

Symbols = np.ndarray[tuple[int, ...], np.dtype[np.int32]]


def encode_coordinates(trial: Trial, clip: Clip, scale: Scale, decoded: Path) -> tuple[Costs, int]:
    """Train the networks of a clip, a chunk after the other, code them, and write what they show.

    Returns:
        The costs, and the bytes of all networks.
    """
    device = resolve_device("auto")
    costs, num_bytes = Costs(device=describe_device(device)), 0
    recipe = replace(
        scale.preset(trial.backbone, trial.epochs).recipe, learning_rate=LEARNING_RATE, full_rate_fan_in=None
    )
    generator = torch.Generator().manual_seed(trial.seed)
    with open_source(clip.path) as video, ExitStack() as stack:
        sink = stack.enter_context(
            open_sink(decoded, video.format, video.time_base, video.average_rate, overwrite=True)
        )
        size = (video.format.width, video.format.height, trial.num_parameters)
        if trial.system is System.SIREN:
            coder: SirenCoder | NirvanaCoder = SirenCoder(Siren.of_size(*size), recipe)
        else:
            network = PatchNetwork.of_size(*size, group_frames=trial.chunk_frames, patch_side=PATCH_SIDE)
            coder = NirvanaCoder(network, recipe)
        for frames in _groups(list(video), trial.chunk_frames):
            chunk = ChunkFrames.of(frames, video.format, device)
            with costs.stage("training"):
                theta, symbols = coder.code(chunk, generator, device)
            with costs.stage("coding"):
                num_bytes += _num_bytes(coder.network, symbols)
            costs.volume += coder.network.spec.num_parameters
            costs.num_chunks += 1
            for frame in _shown(coder.network, theta, frames, video.format):
                sink.write(frame)
        sink.close()
    costs.num_parameters, costs.num_windows = coder.network.spec.num_parameters, costs.num_chunks
    return costs, num_bytes


class SirenCoder:
    """A network of its own for each chunk, of which all parameters are coded."""

    def __init__(self, network: SineNetwork, recipe: Recipe) -> None:
        self.network, self._recipe = network, recipe

    def code(self, chunk: ChunkFrames, generator: torch.Generator, device: torch.device) -> tuple[Tensor, Symbols]:
        """Train the network of a chunk.

        Returns:
            (S,) parameters as a decoder has them, and their symbols.
        """
        model = WindowModel(self.network, [len(chunk)], generator=generator, device=device)
        fit(model, [chunk], self._recipe, generator=generator)
        theta = model.own[0].detach().cpu().numpy()
        nothing_shared = np.zeros(len(theta), bool)
        quantized = quantize_parameters(self.network.spec, nothing_shared, theta, [theta], WEIGHT_BITS)
        return _dequantized(quantized, self.network).to(device), quantized.own[0]


class NirvanaCoder:
    """A network for each group of frames: the one before, trained further, of which the difference is coded.

    As NIRVANA's, the differences are trained for their bits; here by the product's rate term.
    """

    def __init__(self, network: PatchNetwork, recipe: Recipe) -> None:
        self.network, self._recipe = network, replace(recipe, rate=RateRecipe(), batch_size=network.group_frames)
        self._before: Tensor | None = None

    def code(self, chunk: ChunkFrames, generator: torch.Generator, device: torch.device) -> tuple[Tensor, Symbols]:
        """As :meth:`SirenCoder.code`; the symbols are those of the difference."""
        model = _DifferenceModel(self.network, [len(chunk)], generator=generator, device=device)
        num_pixels = len(chunk) * chunk.format.width * chunk.format.height
        passes, goal = FIRST_PASSES, RateGoal(FIRST_BITS * self.network.spec.num_parameters)
        if self._before is not None:
            model.go_on_from(self._before)
            passes, goal = LATER_PASSES, RateGoal(LATER_BPP * num_pixels)
        fit(
            model,
            [chunk],
            replace(self._recipe, epochs=passes * self._recipe.epochs),
            generator=generator,
            goal=goal,
        )
        assert model.coding is not None
        quantized = trained_symbols(model.coding).parameters
        self._before = model.theta(0).detach()
        return self._before, quantized.own[0]


class _DifferenceModel(WindowModel):
    """A chunk whose own parameters are what is added to those of the chunk before."""

    before: Tensor | None = None

    def go_on_from(self, before: Tensor) -> None:
        """Begin with parameters (S,) and no difference."""
        self.before = before
        with torch.no_grad():
            self.own[0].zero_()

    def theta(self, chunk_idx: int) -> Tensor:
        difference = super().theta(chunk_idx)
        return difference if self.before is None else self.before + difference

    def begin_coding(self, chunks: Sequence[ChunkFrames], initial_step: float) -> Coding:
        # The first steps follow from what is coded, the difference.
        before, self.before = self.before, None
        coding = super().begin_coding(chunks, initial_step)
        self.before = before
        return coding


def _dequantized(quantized: QuantizedParameters, network: SineNetwork) -> Tensor:
    """(S,) parameters of a network all of which are its own."""
    steps = [step_size(idx) for idx in quantized.step_idx]
    sizes = [tensor.size for tensor in network.spec.layout]
    return torch.from_numpy((quantized.own[0] * np.repeat(steps, sizes)).astype(np.float32))


def _groups(frames: Sequence[Frame], length: int) -> Iterator[Sequence[Frame]]:
    """Groups of ``length`` frames; the last may be shorter."""
    for start in range(0, len(frames), length):
        yield frames[start : start + length]


def _num_bytes(network: SineNetwork, symbols: Symbols) -> int:
    tensors = network.spec.layout
    groups = [symbols[tensor.offset : tensor.offset + tensor.size] for tensor in tensors]
    return len(pack_section(groups)) + len(tensors)


def _shown(network: SineNetwork, theta: Tensor, frames: Sequence[Frame], video_format: VideoFormat) -> Iterator[Frame]:
    """The frames of a group as its network shows them."""
    with torch.inference_mode():
        for idx, frame in enumerate(frames):
            inputs = network.time_inputs([idx], len(frames)).to(theta.device)
            output = network(theta, inputs)[:, :, : video_format.height, : video_format.width]
            planes = tuple(plane[0].cpu().numpy() for plane in rgb_to_planes(output, video_format))
            yield replace(frame, planes=planes)
