"""Small networks of every backbone for frames of 12 x 11 pixels or fewer, unless a vector says otherwise."""

from __future__ import annotations

from dataclasses import replace

from nvcodec.bitstream.network_spec import Activation, Backbone, NetworkSpec, OutputActivation, Stage

HNERV = NetworkSpec(Backbone.HNERV, 3, 3, 4, (Stage(2, 3, 4), Stage(2, 3, 4)), 3, embedding_channels=2)
NERV = NetworkSpec(Backbone.NERV, 3, 3, 4, (Stage(2, 3, 4), Stage(2, 3, 4)), 3, pe_levels=6, stem_width=6)
ENERV = NetworkSpec(
    Backbone.ENERV,
    3,
    3,
    8,
    (Stage(2, 3, 8), Stage(2, 3, 4)),
    3,
    pe_levels=4,
    stem_width=6,
    token_width=3,
    modulation_width=7,
    feedforward_width=6,
)
VAST = NetworkSpec(Backbone.VAST, 2, 3, 4, (Stage(3, 3, 4), Stage(1, 3, 5, 3)), 3, num_outputs=6, embedding_channels=2)
"""Coded 18 x 12, with a grid of 9 x 6 before its second stage."""
TINY_VAST = replace(VAST, base_height=1, base_width=2, stages=(Stage(2, 1, 2, 1),), num_outputs=6)
TEXTURE = replace(VAST, embedding_channels=4, texture_channels=1)
"""The same with a texture of 2 rows of 3 blocks, without a margin, and two channels of its motion."""
TINY_TEXTURE = replace(TINY_VAST, embedding_channels=4, texture_channels=1, texture_margin=1)
"""Its texture is one block high and two wide; a margin of 2 would fit into these, one of 0 or 3 would not."""
TINY = NetworkSpec(Backbone.HNERV, 1, 2, 3, (Stage(2, 1, 2), Stage(2, 3, 2)), 3, embedding_channels=2)
"""For frames of 8 x 4 pixels."""
TINY_NERV = NetworkSpec(Backbone.NERV, 1, 2, 2, (Stage(4, 3, 2),), 1, pe_levels=3, stem_width=4)
TINY_ENERV = replace(ENERV, base_height=1, base_width=2, base_channels=4, stages=(Stage(4, 1, 4),))


def gray(network: NetworkSpec) -> NetworkSpec:
    """The same network for gray video."""
    return replace(network, num_outputs=4 if network.backbone == Backbone.VAST else 1)


def silu(network: NetworkSpec, output: OutputActivation = OutputActivation.SIGMOID) -> NetworkSpec:
    """The same network with the other activation, and by default the other output activation."""
    return replace(network, activation=Activation.SILU, output_activation=output)
