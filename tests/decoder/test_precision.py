"""Which networks are trained with less precise convolutions."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from nvcodec.bitstream.network_spec import Backbone
from nvcodec.decoder.precision import reduced_precision, without_tf32
from nvcodec.encoder.presets import PRESETS
from tests import encodes


@pytest.mark.parametrize("capability", ["avx2", "avx512_bf16", "amx_bf16"])
@pytest.mark.parametrize("is_wanted", [False, True])
def test_only_where_it_is_wanted_and_faster(is_wanted: bool, capability: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {capability: True}, raising=False)
    weight = torch.ones(1, 1, 3, 3, requires_grad=True)
    with reduced_precision(encodes.CPU, is_wanted=is_wanted):
        result = functional.conv2d(torch.ones(1, 1, 4, 4), weight)
    assert (result.dtype == torch.bfloat16) == (is_wanted and capability != "avx2")
    result.float().sum().backward()
    assert weight.grad is not None
    assert weight.grad.dtype == torch.float32
    assert functional.conv2d(torch.ones(1, 1, 4, 4), weight).dtype == torch.float32


def test_a_version_that_does_not_tell_what_the_cpu_can_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    with reduced_precision(encodes.CPU, is_wanted=True):
        assert functional.conv2d(torch.ones(1, 1, 4, 4), torch.ones(1, 1, 3, 3)).dtype == torch.float32


def tf32_settings() -> tuple[object, ...]:
    backends = torch.backends
    if hasattr(backends.cudnn, "conv"):
        return backends.cudnn.conv.fp32_precision, backends.cuda.matmul.fp32_precision
    return backends.cudnn.allow_tf32, backends.cuda.matmul.allow_tf32


def test_a_gpu_computes_float32_as_such_for_a_while() -> None:
    before = tf32_settings()
    assert before[0] in ("tf32", True)
    with without_tf32(torch.device("cuda")):
        assert set(tf32_settings()) <= {"ieee", False}
    assert tf32_settings() == before
    with pytest.raises(RuntimeError, match="a test"), without_tf32(torch.device("cuda", 1)):
        raise RuntimeError("a test")
    assert tf32_settings() == before


def test_the_last_thread_that_needs_it_puts_the_settings_back() -> None:
    before = tf32_settings()
    one, other = (without_tf32(torch.device("cuda")) for _ in range(2))
    one.__enter__()
    exact = tf32_settings()
    other.__enter__()
    one.__exit__(None, None, None)
    assert tf32_settings() == exact != before
    other.__exit__(None, None, None)
    assert tf32_settings() == before


def test_nothing_is_changed_for_a_cpu() -> None:
    before = tf32_settings()
    with without_tf32(encodes.CPU):
        assert tf32_settings() == before


def test_the_recipes_of_the_papers_are_precise() -> None:
    for backbone in (Backbone.NERV, Backbone.ENERV, Backbone.HNERV):
        assert not any(PRESETS[preset](backbone, None).recipe.reduced_precision for preset in PRESETS)
    assert PRESETS["fast"](Backbone.VAST, None).recipe.reduced_precision


def test_what_is_compared_with_the_source_is_precise() -> None:
    spec = encodes.tiny_spec(Backbone.VAST)
    model = encodes.window_model(spec, (2,))
    with torch.autocast("cpu", torch.bfloat16):
        frames = model.reconstruct(model.theta(0), model.free_embeddings[0], 4, 4)
    assert frames.dtype == torch.float32
