"""What made a file, as its metadata tells: for people, and to hold against the settings when an encode is resumed."""

from __future__ import annotations

from collections.abc import Mapping

from nvcodec import __version__
from nvcodec.encoder.config import EncoderConfig
from nvcodec.errors import ConfigError


def file_metadata(config: EncoderConfig) -> dict[str, str]:
    """The version of nvcodec, and every setting that decides what is coded; no decoder needs them.

    Settings are named as the options of ``nvenc``; those that leave the choice to the preset are left out. So are the
    device and the number of threads: they change the last bits of the parameters, but not what these stand for; and the
    time, of which there may be less or more when a file is resumed. The bound on memory is there because it bounds the
    windows.
    """
    settings = " ".join(f"{name}={value}" for name, value in _settings(config).items())
    return {"encoder": f"nvcodec {__version__}", "settings": settings}


def require_same_metadata(recorded: Mapping[str, str], config: EncoderConfig, name: str) -> None:
    """Check that a file was begun by this version with these settings.

    Args:
        recorded: the file's metadata.
        config: the settings now.
        name: of the file.

    Raises:
        ConfigError: its place is the first setting that differs, or ``version``.
    """
    encoder = file_metadata(config)["encoder"]
    if recorded.get("encoder") != encoder:
        raise ConfigError(f"{name} was begun by {recorded.get('encoder', 'something else')}, not {encoder}", "version")
    then = recorded_settings(recorded)
    now = _settings(config)
    for setting in {**now, **then}:
        if then.get(setting) != now.get(setting):
            was, is_now = then.get(setting, "the preset's"), now.get(setting, "the preset's")
            raise ConfigError(f"{name} was begun with {was}, not {is_now}", setting)


def recorded_settings(recorded: Mapping[str, str]) -> dict[str, str]:
    """The settings in a file's metadata, by name."""
    return dict(setting.partition("=")[::2] for setting in recorded.get("settings", "").split())


def _settings(config: EncoderConfig) -> dict[str, str]:
    settings = {
        "preset": config.preset,
        "backbone": config.backbone.name.lower(),
        "params": config.num_parameters,
        "bpp": config.bpp,
        "bitrate": config.bitrate,
        "target-size": config.target_bytes,
        "psnr": config.psnr,
        "quality": config.quality,
        "lmbda": config.lmbda,
        "chunk": f"{float(config.chunk_s)}s" if config.chunk_frames is None else config.chunk_frames,
        "fixed-chunks": "yes" if config.fixed_chunks else "no",
        "kappa": None if config.kappa is None else float(config.kappa),
        "mask-granularity": config.granularity.name.lower(),
        "mask-threshold": config.threshold.value,
        "epochs": config.epochs,
        "seed": config.seed,
        "max-memory": config.max_memory_bytes,
    }
    return {name: str(value) for name, value in settings.items() if value is not None}
