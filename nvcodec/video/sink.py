"""Where decoded frames go: y4m, headerless planes, a container, PNGs, a pipe or a hash."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol, Self

import av

from nvcodec.errors import ConfigError, OutputError
from nvcodec.video.codecs import CodecChoice
from nvcodec.video.container_writer import ContainerWriter
from nvcodec.video.format import VideoFormat
from nvcodec.video.frame import Frame
from nvcodec.video.png_writer import PngWriter
from nvcodec.video.raw_writer import RawWriter, sample_bytes
from nvcodec.video.reader import reason_of
from nvcodec.video.tracks import NOTHING, Extras
from nvcodec.video.y4m import Y4mWriter

_PIPE = "-"
_PIPE_NAME = "standard output"


class FrameWriter(Protocol):
    """Writes frames to a path that it is given; knows nothing of temporary names."""

    warnings: list[str]

    def write(self, frame: Frame) -> None:
        """Append a frame."""
        ...

    def close(self) -> None:
        """Finish the file."""
        ...


class FrameSink:
    """A video being written.

    The file gets its name only when it is whole: until :meth:`close` it has a temporary one in the same folder, and
    :meth:`abort`, or an exception in a ``with`` block, removes it.

    Attributes:
        name: what the user called the target.
        warnings: what the target cannot hold.

    Use :func:`open_sink` to make one.
    """

    def __init__(self, writer: FrameWriter, name: str, temporary: Path | None, target: Path | None) -> None:
        self.name = name
        self.warnings = writer.warnings
        self._writer = writer
        self._temporary = temporary
        self._target = target
        self._is_open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if exc_type is None:
            self.close()
        else:
            self.abort()

    def write(self, frame: Frame) -> None:
        """Append a frame.

        Raises:
            OutputError: disk full, or the reader of a pipe is gone.
        """
        with _output_errors(self.name):
            self._writer.write(frame)

    def close(self) -> None:
        """Finish the file and give it its name; without effect after the first call.

        Raises:
            OutputError: disk full; nothing is left behind.
        """
        if not self._is_open:
            return
        try:
            with _output_errors(self.name):
                self._writer.close()
                if self._temporary is not None and self._target is not None:
                    _move(self._temporary, self._target)
        except BaseException:
            self.abort()
            raise
        self._is_open = False

    def abort(self) -> None:
        """Drop what was written; without effect after :meth:`close`."""
        if not self._is_open:
            return
        self._is_open = False
        with contextlib.suppress(OSError, ValueError, av.error.FFmpegError):
            self._writer.close()
        if self._temporary is not None:
            _remove(self._temporary)


class HashSink:
    """MD5 of all samples of all planes in order, 16-bit samples little-endian: for comparing decoders."""

    def __init__(self) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)

    def write(self, frame: Frame) -> None:
        """Add a frame."""
        for data in sample_bytes(frame):
            self._md5.update(data)

    def hexdigest(self) -> str:
        """The hash so far, 32 hexadecimal digits."""
        return self._md5.hexdigest()


def open_sink(
    path: str | Path,
    format: VideoFormat,
    time_base: Fraction,
    average_rate: Fraction,
    extras: Extras = NOTHING,
    *,
    codec: str | None = None,
    crf: float | None = None,
    overwrite: bool = False,
) -> FrameSink:
    """Open a target for frames.

    Args:
        path: ``*.y4m``; ``*.yuv`` for headerless planes; any container PyAV writes, by suffix; a folder (existing, or
            ending in "/", or without suffix) for PNGs; or "-" for y4m on standard output.
        format: of all frames.
        time_base: seconds per unit of the frames' ``pts``.
        average_rate: frames per second, for targets without times.
        extras: tracks, chapters and text, for containers; other targets leave them out.
        codec: FFmpeg's encoder for a container, such as ``libx265``; None: the first that it takes.
        crf: quality as the codec counts it, smaller is better; None: without loss.
        overwrite: replace what is there.

    Raises:
        ConfigError: the suffix or the codec is unknown, or the target cannot hold such frames or has no codec.
        OutputError: it exists, its folder does not, or it cannot be written.
    """
    choice = CodecChoice(codec, crf)
    choice.validate()
    if str(path) == _PIPE:
        _require_no_choice(choice)
        with _output_errors(_PIPE_NAME):
            stdout: BinaryIO = open(sys.stdout.fileno(), "wb", closefd=False)  # noqa: SIM115 (the writer closes it)
            writer: FrameWriter = Y4mWriter(stdout, format, average_rate)
        _warn_of_loss(writer, "y4m", extras)
        return FrameSink(writer, _PIPE_NAME, None, None)
    target = Path(path)
    is_folder = target.is_dir() or str(path).endswith("/") or not target.suffix
    _check_target(target, is_folder, overwrite)
    temporary = target.with_name(f".{target.stem}.{os.getpid()}.part{'' if is_folder else target.suffix}")
    try:
        with _output_errors(str(path)):
            writer = _open_writer(temporary, is_folder, format, time_base, average_rate, choice, extras)
    except BaseException:
        _remove(temporary)
        raise
    return FrameSink(writer, str(path), temporary, target)


def _open_writer(
    path: Path,
    is_folder: bool,
    format: VideoFormat,
    time_base: Fraction,
    average_rate: Fraction,
    choice: CodecChoice,
    extras: Extras,
) -> FrameWriter:
    if not is_folder and path.suffix.lower() not in (".y4m", ".yuv"):
        return ContainerWriter(path, format, time_base, average_rate, choice, extras)
    _require_no_choice(choice)
    writer: FrameWriter
    if is_folder:
        writer = PngWriter(path, format)
    elif path.suffix.lower() == ".y4m":
        writer = Y4mWriter(open(path, "wb"), format, average_rate)  # noqa: SIM115 (the writer closes it)
    else:
        writer = RawWriter(path)
    _warn_of_loss(writer, "a folder of images" if is_folder else path.suffix, extras)
    return writer


def _require_no_choice(choice: CodecChoice) -> None:
    if choice != CodecChoice():
        raise ConfigError("only containers such as .mkv and .mp4 have a codec to choose", "codec")


def _warn_of_loss(writer: FrameWriter, what: str, extras: Extras) -> None:
    if extras.tracks:
        writer.warnings.append(f"{what} holds no audio and no subtitles; they are left out")


def _check_target(target: Path, is_folder: bool, overwrite: bool) -> None:
    if not target.parent.is_dir():
        raise OutputError(f"the folder {target.parent} does not exist", str(target))
    if overwrite or not target.exists():
        return
    if not is_folder:
        raise OutputError("the file exists already", str(target))
    if not target.is_dir() or any(target.iterdir()):
        raise OutputError("the folder exists already and is not empty", str(target))


def _move(temporary: Path, target: Path) -> None:
    if not temporary.is_dir() or not target.is_dir():
        temporary.replace(target)
        return
    for stale in target.glob(PngWriter.NAME_PATTERN):
        stale.unlink()
    for image in temporary.iterdir():
        image.replace(target / image.name)
    temporary.rmdir()


def _remove(temporary: Path) -> None:
    if temporary.is_dir():
        for image in temporary.iterdir():
            image.unlink()
        temporary.rmdir()
    else:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _output_errors(place: str) -> Iterator[None]:
    """Turn the system's and the library's errors into :class:`OutputError`."""
    try:
        yield
    except (OSError, av.error.FFmpegError) as error:
        raise OutputError(f"cannot be written: {reason_of(error)}", place) from error
