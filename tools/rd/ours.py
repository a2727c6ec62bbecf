"""This codec as one of those that the bench compares."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

import nvcodec
from nvcodec.bitstream import NvstReader
from nvcodec.bitstream.network_spec import Backbone
from nvcodec.decoder.decoding import decode
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.pipeline import encode
from tools.rd.clips import Clip
from tools.rd.points import Encoding


@dataclass(frozen=True)
class OurPoint:
    """A size, by bits per pixel, with all that makes its curve; without epochs, those of the preset.

    No box holds audio, subtitles or attachments in this draft of the format: the file's bytes are the video's.
    """

    backbone: Backbone
    kappa: float | None
    preset: str
    epochs: int | None
    seed: int
    interval: int
    bpp: float

    @property
    def codec(self) -> str:
        """All that the points of a curve have in common but the chunks."""
        epochs = "" if self.epochs is None else f"-{self.epochs}epochs"
        kappa = "auto" if self.kappa is None else f"{self.kappa:g}"
        return f"nvcodec-{self.backbone.name.lower()}-{self.preset}{epochs}-kappa-{kappa}-seed{self.seed}"

    @property
    def setting(self) -> str:
        """The bits per pixel that were asked for."""
        return f"bpp{self.bpp:g}"

    @property
    def suffix(self) -> str:
        """That of our files."""
        return "nvst"

    def config(self) -> EncoderConfig:
        """All settings of the encode."""
        return EncoderConfig(
            backbone=self.backbone,
            bpp=self.bpp,
            chunk_frames=self.interval,
            kappa=self.kappa,
            preset=self.preset,
            epochs=self.epochs,
            seed=self.seed,
        )

    def encode(self, clip: Clip, target: Path) -> Encoding:
        """Encode on the GPU if there is one; the encoder's check of the file by decoding is in the time."""
        result = encode(clip.path, target, self.config(), overwrite=True)
        with NvstReader(target) as reader:
            num_chunks = sum(len(window.chunks) for window in reader.windows)
        encoder = f"nvcodec {nvcodec.__version__}, PyTorch {torch.__version__}"
        return Encoding(result.seconds, result.device, encoder, num_chunks)

    def decode(self, stream: Path, target: Path) -> float:
        """Decode on the GPU if there is one."""
        return decode(stream, target, overwrite=True).seconds
