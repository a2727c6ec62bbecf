"""What codec and reference decoder read of tracks, chapters and packets is the same."""

from __future__ import annotations

from dataclasses import astuple

import pytest

from nvcodec.bitstream import NvstReader
from spec.refdec.fields import RefusedError
from spec.refdec.tracks import read_companions
from tools.check_conformance import VECTORS, load_manifest

DAMAGED = [name for name in load_manifest() if name.startswith(("uncommon/trak", "uncommon/chap", "uncommon/pkts"))]


@pytest.mark.parametrize("name", ["tracks", "tracks-front-index", "chapters", "metadata"])
def test_both_read_the_same(name: str) -> None:
    path = VECTORS / "valid" / f"{name}.nvst"
    tracks, chapters, packets = read_companions(path.read_bytes())
    with NvstReader(path) as reader:
        own = [packet for idx in range(len(reader.windows)) for packet in reader.read_packets(idx)]
        assert [astuple(chapter) for chapter in chapters] == [astuple(chapter) for chapter in reader.chapters]
        assert len(tracks) == len(reader.tracks)
        for track, expected in zip(tracks, reader.tracks, strict=True):
            assert track.time_base == expected.time_base.as_integer_ratio()
            for field in ("kind", "codec", "extradata", "sample_rate", "channel_layout", "delay", "language", "title"):
                assert getattr(track, field) == getattr(expected, field)
            assert track.disposition == expected.disposition
    assert [(p.track_idx, p.pts, p.duration, p.data, bool(p.flags)) for p in packets] == [astuple(p) for p in own]
    assert bool(packets) == bool(tracks) == name.startswith("tracks")


@pytest.mark.parametrize("name", DAMAGED)
def test_both_refuse_the_same(name: str) -> None:
    with pytest.raises(RefusedError):
        read_companions((VECTORS / name).read_bytes())
