"""Kill encodes at random moments, resume them until they are done, and see that nothing is lost.

    python -m tools.kill_encoder [--kills 100] [--seed 0]

Run it from the repository. Tiny encodes of six windows each run as processes of their own, always with ``--resume``.
Half of them get SIGKILL at a random time; half at a random call that changes their file: before it, in the midst of a
write, or after it. Sometimes what is left gets the file's own name first, as failed encodes leave it. After every kill
all windows of which the encoder had told must be there, decode, and have the bytes of an encode that nothing disturbed;
so must the finished file. Exits with 1 if one does not.
"""

from __future__ import annotations

import collections
import io
import json
import os
import random
import select
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import torch

import nvcodec
from nvcodec.bitstream import NvstReader, WrittenPart
from nvcodec.cli import nvenc
from nvcodec.encoder import output
from nvcodec.errors import TruncatedError
from nvcodec.video.frame import Frame
from tests import clips, encodes

NUM_SCENES, SCENE_FRAMES = 6, 6
OPTIONS = ("--device", "cpu", "--threads", "1", "--preset", "draft", "--chunk", "3", "--epochs", "2", "--json")
NEVER = sys.maxsize


@dataclass
class Run:
    """One process that encoded.

    Attributes:
        was_killed: by us, as opposed to done.
        moment: where it was when it was killed.
        num_told: windows that it had told of.
        num_calls: calls that change the file, if it was done.
        seconds: it took.
    """

    was_killed: bool = False
    moment: str = "starting"
    num_told: int = 0
    num_calls: int = 0
    seconds: float = 0.0


@dataclass
class Tally:
    """What came out."""

    kills: collections.Counter[str] = field(default_factory=collections.Counter)
    lost: collections.Counter[str] = field(default_factory=collections.Counter)
    num_resumes: int = 0
    num_encodes: int = 0
    num_same: int = 0


class Death:
    """Counts the calls of this process that change its file, and kills it at one of them.

    Args:
        call_idx: the call.
        phase: 0 before it, 0.5 in the midst of it where it is a write, else before it, 1 after it.
    """

    def __init__(self, call_idx: int, phase: float) -> None:
        self._call_idx = call_idx
        self._phase = phase
        self.num_calls = 0

    def install(self) -> None:
        """Watch this process."""
        os.fsync = self._watched("fsync", os.fsync)
        os.ftruncate = self._watched("truncate", os.ftruncate)
        os.replace = self._watched("rename", os.replace)
        death = self

        class WatchedFile(io.FileIO):
            def write(self, data: Any) -> int:
                def write(part: Any) -> int:
                    return io.FileIO.write(self, part)

                return death._call("write", lambda: write(data), lambda: write(data[: len(data) // 2]))

            def truncate(self, size: int | None = None) -> int:
                return death._call("truncate", lambda: io.FileIO.truncate(self, size))

        output.open = lambda path, mode: io.BufferedRandom(WatchedFile(path, mode))

    def _watched(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments: self._call(name, lambda: call(*arguments))

    def _call(self, name: str, whole: Callable[[], Any], half: Callable[[], Any] | None = None) -> Any:
        is_last = self.num_calls == self._call_idx
        self.num_calls += 1
        if not is_last:
            return whole()
        when = "before"
        if self._phase == 1:
            whole()
            when = "after"
        elif self._phase == 0.5 and half is not None:
            half()
            when = "within"
        os.write(1, f'{{"event": "death", "moment": "writing: {when} a {name}"}}\n'.encode())
        os.kill(os.getpid(), signal.SIGKILL)


@click.command()
@click.option("--kills", "num_kills", type=click.IntRange(min=1), default=100, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
def main(num_kills: int, seed: int) -> None:
    """Kill that many encodes and print what was lost."""
    torch.set_num_threads(1)
    dice = random.Random(seed)
    tally = Tally()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = encodes.write_y4m(folder / "source.y4m", scenes())
        undisturbed = folder / "undisturbed.nvst"
        whole = run_encode(source, undisturbed, NEVER, 0, None)
        while tally.kills.total() < num_kills:
            target = folder / f"{tally.num_encodes}.nvst"
            encode_with_kills(source, target, undisturbed, whole, dice, tally, num_kills)
            tally.num_encodes += 1
            tally.num_same += target.read_bytes() == undisturbed.read_bytes()
    report(tally, whole)
    sys.exit(1 if tally.lost.total() or tally.num_same != tally.num_encodes else 0)


def scenes() -> list[Frame]:
    """Dark and bright scenes in turn, each of which becomes a window."""
    frames = []
    for idx in range(NUM_SCENES * SCENE_FRAMES):
        dark = (idx // SCENE_FRAMES) % 2 == 0
        planes = clips.make_planes(clips.SMALL, idx)
        frames.append(Frame(tuple(plane // 8 if dark else 255 - plane // 8 for plane in planes), idx, 1))
    return frames


def encode_with_kills(
    source: Path, target: Path, undisturbed: Path, whole: Run, dice: random.Random, tally: Tally, num_kills: int
) -> None:
    """Kill and resume one encode until it is done, or undisturbed once there are kills enough."""
    num_there = 0
    while True:
        is_timed = dice.random() < 0.5
        call_idx = NEVER if is_timed else dice.randrange(whole.num_calls)
        seconds = dice.uniform(0, whole.seconds) if is_timed else None
        if tally.kills.total() >= num_kills:
            call_idx, seconds = NEVER, None
        run = run_encode(source, target, call_idx, dice.choice((0, 0.5, 1)), seconds)
        if not run.was_killed:
            return
        told = max(num_there, run.num_told)
        num_there = num_whole_windows(target, undisturbed)
        tally.kills[run.moment] += 1
        tally.lost[run.moment] += max(0, told - num_there)
        tally.num_resumes += 1
        partial = target.with_name(target.name + ".part")
        if num_there and partial.exists() and not target.exists() and dice.random() < 0.3:
            partial.rename(target)


def run_encode(source: Path, target: Path, call_idx: int, phase: float, kill_after_s: float | None) -> Run:
    """Encode in a process of its own, which is killed at a call or after a time."""
    read_end, write_end = os.pipe()
    start = time.monotonic()
    process = os.fork()
    if process == 0:
        os.dup2(write_end, 1)
        os.close(read_end)
        death = Death(call_idx, phase)
        death.install()
        exit_code = 1
        try:
            with encodes.tiny_presets():
                nvenc.main([str(source), "-o", str(target), "--resume", *OPTIONS], prog_name="nvenc")
        except SystemExit as error:
            exit_code = int(error.code or 0)
            os.write(1, f'{{"event": "calls", "num_calls": {death.num_calls}}}\n'.encode())
        finally:
            os._exit(exit_code)
    os.close(write_end)
    told = listen(read_end, None if kill_after_s is None else start + kill_after_s, process)
    run = Run()
    for line in told.split(b"\n")[:-1]:
        read_event(run, json.loads(line))
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    run.seconds = time.monotonic() - start
    run.was_killed = status == -signal.SIGKILL
    if status not in (0, -signal.SIGKILL):
        raise click.ClickException(f"the encode failed with exit code {status}")
    return run


def listen(pipe: int, deadline: float | None, process: int) -> bytes:
    """All that a process tells until it ends; it is killed at the deadline."""
    told = b""
    while True:
        if deadline is not None and time.monotonic() >= deadline:
            os.kill(process, signal.SIGKILL)
            deadline = None
        if select.select([pipe], [], [], None if deadline is None else max(0.0, deadline - time.monotonic()))[0]:
            part = os.read(pipe, 1 << 16)
            if not part:
                os.close(pipe)
                return told
            told += part


def read_event(run: Run, event: dict[str, Any]) -> None:
    """Follow a process by what it tells."""
    if event["event"] == "calls":
        run.num_calls = event["num_calls"]
    elif event["event"] == "death":
        run.moment = event["moment"]
    elif event["event"] == "progress":
        if event["stage"] in ("written", "taken_over"):
            run.num_told = event["window_idx"] + 1
            run.moment = "between windows, at the end"
        elif event["stage"] == "train" and event["window_fraction"] == 1:
            run.moment = "quantising, writing, verifying"
        else:
            run.moment = "training"


def num_whole_windows(target: Path, undisturbed: Path) -> int:
    """Whole windows of the better file; everything whole decodes and has the undisturbed bytes."""
    best = 0
    for path in (target, target.with_name(target.name + ".part")):
        if not path.exists():
            continue
        try:
            with NvstReader(path) as reader:
                reader.verify()
                if not reader.windows:
                    continue
                written = WrittenPart.of(reader)
        except TruncatedError:
            continue
        result = nvcodec.decode(path, None, md5=True, device="cpu")
        same = path.read_bytes()[: written.num_bytes] == undisturbed.read_bytes()[: written.num_bytes]
        if same and result.num_frames == SCENE_FRAMES * len(written.windows):
            best = max(best, len(written.windows))
    return best


def report(tally: Tally, whole: Run) -> None:
    """Print the table."""
    click.echo(f"{'killed when':34}{'kills':>6}{'windows lost':>14}")
    for moment in sorted(tally.kills):
        click.echo(f"{moment:34}{tally.kills[moment]:6}{tally.lost[moment]:14}")
    click.echo(f"{'all':34}{tally.kills.total():6}{tally.lost.total():14}")
    click.echo(
        f"{tally.num_encodes} encodes of {whole.num_told} windows, resumed {tally.num_resumes} times; "
        f"{tally.num_same} of {tally.num_encodes} ended with the bytes of an undisturbed one"
    )


if __name__ == "__main__":
    main()
