"""Cut a stream of frames into windows, and windows into chunks (paper section 3.1).

A window follows the scene: it begins at a cut. What keeps it from doing so is its length: no window is shorter than
half a chunk where the video is at least that long, and none is longer than what fits in memory.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from nvcodec.errors import ConfigError
from nvcodec.sharing.scenes import CutThreshold, mark_cuts
from nvcodec.video.frame import Frame
from nvcodec.video.tracks import Packet


@dataclass(frozen=True)
class WindowPlan:
    """How to cut.

    Attributes:
        chunk_frames: frames of a chunk, L.
        max_frames: frames of a window that fit in memory, at least ``chunk_frames``. Up to half a chunk and a few
            frames more are held to look ahead.
        max_chunks: chunks of a window.
        fixed_chunks: all chunks have exactly L frames but the last of the video, and windows begin at the chunk
            border nearest to a cut. Otherwise they begin at the cut and their frames are spread over
            the chunks evenly.
        bit_depth: of the frames.
        cut_threshold: what counts as a cut.
    """

    chunk_frames: int
    max_frames: int
    max_chunks: int = 16
    fixed_chunks: bool = False
    bit_depth: int = 8
    cut_threshold: CutThreshold = field(default_factory=CutThreshold)

    def validate(self) -> None:
        """Check the ranges.

        Raises:
            ConfigError: names the first field that is out of range.
        """
        if self.chunk_frames < 1:
            raise ConfigError(f"chunk_frames is {self.chunk_frames}, allowed is 1 or more", "window plan")
        if self.max_chunks < 1:
            raise ConfigError(f"max_chunks is {self.max_chunks}, allowed is 1 or more", "window plan")
        if self.max_frames < self.chunk_frames:
            reason = f"a chunk of {self.chunk_frames} frames does not fit in a window of at most {self.max_frames}"
            raise ConfigError(reason, "window plan")
        self.cut_threshold.validate()

    @property
    def capacity(self) -> int:
        """Most frames of a window; whole chunks where chunks are fixed."""
        num_chunks = min(self.max_chunks, self.max_frames // self.chunk_frames)
        if self.fixed_chunks:
            return num_chunks * self.chunk_frames
        return min(self.max_frames, self.max_chunks * self.chunk_frames)

    @property
    def min_frames(self) -> int:
        """Fewest frames of a window that follows a scene: half a chunk, rounded up."""
        return (self.chunk_frames + 1) // 2


@dataclass(frozen=True)
class Window:
    """Consecutive frames whose chunks share parameters.

    Attributes:
        frames: all frames of the window.
        chunk_lengths: frames of each chunk, in order; their sum is the number of frames.
    """

    frames: tuple[Frame, ...]
    chunk_lengths: tuple[int, ...]

    @property
    def packets(self) -> list[Packet]:
        """Of audio and subtitles, that came with the frames."""
        return [packet for frame in self.frames for packet in frame.packets]

    @property
    def chunks(self) -> tuple[tuple[Frame, ...], ...]:
        """The frames of each chunk."""
        starts = itertools.accumulate(self.chunk_lengths, initial=0)
        return tuple(self.frames[start:end] for start, end in itertools.pairwise(starts))


def iter_windows(frames: Iterable[Frame], plan: WindowPlan) -> Iterator[Window]:
    """Cut a stream of frames into windows without a gap; none for an empty stream.

    At most ``plan.capacity`` frames, half a chunk and the few frames that cut detection holds back are held at a time.

    Raises:
        ConfigError: the plan is not valid.
    """
    plan.validate()
    find_end = _find_fixed_end if plan.fixed_chunks else _find_scene_end
    held: list[Frame] = []
    cuts: list[int] = []  # positions in ``held`` at which a scene begins
    for frame, is_cut in mark_cuts(frames, plan.cut_threshold, plan.bit_depth):
        if is_cut:
            cuts.append(len(held))
        held.append(frame)
        end = find_end(len(held), cuts, plan, is_last=False)
        if end is not None:
            yield _make_window(held[:end], plan)
            held, cuts = held[end:], [cut - end for cut in cuts if cut > end]
    while held:
        end = find_end(len(held), cuts, plan, is_last=True) or len(held)
        yield _make_window(held[:end], plan)
        held, cuts = held[end:], [cut - end for cut in cuts if cut > end]


def split_evenly(num_frames: int, plan: WindowPlan) -> tuple[int, ...]:
    """Lengths of the chunks of a window: as near to ``chunk_frames`` as equal lengths allow, one frame apart."""
    length = plan.chunk_frames
    num_chunks = min(plan.max_chunks, max(1, (2 * num_frames + length) // (2 * length)))
    shorter, num_longer = divmod(num_frames, num_chunks)
    return (shorter + 1,) * num_longer + (shorter,) * (num_chunks - num_longer)


def _find_scene_end(num_held: int, cuts: list[int], plan: WindowPlan, *, is_last: bool) -> int | None:
    """Where the window that begins at the first held frame ends; None if more frames are needed to tell.

    Called after every frame, so that at most capacity + min_frames frames are ever held.
    """
    for cut in cuts:
        if plan.min_frames <= cut <= plan.capacity:
            # The next window must reach its minimum too; until it does, the cut may still be dropped.
            if num_held - cut >= plan.min_frames:
                return cut
            if not is_last:
                return None
    if num_held < plan.capacity + plan.min_frames and not is_last:
        return None
    if num_held <= plan.capacity:
        return num_held
    # The scene is too long for one window. If its end is in sight, both parts get a fair share.
    scene_end = next((cut for cut in cuts if cut > plan.capacity), num_held if is_last else None)
    if scene_end is not None and scene_end - plan.capacity < plan.min_frames:
        return (scene_end + 1) // 2
    return plan.capacity


def _find_fixed_end(num_held: int, cuts: list[int], plan: WindowPlan, *, is_last: bool) -> int | None:
    """As :func:`_find_scene_end`, on the grid of fixed chunks; the held frames begin on it."""
    length = plan.chunk_frames
    for cut in cuts:
        border = (2 * cut + length) // (2 * length) * length
        if length <= border <= plan.capacity:
            if border < num_held:
                return border
            if not is_last:
                return None
    return plan.capacity if num_held > plan.capacity else None


def _make_window(frames: list[Frame], plan: WindowPlan) -> Window:
    if not plan.fixed_chunks:
        return Window(tuple(frames), split_evenly(len(frames), plan))
    num_whole, rest = divmod(len(frames), plan.chunk_frames)
    return Window(tuple(frames), (plan.chunk_frames,) * num_whole + ((rest,) if rest else ()))
