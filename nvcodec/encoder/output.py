"""The file an encode writes: under a temporary name until it is worth keeping, and safe from a kill at any moment."""

from __future__ import annotations

import contextlib
import os
import sys
from io import BufferedRandom
from pathlib import Path
from types import TracebackType
from typing import Self

from nvcodec.bitstream.whole_file import writing_reported as writing_reported
from nvcodec.encoder.state_file import StateFiles
from nvcodec.errors import OutputError

if sys.platform != "win32":
    import fcntl


class PartialFile:
    """A file that appears under its own name only when it is kept.

    While it is written it has ``.part`` added to its name and is locked, so that no second encode writes it. Opening
    changes nothing that is there; :meth:`begin` or :meth:`go_on_from` has to follow before the first byte is written.
    Leaving the context without :meth:`keep` gives the whole part its own name, or removes the file if there is none.

    Bytes that are whole are never cut or replaced by fewer, so that a kill between any two calls loses none of them.

    Attributes:
        path, partial_path: the final name, and the one while it is written.
        states: of windows that are being trained. They stay where the file is not kept.

    Args:
        path: the final name.
        overwrite: replace what already has that name, or the temporary one.
        resume: allow both to exist, to go on from one of them.

    Raises:
        OutputError: a name is taken, another encode is writing the file, or it cannot be made.
    """

    def __init__(self, path: Path, *, overwrite: bool = False, resume: bool = False) -> None:
        self.path = path
        self.partial_path = path.with_name(path.name + ".part")
        self.states = StateFiles(self.partial_path)
        self._resume = resume
        self._is_kept = False
        self._whole_bytes: int | None = None  # None until something is written
        for name in (self.path, self.partial_path):
            if name.is_dir():
                raise OutputError("is a folder", str(name))
            if name.exists() and not name.is_file():
                # A device such as /dev/null would be replaced by a file.
                raise OutputError("is not a regular file", str(name))
        with writing_reported(path):
            self._use(_open_locked(self.partial_path))
        if not (overwrite or resume):
            try:
                self._require_nothing_there()
            except OutputError:
                self._leave()
                raise

    def begin(self) -> None:
        """Begin an empty file."""
        if not self._resume:
            self.states.remove_all()
        with writing_reported(self.path):
            self._cut(0)

    def go_on_from(self, path: Path, num_bytes: int) -> None:
        """Continue a file behind its first ``num_bytes`` bytes, which are whole; what follows them is cut off.

        Args:
            path: :attr:`path` or :attr:`partial_path`. The former becomes the latter, at the cost of the latter.
        """
        with writing_reported(self.path):
            if path != self.partial_path:
                # Locked before it gets the name that others look for.
                file = _open_locked(path)
                os.replace(path, self.partial_path)
                self._release()
                self._use(file)
                _sync_folder(self.path.parent)
            self._cut(num_bytes)

    def sync(self) -> None:
        """Bring all that was written to the disk."""
        with writing_reported(self.path):
            self.file.flush()
            os.fsync(self.file.fileno())

    def mark_whole(self, num_bytes: int) -> None:
        """The first ``num_bytes`` bytes, which have been synced, are worth keeping whatever happens behind them."""
        self._whole_bytes = num_bytes

    def keep(self) -> None:
        """Give the file its own name."""
        self.sync()
        # From here on an interruption must not cut the end off again.
        self.mark_whole(self.file.tell())
        with writing_reported(self.path):
            os.replace(self.partial_path, self.path)
        self._is_kept = True
        self.states.remove_all()
        _sync_folder(self.path.parent)

    def __enter__(self) -> Self:
        """The file itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close; keep what is whole, or remove what is not."""
        self._leave()

    def _use(self, file: BufferedRandom) -> None:
        self.file = file
        # A second descriptor holds the lock, and the file itself, where the first cannot be closed without an error.
        self._descriptor = os.dup(file.fileno())

    def _require_nothing_there(self) -> None:
        """Called with the lock, so that no other encode can be about to give a file its name."""
        if self.path.exists():
            raise OutputError("already exists; --resume continues it, -y replaces it", str(self.path))
        left = [self.partial_path] if os.fstat(self._descriptor).st_size else self.states.existing()
        if left:
            reason = "is left of an encode that was broken off; --resume continues it, -y begins anew"
            raise OutputError(reason, str(left[0]))

    def _cut(self, num_bytes: int) -> None:
        self.file.truncate(num_bytes)
        self.file.seek(0, os.SEEK_END)
        os.fsync(self.file.fileno())
        self._whole_bytes = num_bytes

    def _leave(self) -> None:
        try:
            if not self._is_kept:
                # What is still buffered lies behind what is whole, and a full disk would refuse it once more.
                with contextlib.suppress(OSError):
                    self.file.close()
                self._keep_whole()
        finally:
            self._release()

    def _keep_whole(self) -> None:
        """Keep the whole part; if the disk refuses even that, it stays under the temporary name."""
        with contextlib.suppress(OSError):
            if self._whole_bytes:
                os.ftruncate(self._descriptor, self._whole_bytes)
                os.replace(self.partial_path, self.path)
                _sync_folder(self.path.parent)
            elif self._whole_bytes == 0 or os.fstat(self._descriptor).st_size == 0:
                self.partial_path.unlink(missing_ok=True)

    def _release(self) -> None:
        with contextlib.suppress(OSError):
            self.file.close()
        os.close(self._descriptor)


def require_different_files(source: str, target: str | Path, recon: str | Path | None) -> None:
    """Check that no output replaces the source or the other output.

    Raises:
        OutputError: two of them are one file.
    """
    for output, others in ((target, (source,)), (recon, (source, target))):
        for other in others:
            if output is not None and _is_same_file(Path(output), Path(other)):
                raise OutputError("would replace " + ("the source" if other is source else "the output"), str(output))


def _is_same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other) if one.exists() and other.exists() else one.absolute() == other.absolute()
    except (OSError, ValueError):
        return False


def _open_locked(path: Path) -> BufferedRandom:
    """The file of that name, made if there is none, opened for appending and locked against other encodes."""
    while True:
        file = open(path, "a+b")  # noqa: SIM115 - closed by PartialFile
        try:
            _lock(file)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                    return file
        except BaseException:
            file.close()
            raise
        # Between opening and locking another encode ended, and its file has another name now or is gone.
        file.close()


def _lock(file: BufferedRandom) -> None:
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OutputError("another encode is writing it") from error
    except OSError:
        # Some network file systems have no locks.
        pass


def _sync_folder(folder: Path) -> None:
    """Bring a new name to the disk, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
