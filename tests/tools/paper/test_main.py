"""What the command measures beside its experiments: how much clips move, and pictures."""

from __future__ import annotations

import shutil
from pathlib import Path

import av

from nvcodec.bitstream.network_spec import Backbone
from tests import encodes
from tools.paper.__main__ import measure_dynamics, show
from tools.paper.dynamics import Dynamics
from tools.paper.experiments import BUNNY
from tools.paper.running import prepared, stream_path
from tools.paper.scales import SCALES
from tools.paper.trials import System
from tools.paper.volumes import same_volume
from tools.rd.table import Table

CPU = SCALES["cpu"]


def test_table_5_has_a_row_for_each_clip_that_is_there(tmp_path: Path) -> None:
    sources = {BUNNY: encodes.two_scene_clip(tmp_path)}
    for _ in range(2):
        measure_dynamics(tmp_path, CPU, sources)
        rows = Table(tmp_path / "dynamics.csv", Dynamics).rows
        assert len(rows) == 1
        assert rows[0].mean_difference > 0


def test_fig_5_shows_the_source_and_two_decodes_side_by_side(tmp_path: Path) -> None:
    sources = {BUNNY: encodes.two_scene_clip(tmp_path, 96)}
    nervast = CPU.trial(BUNNY, System.NERVAST)
    clip = prepared(nervast, sources, CPU, tmp_path)
    for trial in (nervast, same_volume(nervast, CPU)):
        stream = stream_path(trial, tmp_path)
        stream.parent.mkdir(exist_ok=True)
        encodes.tiny_encode(clip.path, tmp_path / "a.nvst", settings={"backbone": Backbone.NERV, "chunk_frames": 24})
        shutil.move(tmp_path / "a.nvst", stream)
    show(tmp_path, CPU, sources)
    with av.open(str(tmp_path / "fig-5.jpg")) as picture:
        assert picture.streams.video[0].width >= 3 * 64
