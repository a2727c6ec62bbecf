"""How much memory an encode takes, and what fits into a bound."""

from __future__ import annotations

from pathlib import Path

import pytest

from nvcodec.bitstream.network_spec import Backbone
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.memory import PROGRAM_BYTES, peak_memory, window_plan, windows_ahead
from nvcodec.errors import ConfigError
from nvcodec.video.format import VideoFormat
from nvcodec.video.source import open_source
from tests import clips, encodes

FORMAT = VideoFormat(32, 24)
FRAME_BYTES = 32 * 24 * 3 // 2


def test_frames_are_counted_twice_and_what_is_shared_once() -> None:
    spec = encodes.tiny_spec(Backbone.NERV)
    size = spec.num_parameters
    none, half, everything = (peak_memory(spec, (4, 4), FORMAT, 1, num) for num in (0, size // 2, size))
    assert none.program == PROGRAM_BYTES
    assert none.frames == 2 * 8 * FRAME_BYTES
    assert none.training > half.training
    assert none.total == none.program + none.frames + none.training
    # Chunks that share all are trained in one run.
    assert everything.training != half.training


def test_it_grows_with_the_window_and_the_batch() -> None:
    spec = encodes.tiny_spec(Backbone.HNERV)
    small, long, wide = (
        peak_memory(spec, *sizes, 0) for sizes in (((4,), FORMAT, 1), ((9,), FORMAT, 1), ((4,), FORMAT, 2))
    )
    assert (long.frames - small.frames, long.training - small.training) == (2 * 5 * FRAME_BYTES, 0)
    assert wide.training > small.training


def test_a_bound_in_which_no_frame_fits_is_refused(tmp_path: Path) -> None:
    with open_source(clips.write_clip(tmp_path / "a.mkv", num_frames=2)) as video:
        needed = 2 * video.format.samples_per_frame
        assert window_plan(EncoderConfig(max_memory_bytes=needed), video).max_frames == 1
        with pytest.raises(ConfigError, match=f"takes {needed} bytes"):
            window_plan(EncoderConfig(max_memory_bytes=needed - 1), video)


def test_windows_are_those_of_the_source(tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / "a.mkv", num_frames=12)
    with open_source(path) as video, windows_ahead(EncoderConfig(chunk_frames=4), video) as windows:
        assert [window.chunk_lengths for window in windows] == [(4, 4, 4)]
