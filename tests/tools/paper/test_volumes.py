"""Networks that take as many parameters without sharing as others with it."""

from __future__ import annotations

import pytest

from nvcodec.bitstream.network_spec import Backbone
from tools.paper.scales import SCALES
from tools.paper.trials import System
from tools.paper.volumes import same_volume, volume

CPU = SCALES["cpu"]


@pytest.mark.parametrize("backbone", list(Backbone))
def test_the_same_volume_is_as_near_as_the_networks_allow(backbone: Backbone) -> None:
    nervast = CPU.trial("clip", System.NERVAST, backbone)
    smaller = same_volume(nervast, CPU)
    assert (smaller.system, smaller.kappa, smaller.backbone) == (System.NAIVE_SPLIT, 0, backbone)
    assert volume(smaller, CPU) == pytest.approx(volume(nervast, CPU), rel=0.06)


def test_sharing_saves_its_fraction_of_all_chunks_but_one() -> None:
    full, shared = (volume(CPU.trial("clip", system), CPU) for system in (System.NAIVE_SPLIT, System.NERVAST))
    assert shared == pytest.approx(full * (0.5 / 4 + 0.5), rel=1e-3)


def test_nothing_is_shared_by_one_chunk() -> None:
    alone = CPU.trial("clip", System.NERVAST, num_frames=24)
    assert volume(alone, CPU) == pytest.approx(40_000, rel=0.1)
