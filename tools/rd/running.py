"""Works through operating points: encode, decode, measure, add a row; never encodes a point twice."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from nvcodec.errors import NvcodecError
from tools.rd.clips import Clip
from tools.rd.measuring import measure
from tools.rd.points import Encoding, Point, curve_name, key_of
from tools.rd.table import Row, Table


def run_points(
    clip: Clip, points: Sequence[Point], folder: Path, table: Table[Row], tell: Callable[[str], None]
) -> int:
    """Add a row for each point that has none.

    A stream, once encoded, is kept with what its encode told. Where a run ended in the middle of an encode, that encode
    begins anew, so that its seconds are true.

    Args:
        clip: to encode.
        points: to encode it at.
        folder: for the streams.
        table: of finished points.
        tell: takes a line per point.

    Returns:
        The number of points that were refused or failed; the others are done.
    """
    num_failed = 0
    folder.mkdir(parents=True, exist_ok=True)
    for point_idx, point in enumerate(points):
        key = key_of(point, clip)
        place = f"{point_idx + 1}/{len(points)} {key}"
        if key in table:
            tell(f"{place}: done before")
            continue
        try:
            row = _finish(point, clip, key, folder)
        except NvcodecError as error:
            tell(f"{place}: failed: {error}")
            num_failed += 1
            continue
        table.append(row)
        tell(
            f"{place}: {row.bpp:.4f} bpp, {row.psnr_y:.2f} dB luma, "
            f"encode {row.encode_s:.1f} s, decode {row.decode_s:.1f} s"
        )
    return num_failed


def _finish(point: Point, clip: Clip, key: str, folder: Path) -> Row:
    stream, note = folder / f"{key}.{point.suffix}", folder / f"{key}.json"
    if note.exists():
        encoding = Encoding(**json.loads(note.read_text(encoding="utf-8")))
    else:
        encoding = point.encode(clip, stream)
        unfinished = note.with_suffix(".part")
        unfinished.write_text(json.dumps(asdict(encoding)), encoding="utf-8")
        unfinished.replace(note)
    decoded = folder / f"{key}.y4m"
    decode_s = point.decode(stream, decoded)
    quality = measure(clip.path, decoded)
    decoded.unlink()
    video_bytes = stream.stat().st_size
    return Row(
        key=key,
        clip=clip.name,
        clip_md5=clip.md5,
        curve=curve_name(point),
        interval="default" if point.interval is None else str(point.interval),
        setting=point.setting,
        video_bytes=video_bytes,
        bpp=quality.bpp(video_bytes),
        num_keyframes=encoding.num_keyframes,
        encode_s=encoding.seconds,
        decode_s=decode_s,
        device=encoding.device,
        encoder=encoding.encoder,
        machine=describe_machine(),
        **asdict(quality),
    )


def describe_machine() -> str:
    """Processor, operating system and Python."""
    return f"{processor_name()}; {platform.system()}; Python {platform.python_version()}"


def processor_name() -> str:
    """The processor as it calls itself, or its architecture."""
    # Versions of PyTorch before 2.10 do not tell.
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return str(capabilities.get("cpu_name") or platform.processor() or platform.machine())
