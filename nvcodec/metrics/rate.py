"""File size per pixel."""

from __future__ import annotations


def bpp(num_bytes: int, width: int, height: int, num_frames: int) -> float:
    """Bits per pixel: ``8 * num_bytes / (width * height * num_frames)``.

    Args:
        num_bytes: of the whole file, without audio, subtitles and attachments.
        width, height: of a frame (its luma plane), in pixels.
        num_frames: frames in the file, at least 1.
    """
    return 8 * num_bytes / (width * height * num_frames)
