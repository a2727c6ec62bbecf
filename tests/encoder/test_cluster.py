"""Windows encoded on a Ray cluster: to the bytes of the local run, also where a machine is lost meanwhile."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.pipeline import encode
from nvcodec.encoder.progress import EncodeProgress, Stage
from nvcodec.errors import ConfigError
from tests import clips, encodes

SETTINGS = EncoderConfig(preset="draft", device="cpu", chunk_frames=3, epochs=60, threads=1, num_parameters=12_000)


def test_without_ray_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    source = clips.write_clip(tmp_path / "a.mkv", num_frames=2)
    with pytest.raises(ConfigError, match=r"cluster: Ray is missing; .*nvcodec\[ray\]"):
        encode(source, tmp_path / "a.nvst", cluster="auto")
    assert not (tmp_path / "a.nvst").exists()


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A real one on this machine: a head that encodes nothing, and two workers of one core."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    # Else they wait for everything else that this machine does.
    monkeypatch.setenv("RAY_worker_niceness", "0")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    for _ in range(2):
        cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    yield cluster
    cluster.shutdown()


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_worker_that_is_killed_in_the_middle_changes_no_byte(cluster: Any, tmp_path: Path) -> None:
    frames = encodes.two_scene_frames(12)
    frames += [type(frame)(frame.planes, frame.pts + 12, 1) for frame in frames]
    source = encodes.write_y4m(tmp_path / "a.y4m", frames)
    encode(source, tmp_path / "local.nvst", SETTINGS)
    told: list[EncodeProgress] = []

    def progress(state: EncodeProgress) -> None:
        told.append(state)
        at_work = {one.window_idx for one in told if one.stage is Stage.TRAIN}
        if len(at_work) == 2 and len(cluster.worker_nodes) == 2:
            cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)

    result = encode(source, tmp_path / "a.nvst", SETTINGS, cluster=cluster.address, progress=progress)
    assert len(cluster.worker_nodes) == 1
    assert (tmp_path / "a.nvst").read_bytes() == (tmp_path / "local.nvst").read_bytes()
    assert result.is_complete
    assert [state.window_idx for state in told if state.stage is Stage.WRITTEN] == [0, 1, 2, 3]
    planned = [state.window_idx for state in told if state.stage is Stage.PLAN]
    # The window of the lost worker was begun once more.
    assert len(planned) == 5
    assert set(planned) == {0, 1, 2, 3}


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_stop_on_a_cluster_closes_a_valid_file(cluster: Any, tmp_path: Path) -> None:
    long = dataclasses.replace(SETTINGS, epochs=1_000_000)
    trained: set[int] = set()

    def note(state: EncodeProgress) -> None:
        if state.stage is Stage.TRAIN:
            trained.add(state.window_idx)

    source = encodes.two_scene_clip(tmp_path, 24)
    result = encode(
        source,
        tmp_path / "a.nvst",
        long,
        cluster=cluster.address,
        workers=1,
        progress=note,
        should_stop=lambda: bool(trained),
    )
    assert (result.is_complete, len(result.windows)) == (False, 1)
    with pytest.raises(ConfigError, match="cluster: the cluster has not 3 CPUs for a window"):
        encode(source, tmp_path / "b.nvst", EncoderConfig(threads=3, device="cpu"), cluster=cluster.address)
