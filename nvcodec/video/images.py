"""Still images as a video: a folder, a glob pattern or a printf pattern such as ``frame%04d.png``."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av

from nvcodec.errors import InputError
from nvcodec.video.pixels import StreamTags
from nvcodec.video.reader import FALLBACK_RATE, ContainerReader, Report

_SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pnm", ".tga"))
_PRINTF = re.compile(r"%0?(\d*)d")


def find_images(path: str) -> list[str] | None:
    """Images that a folder or pattern names, in order of the numbers in their names; None if it is neither.

    Raises:
        InputError: a folder or pattern without images.
    """
    if Path(path).is_dir():
        found = [str(entry) for entry in Path(path).iterdir() if entry.suffix.lower() in _SUFFIXES]
        if not found:
            raise InputError("the folder holds no images (png, jpg, bmp, tiff, webp, ppm, tga)", path)
    elif Path(path).exists() or not (_PRINTF.search(path) or glob.has_magic(path)):
        return None
    else:
        found = _match_printf(path) if _PRINTF.search(path) else glob.glob(path)
        if not found:
            raise InputError("no file matches the pattern", path)
    return sorted(found, key=_natural_key)


class ImageReader:
    """Reads images of one size as frames at 25 per second.

    Args:
        paths: files in display order, at least one.
        name: what the user called them.

    Raises:
        InputError: the first image cannot be read.
    """

    def __init__(self, paths: list[str], name: str) -> None:
        self.name = name
        self.collector = None
        self._paths = paths
        self.average_rate = FALLBACK_RATE
        self.time_base = Fraction(1) / FALLBACK_RATE
        self.num_frames: int | None = len(paths)
        self.about_frames: int | None = len(paths)
        first = ContainerReader(paths[0])
        self.tags: StreamTags = first.tags
        first.close()

    def decode(self, report: Report) -> Iterator[av.VideoFrame]:
        """Yield the images; one that cannot be read is skipped and reported."""
        for image_idx, path in enumerate(self._paths):
            try:
                frame = _read_image(path)
            except InputError as error:
                report(f"damaged image skipped: {error}")
                continue
            frame.pts = image_idx
            yield frame

    def close(self) -> None:
        """Nothing stays open between images."""


def _read_image(path: str) -> av.VideoFrame:
    problems: list[str] = []
    reader = ContainerReader(path)
    try:
        frame = next(reader.decode(problems.append), None)
    finally:
        reader.close()
    if frame is None:
        raise InputError(problems[0] if problems else "the image holds no picture", path)
    return frame


def _match_printf(pattern: str) -> list[str]:
    """Files whose name is the pattern with some number in place of ``%d``."""
    head, tail = _PRINTF.split(pattern)[0], _PRINTF.split(pattern)[-1]
    named = re.compile(re.escape(head) + r"\d+" + re.escape(tail))
    candidates = glob.glob(glob.escape(head) + "*" + glob.escape(tail))
    return [candidate for candidate in candidates if named.fullmatch(candidate)]


def _natural_key(path: str) -> list[tuple[int, str]]:
    """Key that puts frame10 after frame9."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", path)]
