"""Encode the demo's frames with x264, x265 and SVT-AV1 at several qualities and print rate and luma PSNR as CSV.

    python tools/compare_codecs.py > codecs.csv

Same frames and same metric as the demo; a keyframe every chunk, so that random access is the same; packet bytes only.
"""

from __future__ import annotations

import io
from fractions import Fraction

import av
import click
import numpy as np
from demo import CHUNK_FRAMES, bundled_clip, open_video

from nvcodec.metrics import PsnrAccumulator, bpp
from nvcodec.video.format import VideoFormat
from nvcodec.video.frame import Frame

CODECS = {
    "libx264": ("medium", (30, 36, 42, 48), {}),
    "libx265": (
        "medium",
        (32, 38, 44, 50),
        {"x265-params": f"keyint={CHUNK_FRAMES}:min-keyint={CHUNK_FRAMES}:log-level=none"},
    ),
    "libsvtav1": ("6", (45, 52, 58, 63), {}),
}


@click.command()
def main() -> None:
    """Print a CSV."""
    with open_video(str(bundled_clip())) as source:
        video_format, frames = source.format, list(source)
    click.echo("codec,preset,crf,bpp,psnr_y")
    for codec, (preset, qualities, options) in CODECS.items():
        for crf in qualities:
            packets = encode(frames, video_format, codec, {"preset": preset, "crf": str(crf), **options})
            psnr = PsnrAccumulator(video_format.bit_depth)
            for frame, planes in zip(frames, decode(packets, codec), strict=True):
                psnr.add(frame.planes[:1], planes[:1])
            rate = bpp(sum(map(len, packets)), video_format.width, video_format.height, len(frames))
            click.echo(f"{codec},{preset},{crf},{rate:.4f},{psnr.mean_psnr[0]:.2f}")


def encode(frames: list[Frame], video_format: VideoFormat, codec: str, options: dict[str, str]) -> list[bytes]:
    """The packets of an encode at 25 frames per second."""
    container = av.open(io.BytesIO(), "w", format="matroska")
    stream = container.add_stream(codec, rate=25, options=options)
    stream.width, stream.height, stream.pix_fmt = video_format.width, video_format.height, "yuv420p"
    stream.gop_size = CHUNK_FRAMES
    packets = []
    for position, frame in enumerate(frames):
        picture = av.VideoFrame.from_ndarray(
            np.concatenate([plane.ravel() for plane in frame.planes]).reshape(-1, video_format.width), format="yuv420p"
        )
        picture.pts, picture.time_base = position, Fraction(1, 25)
        packets += [bytes(packet) for packet in stream.encode(picture)]
    packets += [bytes(packet) for packet in stream.encode(None)]
    headers = bytes(stream.codec_context.extradata or b"")
    return [headers + packets[0], *packets[1:]] if codec != "libsvtav1" else packets


def decode(packets: list[bytes], codec: str) -> list[tuple[np.ndarray, ...]]:
    """The decoded planes in order of display."""
    names = {"libx264": "h264", "libx265": "hevc", "libsvtav1": "libdav1d"}
    decoder = av.CodecContext.create(names[codec], "r")
    pictures = [picture for data in packets for picture in decoder.decode(av.Packet(data))]
    pictures += decoder.decode(None)
    return [(picture.to_ndarray()[: picture.height],) for picture in pictures]


if __name__ == "__main__":
    main()
