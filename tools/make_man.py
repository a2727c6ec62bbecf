"""Write the manual pages of the commands, which are kept with the sources so that no build has to load PyTorch.

python -m tools.make_man [--out man]
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from click_man.core import write_man_pages

from nvcodec import __version__

COMMANDS = ("nvenc", "nvdec", "nvinfo", "nvcut", "nvcat", "nvcompare", "nvreport")
MAN = Path(__file__).parents[1] / "man"


def main() -> None:
    """Write a page for each command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=MAN, help="folder for the pages")
    write_pages(parser.parse_args().out)


def write_pages(folder: Path) -> None:
    """Write ``<command>.1`` for each command; without a date, so that only a change of a command changes a page."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in COMMANDS:
        command = importlib.import_module(f"nvcodec.cli.{name}").main
        write_man_pages(name, command, version=__version__, target_dir=str(folder), date=" ")


if __name__ == "__main__":
    main()
