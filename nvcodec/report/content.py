"""Everything that a report shows, gathered from a file, its source and the log of its training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from nvcodec.bitstream import Limits, NvstReader
from nvcodec.bitstream.summary import StreamSummary, summarize
from nvcodec.report.comparison import AlignedVideo, Comparison, FrameQuality, frame_rgb
from nvcodec.report.conventional import X265Comparison, compare_x265
from nvcodec.report.pictures import (
    MAX_WIDTH,
    ShownFrame,
    Thumbnail,
    difference,
    frames_to_show,
    reduced,
    reduction_to,
    rgb_jpeg,
    thumbnail,
    thumbnail_frames,
)
from nvcodec.report.sharing_maps import WindowSharing, window_sharing
from nvcodec.report.training_log import TrainingCurve, read_training_log
from nvcodec.report.videos import NvstVideo, open_source_video
from nvcodec.sharing.scenes import CutThreshold, mark_cuts
from nvcodec.video.frame import Frame
from nvcodec.video.selection import Selection

MAX_WINDOW_MAPS = 12
"""Windows whose layers are shown: a page is to stay readable."""

Progress = Callable[[str, int, int], None]
"""Told what is done, how many frames of it, of how many."""


@dataclass(frozen=True)
class ReportContent:
    """What a report shows.

    Attributes:
        summary: the file in numbers.
        times: seconds when its frames begin.
        comparison: the file beside its source; None without one.
        qualities: by frame, counted over the file; empty without a source.
        x265: x265 beside the source; None if it was not asked for.
        cuts: frames, counted over the file, at which a scene begins.
        thumbnails: evenly spread frames.
        shown: frames to look at.
        sharing: the first windows' masks.
        curves: the training of each window; None without a log.
    """

    summary: StreamSummary
    times: tuple[float, ...]
    comparison: Comparison | None
    qualities: dict[int, FrameQuality]
    x265: X265Comparison | None
    cuts: tuple[int, ...]
    thumbnails: tuple[Thumbnail, ...]
    shown: tuple[ShownFrame, ...]
    sharing: tuple[WindowSharing, ...]
    curves: tuple[TrainingCurve, ...] | None


def gather(
    file: str,
    device: torch.device,
    *,
    source: str | None = None,
    crop: str | None = None,
    deinterlace: bool = False,
    log: Path | None = None,
    with_x265: bool = False,
    limits: Limits | None = None,
    progress: Progress = lambda doing, done, of: None,
) -> ReportContent:
    """Decode a file once, and the frames to look at once more.

    Args:
        file: path or address of a .nvst file.
        device: where to reconstruct.
        source: the video that it was made of; None: nothing about quality.
        crop, deinterlace: of the source, as it was encoded, see ``open_source``.
        log: what ``nvenc --json`` printed; None: nothing about training.
        with_x265: also encode the source with x265 into as many bytes; needs one.
        limits: what the file may ask for; None for the defaults.
        progress: told how far it is.

    Raises:
        InputError: the file, the source or the log cannot be read, or x265 cannot encode such a source.
        BitstreamError: the file is refused.
        ConfigError: the file's frames are not the source's.
    """
    curves = None if log is None else tuple(read_training_log(log))
    with NvstReader(file, limits) as reader:
        summary = summarize(reader)
        sharing = tuple(window_sharing(reader, idx) for idx in range(min(len(reader.windows), MAX_WINDOW_MAPS)))
    video = NvstVideo(file, device, limits)
    aligned = None
    if source is not None:
        aligned = AlignedVideo(open_source_video(source, crop=crop, deinterlace=deinterlace), video)
    first_pass = _FirstPass(video, aligned, progress)
    starts = [window.first_frame for window in summary.windows]
    to_show = frames_to_show(first_pass.qualities, starts)
    x265 = None
    if aligned is not None and with_x265:
        interval = max(chunk.num_frames for window in summary.windows for chunk in window.chunks)
        progress("encoding with x265", 0, len(aligned.pairs))
        x265 = compare_x265(aligned, interval, lambda done, of: progress("measuring x265", done, of))
    return ReportContent(
        summary=summary,
        times=video.facts.times,
        comparison=None if aligned is None else aligned.comparison(list(first_pass.qualities.values())),
        qualities=first_pass.qualities,
        x265=x265,
        cuts=first_pass.cuts,
        thumbnails=tuple(first_pass.thumbnails),
        shown=tuple(_shown_frames(video, aligned, first_pass.qualities, to_show)),
        sharing=sharing,
        curves=curves,
    )


class _FirstPass:
    """What all frames are read for: qualities, cuts and thumbnails."""

    def __init__(self, video: NvstVideo, aligned: AlignedVideo | None, progress: Progress) -> None:
        self.qualities: dict[int, FrameQuality] = {}
        self.thumbnails: list[Thumbnail] = []
        self._video = video
        self._progress = progress
        num_frames = len(video.facts.times)
        self._thumbnail_frames = thumbnail_frames(num_frames)
        if aligned is None:
            frame_idx: list[int] = list(range(num_frames))
            frames = self._decoded()
        else:
            frame_idx = [video_idx for _, video_idx in aligned.pairs]
            frames = self._compared(aligned)
        marked = zip(frame_idx, mark_cuts(frames, CutThreshold(), video.facts.format.bit_depth), strict=True)
        self.cuts = tuple(position for position, (_, is_cut) in marked if is_cut)

    def _decoded(self) -> Iterator[Frame]:
        for frame_idx, frame in enumerate(self._video.frames()):
            self._look_at(frame_idx, frame)
            self._progress("decoding", frame_idx + 1, len(self._video.facts.times))
            yield frame

    def _compared(self, aligned: AlignedVideo) -> Iterator[Frame]:
        """The source's frames."""
        for pair in aligned:
            self._look_at(pair.video_idx, pair.video)
            self.qualities[pair.video_idx] = aligned.quality(pair)
            self._progress("comparing", len(self.qualities), len(aligned.pairs))
            yield pair.source

    def _look_at(self, frame_idx: int, frame: Frame) -> None:
        if frame_idx in self._thumbnail_frames:
            self.thumbnails.append(Thumbnail(frame_idx, thumbnail(frame_rgb(frame, self._video.facts.format))))


def _shown_frames(
    video: NvstVideo, aligned: AlignedVideo | None, qualities: dict[int, FrameQuality], to_show: dict[int, str]
) -> Iterator[ShownFrame]:
    originals = {} if aligned is None else _originals(aligned, set(to_show))
    for frame_idx, why in to_show.items():
        video_format = video.facts.format
        decoded = frame_rgb(next(video.frames(Selection(frame_idx, frame_idx + 1))), video_format)
        factor = reduction_to(video_format.width, MAX_WIDTH)
        source = differing = None
        if aligned is not None:
            original = frame_rgb(originals[frame_idx], aligned.source.facts.format)
            source = rgb_jpeg(reduced(original, factor))
            differing = rgb_jpeg(reduced(difference(original, decoded), factor))
        picture = reduced(decoded, factor)
        yield ShownFrame(
            frame_idx=frame_idx,
            time_s=video.facts.times[frame_idx],
            why=why,
            quality=qualities.get(frame_idx),
            decoded=rgb_jpeg(picture),
            source=source,
            difference=differing,
            width=picture.shape[2],
            height=picture.shape[1],
            reduction=factor,
        )


def _originals(aligned: AlignedVideo, wanted: set[int]) -> dict[int, Frame]:
    """The source's frames for some of the video's."""
    of_source = {source_idx: video_idx for source_idx, video_idx in aligned.pairs if video_idx in wanted}
    found: dict[int, Frame] = {}
    for source_idx, frame in enumerate(aligned.source.frames()):
        if source_idx in of_source:
            found[of_source[source_idx]] = frame
        if len(found) == len(of_source):
            break
    return found
