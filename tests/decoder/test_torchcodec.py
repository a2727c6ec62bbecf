"""The same calls to our decoder and to torchcodec's, with one table of what is to come back.

The half about torchcodec runs where it is installed and finds FFmpeg's libraries.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nvcodec import VideoDecoder, decode
from nvcodec.decoder import frames
from nvcodec.video.format import ChromaSubsampling, VideoFormat
from tests import clips, encodes

NUM_FRAMES, FPS = 12, 25
SECONDS = 0.48

# What is called, and which frames come back: one, several, or several at other times.
CALLS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "[0]": (lambda d: d[0], 0),
    "[-1]": (lambda d: d[-1], 11),
    "[-12]": (lambda d: d[-12], 0),
    "[numpy]": (lambda d: d[np.int64(3)], 3),
    "[:]": (lambda d: d[:], list(range(12))),
    "[2:5]": (lambda d: d[2:5], [2, 3, 4]),
    "[-3:]": (lambda d: d[-3:], [9, 10, 11]),
    "[::5]": (lambda d: d[::5], [0, 5, 10]),
    "[8:100]": (lambda d: d[8:100], [8, 9, 10, 11]),
    "[5:5]": (lambda d: d[5:5], []),
    "[50:60]": (lambda d: d[50:60], []),
    "iteration": (lambda d: torch.stack(list(d)), list(range(12))),
    "frame": (lambda d: d.get_frame_at(7), 7),
    "frame from the end": (lambda d: d.get_frame_at(index=-1), 11),
    "frames": (lambda d: d.get_frames_at([3, 1, 1, -1]), [3, 1, 1, 11]),
    "frames of a tensor": (lambda d: d.get_frames_at(indices=torch.tensor([1, 11])), [1, 11]),
    "frames of an array": (lambda d: d.get_frames_at(np.array([1, 2])), [1, 2]),
    "range": (lambda d: d.get_frames_in_range(2, 5), [2, 3, 4]),
    "range with a step": (lambda d: d.get_frames_in_range(start=1, stop=9, step=4), [1, 5]),
    "range beyond both ends": (lambda d: d.get_frames_in_range(-100, 100), list(range(12))),
    "range from the end": (lambda d: d.get_frames_in_range(-3, 100), [9, 10, 11]),
    "empty range": (lambda d: d.get_frames_in_range(4, 4), []),
    "played at": (lambda d: d.get_frame_played_at(0.1), 2),
    "played at its beginning": (lambda d: d.get_frame_played_at(seconds=0.04), 1),
    "played at times": (lambda d: d.get_frames_played_at([0.1, 0.0, 0.3]), [2, 0, 7]),
    "played at no time": (lambda d: d.get_frames_played_at([]), []),
    "played at a tensor": (lambda d: d.get_frames_played_at(seconds=torch.tensor([0.1, 0.21])), [2, 5]),
    "played in": (lambda d: d.get_frames_played_in_range(0.05, 0.2), [1, 2, 3, 4]),
    "played in, by name": (lambda d: d.get_frames_played_in_range(start_seconds=0.04, stop_seconds=0.12), [1, 2]),
    "played within a frame": (lambda d: d.get_frames_played_in_range(0.1, 0.11), [2]),
    "played in no time": (lambda d: d.get_frames_played_in_range(0.1, 0.1), []),
    "played in all": (lambda d: d.get_frames_played_in_range(0.0, SECONDS), list(range(12))),
    "all": (lambda d: d.get_all_frames(), list(range(12))),
}
RESAMPLED: dict[str, tuple[Callable[[Any], Any], list[int], float, float]] = {
    "up": (lambda d: d.get_frames_played_in_range(0.05, 0.2, fps=50), [1, 1, 2, 2, 3, 3, 4, 4], 0.05, 50),
    "down": (lambda d: d.get_frames_played_in_range(0.05, 0.2, fps=10), [1, 3], 0.05, 10),
    "a half rounds up": (lambda d: d.get_frames_played_in_range(0.0, 0.2, 12.5), [0, 2, 4], 0.0, 12.5),
    "all": (lambda d: d.get_all_frames(fps=10), [0, 2, 5, 7, 10], 0.0, 10),
}
# Where torchcodec's own error comes from its C++ part it is a RuntimeError, and ours the one of its Python part.
ERRORS: dict[str, tuple[Callable[[Any], Any], type[Exception]]] = {
    "[12]": (lambda d: d[12], IndexError),
    "[-13]": (lambda d: d[-13], IndexError),
    "[1.5]": (lambda d: d[1.5], TypeError),
    "[text]": (lambda d: d["1"], TypeError),
    "[list]": (lambda d: d[[1, 2]], TypeError),
    "frame": (lambda d: d.get_frame_at(12), IndexError),
    "frames": (lambda d: d.get_frames_at([0, 12]), IndexError),
    "range without a step": (lambda d: d.get_frames_in_range(0, 12, 0), ValueError),
    "played before": (lambda d: d.get_frame_played_at(-0.1), IndexError),
    "played at the end": (lambda d: d.get_frame_played_at(SECONDS), IndexError),
    "played at no number": (lambda d: d.get_frame_played_at(float("nan")), IndexError),
    "backwards": (lambda d: d.get_frames_played_in_range(0.2, 0.1), ValueError),
    "from before": (lambda d: d.get_frames_played_in_range(-0.1, 0.1), ValueError),
    "from the end": (lambda d: d.get_frames_played_in_range(SECONDS, SECONDS), ValueError),
    "to beyond": (lambda d: d.get_frames_played_in_range(0.0, 0.5), ValueError),
}
METADATA = {
    "width": 64,
    "height": 48,
    "num_frames": NUM_FRAMES,
    "average_fps": FPS,
    "begin_stream_seconds": 0,
    "end_stream_seconds": SECONDS,
    "duration_seconds": SECONDS,
}


@pytest.fixture(scope="module")
def torchcodec() -> Any:
    try:
        import torchcodec
        import torchcodec.decoders
    except (ImportError, RuntimeError) as error:  # RuntimeError: without FFmpeg's libraries
        pytest.skip(f"torchcodec cannot be loaded: {str(error).strip().splitlines()[0]}")
    return torchcodec


@pytest.fixture(scope="module", params=["nvcodec", "torchcodec"])
def decoder(request: pytest.FixtureRequest, two_windows: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Of twelve frames: ours of the file, torchcodec's of its decoded frames."""
    if request.param == "nvcodec":
        return VideoDecoder(two_windows)
    theirs = request.getfixturevalue("torchcodec").decoders.VideoDecoder
    return theirs(decoded(two_windows, tmp_path_factory.mktemp("torchcodec")))


def decoded(source: Path, folder: Path) -> Path:
    decode(source, folder / "decoded.mkv", device="cpu")
    return folder / "decoded.mkv"


@pytest.mark.parametrize("name", CALLS)
def test_which_frames_come_back(decoder: Any, name: str) -> None:
    call, indices = CALLS[name]
    result = call(decoder)
    data = getattr(result, "data", result) if not isinstance(result, torch.Tensor) else result
    assert (data.dtype, data.device.type) == (torch.uint8, "cpu")
    expected = torch.stack([decoder[idx] for idx in range(NUM_FRAMES)])[indices]
    assert data.shape == expected.shape
    assert torch.equal(data, expected)
    if not isinstance(result, torch.Tensor):
        assert type(result).__name__ == ("Frame" if isinstance(indices, int) else "FrameBatch")
        assert result.pts_seconds == pytest.approx(np.array(indices) / FPS)
        assert result.duration_seconds == pytest.approx(np.full(np.shape(indices), 1 / FPS))
    if isinstance(getattr(result, "pts_seconds", None), torch.Tensor):
        assert result.pts_seconds.dtype == result.duration_seconds.dtype == torch.float64


@pytest.mark.parametrize("name", RESAMPLED)
def test_frames_at_another_rate(decoder: Any, name: str) -> None:
    call, indices, start, fps = RESAMPLED[name]
    result = call(decoder)
    assert torch.equal(result.data, decoder.get_frames_at(indices).data)
    assert result.pts_seconds.tolist() == pytest.approx([start + idx / fps for idx in range(len(indices))])
    assert result.duration_seconds.tolist() == pytest.approx([1 / fps] * len(indices))


@pytest.mark.parametrize("name", ERRORS)
def test_what_is_refused(decoder: Any, name: str) -> None:
    call, error = ERRORS[name]
    with pytest.raises(error):
        call(decoder)


def test_metadata(decoder: Any) -> None:
    assert {name: getattr(decoder.metadata, name) for name in METADATA} == pytest.approx(METADATA)
    lines = repr(decoder.metadata).splitlines()
    assert lines[0] == "VideoStreamMetadata:"
    assert "  num_frames: 12" in lines


def test_what_is_printed_of_frames(decoder: Any) -> None:
    assert repr(decoder.get_frame_at(3)).splitlines()[:2] == ["Frame:", "  data (shape): torch.Size([3, 48, 64])"]
    batch = decoder.get_frames_at([1, 2])
    assert repr(batch).splitlines()[1:3] == [
        "  data (shape): torch.Size([2, 3, 48, 64])",
        "  pts_seconds: tensor([0.0400, 0.0800], dtype=torch.float64)",
    ]
    assert type(batch[0]).__name__ == "FrameBatch"
    assert [float(frame.pts_seconds) for frame in batch] == pytest.approx([0.04, 0.08])


def test_every_method_has_the_names_that_torchcodec_has(torchcodec: Any) -> None:
    theirs = torchcodec.decoders.VideoDecoder
    for name, method in inspect.getmembers(theirs, inspect.isfunction):
        if name.startswith("_") and name not in ("__len__", "__getitem__"):
            continue
        assert list(inspect.signature(getattr(VideoDecoder, name)).parameters) == list(
            inspect.signature(method).parameters
        )
    ours = inspect.signature(VideoDecoder).parameters
    for name, parameter in inspect.signature(theirs).parameters.items():
        if name in ours:
            assert (ours[name].default, ours[name].kind) == (parameter.default, parameter.kind)
    assert {"source", "dimension_order", "device", "seek_mode"} <= set(ours) & set(inspect.signature(theirs).parameters)
    for own in (frames.Frame, frames.FrameBatch):
        expected = [field.name for field in dataclasses.fields(getattr(torchcodec, own.__name__))]
        assert [field.name for field in dataclasses.fields(own)] == expected


@pytest.mark.parametrize("variable", [False, True])
@pytest.mark.parametrize("dimension_order", ["NCHW", "NHWC"])
def test_frames_are_those_that_torchcodec_gives(
    torchcodec: Any, tmp_path: Path, dimension_order: str, variable: bool
) -> None:
    """Of 4:4:4, where nobody has to choose how chroma is interpolated; rounded by two ways to convert colours."""
    format = VideoFormat(64, 48, chroma_subsampling=ChromaSubsampling.YUV444)
    timing: dict[str, Any] = {"pts": clips.VARIABLE_PTS, "time_base": clips.MILLISECOND} if variable else {}
    source = clips.write_clip(tmp_path / "in.mkv", format, num_frames=8, **timing)
    encodes.tiny_encode(source, tmp_path / "a.nvst")
    ours = VideoDecoder(tmp_path / "a.nvst", dimension_order=dimension_order).get_all_frames()
    video = decoded(tmp_path / "a.nvst", tmp_path)
    theirs = torchcodec.decoders.VideoDecoder(video, dimension_order=dimension_order).get_all_frames()
    assert ours.data.shape == theirs.data.shape
    assert (ours.data.int() - theirs.data.int()).abs().max() <= 2
    assert ours.pts_seconds.tolist() == pytest.approx(theirs.pts_seconds.tolist())
