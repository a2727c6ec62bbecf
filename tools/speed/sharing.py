"""What sharing costs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from nvcodec.bitstream.network_spec import Backbone
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.pipeline import encode
from tools.rd.clips import find_clips, prepare_clip
from tools.speed.figures import Figure
from tools.speed.timing import Case, in_turn


def measure_sharing() -> list[Figure]:
    """Whole encodes with a Fisher mask of half the parameters and without sharing, all else equal."""
    figures = []
    for backbone, params in ((Backbone.HNERV, 60_000), (Backbone.VAST, 60_000)):
        cases = {f"κ {kappa:g}": Case(sharing_encode, (backbone, params, kappa)) for kappa in (0.0, 0.5)}
        seconds = in_turn(cases, 5)
        cost = seconds["κ 0.5"] / seconds["κ 0"] - 1
        figures += [Figure("sharing", f"{backbone.name}, {name}", value, "s") for name, value in seconds.items()]
        figures.append(Figure("sharing", f"{backbone.name}, what sharing costs", 100 * cost, "%", "aim 7.5 %"))
    return figures


def sharing_encode(backbone: Backbone, num_parameters: int, kappa: float) -> Callable[[], object]:
    """Big Buck Bunny, 160x90, four chunks, 20 epochs."""
    folder = tempfile.TemporaryDirectory()
    clip = prepare_clip(find_clips([])[0], Path(folder.name), 160, 90, 96)
    config = EncoderConfig(
        backbone=backbone, num_parameters=num_parameters, kappa=kappa, chunk_frames=24, preset="fast", epochs=20
    )
    return lambda: encode(clip.path, Path(folder.name) / "out.nvst", config, overwrite=True)
