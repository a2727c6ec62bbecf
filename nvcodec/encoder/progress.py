"""What a running encode tells, and what it returns."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from nvcodec.encoder.memory import PeakMemory
from nvcodec.video.format import VideoFormat


class Stage(enum.Enum):
    """Where an encode is: a window was planned, its mask is chosen, its networks train, it is written.

    Before, the video is read once if a size is asked for, and each window is trained for a moment if a quality is, to
    learn how many bits it takes. A window that an earlier encode left is taken over instead.
    """

    SURVEY = "survey"
    PILOT = "pilot"
    PLAN = "plan"
    MASK = "mask"
    TRAIN = "train"
    WRITTEN = "written"
    TAKEN_OVER = "taken_over"


@dataclass(frozen=True)
class EncodeProgress:
    """State of an encode.

    Attributes:
        stage: what is being done.
        window_idx: the window at work, from 0.
        first_frame: position of its first frame in the coded video.
        num_frames: its frames; in a survey those of the video that were read so far.
        num_chunks: its chunks.
        num_parameters: S, parameters of each of its networks.
        epoch, num_epochs: of its training.
        iteration: iterations of its training that are done.
        window_fraction: fraction of its training that is done, 0..1; at its plan, by an earlier encode.
        psnr: RGB PSNR of the training so far in dB; of the decoded frames once written or taken over. 0 while unknown.
        bytes_written: bytes in the file so far; up to the end of a window that is taken over.
        frames_coded: frames in the file so far.
        frames_expected: frames of the source; None if it does not tell.
        seconds_left: estimate for the rest of the video, of this window where the source does not tell its length.
        bpp: estimate of the window's bits per pixel while its training quantises; None before and after.
        memory: about how much memory the process that encodes it takes at most, where a window was planned; else None.
        macs_per_frame: multiply-accumulates of its network for a frame, while it is at work.
    """

    stage: Stage
    window_idx: int
    first_frame: int
    num_frames: int
    num_chunks: int
    num_parameters: int
    epoch: int = 0
    num_epochs: int = 0
    window_fraction: float = 0.0
    psnr: float = 0.0
    bytes_written: int = 0
    frames_coded: int = 0
    frames_expected: int | None = None
    seconds_left: float = 0.0
    bpp: float | None = None
    memory: PeakMemory | None = None
    macs_per_frame: int = 0
    iteration: int = 0


@dataclass(frozen=True)
class WindowReport:
    """One window as it stands in the file.

    Attributes:
        window_idx, first_frame: its place.
        chunk_lengths: frames of each chunk.
        num_parameters: S, parameters of each network.
        kappa: fraction of S that is shared; 0 for a window of one chunk.
        psnr_y: mean over the frames of the luma PSNR in dB; of R, G and B together for RGB video. None if it was not
            measured, as the file was complete before the encode began.
        psnr_rgb: mean over the frames of the PSNR of the networks' RGB output in dB; None as above.
        num_bytes: bytes of its boxes.
    """

    window_idx: int
    first_frame: int
    chunk_lengths: tuple[int, ...]
    num_parameters: int
    kappa: float
    psnr_y: float | None
    psnr_rgb: float | None
    num_bytes: int

    @property
    def num_frames(self) -> int:
        """Frames of the window."""
        return sum(self.chunk_lengths)


@dataclass(frozen=True)
class EncodeResult:
    """A finished encode.

    Attributes:
        windows: what was written, or taken over from an earlier encode.
        is_complete: false if it was stopped before the end of the source.
        file_bytes: size of the file.
        track_bytes: of these, those of audio and subtitles.
        bpp: all bits per pixel of the video, without those of audio and subtitles.
        seconds: time taken; without that of earlier encodes.
        device: the device that trained, for people.
        warnings: what was odd about the source, and whether the encode took longer than it was to.
    """

    windows: tuple[WindowReport, ...]
    is_complete: bool
    file_bytes: int
    track_bytes: int
    bpp: float
    seconds: float
    device: str
    warnings: tuple[str, ...]

    @classmethod
    def of(
        cls,
        windows: Sequence[WindowReport],
        video_format: VideoFormat,
        is_complete: bool,
        file_bytes: int,
        track_bytes: int,
        seconds: float,
        device: str,
        warnings: Sequence[str],
    ) -> Self:
        """A result whose bits per pixel follow from the rest."""
        num_pixels = sum(window.num_frames for window in windows) * video_format.width * video_format.height
        bpp = 8 * (file_bytes - track_bytes) / max(num_pixels, 1)
        return cls(tuple(windows), is_complete, file_bytes, track_bytes, bpp, seconds, device, tuple(warnings))

    @property
    def num_frames(self) -> int:
        """Frames in the file."""
        return sum(window.num_frames for window in self.windows)

    @property
    def psnr_y(self) -> float | None:
        """Mean over the frames of the luma PSNR in dB; None if the file was complete before the encode began."""
        return self._mean([window.psnr_y for window in self.windows])

    @property
    def psnr_rgb(self) -> float | None:
        """Mean over the frames of the RGB PSNR in dB; None as above."""
        return self._mean([window.psnr_rgb for window in self.windows])

    def _mean(self, values: Sequence[float | None]) -> float | None:
        total = 0.0
        for value, window in zip(values, self.windows, strict=True):
            if value is None:
                return None
            total += value * window.num_frames
        return total / max(self.num_frames, 1)
