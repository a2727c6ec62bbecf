"""python -m refdec in.nvst out.npz|out.y4m"""

from __future__ import annotations

import sys
from pathlib import Path

from .decode import decode
from .fields import RefusedError
from .output import write_npz, write_y4m


def main(arguments: list[str]) -> int:
    """The exit status is 0, 1 for a refused file, 2 for wrong usage."""
    if len(arguments) != 2 or Path(arguments[1]).suffix not in (".npz", ".y4m"):
        print(__doc__, file=sys.stderr)
        return 2
    source, target = Path(arguments[0]), Path(arguments[1])
    try:
        file, windows = decode(source.read_bytes())
    except RefusedError as refused:
        print(f"{source}: {refused}", file=sys.stderr)
        return 1
    if target.suffix == ".npz":
        write_npz(target, windows)
    else:
        write_y4m(target, file.stream, windows)
    state = {None: "unfinished", True: "complete", False: "finished, not complete"}[file.is_complete]
    print(f"{source}: {len(windows)} windows, {state}")
    return 0


sys.exit(main(sys.argv[1:]))
