"""The paper's chunk network for 1920x1080 (section 4.1: NeRV with about 6 M parameters, chunks of five seconds)."""

from __future__ import annotations

import torch

from nvcodec.bitstream.network_spec import Backbone, NetworkSpec
from nvcodec.decoder.device import resolve_device
from nvcodec.networks import NetworkDesign, solve_network
from nvcodec.video.format import VideoFormat
from tools.speed.figures import Figure
from tools.speed.networks import bound, evaluations, measure_decodes, step
from tools.speed.timing import Case, in_turn

FORMAT = VideoFormat(1920, 1080)
CHUNK_FRAMES, NUM_PARAMETERS = 120, 6_000_000
REPEATS = 3
# Of an iteration, by type of device: one as NeRV's authors train, and on a GPU as many as keep it busy. A CPU would
# need 20 GB for four.
BATCH_SIZES = {"cpu": (1,), "cuda": (1, 4)}
# Enough for a GPU's start not to count; a CPU takes seconds for each.
PLAYED_FRAMES = {"cpu": 5, "cuda": CHUNK_FRAMES}


def measure_paper_steps() -> list[Figure]:
    """An iteration."""
    device, figures = resolve_device("auto"), []
    for batch_size in BATCH_SIZES[device.type]:
        for is_reduced in evaluations(device):
            case = Case(step, (network(), FORMAT, batch_size, 0, is_reduced))
            (seconds,) = in_turn({"step": case}, REPEATS).values()
            dtype = torch.bfloat16 if is_reduced else torch.float32
            what = f"batches of {batch_size}, {'bfloat16' if is_reduced else 'float32'}"
            note = bound(step(network(), FORMAT, batch_size, 0, is_reduced), dtype, seconds)
            figures.append(Figure("paper-step", what, seconds, "s", f"{note}. Aim on a GPU: 25%"))
    return figures


def measure_paper_decodes() -> list[Figure]:
    """Its decode; the paper reports 48 frames a second on an RTX 3090."""
    num_frames = PLAYED_FRAMES[resolve_device("auto").type]
    return measure_decodes("paper-decode", "NeRV, 6 M parameters, 1920x1080", network(), FORMAT, num_frames, REPEATS)


def network() -> NetworkSpec:
    """Of one chunk."""
    design = NetworkDesign.of_authors(Backbone.NERV)
    return solve_network(design, FORMAT.width, FORMAT.height, CHUNK_FRAMES, NUM_PARAMETERS, 3, None)
