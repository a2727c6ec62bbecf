"""Training states as bytes, as files, and as what a killed encode goes on from within a window."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from nvcodec.bitstream.network_spec import Backbone
from nvcodec.encoder import state_file
from nvcodec.encoder.progress import EncodeProgress, EncodeResult, Stage
from nvcodec.encoder.state_file import StateFiles, StateSaver, pack_state, parse_state
from nvcodec.errors import OutputError, TrainingError
from nvcodec.training.recipe import RateRecipe
from nvcodec.training.state import TrainingState
from tests import encodes

IDENTITY = {"settings": "seed=0", "place": [0, 3, 3]}
STATE = TrainingState(7, 0.25, {"mask": torch.tensor([True, False]), "value.0": torch.tensor([1.5, -2.0])})
DTYPES = st.sampled_from([torch.float32, torch.int64, torch.bool])


@st.composite
def tensors(draw: Callable[..., Any]) -> torch.Tensor:
    shape = draw(st.lists(st.integers(0, 3), max_size=3))
    return torch.randint(0, 100, shape, generator=torch.Generator().manual_seed(0)).to(draw(DTYPES))


@settings(max_examples=30)
@given(st.dictionaries(st.text(max_size=8), tensors(), max_size=4), st.integers(0, 2**40), st.floats(0, 0.99))
def test_a_state_survives_its_bytes(named: dict[str, torch.Tensor], num_done: int, fraction: float) -> None:
    state = parse_state(pack_state(TrainingState(num_done, fraction, named), IDENTITY), IDENTITY)
    assert (state.num_done, state.fraction, list(state.tensors)) == (num_done, fraction, list(named))
    for name, tensor in named.items():
        assert state.tensors[name].dtype == tensor.dtype
        assert torch.equal(state.tensors[name], tensor)


def test_what_does_not_fit_is_refused_with_its_reason() -> None:
    data = pack_state(STATE, IDENTITY)
    for identity, reason in (
        ({**IDENTITY, "settings": "seed=1"}, "it has another settings"),
        ({**IDENTITY, "source": "x"}, "it has another source"),
        ({"place": [0, 3, 3]}, "it has another settings"),
    ):
        with pytest.raises(TrainingError, match=reason):
            parse_state(data, identity)


@settings(max_examples=30)
@given(st.data())
def test_damaged_bytes_are_refused(data: st.DataObject) -> None:
    sound = pack_state(STATE, IDENTITY)
    place = data.draw(st.integers(0, len(sound) - 1))
    flipped = bytearray(sound)
    flipped[place] ^= 1 << data.draw(st.integers(0, 7))
    for damaged in (bytes(flipped), sound[:place], sound + b"x"):
        with pytest.raises(TrainingError):
            parse_state(damaged, IDENTITY)


def test_a_forged_description_is_refused() -> None:
    for forged in (
        {"num_done": -1},
        {"fraction": 1.0},
        {"tensors": {"mask": ["object", [1]]}},
        {"tensors": {"mask": ["bool", [2**62, 2**62]]}},
        {"tensors": {"mask": ["bool", [-1]]}},
        {"tensors": {"mask": ["bool", [1]]}},
        {"tensors": 5},
        {"identity": []},
    ):
        with pytest.raises(TrainingError):
            parse_state(_forged(forged), IDENTITY)


def _forged(changes: dict[str, Any]) -> bytes:
    """A state with a sound checksum whose description says something else."""
    described = {"identity": IDENTITY, "num_done": 7, "fraction": 0.25, "tensors": {"mask": ["bool", [2]]}}
    text = json.dumps({**described, **changes}).encode()
    data = state_file.MAGIC + len(text).to_bytes(4, "little") + text + b"\1\0"
    return data + zlib.crc32(data).to_bytes(4, "little")


def test_states_are_saved_as_often_as_the_interval_says(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(state_file.time, "monotonic", lambda: now[0])
    saved: list[bytes] = []
    saver = StateSaver(lambda: IDENTITY, saved.append, 300.0)
    for second in (0, 299, 300, 400, 599, 600):
        now[0] = second
        saver.offer(lambda: STATE)
    assert len(saved) == 2


def test_a_state_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = StateFiles(tmp_path / "a.nvst.part")
    files.write(3, b"one")
    (tmp_path / "b.nvst.part.3.state").write_bytes(b"of another encode")

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        files.write(3, b"two")
    assert files.read(3) == b"one"
    assert files.existing() == [tmp_path / "a.nvst.part.3.state"]
    files.remove_all()
    assert os.listdir(tmp_path) == ["b.nvst.part.3.state"]


CASES: dict[str, tuple[RateRecipe | None, dict[str, Any]]] = {
    "vast, for its rate": (RateRecipe(), {}),
    "hnerv, by Fisher information, for its rate": (RateRecipe(), {"backbone": Backbone.HNERV, "kappa": 0.5}),
    "nerv, by Fisher information": (None, {"backbone": Backbone.NERV, "kappa": 0.5}),
}


class Killed(BaseException):
    pass


def encode(
    target: Path,
    case: str = "vast, for its rate",
    kill_at: tuple[int, int] | None = None,
    resume: bool = False,
    **changes: Any,
) -> tuple[EncodeResult, list[EncodeProgress]]:
    """Encode two windows of 30 iterations, each iteration of which leaves a state if it can."""
    rate, of_case = CASES[case]
    told: list[EncodeProgress] = []

    def progress(state: EncodeProgress) -> None:
        told.append(state)
        num_done = sum((one.window_idx, one.stage) == (state.window_idx, Stage.TRAIN) for one in told)
        if (state.window_idx, num_done) == kill_at:
            raise Killed

    with pytest.MonkeyPatch.context() as patch, encodes.tiny_presets(rate):
        patch.setattr(state_file, "INTERVAL_S", 0.0)
        patch.setattr("nvcodec.training.rate_term.REFIT_INTERVAL", 10)
        source = encodes.two_scene_clip(target.parent)
        return encodes.encode(
            source, target, encodes.config(**{"epochs": 10, **of_case, **changes}), progress=progress, resume=resume
        ), told


@pytest.mark.parametrize("case", CASES)
def test_an_encode_killed_within_windows_ends_with_the_undisturbed_bytes(tmp_path: Path, case: str) -> None:
    whole, target = tmp_path / "whole.nvst", tmp_path / "a.nvst"
    undisturbed, _ = encode(whole, case)
    for kill_at in ((0, 8), (0, 19), (1, 10)):
        with pytest.raises(Killed):
            encode(target, case, kill_at, resume=True)
        window_idx, _ = kill_at
        assert (tmp_path / f"a.nvst.part.{window_idx}.state").exists()
    result, told = encode(target, case, resume=True)
    assert target.read_bytes() == whole.read_bytes()
    assert result.windows == undisturbed.windows
    assert result.warnings == ()
    plan = next(state for state in told if state.stage is Stage.PLAN)
    assert plan.window_idx == 1
    assert 0 < plan.window_fraction < 1
    assert sorted(os.listdir(tmp_path)) == ["a.nvst", "two_scenes.y4m", "whole.nvst"]


def killed_in_the_first_window(tmp_path: Path) -> tuple[Path, Path]:
    with pytest.raises(Killed):
        encode(tmp_path / "a.nvst", kill_at=(0, 9))
    return tmp_path / "a.nvst", tmp_path / "a.nvst.part.0.state"


def test_a_state_that_does_not_fit_is_left_aside_with_a_warning(tmp_path: Path) -> None:
    whole = tmp_path / "whole.nvst"
    encode(whole, seed=1)
    target, state = killed_in_the_first_window(tmp_path)
    damaged = bytearray(state.read_bytes())
    result, _ = encode(target, resume=True, seed=1)
    assert result.warnings == ("window 0 begins anew, its training state is of no use: it has another settings",)
    assert target.read_bytes() == whole.read_bytes()
    target.unlink()
    damaged[-20] ^= 1
    state.write_bytes(damaged)
    result, _ = encode(target, resume=True, seed=1)
    assert result.warnings == ("window 0 begins anew, its training state is of no use: it differs from its checksum",)
    assert target.read_bytes() == whole.read_bytes()


def test_a_state_is_not_lost_unasked(tmp_path: Path) -> None:
    target, state = killed_in_the_first_window(tmp_path)
    with pytest.raises(OutputError, match="--resume continues it, -y begins anew"):
        encode(target)
    assert state.exists()
    with encodes.tiny_presets():
        encodes.encode(tmp_path / "two_scenes.y4m", target, encodes.config(), overwrite=True)
    assert not state.exists()


def test_a_disk_that_takes_no_state_does_not_end_the_encode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: StateFiles, window_idx: int, state: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(StateFiles, "write", full)
    result, _ = encode(tmp_path / "a.nvst")
    assert result.is_complete
    assert result.warnings == tuple(
        f"the training state of window {idx} could not be kept: No space left on device" for idx in (0, 1)
    )
