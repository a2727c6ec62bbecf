"""Interlaced video: told apart from progressive, and made progressive by FFmpeg's bwdif."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from fractions import Fraction

import av
from av.filter import Graph

from nvcodec.errors import InputError

_AV_TOP_FIRST, _AV_BOTTOM_FIRST = (2, 5), (3, 4)


class FieldOrder(Enum):
    """Which field of a frame is shown first; ``PROGRESSIVE`` also where nothing is known. Values are FFmpeg's names."""

    PROGRESSIVE = "prog"
    TOP_FIRST = "tff"
    BOTTOM_FIRST = "bff"

    @staticmethod
    def of_av(value: int) -> FieldOrder:
        """From PyAV's field order of a codec."""
        if value in _AV_TOP_FIRST:
            return FieldOrder.TOP_FIRST
        return FieldOrder.BOTTOM_FIRST if value in _AV_BOTTOM_FIRST else FieldOrder.PROGRESSIVE


def require_progressive(frames: Iterator[av.VideoFrame], field_order: FieldOrder, name: str) -> Iterator[av.VideoFrame]:
    """The same frames.

    Raises:
        InputError: one of them, or the stream, says that it is interlaced.
    """
    for frame_idx, frame in enumerate(frames):
        if field_order != FieldOrder.PROGRESSIVE or frame.interlaced_frame:
            what = "the video" if frame_idx == 0 else f"frame {frame_idx}"
            raise InputError(f"{what} is interlaced; --deinterlace (deinterlace=True) makes it progressive", name)
        yield frame


def deinterlaced(
    frames: Iterator[av.VideoFrame], field_order: FieldOrder, time_base: Fraction
) -> Iterator[av.VideoFrame]:
    """One progressive frame for each frame, at the same times.

    Frames that say of themselves that they are progressive stay as they are, unless the first one does and the stream
    says otherwise: then the stream is believed. What follows a change of size or format passes unchanged.

    Args:
        frames: decoded.
        field_order: of the stream.
        time_base: of the frames.
    """
    first = next(frames, None)
    if first is None:
        return
    graph = _graph(first, field_order, time_base)
    shape = _shape(first)
    frame: av.VideoFrame | None = first
    while frame is not None and _shape(frame) == shape:
        # Frames of images and elementary streams have none, and the filter wants one.
        frame.time_base = time_base
        graph.vpush(frame)
        yield from _pull(graph, time_base)
        frame = next(frames, None)
    graph.vpush(None)
    yield from _pull(graph, time_base)
    if frame is not None:
        yield frame
        yield from frames


def _graph(first: av.VideoFrame, field_order: FieldOrder, time_base: Fraction) -> Graph:
    graph = Graph()
    nodes = [graph.add_buffer(width=first.width, height=first.height, format=first.format, time_base=time_base)]
    if not first.interlaced_frame and field_order != FieldOrder.PROGRESSIVE:
        nodes.append(graph.add("setfield", field_order.value))
    nodes.append(graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced"))
    nodes.append(graph.add("buffersink"))
    graph.link_nodes(*nodes).configure()
    return graph


def _pull(graph: Graph, time_base: Fraction) -> Iterator[av.VideoFrame]:
    while True:
        try:
            frame = graph.vpull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        # The filter counts time in finer units.
        ratio = (frame.time_base or time_base) / time_base
        if frame.pts is not None:
            frame.pts = round(frame.pts * ratio)
        frame.duration = round(frame.duration * ratio)
        frame.time_base = time_base
        yield frame


def _shape(frame: av.VideoFrame) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name
