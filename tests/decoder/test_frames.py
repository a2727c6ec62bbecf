"""Frames and batches of frames, which behave as torchcodec's."""

from __future__ import annotations

import torch

from nvcodec.decoder.frames import Frame, FrameBatch

DATA = torch.arange(3 * 3 * 2 * 4, dtype=torch.uint8).reshape(3, 3, 2, 4)
PTS = torch.tensor([0.0, 0.25, 0.5], dtype=torch.float64)


def batch() -> FrameBatch:
    return FrameBatch(DATA, PTS, torch.full_like(PTS, 0.25))


def test_a_frame_comes_apart() -> None:
    data, pts_seconds, duration_seconds = Frame(DATA[1], 0.25, 0.5)
    assert torch.equal(data, DATA[1])
    assert (pts_seconds, duration_seconds) == (0.25, 0.5)


def test_keys_of_a_batch_select_frames() -> None:
    frames = batch()
    assert len(frames) == 3
    for key in (slice(1, None), torch.tensor([2, 0]), torch.tensor([True, False, True])):
        assert torch.equal(frames[key].data, DATA[key])
        assert torch.equal(frames[key].pts_seconds, PTS[key])
    one = frames[1]
    assert (one.data.shape, one.pts_seconds.shape, one.duration_seconds.item()) == ((3, 2, 4), (), 0.25)


def test_a_batch_is_iterated_frame_by_frame() -> None:
    assert [float(frame.pts_seconds) for frame in batch()] == [0.0, 0.25, 0.5]
    assert [tuple(frame.data.shape) for frame in batch()] == [(3, 2, 4)] * 3


def test_of_samples_only_the_shape_is_printed() -> None:
    assert repr(Frame(DATA[0], 0.0, 0.25)) == (
        "Frame:\n  data (shape): torch.Size([3, 2, 4])\n  pts_seconds: 0.0\n  duration_seconds: 0.25\n"
    )
    lines = repr(batch()).splitlines()
    assert lines[:2] == ["FrameBatch:", "  data (shape): torch.Size([3, 3, 2, 4])"]
    assert lines[2] == "  pts_seconds: tensor([0.0000, 0.2500, 0.5000], dtype=torch.float64)"
