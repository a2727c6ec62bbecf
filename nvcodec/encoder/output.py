"""The file an encode writes: under a temporary name until it is worth keeping."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from nvcodec.bitstream.whole_file import writing_reported as writing_reported
from nvcodec.errors import OutputError


class PartialFile:
    """A file that appears under its own name only when it is kept.

    While it is written it has ``.part`` added to its name. Leaving the context without :meth:`keep` or
    :meth:`keep_first` removes it.

    Args:
        path: the final name.
        overwrite: replace what already has that name.

    Raises:
        OutputError: the name is taken, or the file cannot be made.
    """

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        self.path = path
        self._is_kept = False
        self.partial_path = path.with_name(path.name + ".part")
        if path.is_dir():
            raise OutputError("is a folder", str(path))
        if path.exists() and not path.is_file():
            # A device such as /dev/null would be replaced by a file.
            raise OutputError("is not a regular file", str(path))
        if path.exists() and not overwrite:
            raise OutputError("already exists; use -y to overwrite it", str(path))
        with writing_reported(path):
            self.file = open(self.partial_path, "w+b")  # noqa: SIM115 - closed by __exit__

    def keep(self) -> None:
        """Give the file its own name."""
        with writing_reported(self.path):
            self.file.flush()
            os.fsync(self.file.fileno())
            os.replace(self.partial_path, self.path)
        self._is_kept = True

    def keep_first(self, num_bytes: int) -> None:
        """Give the file's first ``num_bytes`` bytes its own name, whatever happened behind them.

        They must have been flushed. Without effect on a file that is kept already.
        """
        if self._is_kept:
            return
        # What is still buffered lies behind them, and a full disk would refuse it once more.
        with contextlib.suppress(OSError):
            self.file.close()
        with writing_reported(self.path):
            os.truncate(self.partial_path, num_bytes)
            os.replace(self.partial_path, self.path)
        self._is_kept = True

    def __enter__(self) -> Self:
        """The file itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close, and remove what was not kept."""
        # A full disk can refuse even the last flush of a file that is not kept.
        with contextlib.suppress(OSError):
            self.file.close()
        self.partial_path.unlink(missing_ok=True)
