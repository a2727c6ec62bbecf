"""Trimming and joining .nvst files without encoding anything again: chunks decode alone, so they can be copied."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from nvcodec.bitstream.content import StreamHeader
from nvcodec.bitstream.front_index import add_front_index
from nvcodec.bitstream.limits import Limits
from nvcodec.bitstream.pieces import Piece, copy_window, gather_pieces
from nvcodec.bitstream.reader import NvstReader
from nvcodec.bitstream.source import source_name
from nvcodec.bitstream.wanted import wanted_chunks
from nvcodec.bitstream.whole_file import whole_file
from nvcodec.bitstream.writer import NvstWriter
from nvcodec.errors import BitstreamError, ConfigError, InputError, OutputError
from nvcodec.video.selection import Selection
from nvcodec.video.tracks import Chapter, chapters_between, shifted_chapter


@dataclass(frozen=True)
class EditResult:
    """What was written.

    Attributes:
        first_frame, num_frames: the frames that were kept, in the numbers of the cut file; joined files are kept whole.
        start_s, end_s: from when to when they are shown, in seconds from the beginning of that file or of the result.
        file_bytes: length of the written file.
        is_complete: no frame is known to be missing.
        warnings: which inputs have fewer frames than their sources.
    """

    first_frame: int
    num_frames: int
    start_s: float
    end_s: float
    file_bytes: int
    is_complete: bool
    warnings: tuple[str, ...]


def cut(
    source: str | Path,
    target: str | Path,
    selection: Selection | None = None,
    *,
    overwrite: bool = False,
    faststart: bool = False,
    limits: Limits | None = None,
) -> EditResult:
    """Keep the chunks of a .nvst file that hold a wanted frame, so never fewer frames than asked for.

    Every sample stays as it was. The result begins at time 0; durations, and gaps between chunks that are kept, stay.
    It is complete in itself, unless it reaches to the end of a file that is not. Packets of audio and subtitles are
    kept if they begin in the time of the kept chunks, chapters as far as they lie in it. Metadata is kept, ancillary
    boxes that are unknown are not.

    Args:
        source: path or address of the file, which may be unfinished.
        target: path of the file to write; it has its name only once it is whole.
        selection: frames wanted; None for all. Seconds count from the first frame.
        overwrite: replace an existing target.
        faststart: put a copy of the index in front.
        limits: what the source may ask for; None for the defaults.

    Raises:
        InputError: the source cannot be read.
        BitstreamError: what is read of the source is damaged.
        ConfigError: the selection holds no frame.
        OutputError: the target is the source, exists or cannot be written.
    """
    with NvstReader(source, limits) as reader:
        wanted = wanted_chunks(reader, selection or Selection())
        kept = [reader.windows[chunk.window_idx].chunks[chunk.chunk_idx] for chunk in wanted]
        time_base, all_chunks = reader.header.time_base, reader.index.chunks
        start = -math.inf if kept[0] == all_chunks[0] else kept[0].first_pts * time_base
        end = math.inf if kept[-1] == all_chunks[-1] else kept[-1].end_pts * time_base
        shift = -kept[0].first_pts
        pieces = []
        for window_idx, chunks in itertools.groupby(wanted, key=lambda chunk: chunk.window_idx):
            chunk_idx = [chunk.chunk_idx for chunk in chunks]
            pieces.append(Piece(reader, window_idx, chunk_idx[0], chunk_idx[-1] + 1, shift, (start, end)))
        is_complete = reader.is_complete or kept[-1] != all_chunks[-1]
        kept_chapters = chapters_between(reader.chapters, start, end)
        chapters = [shifted_chapter(chapter, shift * time_base) for chapter in kept_chapters]
        file_bytes = _write(Path(target), [reader], pieces, chapters, is_complete, overwrite, faststart)
        begin_pts = all_chunks[0].first_pts
        return EditResult(
            first_frame=kept[0].first_frame,
            num_frames=sum(chunk.num_frames for chunk in kept),
            start_s=float((kept[0].first_pts - begin_pts) * time_base),
            end_s=float((kept[-1].end_pts - begin_pts) * time_base),
            file_bytes=file_bytes,
            is_complete=is_complete,
            warnings=() if is_complete else (_unfinished(reader),),
        )


def concatenate(
    sources: Sequence[str | Path],
    target: str | Path,
    *,
    overwrite: bool = False,
    faststart: bool = False,
    limits: Limits | None = None,
) -> EditResult:
    """Join .nvst files, one behind the other.

    Every sample stays as it was. The result begins when the first file does; each further file begins where the one
    before it ends. A window that was cut apart is one window again. The result is complete if all files are. It keeps
    the metadata that all files agree on and no unknown ancillary boxes.

    Args:
        sources: paths or addresses of the files, at least one; their stream headers agree in all but
            ``num_source_frames``, their tracks in all but titles, languages and dispositions. Of an unfinished file the
            whole windows are taken.
        target: path of the file to write; it has its name only once it is whole.
        overwrite: replace an existing target.
        faststart: put a copy of the index in front.
        limits: what each source, and the result, may ask for; None for the defaults.

    Raises:
        InputError: a source cannot be read, or differs from the first in format, time base or tracks.
        BitstreamError: a source is damaged, or the result would be over a limit.
        ConfigError: there are no sources.
        OutputError: the target is one of the sources, exists or cannot be written.
    """
    if not sources:
        raise ConfigError("there are no files to join")
    with ExitStack() as stack:
        readers = [stack.enter_context(_open(source, limits)) for source in sources]
        for reader in readers[1:]:
            _require_same_stream(readers[0], reader)
            _require_same_tracks(readers[0], reader)
        pieces = list(_pieces_in_a_row(readers))
        is_complete = all(reader.is_complete for reader in readers)
        chapters = _joined_chapters(pieces)
        file_bytes = _write(Path(target), readers, pieces, chapters, is_complete, overwrite, faststart)
        times = [chunk for piece in pieces for chunk in piece.times]
        duration = (times[-1].end_pts - times[0].first_pts) * readers[0].header.time_base if times else Fraction(0)
        return EditResult(
            first_frame=0,
            num_frames=sum(chunk.num_frames for chunk in times),
            start_s=0.0,
            end_s=float(duration),
            file_bytes=file_bytes,
            is_complete=is_complete,
            warnings=tuple(_unfinished(reader) for reader in readers if not reader.is_complete),
        )


def _open(source: str | Path, limits: Limits | None) -> NvstReader:
    """A reader whose refusal says which of several files is refused."""
    try:
        return NvstReader(source, limits)
    except BitstreamError as error:
        raise type(error)(error.reason, f"{source_name(source)}: {error.place}") from error


def _pieces_in_a_row(readers: Sequence[NvstReader]) -> Iterator[Piece]:
    """All windows of all files, those of each file shifted to begin where the file before ends."""
    end_pts: int | None = None
    for reader in readers:
        chunks = reader.index.chunks
        if not chunks:
            continue
        shift = 0 if end_pts is None else end_pts - chunks[0].first_pts
        end_pts = chunks[-1].end_pts + shift
        for window_idx, window in enumerate(reader.windows):
            yield Piece(reader, window_idx, 0, len(window.chunks), shift)


def _write(
    target: Path,
    readers: Sequence[NvstReader],
    pieces: Sequence[Piece],
    chapters: Sequence[Chapter],
    is_complete: bool,
    overwrite: bool,
    faststart: bool,
) -> int:
    """Write the pieces as a finished file.

    Returns:
        Its length in bytes.
    """
    for reader in readers:
        if target.exists() and os.path.exists(reader.source.name) and target.samefile(reader.source.name):
            raise OutputError("is one of the inputs", str(target))
    chunks = [chunk for piece in pieces for chunk in piece.chunks]
    num_frames = sum(chunk.num_frames for chunk in chunks)
    readers[0].limits.check_frames(num_frames, len(chunks), str(target))
    with whole_file(target, overwrite=overwrite) as file:
        writer = NvstWriter(file, replace(readers[0].header, num_source_frames=num_frames))
        metadata = _common_metadata(readers)
        if metadata:
            writer.write_metadata(metadata)
        writer.write_tracks(readers[0].tracks, chapters)
        for window in gather_pieces(pieces):
            copy_window(writer, window)
        writer.finish(is_complete)
    if faststart:
        add_front_index(target, readers[0].limits)
    return target.stat().st_size


def _joined_chapters(pieces: Sequence[Piece]) -> list[Chapter]:
    """The chapters of all files, each shifted as its frames are; one that was cut apart is one again."""
    joined: list[Chapter] = []
    for _, of_file in itertools.groupby(pieces, key=lambda piece: id(piece.reader)):
        reader, shift = (first := next(of_file)).reader, first.pts_shift
        for chapter in reader.chapters:
            moved = shifted_chapter(chapter, shift * reader.header.time_base)
            if joined and (joined[-1].end_ns, joined[-1].title) == (moved.start_ns, moved.title):
                joined[-1] = replace(joined[-1], end_ns=moved.end_ns)
            else:
                joined.append(moved)
    return joined


def _common_metadata(readers: Sequence[NvstReader]) -> dict[str, str]:
    """What the metadata of all files says alike, in the order of the first."""
    first, *others = [reader.metadata for reader in readers]
    return {key: value for key, value in first.items() if all(other.get(key) == value for other in others)}


def _require_same_stream(first: NvstReader, other: NvstReader) -> None:
    expected = _stream_fields(first.header)
    for name, value in _stream_fields(other.header).items():
        if value != expected[name]:
            reason = f"{name} is {_show(value)}, but {_show(expected[name])} in {first.source.name}"
            raise InputError(reason, str(other.source.name))


def _require_same_tracks(first: NvstReader, other: NvstReader) -> None:
    """Titles and the like may differ, what a decoder of the packets goes by may not."""
    described = [[replace(track, language="", title="", disposition=0) for track in r.tracks] for r in (first, other)]
    if described[0] != described[1]:
        counts = [", ".join(track.codec for track in tracks) or "no" for tracks in described]
        reason = f"its tracks ({counts[1]}) cannot go on those of {first.source.name} ({counts[0]})"
        raise InputError(reason, str(other.source.name))


def _stream_fields(header: StreamHeader) -> dict[str, Any]:
    """What files that are joined have in common."""
    values = {field.name: getattr(header.format, field.name) for field in fields(header.format)}
    return {**values, "time_base": header.time_base}


def _show(value: Any) -> str:
    return str(getattr(value, "name", value))


def _unfinished(reader: NvstReader) -> str:
    return f"{reader.source.name}: unfinished, it has fewer frames than its source"
