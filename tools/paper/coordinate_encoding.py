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
from nvcodec.encoder.quantization import quantize, quantize_parameters
from nvcodec.training.chunk_frames import ChunkFrames
from nvcodec.training.fit import fit
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
PATCH_SIDE = 16
# An iteration of NIRVANA shows all frames of its group: as many iterations as other systems have, more for the first.
FIRST_PASSES, LATER_PASSES = 24, 6

Floats = np.ndarray[tuple[int, ...], np.dtype[np.floating]]
Symbols = np.ndarray[tuple[int, ...], np.dtype[np.int32]]


def encode_coordinates(trial: Trial, clip: Clip, scale: Scale, decoded: Path) -> tuple[Costs, int]:
    """Train the networks of a clip, code them, and write what they show.

    SIREN has a network of its own for each chunk. NIRVANA's chunks are its groups of frames: each network is the one
    before, trained further, and what is coded of it is the difference, in steps of the first.

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
        network, is_autoregressive = _network(trial, video.format), trial.system is System.NIRVANA
        before, steps = np.zeros(network.spec.num_parameters, np.int32), None
        for frames in _groups(list(video), trial.chunk_frames):
            model = WindowModel(network, [len(frames)], generator=generator, device=device)
            of_group = recipe
            if is_autoregressive:
                passes = FIRST_PASSES if steps is None else LATER_PASSES
                of_group = replace(recipe, epochs=passes * recipe.epochs, batch_size=len(frames))
                if steps is not None:
                    model.own[0] = torch.from_numpy(_values(before, steps)).to(device).requires_grad_()
            with costs.stage("training"):
                chunk = ChunkFrames.of(frames, video.format, device)
                fit(model, [chunk], of_group, generator=generator)
            theta = model.own[0].detach().cpu().numpy()
            if steps is None or not is_autoregressive:
                steps = _steps(network, theta)
            symbols = quantize(theta / steps, 1.0)
            with costs.stage("coding"):
                num_bytes += _num_bytes(network, symbols - before)
            if is_autoregressive:
                before = symbols
            costs.volume += network.spec.num_parameters
            costs.num_chunks += 1
            for frame in _shown(network, torch.from_numpy(_values(symbols, steps)).to(device), frames, video.format):
                sink.write(frame)
        sink.close()
    costs.num_parameters, costs.num_windows = network.spec.num_parameters, costs.num_chunks
    return costs, num_bytes


def _groups(frames: Sequence[Frame], length: int) -> Iterator[Sequence[Frame]]:
    """Groups of ``length`` frames; the last may be shorter."""
    for start in range(0, len(frames), length):
        yield frames[start : start + length]


def _network(trial: Trial, video_format: VideoFormat) -> SineNetwork:
    size = (video_format.width, video_format.height, trial.num_parameters)
    if trial.system is System.SIREN:
        return Siren.of_size(*size)
    return PatchNetwork.of_size(*size, group_frames=trial.chunk_frames, patch_side=PATCH_SIDE)


def _steps(network: SineNetwork, theta: Floats) -> Floats:
    """Step of each parameter, (S,): one per tensor, so that symbols have ``WEIGHT_BITS`` bits."""
    nothing = np.zeros(len(theta), bool)
    step_idx = quantize_parameters(network.spec, nothing, theta, [theta], WEIGHT_BITS).step_idx
    return np.repeat([step_size(idx) for idx in step_idx], [tensor.size for tensor in network.spec.layout])


def _values(symbols: Symbols, steps: Floats) -> Floats:
    return (symbols * steps).astype(np.float32)


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
