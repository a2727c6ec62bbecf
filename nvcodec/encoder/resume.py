"""What earlier encodes left of a file, and whether this encode may go on from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nvcodec.bitstream import NvstReader, StreamHeader, WindowEntry
from nvcodec.bitstream.scan import FRONT_BYTES
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.metadata import recorded_settings, require_same_metadata
from nvcodec.encoder.output import PartialFile
from nvcodec.encoder.presets import PRESETS
from nvcodec.errors import BitstreamError, ConfigError, InputError, OutputError, TruncatedError
from nvcodec.sharing.windows import Window
from nvcodec.video.tracks import Track


@dataclass(frozen=True)
class Leftover:
    """A file to go on from.

    Attributes:
        path: where it lies.
        num_windows: its whole windows, at least one.
        is_complete: it is finished, and every frame of its source is coded.
        has_front_index: a copy of its index stands in front, and has to be made anew when the file has grown.
    """

    path: Path
    num_windows: int
    is_complete: bool
    has_front_index: bool


def find_leftover(
    output: PartialFile, header: StreamHeader, tracks: tuple[Track, ...], config: EncoderConfig
) -> Leftover | None:
    """The best of what is there: a complete output, else the file with more whole windows.

    Nothing is changed. A file without a whole window counts as none.

    Raises:
        ConfigError: a file was begun for another source, or with other settings.
        OutputError: a file is damaged, or no .nvst file.
    """
    kept = _inspect(output.path, header, tracks, config)
    if kept is not None and kept.is_complete:
        return kept
    partial = _inspect(output.partial_path, header, tracks, config)
    if kept is None or partial is None:
        return kept or partial
    return kept if kept.num_windows > partial.num_windows else partial


def begun_preset(output: PartialFile) -> str | None:
    """The preset that what is there was begun with; None if nothing is, or it cannot be told."""
    for path in (output.path, output.partial_path):
        try:
            with NvstReader(path) as reader:
                preset = recorded_settings(reader.metadata).get("preset")
                return preset if preset in PRESETS else None
        except (BitstreamError, InputError):
            # What is wrong with it is told where it is looked at as a whole.
            continue
    return None


def require_same_window(entry: WindowEntry, window: Window, name: str) -> None:
    """Check that a window of the source is cut into the chunks, and has the times, of one that is coded already.

    Raises:
        InputError: it is another source.
    """
    coded = [(chunk.num_frames, chunk.first_pts, chunk.end_pts) for chunk in entry.chunks]
    given = [(len(frames), frames[0].pts, frames[-1].pts + frames[-1].duration) for frames in window.chunks]
    if coded != given:
        raise another_source(name, f"from frame {entry.first_frame} on")


def another_source(name: str, where: str) -> InputError:
    """The error for a source that ``name`` was not begun with."""
    return InputError(f"{name} was begun with another video: scenes or times differ {where}", "source")


def _inspect(path: Path, header: StreamHeader, tracks: tuple[Track, ...], config: EncoderConfig) -> Leftover | None:
    if not path.exists():
        return None
    with damage_reported(path):
        try:
            reader = NvstReader(path)
        except TruncatedError:
            if path.stat().st_size < FRONT_BYTES:
                # It was broken off before its stream header stood there.
                return None
            raise
        with reader:
            if not reader.windows:
                return None
            _require_same_header(reader.header, header, path.name)
            if reader.tracks != tracks:
                raise ConfigError(f"{path.name} was begun with other audio or subtitles", "source")
            require_same_metadata(reader.metadata, config, path.name)
            return Leftover(path, len(reader.windows), reader.is_complete, reader.has_front_index)


@contextmanager
def damage_reported(path: Path) -> Iterator[None]:
    """Turn the refusal of a file that is to be continued into an ``OutputError`` about it."""
    try:
        yield
    except BitstreamError as error:
        raise OutputError(f"cannot be continued: {error}", str(path)) from error


def _require_same_header(then: StreamHeader, now: StreamHeader, name: str) -> None:
    if then.format != now.format:
        size_then, size_now = (f"{header.format.width}x{header.format.height}" for header in (then, now))
        sizes = (
            f"{size_then}, not {size_now}" if size_then != size_now else "another sample format or other colour tags"
        )
        raise ConfigError(f"{name} was begun with a video of {sizes}", "source")
    for what, was, is_now in (
        ("time base", then.time_base, now.time_base),
        ("number of frames", then.num_source_frames, now.num_source_frames),
    ):
        if was != is_now:
            raise ConfigError(f"{name} was begun with a video whose {what} is {was}, not {is_now}", "source")
