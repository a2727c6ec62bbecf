"""What a user decides about an encode."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nvcodec.bitstream import MaskGranularity
from nvcodec.bitstream.network_spec import Backbone
from nvcodec.encoder.presets import PRESETS, Preset
from nvcodec.errors import ConfigError
from nvcodec.sharing.selection import MaskThreshold

DEFAULT_CHUNK_S = 5.0
DEFAULT_MAX_MEMORY_BYTES = 4 << 30
MAX_PSNR = 60.0
AUTOMATIC = "auto"
"""The preset that suits the time."""


@dataclass(frozen=True)
class EncoderConfig:
    """Settings of an encode. Everything that has an effect on the file's bytes is here, threads included.

    Attributes:
        backbone: architecture of the networks.
        num_parameters: parameters per chunk, as the originals count them: embeddings included for HNeRV. None: by bpp.
        bpp: target of all bits per pixel, from which the number of parameters follows. None: by the preset. Windows get
            their share of it by what they show, where the source can be read twice.
        bitrate: the same in bits per second.
        target_bytes: the same as the size of the file.
        psnr: mean luma PSNR in dB to aim at, with as many bits as that takes.
        quality: 0..100, how much quality is worth in bits: ten more bring about 3 dB more.
        lmbda: weight of the bits per pixel against the distortion in training; ``bpp`` then only sizes the network.
            None: steered so that the bits come to ``bpp``, or to what suits the size of the network.
        chunk_s: length of a chunk in seconds.
        chunk_frames: length of a chunk in frames; overrides ``chunk_s``.
        fixed_chunks: cut chunks on a fixed grid, as the paper does, instead of at scene cuts.
        kappa: fraction κ of the parameters that the chunks of a window share, 0..1, those with the least Fisher
            information. None: the preset's; if that has none, chosen for each window, and whole layers are shared.
        granularity: what is shared together where κ is given.
        threshold: over what the Fisher information is ranked.
        preset: name of a preset, one of ``PRESETS``; with ``max_time_s`` also ``auto``, the one that suits the time.
        epochs: passes over the frames; None: the preset's.
        max_time_s: seconds that the encode may take, instead of epochs. Every window is trained for its share of them,
            so the file's bytes depend on how fast the machine is.
        seed: of everything random.
        threads: CPU threads; None: PyTorch's choice.
        device: ``auto``, ``cpu`` or ``cuda``.
        deterministic: a GPU computes the same every time, if more slowly; a CPU does in any case.
        max_memory_bytes: bound on the source frames held at once; it bounds the length of a window.
    """

    backbone: Backbone = Backbone.VAST
    num_parameters: int | None = None
    bpp: float | None = None
    bitrate: float | None = None
    target_bytes: int | None = None
    psnr: float | None = None
    quality: float | None = None
    lmbda: float | None = None
    chunk_s: float = DEFAULT_CHUNK_S
    chunk_frames: int | None = None
    fixed_chunks: bool = False
    kappa: float | None = None
    granularity: MaskGranularity = MaskGranularity.KERNEL
    threshold: MaskThreshold = MaskThreshold.GLOBAL
    preset: str = "medium"
    epochs: int | None = None
    max_time_s: float | None = None
    seed: int = 0
    threads: int | None = None
    device: str = "auto"
    deterministic: bool = False
    max_memory_bytes: int = DEFAULT_MAX_MEMORY_BYTES

    def validate(self) -> None:
        """Check every setting; the only place that does.

        Raises:
            ConfigError: a setting is out of range or contradicts another; its place is the setting's name.
        """
        is_automatic = self.preset == AUTOMATIC and self.max_time_s is not None
        _require(self.preset in PRESETS or is_automatic, "preset", self.preset, ", ".join(PRESETS))
        _require(
            self.max_time_s is None or 0 < self.max_time_s < math.inf,
            "max-time",
            self.max_time_s,
            "more than 0 seconds",
        )
        _require(self.kappa is None or 0 <= self.kappa <= 1, "kappa", self.kappa, "0..1")
        _require(0 < self.chunk_s < math.inf, "chunk", self.chunk_s, "more than 0 seconds")
        _require(self.num_parameters is None or self.num_parameters >= 1, "params", self.num_parameters, "at least 1")
        _require(self.bpp is None or 0 < self.bpp < math.inf, "bpp", self.bpp, "more than 0")
        _require(self.bitrate is None or 0 < self.bitrate < math.inf, "bitrate", self.bitrate, "more than 0")
        _require(self.target_bytes is None or self.target_bytes >= 1, "target-size", self.target_bytes, "at least 1")
        _require(self.psnr is None or 0 < self.psnr <= MAX_PSNR, "psnr", self.psnr, f"up to {MAX_PSNR:g} dB")
        _require(self.quality is None or 0 <= self.quality <= 100, "quality", self.quality, "0..100")
        _require(self.lmbda is None or 0 < self.lmbda < math.inf, "lmbda", self.lmbda, "more than 0")
        _require(self.chunk_frames is None or self.chunk_frames >= 1, "chunk", self.chunk_frames, "at least 1 frame")
        _require(self.epochs is None or self.epochs >= 1, "epochs", self.epochs, "at least 1")
        _require(0 <= self.seed < 2**63, "seed", self.seed, "0..2^63 - 1")
        _require(self.threads is None or self.threads >= 1, "threads", self.threads, "at least 1")
        _require(self.max_memory_bytes >= 1 << 24, "max-memory", self.max_memory_bytes, "at least 16 MiB")
        self._require_one_target()
        if self.epochs is not None and self.max_time_s is not None:
            raise ConfigError("epochs and max-time both set the length of the training; give one of them", "epochs")
        if self.preset == "paper" and self.backbone == Backbone.VAST:
            raise ConfigError("preset paper has the recipes of papers, and none is about backbone vast", "preset")
        for name, value in (("lmbda", self.lmbda), ("psnr", self.psnr), ("quality", self.quality)):
            if value is not None and self.resolved_preset().recipe.rate is None:
                raise ConfigError(f"the training of preset {self.preset} takes no account of the rate", name)

    def _require_one_target(self) -> None:
        """Check that at most one setting says how large or how good the file is to be.

        Raises:
            ConfigError: two of them do.
        """
        targets = {
            "params": self.num_parameters,
            "bpp": self.bpp,
            "bitrate": self.bitrate,
            "target-size": self.target_bytes,
            "psnr": self.psnr,
            "quality": self.quality,
        }
        given = [name for name, value in targets.items() if value is not None]
        if len(given) > 1:
            raise ConfigError(f"{given[0]} and {given[1]} both set the size; give one of them", given[0])
        if self.lmbda is not None and given and given[0] not in ("params", "bpp"):
            raise ConfigError(f"lmbda and {given[0]} both say what bits are worth; give one of them", "lmbda")

    @property
    def is_kappa_given(self) -> bool:
        """Whether the user or the preset says what fraction is shared; else it is chosen for each window."""
        return self.kappa is not None or self.resolved_preset().kappa is not None

    def resolved_preset(self) -> Preset:
        """The preset for this backbone, with the settings that override it; the default one while it is not chosen."""
        name = EncoderConfig.preset if self.preset == AUTOMATIC else self.preset
        return PRESETS[name](self.backbone, self.epochs)


def _require(condition: bool, name: str, value: object, allowed: str) -> None:
    if not condition:
        raise ConfigError(f"{value} is not allowed; allowed is {allowed}", name)
