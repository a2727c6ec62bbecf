"""Makers of small test videos: every kind of input that a source must handle, sound or not.

Each ``*_clip`` function writes one file into a folder and returns its path.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from nvcodec.video.format import BIT_DEPTHS, ChromaSubsampling, Plane, VideoFormat
from nvcodec.video.frame import Frame
from nvcodec.video.pixels import PIX_FMTS, make_frame

SMALL = VideoFormat(64, 48)
_X264 = {"preset": "ultrafast", "g": "4", "bf": "0", "threads": "1"}


def make_planes(format: VideoFormat, frame_idx: int = 0) -> tuple[Plane, ...]:
    """A pattern that moves to the right by one sample per frame and looks different in each plane."""
    planes = []
    for plane_idx in range(format.num_planes):
        height, width = format.plane_shape(plane_idx)
        rows, columns = np.mgrid[:height, :width]
        values = 20 + 3 * (columns - frame_idx) + (2 + plane_idx) * rows + 40 * plane_idx
        planes.append((values % (200 << (format.bit_depth - 8))).astype(format.dtype))
    return tuple(planes)


def make_frames(format: VideoFormat, num_frames: int, duration: int = 1) -> list[Frame]:
    return [Frame(make_planes(format, idx), idx * duration, duration) for idx in range(num_frames)]


def make_flat_frames(levels: Sequence[int], width: int = 64, height: int = 48) -> list[Frame]:
    """Gray frames of one level each, for tests of scene detection."""
    return [Frame((np.full((height, width), level, np.uint8),), idx, 1) for idx, level in enumerate(levels)]


def write_clip(
    path: Path,
    format: VideoFormat = SMALL,
    num_frames: int = 12,
    codec: str = "ffv1",
    pix_fmt: str | None = None,
    pts: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, 25),
    rotation: float | None = None,
    rate: Fraction | int = 25,
    aspect: Fraction = Fraction(0),
    options: dict[str, str] | None = None,
) -> Path:
    """Write the moving pattern with PyAV; ``pix_fmt`` converts to a pixel format that has no ``VideoFormat``."""
    own_pix_fmt = PIX_FMTS[format.chroma_subsampling, format.bit_depth]
    with av.open(str(path), "w") as container:
        if path.suffix == ".mp4":
            container.container_options["video_track_timescale"] = str(time_base.denominator)
        stream = container.add_stream(codec, rate=rate, options=options or (_X264 if codec == "libx264" else {}))
        stream.width, stream.height, stream.pix_fmt = format.width, format.height, pix_fmt or own_pix_fmt
        stream.codec_context.time_base = time_base
        stream.codec_context.sample_aspect_ratio = aspect
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for frame_idx in range(num_frames):
            frame = make_frame(make_planes(format, frame_idx), format).reformat(format=pix_fmt or own_pix_fmt)
            frame.pts = frame_idx if pts is None else pts[frame_idx]
            frame.time_base = time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def plain_clip(folder: Path, num_frames: int = 12) -> Path:
    return write_clip(folder / "plain.mp4", num_frames=num_frames, codec="libx264")


MILLISECOND = Fraction(1, 1000)
VARIABLE_PTS = (0, 40, 95, 120, 200, 210, 330, 350)


def variable_rate_clip(folder: Path) -> Path:
    """Frames at VARIABLE_PTS milliseconds."""
    pts = VARIABLE_PTS
    return write_clip(folder / "variable.mkv", num_frames=len(pts), pts=pts, time_base=MILLISECOND)


def late_start_clip(folder: Path) -> Path:
    """The first pts is 1200 ms."""
    pts = [1200 + 40 * idx for idx in range(6)]
    return write_clip(folder / "late.mkv", num_frames=6, pts=pts, time_base=MILLISECOND)


def rotated_clip(folder: Path, degrees: float) -> Path:
    """Marked to be turned counter-clockwise for display."""
    return write_clip(folder / f"rotated{degrees:g}.mp4", num_frames=3, codec="libx264", rotation=degrees)


def woven_planes(format: VideoFormat, frame_idx: int) -> tuple[Plane, ...]:
    """Two moments in one frame: even rows show one, odd rows the next."""
    early, late = make_planes(format, 16 * frame_idx), make_planes(format, 16 * frame_idx + 8)
    for one, other in zip(early, late, strict=True):
        one[1::2] = other[1::2]
    return early


def interlaced_clip(folder: Path, suffix: str = ".mp4", codec: str = "libx264", num_frames: int = 6) -> Path:
    """Fields of two moments in each frame, the top one first; H.264 says so in frames and stream, FFV1 only in it."""
    options = {"libx264": {"x264-params": "tff=1:qp=0:bframes=0:threads=1"}, "ffv1": {"field_order": "tt"}}[codec]
    path = folder / f"interlaced{suffix}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = SMALL.width, SMALL.height, "yuv420p"
        for frame_idx in range(num_frames):
            frame = make_frame(woven_planes(SMALL, frame_idx), SMALL)
            frame.pts, frame.time_base = frame_idx, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def ten_bit_clip(folder: Path) -> Path:
    return write_clip(folder / "ten_bit.mkv", VideoFormat(64, 48, bit_depth=10), num_frames=4)


def odd_clip(folder: Path) -> Path:
    return write_clip(folder / "odd.mkv", VideoFormat(33, 27), num_frames=4)


def elementary_clip(folder: Path, format: VideoFormat = SMALL, num_frames: int = 9) -> Path:
    """H.264 without a container: no frame has a time."""
    return write_clip(folder / f"stream{format.width}.264", format, num_frames, codec="libx264")


def damaged_clip(folder: Path, packets: Sequence[int] = (5,)) -> Path:
    """Some of 12 packets are overwritten."""
    path = plain_clip(folder)
    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    for start, size in (places[packet_idx] for packet_idx in packets):
        data[start : start + size] = b"\xff" * size
    damaged = folder / "damaged.mp4"
    damaged.write_bytes(data)
    return damaged


def cut_off_clip(folder: Path, suffix: str = ".mkv") -> Path:
    """Ends in the middle of its data."""
    whole = write_clip(folder / f"whole{suffix}", num_frames=30)
    data = whole.read_bytes()
    path = folder / f"cut_off{suffix}"
    path.write_bytes(data[: len(data) // 2])
    return path


def size_change_clip(folder: Path) -> Path:
    """Nine frames of 64x48, then nine of 48x32."""
    parts = [elementary_clip(folder), elementary_clip(folder, VideoFormat(48, 32))]
    path = folder / "size_change.264"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def undecodable_clip(folder: Path) -> Path:
    """Opens, but every packet is garbage."""
    path = write_clip(folder / "undecodable.mkv", num_frames=5, codec="ffv1")
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    data = path.read_bytes()
    for packet in packets:
        data = data.replace(bytes(packet), b"\xff" * packet.size)
    path.write_bytes(data)
    return path


def audio_clip(folder: Path) -> Path:
    """Holds sound only."""
    path = folder / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    return path


ALL_FORMATS = [
    VideoFormat(width, height, bit_depth=bit_depth, chroma_subsampling=subsampling)
    for subsampling in ChromaSubsampling
    for bit_depth in BIT_DEPTHS
    for width, height in ((32, 24), (17, 19))
]
