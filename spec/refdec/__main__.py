"""python -m refdec in.nvst out.npz|out.y4m|out.yuv|out.f64"""

from __future__ import annotations

import sys
from pathlib import Path

from .comparing import integers_digest
from .decode import decode
from .fields import RefusedError
from .output import OutputError, write_output


def main(arguments: list[str]) -> int:
    """The exit status is 0, 1 for a refused file, 2 for wrong usage or an output that cannot be written."""
    if len(arguments) != 2 or Path(arguments[1]).suffix not in (".npz", ".y4m", ".yuv", ".f64"):
        print(__doc__, file=sys.stderr)
        return 2
    source, target = Path(arguments[0]), Path(arguments[1])
    try:
        # Reference values are made while they are written: they need eight times the memory of samples.
        file, windows = decode(source.read_bytes(), with_planes=target.suffix != ".f64")
        print(f"INTEGERS={integers_digest(windows)}")
        write_output(target, file, windows)
    except RefusedError as refused:
        print(f"{source}: {refused}", file=sys.stderr)
        return 1
    except (OutputError, OSError) as error:
        print(f"{source}: {error}", file=sys.stderr)
        return 2
    state = {None: "unfinished", True: "complete", False: "finished, not complete"}[file.is_complete]
    print(f"{source}: {len(windows)} windows, {state}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
