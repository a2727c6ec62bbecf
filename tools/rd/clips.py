"""The frames that all codecs see: each clip is cut, scaled and made 8-bit 4:2:0 once, and kept as y4m."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av

from nvcodec.errors import InputError
from nvcodec.video.format import ChromaSubsampling, ColorRange, Plane, VideoFormat
from nvcodec.video.frame import Frame
from nvcodec.video.pixels import make_frame
from nvcodec.video.sink import open_sink
from nvcodec.video.source import open_source

SUFFIXES = (".264", ".avi", ".mkv", ".mov", ".mp4", ".webm", ".y4m")


@dataclass(frozen=True)
class Clip:
    """A prepared clip.

    Attributes:
        name: for people: source, size and number of frames.
        path: the y4m file.
        md5: of that file.
    """

    name: str
    path: Path
    md5: str


def find_clips(paths: Sequence[Path]) -> list[Path]:
    """The videos that are named, folders replaced by the videos in them; the bundled clip if none is named.

    Raises:
        InputError: a path does not exist, or a folder holds no video.
    """
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise InputError("does not exist", str(path))
        videos = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES) if path.is_dir() else [path]
        if not videos:
            raise InputError("holds no video", str(path))
        found += videos
    if not found:
        # The demo needs packages that a bench of one's own clips does not.
        from tools.demo import bundled_clip

        found = [bundled_clip()]
    return found


def prepare_clip(
    source: Path, folder: Path, max_width: int, max_height: int, num_frames: int, cropped_height: int | None = None
) -> Clip:
    """Cut, scale to fit, crop and convert a clip, unless that was done before.

    Args:
        source: any video.
        folder: for the y4m file.
        max_width, max_height: of the frames, in pixels; both sides become even, as encoders ask for 4:2:0.
        num_frames: most frames taken, from the first.
        cropped_height: rows kept of the scaled frames, those in the middle; even. None: all.
    """
    with open_source(source) as probe:
        width, height = probe.format.width, probe.format.height
    factor = min(Fraction(max_width, width), Fraction(max_height, height), Fraction(1))
    width, scaled_height = (2 * round(side * factor / 2) for side in (width, height))
    height = min(scaled_height, cropped_height or scaled_height)
    name = f"{source.stem}-{width}x{height}-{num_frames}f"
    # The source's digest, so that another video of this name is another clip.
    path = folder / f"{name}-{_digest(source)[:8]}.y4m"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _convert(source, path, f"{width}x{scaled_height}", height, num_frames)
    return Clip(name, path, _digest(path))


def _convert(source: Path, target: Path, scale: str, height: int, num_frames: int) -> None:
    with open_source(source, frames=(0, num_frames), scale=scale) as video:
        subsampling, bit_depth = ChromaSubsampling.YUV420, 8
        is_kept = (video.format.chroma_subsampling, video.format.bit_depth) == (subsampling, bit_depth)
        new_format = replace(video.format, height=height, chroma_subsampling=subsampling, bit_depth=bit_depth)
        if video.format.chroma_subsampling == ChromaSubsampling.RGB:
            new_format = replace(new_format, color_range=ColorRange.LIMITED)
        # Even spacing: y4m has no other, and the rate of a codec shall not depend on it.
        with open_sink(target, new_format, 1 / video.average_rate, video.average_rate) as sink:
            for frame_idx, frame in enumerate(video):
                planes = frame.planes if is_kept else _planes_of_420(frame, video.format)
                sink.write(Frame(_middle_rows(planes, height), frame_idx, 1))


def _middle_rows(planes: Sequence[Plane], height: int) -> tuple[Plane, ...]:
    """The middle ``height`` rows of a 4:2:0 picture, from an even row on."""
    first = (planes[0].shape[0] - height) // 4
    luma, *chroma = planes
    half = height // 2
    return (luma[2 * first : 2 * first + height], *(plane[first : first + half] for plane in chroma))


def _planes_of_420(frame: Frame, video_format: VideoFormat) -> tuple[Plane, ...]:
    picture: av.VideoFrame = make_frame(frame.planes, video_format).reformat(format="yuv420p")
    samples, width, height = picture.to_ndarray().ravel(), picture.width, picture.height
    luma, chroma = width * height, width * height // 4
    shape = (height // 2, width // 2)
    return (
        samples[:luma].reshape(height, width),
        samples[luma : luma + chroma].reshape(shape),
        samples[luma + chroma :].reshape(shape),
    )


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
