"""Tiny streams as the encoder makes them; those that are made by hand are the vectors (tools/vectors)."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from nvcodec.bitstream import MaskGranularity
from nvcodec.bitstream.network_spec import Backbone
from nvcodec.video.format import ChromaSubsampling, VideoFormat
from nvcodec.video.sink import open_sink
from tests import clips, encodes

NERV, ENERV = Backbone.NERV, Backbone.ENERV
GRAY, YUV422 = ChromaSubsampling.GRAY, ChromaSubsampling.YUV422
YUV444, RGB = ChromaSubsampling.YUV444, ChromaSubsampling.RGB

ENCODES: dict[str, tuple[VideoFormat, int, dict[str, Any]]] = {
    "hnerv kernel 420": (VideoFormat(32, 24), 4, {"kappa": 0.5}),
    "hnerv weight 10 bit odd": (VideoFormat(33, 27, 10), 4, {"kappa": 0.5, "granularity": MaskGranularity.WEIGHT}),
    "hnerv gray own": (VideoFormat(32, 24, chroma_subsampling=GRAY), 4, {"kappa": 0.0}),
    "hnerv one chunk shared": (VideoFormat(32, 24), 3, {"kappa": 1.0}),
    "nerv row 444": (
        VideoFormat(32, 24, chroma_subsampling=YUV444),
        4,
        {"kappa": 0.5, "backbone": NERV, "granularity": MaskGranularity.ROW},
    ),
    "nerv shared 422 odd": (
        VideoFormat(17, 19, chroma_subsampling=YUV422),
        4,
        {"kappa": 1.0, "backbone": NERV},
    ),
    "nerv kernel 10 bit": (VideoFormat(32, 24, 10), 4, {"kappa": 0.5, "backbone": NERV}),
    "enerv tensor rgb": (
        VideoFormat(32, 24, 10, chroma_subsampling=RGB),
        2,
        {"kappa": 0.5, "backbone": ENERV, "granularity": MaskGranularity.TENSOR},
    ),
}


def encoded(folder: Path, name: str) -> bytes:
    """One of ``ENCODES``: chunks of three frames, as the encoder makes it."""
    format, num_frames, settings = ENCODES[name]
    source = folder / "in.mkv"
    with open_sink(source, format, Fraction(1, 25), Fraction(25)) as sink:
        for frame in clips.make_frames(format, num_frames):
            sink.write(frame)
    return _encode(source, folder, settings)


def variable_rate(folder: Path) -> bytes:
    return _encode(clips.variable_rate_clip(folder), folder, {"kappa": 0.3})


def two_windows(folder: Path) -> bytes:
    return encodes.two_window_file(folder).read_bytes()


def _encode(source: Path, folder: Path, settings: dict[str, Any]) -> bytes:
    encodes.tiny_encode(source, folder / "a.nvst", settings=settings)
    return (folder / "a.nvst").read_bytes()
