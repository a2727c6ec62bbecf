"""What each window of a video is to come to, so that the file comes to what the user asks for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from nvcodec.encoder.config import EncoderConfig
from nvcodec.errors import ConfigError
from nvcodec.sharing.complexity import frame_costs
from nvcodec.video.frame import Frame
from nvcodec.video.source import VideoSource

# What a file may miss before it is worth a word: a fraction, and dB.
BITS_TOLERANCE = 0.03
PSNR_TOLERANCE = 0.2
# Of a packet's times and length.
BYTES_BESIDE_PACKET = 13
MIDDLE_LMBDA = 0.0018
TENTH_OF_QUALITY = 5.0


@dataclass(frozen=True)
class Survey:
    """What reading all of a video once has told.

    Attributes:
        costs: (T,) for each frame what its bits should be in proportion to.
        seconds: for which the frames are shown.
        track_bytes: of audio and subtitles, which are copied.
    """

    costs: npt.NDArray[np.float64]
    seconds: float
    track_bytes: int = 0


def survey(video: VideoSource, on_frame: Callable[[int], None] = lambda num_frames: None) -> Survey | None:
    """Read a video that is going to be encoded; None if it can be read only once.

    Args:
        video: stays as it is.
        on_frame: told how many frames were read.

    Raises:
        InputError: as for reading it.
    """
    again = video.again()
    if again is None:
        return None
    length = track_bytes = 0

    def counted(frame: Frame, num_frames: int) -> Frame:
        nonlocal length, track_bytes
        length += frame.duration
        track_bytes += sum(len(packet.data) + BYTES_BESIDE_PACKET for packet in frame.packets)
        on_frame(num_frames)
        return frame

    with again:
        frames = (counted(frame, idx + 1) for idx, frame in enumerate(again))
        costs = np.fromiter(frame_costs(frames, again.format.bit_depth), np.float64)
    return Survey(costs, float(length * again.time_base), track_bytes)


class Targets:
    """Settings of each window, which follow from those of the video."""

    def __init__(self, config: EncoderConfig, video: VideoSource, surveyed: Survey | None) -> None:
        """Find the bits of the whole video.

        Args:
            config: of the video.
            video: the video.
            surveyed: what is known of it; None where it cannot be read before. Its frames get equal bits then.

        Raises:
            ConfigError: the number of frames is needed, and nothing tells it.
        """
        self._config = config
        self._costs = None if surveyed is None else surveyed.costs
        self._pixels = video.format.width * video.format.height
        self._bpp = config.bpp
        self._psnr = config.psnr
        if config.bitrate is not None:
            frame_s = float(1 / video.average_rate) if surveyed is None else surveyed.seconds / len(surveyed.costs)
            self._bpp = config.bitrate * frame_s / self._pixels
        if config.target_bytes is not None:
            num_frames = video.num_frames if surveyed is None else len(surveyed.costs)
            if num_frames is None:
                reason = f"{video.name} does not say how long it is and can be read only once"
                raise ConfigError(f"{reason}; give a bitrate instead", "target-size")
            track_bytes = 0 if surveyed is None else surveyed.track_bytes
            if track_bytes >= config.target_bytes:
                reason = f"audio and subtitles alone take {track_bytes} bytes; allow more, or leave them out"
                raise ConfigError(reason, "target-size")
            self._bpp = 8 * (config.target_bytes - track_bytes) / (num_frames * self._pixels)

    @classmethod
    def of(
        cls, config: EncoderConfig, video: VideoSource, on_frame: Callable[[int], None] = lambda num_frames: None
    ) -> Self:
        """Survey the video if a size is asked for, and it can be read twice; ``on_frame`` is told of each frame."""
        asks_for_size = any(target is not None for target in (config.bpp, config.bitrate, config.target_bytes))
        return cls(config, video, survey(video, on_frame) if asks_for_size else None)

    def of_window(self, first_frame: int, num_frames: int) -> EncoderConfig:
        """The settings of a window; its ``bpp`` are its share, its ``lmbda`` is what its quality is worth."""
        if self._config.quality is not None:
            return replace(self._config, lmbda=lmbda_of_quality(self._config.quality))
        if self._bpp is None:
            return self._config
        bpp = self._bpp
        if self._costs is not None:
            of_window = self._costs[first_frame : first_frame + num_frames]
            bpp *= float(of_window.mean() / self._costs.mean()) if len(of_window) else 1.0
        return replace(self._config, bpp=bpp, bitrate=None, target_bytes=None)

    def warnings(self, bpp: float, psnr: float | None) -> list[str]:
        """What there is to say about a whole file of so many bits per pixel and such a mean luma PSNR in dB."""
        if self._bpp is not None and abs(bpp / self._bpp - 1) > BITS_TOLERANCE:
            return [f"the file takes {bpp / self._bpp:.1%} of the bits that were asked for"]
        if self._psnr is not None and psnr is not None and abs(psnr - self._psnr) > PSNR_TOLERANCE:
            return [f"the frames have {psnr:.2f} dB, {self._psnr:g} were asked for"]
        return []


def lmbda_of_quality(quality: float) -> float:
    """Weight of the bits per pixel against the distortion, for a quality 0..100.

    Ten more are a fifth of it, with which typical videos are 3 dB better; at 50 those have about 34 dB.
    """
    return MIDDLE_LMBDA * math.pow(TENTH_OF_QUALITY, (50 - quality) / 10)
