"""What the chunks of a window share, on pictures over which a camera moves by a known amount."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
import torch

from nvcodec.bitstream.network_spec import Backbone
from nvcodec.encoder.presets import Preset
from nvcodec.encoder.window_sharing import WindowSharing, window_sharing
from nvcodec.sharing.plans import chunks_differ
from nvcodec.training.chunk_frames import ChunkFrames
from nvcodec.training.recipe import RateRecipe, Recipe
from nvcodec.video.format import ChromaSubsampling, VideoFormat
from tests import encodes, panning

FORMAT = VideoFormat(96, 48, chroma_subsampling=ChromaSubsampling.GRAY)
LENGTHS = (8, 8)
PLENTY = 1.0
"""Bits per pixel, for textures of all chunks but not for much more."""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Several threads are slower on pictures so small."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def panned(
    across: float, down: float = 0.0, *, lengths: Sequence[int] = LENGTHS, brighter: int = 0
) -> list[ChunkFrames]:
    """Chunks of one pan, ``across`` and ``down`` pixels in every frame; each is ``brighter`` than the one before."""
    places = [(across * frame_idx, down * frame_idx) for frame_idx in range(sum(lengths))]
    frames = panning.views(places, FORMAT.height, FORMAT.width, contrast=3) // 2
    return [
        ChunkFrames(FORMAT, (chunk + brighter * chunk_idx,))
        for chunk_idx, chunk in enumerate(torch.split(frames, list(lengths)))
    ]


def sharing(chunks: Sequence[ChunkFrames], preset_kappa: float | None = None, **settings: object) -> WindowSharing:
    """The choice with a preset whose networks have at most 100 000 parameters."""

    def preset(backbone: Backbone, epochs: int | None) -> Preset:
        recipe = Recipe(1, rate=RateRecipe())
        return Preset(recipe, encodes.tiny_design(backbone), max_parameters=100_000, kappa=preset_kappa)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nvcodec.encoder.config.PRESETS", {"draft": preset})
        return window_sharing(encodes.config(**{"bpp": PLENTY, **settings}), FORMAT, chunks)


def assert_centred(motion: Sequence[torch.Tensor], across: float, *, own: bool) -> None:
    """Assert that it is a pan of ``across`` pixels in every frame, centred in each chunk or over all of them."""
    places = torch.arange(sum(len(of_chunk) for of_chunk in motion), dtype=torch.float32) * across
    chunks = torch.split(places, [len(of_chunk) for of_chunk in motion])
    for of_chunk, expected in zip(motion, chunks, strict=True):
        middle = (expected if own else places).mean()
        torch.testing.assert_close(of_chunk[:, 0], expected - middle, atol=0.3, rtol=0)
        assert float(of_chunk[:, 1].abs().max()) < 0.2


def are_different(chunks: Sequence[ChunkFrames]) -> bool:
    return chunks_differ([chunk.planes[0] for chunk in chunks], FORMAT.bit_depth)


@pytest.mark.parametrize("lengths", [(16,), (5, 11)])
def test_a_small_pan_is_a_texture_that_all_chunks_share(lengths: tuple[int, ...]) -> None:
    found = sharing(panned(1, lengths=lengths))
    assert (found.kappa, found.texture_margin) == (1, 8)
    assert tuple(len(of_chunk) for of_chunk in found.motion) == lengths
    assert_centred(found.motion, 1, own=False)


@pytest.mark.parametrize("step", [0, 0.03])
@pytest.mark.parametrize("kappa", [None, 0.0, 1.0])
def test_a_camera_that_hardly_moves_gives_no_texture(step: float, kappa: float | None) -> None:
    assert sharing(panned(step), kappa=kappa) == WindowSharing(1.0 if kappa is None else kappa)


def test_where_the_camera_goes_far_each_chunk_has_a_texture_of_its_own() -> None:
    chunks = panned(4)
    assert not are_different(chunks)
    found = sharing(chunks)
    assert (found.kappa, found.texture_margin) in ((0, 14), (0, 15))
    assert_centred(found.motion, 4, own=True)


@pytest.mark.parametrize("kappa", [None, 0.0, 1.0])
def test_what_goes_too_far_in_each_chunk_has_no_texture(kappa: float | None) -> None:
    assert sharing(panned(4, lengths=(16, 16)), kappa=kappa) == WindowSharing(1.0 if kappa is None else kappa)


def test_no_texture_has_a_margin_that_the_format_does_not_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nvcodec.encoder.window_sharing.MAX_TEXTURE_MARGIN", 5)
    found = sharing(panned(1))
    assert (found.kappa, found.texture_margin) == (0, 4)
    assert sharing(panned(1), kappa=1.0) == WindowSharing(1.0)


def test_chunks_that_differ_have_textures_of_their_own() -> None:
    chunks = panned(1, brighter=100)
    assert are_different(chunks)
    found = sharing(chunks)
    assert (found.kappa, found.texture_margin) == (0, 4)
    assert_centred(found.motion, 1, own=True)
    assert sharing(panned(0, brighter=100)) == WindowSharing(0.0)
    # Who asks for it gets it.
    assert sharing(chunks, kappa=1.0).texture_margin == 8


def test_chunks_of_a_slow_pan_share_one_texture_although_their_pictures_differ() -> None:
    chunks = panned(0.5, lengths=(8,) * 5)
    assert are_different(chunks)
    found = sharing(chunks)
    assert found.kappa == 1
    assert_centred(found.motion, 0.5, own=False)
    # Without a texture that follows the camera they still are different.
    assert sharing(chunks, bpp=0.02) == WindowSharing(0.0)


def test_the_motion_of_a_chunk_s_own_texture_heeds_no_other_chunk() -> None:
    places = [(idx, 0) for idx in range(8)] + [(300 + idx, 90) for idx in range(8)]
    frames = panning.views(places, FORMAT.height, FORMAT.width, contrast=3)
    found = sharing([ChunkFrames(FORMAT, (chunk,)) for chunk in torch.split(frames, LENGTHS)], kappa=0.0)
    assert_centred(found.motion, 1, own=True)


@pytest.mark.parametrize("is_the_user_s", [True, False])
def test_a_kappa_that_is_given_is_kept(is_the_user_s: bool) -> None:
    chunks, name = panned(1), "kappa" if is_the_user_s else "preset_kappa"
    for kappa, margin in ((0.0, 4), (1.0, 8), (0.5, None)):
        found = sharing(chunks, **{name: kappa})
        assert (found.kappa, found.texture_margin) == (kappa, margin)
        if margin:
            assert_centred(found.motion, 1, own=kappa == 0)


def test_bits_for_far_more_than_one_network_go_into_networks_of_each_chunk_s_own() -> None:
    assert [sharing(panned(0), bpp=bpp) for bpp in (20.0, 80.0)] == [WindowSharing(0.0)] * 2
    found = [sharing(panned(1), bpp=bpp) for bpp in (PLENTY, 5.5, 7.5, 20.0)]
    kappas = [choice.kappa for choice in found]
    assert (kappas[0], kappas[-1]) == (1, 0)
    assert kappas == sorted(kappas, reverse=True)
    assert any(0 < kappa < 1 for kappa in kappas)
    for choice in found:
        assert (choice.texture_margin, choice.num_textures) == (8, 1)
        assert_centred(choice.motion, 1, own=False)


def test_with_bits_for_yet_more_each_chunk_has_a_texture_of_its_own_if_it_can() -> None:
    found = sharing(panned(1), bpp=80.0)
    assert (found.kappa, found.texture_margin, found.num_textures) == (0, 4, 2)
    assert_centred(found.motion, 1, own=True)
    assert sharing(panned(1), bpp=80.0, kappa=1.0).num_textures == 1
    # Each chunk alone stands still.
    places = [(3.0 * (frame_idx // 8), 0.0) for frame_idx in range(16)]
    frames = panning.views(places, FORMAT.height, FORMAT.width, contrast=3)
    steps = [ChunkFrames(FORMAT, (chunk,)) for chunk in torch.split(frames, LENGTHS)]
    assert (sharing(steps, bpp=80.0).kappa, sharing(steps, bpp=80.0).num_textures) == (0, 1)


@pytest.mark.parametrize("backbone", [backbone for backbone in Backbone if backbone != Backbone.VAST])
def test_other_backbones_have_no_texture(backbone: Backbone) -> None:
    for kappa in (None, 0.0, 1.0):
        found = sharing(panned(1), backbone=backbone, kappa=kappa)
        assert found == WindowSharing(1.0 if kappa is None else kappa)


@pytest.mark.parametrize(
    ("bpp", "kappa", "margin"),
    [
        (0.1, None, None),
        (0.1, 0.0, None),
        (0.1, 1.0, None),
        (0.12, None, 8),
        (0.12, 0.0, None),
        (0.12, 1.0, 8),
        (0.15, 0.0, 4),
    ],
)
def test_textures_come_with_bits_for_them(bpp: float, kappa: float | None, margin: int | None) -> None:
    found = sharing(panned(1), bpp=bpp, kappa=kappa)
    assert found.texture_margin == margin
    assert found.kappa == (1 if kappa is None else kappa)


def test_a_pan_along_the_shorter_side_shows_more_that_takes_bits() -> None:
    assert sharing(panned(1, 0), bpp=0.109).texture_margin == 8
    assert sharing(panned(0, 1), bpp=0.112).texture_margin == 8
    assert sharing(panned(0, 1), bpp=0.109).texture_margin is None


def test_where_one_texture_shows_too_little_and_several_take_too_many_bits_there_is_none() -> None:
    assert sharing(panned(4), bpp=0.13) == WindowSharing(1.0)
    assert sharing(panned(4), bpp=0.16).texture_margin


def test_the_margin_covers_the_largest_motion_of_either_direction() -> None:
    across, down = torch.tensor([[-2.2, 1.0], [0.0, 0.0]]), torch.tensor([[0.5, -3.4]])
    assert WindowSharing(1.0, (across, down)).texture_margin == 4
    assert WindowSharing(1.0, (across,)).texture_margin == 3
    assert WindowSharing(0.0).texture_margin is None


def test_textures_are_counted() -> None:
    motion = (torch.zeros(3, 2),) * 2
    assert WindowSharing(0.5).num_textures == 0
    assert WindowSharing(0.0, motion).num_textures == 2
    assert WindowSharing(0.5, motion, is_texture_shared=True).num_textures == 1
