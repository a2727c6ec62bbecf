"""How many bytes a video takes."""

from __future__ import annotations

from pathlib import Path

from nvcodec.errors import InputError
from nvcodec.video.images import find_images
from nvcodec.video.reader import open_container


def video_bytes(path: str) -> int | None:
    """Bytes of a file without those of its sound, subtitles and attachments, or of a folder's or pattern's images.

    Returns:
        None for an address.

    Raises:
        InputError: the file cannot be read.
    """
    images = find_images(path)
    if images is not None:
        return sum(Path(image).stat().st_size for image in images)
    if not Path(path).is_file():
        return None
    num_bytes = Path(path).stat().st_size
    try:
        container = open_container(path)
    except InputError:
        # One of our own readers knows it; those formats hold nothing but video.
        return num_bytes
    with container:
        if len(container.streams) == 1:
            return num_bytes
        video = container.streams.best("video")
        return num_bytes - sum(packet.size for packet in container.demux() if packet.stream is not video)
