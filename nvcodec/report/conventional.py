"""What x265 makes of the same frames in as many bytes."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from nvcodec.errors import ConfigError
from nvcodec.report.comparison import AlignedVideo, Comparison, FrameCallback, compare
from nvcodec.report.videos import open_source_video
from nvcodec.video.selection import Selection
from nvcodec.video.x265 import PRESET, encode_to_size, encode_x265


@dataclass(frozen=True)
class X265Comparison:
    """x265 beside the source.

    Attributes:
        comparison: its quality and size.
        crf: the constant rate factor that met the size.
        preset: of x265.
        interval: most frames between keyframes.
    """

    comparison: Comparison
    crf: float
    preset: str
    interval: int


def compare_x265(aligned: AlignedVideo, interval: int, progress: FrameCallback) -> X265Comparison:
    """Encode the source's frames of an aligned video with x265 into as many bytes as that has, and compare.

    Args:
        aligned: a video and its source.
        interval: most frames between keyframes, so that both can be entered as often.
        progress: told of the comparison.

    Raises:
        ConfigError: the video's size is not known, or its frames are not all of the source's within their time.
        InputError: x265 cannot encode such frames.
    """
    facts = aligned.video.facts
    first, last = aligned.pairs[0][0], aligned.pairs[-1][0]
    if facts.num_bytes is None or last - first + 1 != len(aligned.pairs) or len(aligned.pairs) != len(facts.times):
        raise ConfigError("can be compared only with a file of known size that has consecutive frames", "x265")
    whole, before = aligned.source, aligned.source.selection.first_frame
    part = Selection(before + first, before + last + 1)
    whole = open_source_video(whole.path, part, crop=whole.crop, deinterlace=whole.deinterlace)
    source = whole.scaled(facts.format.width, facts.format.height) if aligned.is_source_scaled else whole
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "x265.hevc"

        def encode(crf: float) -> int:
            return encode_x265(source.frames(), source.facts.format, source.average_rate, interval, crf, target)

        crf = encode_to_size(encode, facts.num_bytes)
        return X265Comparison(compare(source, open_source_video(str(target)), progress), crf, PRESET, interval)
