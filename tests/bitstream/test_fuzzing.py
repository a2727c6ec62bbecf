"""The fuzzer's runs, bounded: ``python -m tools.fuzz_decode`` makes them as long as you like."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvcodec.bitstream.headers import BOX_HEADER
from tests.bitstream.nvst_samples import NERV, TEXTURE, VAST, box_positions, make_file, make_window
from tools.fuzzing.damage import edits, examine, flips, truncations
from tools.fuzzing.mutations import mutate
from tools.fuzzing.reading import LIMITS, MEBIBYTE, Record
from tools.fuzzing.seeds import Seed, join

SEEDS = [
    Seed.of("embeddings", make_file([make_window(lengths=(2, 1))], {"a": "b"})),
    Seed.of("vast", make_file([make_window(network=VAST, lengths=(1, 1))])),
    Seed.of("texture", make_file([make_window(network=TEXTURE, lengths=(1, 1))])),
    Seed.of("time", make_file([make_window(network=NERV, lengths=(1, 1)), make_window(1, 2, lengths=(1,))])),
]


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.name)
def test_no_damage_goes_unnoticed(seed: Seed) -> None:
    record = Record()
    for damaged in truncations(seed.data, step=3):
        examine(seed, damaged, record)
    for damaged in flips(seed.data, step=11):
        examine(seed, damaged, record)
    for damaged in edits(seed.data, random.Random(0), 200):
        examine(seed, damaged, record)
    assert not record.findings, record.findings[0]
    assert record.reasons.total() > 500


def test_damage_that_would_be_missed_is_found() -> None:
    """The examination itself, with a reader's file exchanged for another sound one."""
    record = Record()
    examine(SEEDS[0], SEEDS[1].data, record)
    assert [what for what, _ in record.findings] == [
        "damage changed what is read",
        "damage passes a full verification",
    ]


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.name)
def test_a_file_put_together_from_its_boxes_is_the_same_file(seed: Seed) -> None:
    boxes = [(box.type_code, box.payload) for box in seed.boxes]
    assert join(seed.header, boxes, mend_index=False) == seed.data
    assert join(seed.header, boxes, mend_index=True) == seed.data


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.name)
def test_a_seed_knows_where_its_fields_are(seed: Seed) -> None:
    for box, (_, offset, _) in zip(seed.boxes, box_positions(seed.data), strict=True):
        for place in box.fields:
            start = offset + BOX_HEADER.size + place.offset
            data = seed.data[start : start + place.field.dtype.itemsize]
            assert int.from_bytes(data, "little", signed=place.field.kind.startswith("i")) == place.value


@settings(max_examples=200)
@given(data=st.data())
def test_forged_files_are_refused_or_read(data: st.DataObject) -> None:
    def choose(count: int) -> int:
        return data.draw(st.integers(0, count - 1))

    record = Record()
    record.add(mutate(SEEDS[choose(len(SEEDS))], choose), compare=True)
    assert not record.findings, record.findings[0][0]


def test_many_forged_files() -> None:
    record, rng = Record(), random.Random(0)
    for idx in range(4000):
        record.add(mutate(SEEDS[idx % 2], rng.randrange), compare=idx % 20 == 0, reconstruct=idx % 20 == 0)
    assert not record.findings, record.findings[0][0]
    assert record.num_decoded > 100 and record.num_reconstructed > 5
    # A mutation that never got behind the checksums would give few reasons.
    assert len(record.reasons) > 80
    assert record.memory_growth <= LIMITS.max_memory + 64 * MEBIBYTE
