"""Files that take their name only when they are whole."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from nvcodec.errors import OutputError


@contextmanager
def whole_file(path: Path, *, overwrite: bool) -> Iterator[BinaryIO]:
    """A new binary file for writing; until the ``with`` block ends it has a temporary name in the same folder.

    If the block raises, nothing is left behind, and what had the name before still has it.

    Args:
        path: the final name.
        overwrite: replace what has that name.

    Raises:
        OutputError: the name is taken, or the file cannot be written.
    """
    if path.is_dir():
        raise OutputError("is a folder", str(path))
    if path.exists() and not path.is_file():
        # A device such as /dev/null would be replaced by a file.
        raise OutputError("is not a regular file", str(path))
    if path.exists() and not overwrite:
        raise OutputError("already exists; use -y to overwrite it", str(path))
    # A link keeps pointing where it does.
    final = path.resolve()
    temporary = final.with_name(f".{final.name}.{os.getpid()}.part")
    with writing_reported(path):
        try:
            with open(temporary, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if final.exists():
                shutil.copymode(final, temporary)
            os.replace(temporary, final)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


@contextmanager
def writing_reported(path: Path) -> Iterator[None]:
    """Turn a failure of the file system, or one about the temporary name, into an ``OutputError`` about ``path``."""
    try:
        yield
    except OutputError as error:
        raise OutputError(error.reason, str(path)) from error
    except OSError as error:
        reason = "no space left on the disk" if error.errno == errno.ENOSPC else (error.strerror or str(error)).lower()
        raise OutputError(reason, str(path)) from error
