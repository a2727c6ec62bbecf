from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nvcodec.bitstream.network_spec import MAX_MACS_PER_PIXEL, Backbone, NetworkSpec
from nvcodec.encoder.config import EncoderConfig
from nvcodec.encoder.presets import PRESETS, Preset
from nvcodec.encoder.sizing import (
    LEAST_CHANNELS,
    MOST_SHARED,
    MOST_SHARED_TEXTURE,
    is_texture_crowded,
    target_bits,
    texture_fits,
    window_kappa,
    window_network,
)
from nvcodec.errors import ConfigError
from nvcodec.training.recipe import RateRecipe, Recipe
from nvcodec.video.format import ChromaSubsampling, VideoFormat
from tests import encodes

FORMAT = VideoFormat(640, 360)
LENGTHS = (33, 33, 33)


def network(
    video_format: VideoFormat = FORMAT,
    lengths: tuple[int, ...] = LENGTHS,
    rate: RateRecipe | None = None,
    **settings: object,
) -> NetworkSpec:
    def preset(backbone: Backbone, epochs: int | None) -> Preset:
        return Preset(Recipe(1, rate=rate), encodes.tiny_design(backbone, strides=None), min_channels=4)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nvcodec.encoder.config.PRESETS", {"draft": preset})
        config = encodes.config(**settings)
        return window_network(config, video_format, lengths, window_kappa(config, video_format, lengths))


def coded_parameters(spec: NetworkSpec, lengths: tuple[int, ...] = LENGTHS) -> int:
    """Parameters as the originals count them: embeddings of the longest chunk included."""
    channels, height, width = spec.embedding_shape
    return spec.num_parameters + max(lengths) * channels * height * width


@pytest.mark.parametrize("backbone", list(Backbone))
def test_the_user_s_parameters_are_respected(backbone: Backbone) -> None:
    for wanted in (300_000, 900_000):
        found = coded_parameters(network(backbone=backbone, num_parameters=wanted))
        assert found == pytest.approx(wanted, rel=0.1)


@pytest.mark.parametrize("backbone", list(Backbone))
def test_more_bpp_gives_more_parameters(backbone: Backbone) -> None:
    sizes = [network(backbone=backbone, bpp=bpp).num_parameters for bpp in (0.1, 0.2, 0.4, 0.8)]
    assert sizes == sorted(set(sizes))
    assert sizes[3] > 4 * sizes[0]


def test_parameters_that_are_shared_leave_more_for_the_same_bpp() -> None:
    sizes = [network(bpp=0.3, kappa=kappa).num_parameters for kappa in (0.0, 0.5, 0.9)]
    assert sizes == sorted(set(sizes))


def test_a_longer_window_affords_larger_networks() -> None:
    assert network(bpp=0.1, lengths=(66,)).num_parameters > network(bpp=0.1, lengths=(33,)).num_parameters


def test_outputs_are_those_of_the_format() -> None:
    gray = VideoFormat(64, 48, chroma_subsampling=ChromaSubsampling.GRAY)
    assert network(gray, (4,), backbone=Backbone.HNERV).num_outputs == 1
    assert network(VideoFormat(64, 48), (4,), backbone=Backbone.HNERV).num_outputs == 3
    # VAST gives the samples of blocks of 2 x 2 pixels.
    assert network(gray, (4,), backbone=Backbone.VAST).num_outputs == 4
    assert network(VideoFormat(64, 48), (4,), backbone=Backbone.VAST).num_outputs == 6


@pytest.mark.parametrize("size", [(64, 48), (63, 47), (33, 27), (17, 19), (161, 121)])
def test_the_coded_size_covers_the_frame(size: tuple[int, int]) -> None:
    spec = network(VideoFormat(*size), (2,), num_parameters=60_000)
    assert spec.coded_width >= size[0]
    assert spec.coded_height >= size[1]


def test_too_few_parameters_are_refused_with_the_least() -> None:
    with pytest.raises(ConfigError, match=r"10 parameters per chunk: the smallest network has \d+") as caught:
        network(num_parameters=10)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("backbone", list(Backbone))
@pytest.mark.parametrize("size", [(161, 121), (1920, 1080), (3840, 2160)])
@pytest.mark.parametrize("preset", list(PRESETS))
def test_every_preset_has_a_network_for_every_size(preset: str, size: tuple[int, int], backbone: Backbone) -> None:
    config = EncoderConfig(preset=preset, backbone=backbone)
    spec = window_network(config, VideoFormat(*size), (60, 60), 0.5)
    assert spec.macs_per_frame <= MAX_MACS_PER_PIXEL * spec.coded_width * spec.coded_height
    assert spec.base_channels >= 4


def test_networks_that_take_too_long_per_pixel_are_refused() -> None:
    with pytest.raises(ConfigError, match="multiply-accumulates per pixel"):
        window_network(EncoderConfig(Backbone.HNERV, preset="slow", num_parameters=30_000_000), FORMAT, LENGTHS, 0.5)


def test_what_trains_for_the_rate_affords_larger_networks() -> None:
    assert network(bpp=0.3, rate=RateRecipe()).num_parameters > 1.3 * network(bpp=0.3).num_parameters


def test_the_target_of_a_window_is_the_user_s_rate_or_suits_the_network() -> None:
    spec, num_frames = network(), sum(LENGTHS)
    pixels = num_frames * FORMAT.width * FORMAT.height
    by_rate = EncoderConfig(preset="fast", bpp=0.2)
    assert target_bits(by_rate, FORMAT, spec, LENGTHS, 1000, 0, 9000) == pytest.approx(0.2 * pixels)
    stored = 1000 + len(LENGTHS) * (spec.num_parameters - 1000)
    embeddings = num_frames * spec.embedding_channels * spec.base_height * spec.base_width
    by_size = EncoderConfig(preset="fast")
    bits = target_bits(by_size, FORMAT, spec, LENGTHS, 1000, 0, 9000)
    assert bits == pytest.approx(2.5 * stored + 0.6 * embeddings + 9000)


@pytest.mark.parametrize("reach", [(0.0, 0.0), (60.0, 8.0)])
@pytest.mark.parametrize("num_textures", [1, 3])
def test_textures_fit_into_twice_the_bits_of_the_networks(num_textures: int, reach: tuple[float, float]) -> None:
    seen = (FORMAT.width + 2 * reach[0]) * (FORMAT.height + 2 * reach[1])
    pixels = FORMAT.width * FORMAT.height * sum(LENGTHS)
    embeddings = math.prod(window_network(EncoderConfig(bpp=0.1), FORMAT, LENGTHS, 1).embedding_shape)
    for slack, fits in ((0.95, False), (1.05, True)):
        bits = 2.5 * 0.35 * seen * num_textures / 2 * slack + 0.6 * embeddings * sum(LENGTHS)
        config = EncoderConfig(preset="fast", bpp=bits / pixels)
        assert texture_fits(config, FORMAT, LENGTHS, num_textures, reach) == fits


@pytest.mark.parametrize("reach", [(0.0, 0.0), (60.0, 8.0)])
@pytest.mark.parametrize("num_textures", [1, 3])
def test_a_texture_fits_into_half_of_the_user_s_parameters(num_textures: int, reach: tuple[float, float]) -> None:
    seen = (FORMAT.width + 2 * reach[0]) * (FORMAT.height + 2 * reach[1])
    embeddings = math.prod(window_network(EncoderConfig(bpp=0.1), FORMAT, LENGTHS, 1).embedding_shape)
    for slack, fits in ((0.95, False), (1.05, True)):
        config = EncoderConfig(num_parameters=int(2 * seen * slack + embeddings * max(LENGTHS)))
        assert texture_fits(config, FORMAT, LENGTHS, num_textures, reach) == fits


@pytest.mark.parametrize("reach", [(0.0, 0.0), (60.0, 8.0)])
def test_beside_a_shared_texture_networks_are_shared_until_they_are_crowded(reach: tuple[float, float]) -> None:
    most = EncoderConfig(preset="fast").resolved_preset().max_parameters
    seen = (FORMAT.width + 2 * reach[0]) * (FORMAT.height + 2 * reach[1])
    samples, num_frames = FORMAT.width * FORMAT.height, sum(LENGTHS)
    embeddings = math.prod(window_network(EncoderConfig(bpp=0.1), FORMAT, LENGTHS, 1).embedding_shape)
    for networks, kappa in ((0.9, 1), (1, 1), (2, 0.5), (2.5, 0.25), (3, 0), (9, 0), (9.5, 0)):
        bits = 2.5 * (MOST_SHARED * networks * most + 0.35 * seen) + 0.6 * embeddings * num_frames
        config = EncoderConfig(preset="fast", bpp=bits / (samples * num_frames))
        assert window_kappa(config, FORMAT, LENGTHS, reach) == pytest.approx(kappa)
        textured = window_network(config, FORMAT, LENGTHS, kappa, texture_margin=6, num_textures=1)
        assert 0.75 * most < textured.num_parameters - math.prod(textured.texture_shape) <= most
        given = EncoderConfig(preset="fast", bpp=config.bpp, kappa=0.7)
        assert window_kappa(given, FORMAT, LENGTHS, reach) == 0.7
        is_crowded = MOST_SHARED * networks > MOST_SHARED_TEXTURE
        assert is_texture_crowded(config, FORMAT, LENGTHS, reach) == is_crowded
        assert not is_texture_crowded(replace(config, bpp=None, num_parameters=90_000_000), FORMAT, LENGTHS, reach)


def test_half_is_left_to_the_network_beside_a_large_texture() -> None:
    config = EncoderConfig(preset="fast", bpp=0.04)
    plain = window_network(config, FORMAT, LENGTHS, 1).num_parameters
    textured = window_network(config, FORMAT, LENGTHS, 1, texture_margin=60, num_textures=1)
    network = textured.num_parameters - math.prod(textured.texture_shape)
    assert math.prod(textured.texture_shape) > 1.2 * plain
    assert 0.35 * plain < network < 0.65 * plain


@pytest.mark.parametrize(("kappa", "bpp", "num_textures"), [(1.0, 0.03, 1), (0.0, 0.085, 3), (0.0, 0.05, 1)])
def test_a_texture_takes_a_third_of_the_bits_of_as_many_parameters(kappa: float, bpp: float, num_textures: int) -> None:
    config = EncoderConfig(preset="fast", bpp=bpp)
    plain = window_network(config, FORMAT, LENGTHS, kappa)
    num_networks = 1 if kappa else 3
    textured = window_network(config, FORMAT, LENGTHS, kappa, texture_margin=6, num_textures=num_textures)
    blocks_down, blocks_across = textured.texture_blocks
    assert 8 * blocks_down - 8 < textured.coded_height + 12 <= 8 * blocks_down
    assert 8 * blocks_across - 8 < textured.coded_width + 12 <= 8 * blocks_across
    samples = math.prod(textured.texture_shape)
    bits = 2.5 * ((textured.num_parameters - samples) * num_networks + 0.35 * samples * num_textures)
    assert bits == pytest.approx(2.5 * plain.num_parameters * num_networks, rel=0.15)
    num_shared = textured.num_parameters if kappa else samples if num_textures == 1 else 0
    found = target_bits(EncoderConfig(preset="fast"), FORMAT, textured, LENGTHS, num_shared, num_textures, 0)
    symbols = sum(LENGTHS) * math.prod(textured.embedding_shape)
    assert found == pytest.approx(bits + 0.6 * symbols)


def test_kappa_is_the_user_s_else_the_preset_s() -> None:
    for kappa in (0.0, 0.3, 1.0):
        assert window_kappa(EncoderConfig(kappa=kappa), FORMAT, LENGTHS) == kappa
    paper = EncoderConfig(Backbone.HNERV, preset="paper")
    assert window_kappa(paper, FORMAT, LENGTHS) == 0.5
    assert window_kappa(replace(paper, kappa=0.2), FORMAT, LENGTHS) == 0.2


@pytest.mark.parametrize("settings", [{}, {"bpp": 100.0}])
def test_a_window_of_one_chunk_shares_everything_with_itself(settings: dict[str, float]) -> None:
    assert window_kappa(EncoderConfig(**settings), FORMAT, (33,)) == 1


def test_everything_is_shared_where_the_size_is_given_or_small() -> None:
    assert window_kappa(EncoderConfig(num_parameters=5_000_000), FORMAT, LENGTHS) == 1
    assert window_kappa(EncoderConfig(bpp=0.06), FORMAT, LENGTHS) == 1
    assert window_kappa(EncoderConfig(bpp=1e-6), FORMAT, LENGTHS) == 1  # less than the embeddings take


def test_no_more_is_shared_than_keeps_the_network_within_the_preset_s_largest() -> None:
    most = EncoderConfig(preset="fast").resolved_preset().max_parameters
    kappas = []
    whole = 2.5 * most / (FORMAT.width * FORMAT.height * sum(LENGTHS))  # bits per pixel of one such network
    for bpp in (0.9 * whole, 1.8 * whole, 2.4 * whole, 100.0):
        config = EncoderConfig(preset="fast", bpp=bpp)
        kappas.append(window_kappa(config, FORMAT, LENGTHS))
        if 0 < kappas[-1] < 1:
            assert window_network(config, FORMAT, LENGTHS, kappas[-1]).num_parameters == pytest.approx(most, rel=0.1)
    assert kappas == sorted(kappas, reverse=True)
    assert (kappas[0], kappas[-1]) == (1, 0)
    assert sum(0 < kappa < 1 for kappa in kappas) >= 2


def test_too_few_bits_are_refused_only_where_training_cannot_make_them_fewer() -> None:
    spec = network(bpp=1e-4, rate=RateRecipe(), backbone=Backbone.HNERV)
    # The authors' rule leaves out what the budget of a width counts.
    assert LEAST_CHANNELS <= spec.base_channels <= LEAST_CHANNELS + 1
    with pytest.raises(ConfigError, match="smallest network"):
        network(bpp=1e-4, backbone=Backbone.HNERV)
    assert network(bpp=1e-4, rate=RateRecipe(), backbone=Backbone.VAST).base_channels == LEAST_CHANNELS
