"""The conformance vectors: they are what their maker makes, and every decoder here agrees with their manifest."""

from __future__ import annotations

import hashlib
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from tests.conformance.decoders import DECODERS, IN_ORDER, codec
from tools.check_conformance import VECTORS, judge, load_manifest, load_values
from tools.make_vectors import GROUPS, TOLERANCE, all_vectors, check_shown
from tools.vectors.manifest import manifest_text, refusal_of, verification_of, with_tables
from tools.vectors.reference import reference_values

MANIFEST = load_manifest()
LOOK_CUT_OFF = ("faulty/index-too-long.nvst", "uncommon/elsewhere-too-long.nvst")
SHOWN = [name for name, entry in MANIFEST.items() if name.startswith("valid/") and entry["num_frames"]]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_manifest_is_complete_and_has_no_stray_files() -> None:
    values = {str(Path(name).with_suffix(".f64")) for name, entry in MANIFEST.items() if "values_sha256" in entry}
    found = {str(path.relative_to(VECTORS)) for group in GROUPS for path in (VECTORS / group).iterdir()}
    assert found == MANIFEST.keys() | values
    for name, entry in MANIFEST.items():
        assert sha256(VECTORS / name) == entry["sha256"], name
        if "values_sha256" in entry:
            assert sha256((VECTORS / name).with_suffix(".f64")) == entry["values_sha256"], name
    assert len([name for name in MANIFEST if name.startswith("valid/")]) >= 40


def test_the_maker_makes_the_same_files_again() -> None:
    made = {name: hashlib.sha256(vector.data).hexdigest() for name, vector in all_vectors()}
    assert made == {name: entry["sha256"] for name, entry in MANIFEST.items()}


def test_the_manifest_and_the_readme_are_as_the_maker_writes_them() -> None:
    assert (VECTORS / "manifest.json").read_text(encoding="utf-8") == manifest_text(MANIFEST)
    readme = (VECTORS / "README.md").read_text(encoding="utf-8")
    assert readme == with_tables(readme, MANIFEST)


def test_the_stored_reference_values_are_those_of_the_reference() -> None:
    for name in SHOWN:
        fresh = reference_values((VECTORS / name).read_bytes())
        np.testing.assert_allclose(load_values(name), fresh, rtol=0, atol=TOLERANCE, err_msg=name)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("name", MANIFEST)
def test_decoders_conform(name: str, decoder: str) -> None:
    entry = MANIFEST[name]
    outcome = DECODERS[decoder](VECTORS / name, "values_sha256" in entry)
    if decoder == IN_ORDER and name in LOOK_CUT_OFF:
        # The box that reaches beyond the end looks as if it were cut off, so what stands before it is decoded.
        assert outcome.is_decoded and outcome.integers != entry.get("integers")
        return
    assert not judge(name, entry, outcome).failures


@pytest.mark.gpu
@pytest.mark.parametrize("name", SHOWN)
def test_a_gpu_conforms(name: str) -> None:
    assert not judge(name, MANIFEST[name], codec(nullcontext, "cuda")(VECTORS / name, True)).failures


def test_the_codec_says_why_it_refuses() -> None:
    for name, entry in MANIFEST.items():
        if "error" in entry:
            error = refusal_of((VECTORS / name).read_bytes())
            assert (type(error).__name__, error.reason) == (entry["error"], entry["reason"]), name
        elif "limit" in entry:
            assert type(refusal_of((VECTORS / name).read_bytes())).__name__ == "LimitError", name


def test_only_what_the_manifest_names_fails_a_full_verification() -> None:
    for name, entry in MANIFEST.items():
        if "error" in entry or "limit" in entry:
            continue
        error = verification_of((VECTORS / name).read_bytes())
        found = None if error is None else {"error": type(error).__name__, "reason": error.reason}
        assert found == entry.get("verification"), name


def test_the_frames_of_valid_files_show_the_network() -> None:
    for name in SHOWN:
        check_shown(name, MANIFEST[name], load_values(name))
    with pytest.raises(ValueError, match="span"):
        check_shown(SHOWN[0], MANIFEST[SHOWN[0]], np.full_like(load_values(SHOWN[0]), 128.0))
