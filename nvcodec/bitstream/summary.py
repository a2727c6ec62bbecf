"""What a file contains, in numbers: for ``nvinfo``, reports and benchmarks."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from nvcodec.bitstream.parts import PARTS, bytes_of_tracks, bytes_of_window
from nvcodec.bitstream.reader import NvstReader


@dataclass(frozen=True)
class ChunkSummary:
    """One chunk; a file can be cut where one begins.

    Attributes:
        first_frame, num_frames: frame numbers, counted over the file.
        start_s, end_s: seconds.
        num_bytes: of its box.
    """

    first_frame: int
    num_frames: int
    start_s: float
    end_s: float
    num_bytes: int


@dataclass(frozen=True)
class WindowSummary:
    """One window.

    Attributes:
        first_frame, num_frames: frame numbers, counted over the file.
        start_s, end_s: seconds.
        chunks: its chunks in order.
        backbone, granularity: names.
        num_parameters: S, of one chunk's network.
        num_shared: K of them are shared.
        kappa: K / S, as really shared.
        macs_per_pixel: multiply-accumulates per pixel of the coded size.
        bytes_by_part: mask, shared, own, embeddings, overhead.
    """

    first_frame: int
    num_frames: int
    start_s: float
    end_s: float
    chunks: tuple[ChunkSummary, ...]
    backbone: str
    granularity: str
    num_parameters: int
    num_shared: int
    kappa: float
    macs_per_pixel: float
    bytes_by_part: dict[str, int]

    @property
    def num_stored(self) -> int:
        """Parameters stored: the shared ones once, the own ones for each chunk."""
        return self.num_shared + len(self.chunks) * (self.num_parameters - self.num_shared)


@dataclass(frozen=True)
class TrackSummary:
    """One track of audio or subtitles; see ``Track``.

    Attributes:
        num_packets, num_bytes: of its packets, and of what they hold.
        start_s: when the first of them begins; None without packets.
    """

    kind: str
    codec: str
    language: str
    title: str
    sample_rate: int
    channel_layout: str
    disposition: int
    num_packets: int
    num_bytes: int
    start_s: float | None


@dataclass(frozen=True)
class ChapterSummary:
    """One chapter, in seconds on the clock of the frames."""

    start_s: float
    end_s: float
    title: str


@dataclass(frozen=True)
class StreamSummary:
    """One file.

    Attributes:
        name: of the file.
        is_finished: index and trailer were written.
        is_complete: every frame of the source is coded.
        level_idx: the level of the file, 0 if it has none.
        num_frames: of the whole windows.
        num_source_frames: frames the source was expected to have, 0 if unknown.
        width, height: pixels.
        bit_depth: bits per sample.
        chroma_subsampling, color_range: names.
        color_primaries, transfer_characteristics, matrix_coefficients: H.273 code points.
        mastering_display: chromaticities and cd/m², empty if unknown.
        max_content_light, max_average_light: cd/m², 0 if unknown.
        time_base: seconds per unit, as a fraction.
        duration_s: from the first frame's beginning to the last frame's end.
        frame_rate: frames per second on average.
        file_bytes: length of the file.
        bytes_by_part: mask, shared, own, embeddings, tracks, overhead.
        bpp: bits per pixel: all bits of the file but those of tracks / (frames * width * height).
        bits_per_parameter: bits of the shared and own parts per stored parameter.
        kappa: shared parameters as a fraction of all, over all windows.
        metadata: descriptive text.
        tracks: audio and subtitles.
        chapters: named parts of the video.
        windows: the whole windows.
    """

    name: str
    is_finished: bool
    is_complete: bool
    level_idx: int
    num_frames: int
    num_source_frames: int
    width: int
    height: int
    bit_depth: int
    chroma_subsampling: str
    color_range: str
    color_primaries: int
    transfer_characteristics: int
    matrix_coefficients: int
    mastering_display: str
    max_content_light: int
    max_average_light: int
    time_base: str
    duration_s: float
    frame_rate: float
    file_bytes: int
    bytes_by_part: dict[str, int]
    bpp: float
    bits_per_parameter: float
    kappa: float
    metadata: dict[str, str]
    tracks: tuple[TrackSummary, ...]
    chapters: tuple[ChapterSummary, ...]
    windows: tuple[WindowSummary, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as for JSON."""
        return asdict(self)


def summarize(reader: NvstReader) -> StreamSummary:
    """Summarise a file; reads every box but decodes no parameters.

    Raises:
        BitstreamError: a box is damaged.
    """
    video, time_base = reader.header.format, reader.header.time_base
    light = video.light
    windows = tuple(summarize_window(reader, window_idx) for window_idx in range(len(reader.windows)))
    chunks = [chunk for window in reader.windows for chunk in window.chunks]
    duration = time_base * (chunks[-1].end_pts - chunks[0].first_pts) if chunks else 0
    parts = {part: sum(window.bytes_by_part[part] for window in windows) for part in PARTS}
    parts["tracks"] = bytes_of_tracks(reader)
    parts["overhead"] += reader.file_bytes - sum(parts.values())
    return StreamSummary(
        name=reader.source.name,
        is_finished=reader.is_finished,
        is_complete=reader.is_complete,
        level_idx=reader.level_idx,
        num_frames=reader.num_frames,
        num_source_frames=reader.header.num_source_frames,
        width=video.width,
        height=video.height,
        bit_depth=video.bit_depth,
        chroma_subsampling=video.chroma_subsampling.name,
        color_range=video.color_range.name,
        color_primaries=video.color_primaries,
        transfer_characteristics=video.transfer_characteristics,
        matrix_coefficients=video.matrix_coefficients,
        mastering_display=light.mastering_display(in_units=False) if light.has_mastering_display else "",
        max_content_light=light.max_content_light,
        max_average_light=light.max_average_light,
        time_base=str(time_base),
        duration_s=float(duration),
        frame_rate=_ratio(reader.num_frames, float(duration)),
        file_bytes=reader.file_bytes,
        bytes_by_part=parts,
        bpp=_ratio(8 * (reader.file_bytes - parts["tracks"]), reader.num_frames * video.width * video.height),
        bits_per_parameter=_ratio(8 * (parts["shared"] + parts["own"]), sum(window.num_stored for window in windows)),
        kappa=_ratio(sum(w.num_shared for w in windows), sum(w.num_parameters for w in windows)),
        metadata=reader.metadata,
        tracks=_summarize_tracks(reader),
        chapters=tuple(
            ChapterSummary(chapter.start_ns / 1e9, chapter.end_ns / 1e9, chapter.title) for chapter in reader.chapters
        ),
        windows=windows,
    )


def summarize_window(reader: NvstReader, window_idx: int) -> WindowSummary:
    """Summarise one window.

    Raises:
        BitstreamError: a box is damaged.
    """
    entry, time_base = reader.windows[window_idx], reader.header.time_base
    header, num_shared = reader.read_window_header(window_idx)
    network = header.network
    chunks = tuple(
        ChunkSummary(
            first_frame=chunk.first_frame,
            num_frames=chunk.num_frames,
            start_s=float(time_base * chunk.first_pts),
            end_s=float(time_base * chunk.end_pts),
            num_bytes=chunk.box_bytes,
        )
        for chunk in entry.chunks
    )
    return WindowSummary(
        first_frame=entry.first_frame,
        num_frames=entry.num_frames,
        start_s=chunks[0].start_s,
        end_s=chunks[-1].end_s,
        chunks=chunks,
        backbone=network.backbone.name,
        granularity=header.granularity.name,
        num_parameters=network.num_parameters,
        num_shared=num_shared,
        kappa=num_shared / network.num_parameters,
        macs_per_pixel=network.macs_per_frame / (network.coded_height * network.coded_width),
        bytes_by_part=bytes_of_window(reader, window_idx),
    )


def _summarize_tracks(reader: NvstReader) -> tuple[TrackSummary, ...]:
    sizes: list[list[int]] = [[] for _ in reader.tracks]
    starts: list[int | None] = [None for _ in reader.tracks]
    for window_idx in range(len(reader.windows)):
        for packet in reader.read_packets(window_idx):
            first = starts[packet.track_idx]
            starts[packet.track_idx] = packet.pts if first is None else min(first, packet.pts)
            sizes[packet.track_idx].append(len(packet.data))
    return tuple(
        TrackSummary(
            kind=track.kind.name,
            codec=track.codec,
            language=track.language,
            title=track.title,
            sample_rate=track.sample_rate,
            channel_layout=track.channel_layout,
            disposition=track.disposition,
            num_packets=len(of_track),
            num_bytes=sum(of_track),
            start_s=None if start is None else float(start * track.time_base),
        )
        for track, of_track, start in zip(reader.tracks, sizes, starts, strict=True)
    )


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else 0.0
