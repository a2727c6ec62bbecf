"""What one network for a whole video costs as the video grows (the paper's Fig. 2)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from nvcodec.bitstream.network_spec import Backbone
from nvcodec.decoder.device import describe_device, resolve_device
from nvcodec.networks import build_network, solve_network
from tools.paper.scales import Scale

VIDEO_SECONDS = (5, 10, 20, 40, 80, 160)
FRAME_RATE = 25
# Of the network over which a viewer waits for the first frame: the paper's, relative to its video's bits per second.
LINK_RATIO = 2.0
NUM_TIMED = 5


@dataclass(frozen=True)
class Cost:
    """A NeRV of 8 bits a parameter for a video, or for a chunk of one.

    Attributes:
        key: of the row.
        seconds: of video.
        num_parameters: of the network.
        gmacs: 10^9 multiply-accumulates per frame.
        fps: frames per second of the network alone, on ``device``.
        start_s: seconds to receive the network at twice the video's bits per second.
        device: for people.
    """

    key: str
    seconds: int
    num_parameters: int
    gmacs: float
    fps: float
    start_s: float
    device: str


def costs(scale: Scale) -> Iterator[Cost]:
    """Costs of one network for videos of several lengths; chunks of the first length cost what the first one does."""
    width, height, bits_per_second = scale.cost_size
    device, generator = resolve_device("auto"), torch.Generator().manual_seed(0)
    for seconds in VIDEO_SECONDS:
        design = scale.preset(Backbone.NERV, None).design
        num_parameters = round(bits_per_second * seconds / 8)
        spec = solve_network(design, width, height, FRAME_RATE * seconds, num_parameters)
        network = build_network(spec).to(device)
        with torch.inference_mode():
            weights = network.weights(network.initial_parameters(generator).to(device))
            inputs = network.time_inputs([0], FRAME_RATE * seconds).to(device)
            fps = _frames_per_second(lambda network=network, w=weights, x=inputs: network.frames(w, x), device)
        start_s = 8 * spec.num_parameters / (LINK_RATIO * bits_per_second)
        key = f"{width}x{height}-{seconds}s"
        yield Cost(key, seconds, spec.num_parameters, spec.macs_per_frame / 1e9, fps, start_s, describe_device(device))


def _frames_per_second(frame, device: torch.device) -> float:
    """Of the fastest of a few, after one to warm up."""
    fastest = float("inf")
    for _ in range(NUM_TIMED + 1):
        start = time.perf_counter()
        frame()
        if device.type == "cuda":
            torch.cuda.synchronize()
        fastest = min(fastest, time.perf_counter() - start)
    return 1 / fastest
