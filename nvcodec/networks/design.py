"""The rules by which a network's strides, channels and kernels are chosen."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from nvcodec.bitstream.network_spec import (
    Activation,
    Backbone,
    OutputActivation,
    Stage,
)
from nvcodec.errors import ConfigError

# The format's limits on the channels of a stage and on the sides of the base grid.
MAX_CHANNELS = 4096
MAX_GRID_SIDE = 1024

# Base grids near 9 x 16 positions, the authors' grid for 720p and 1080p; fewer for small frames, whose embeddings would
# else outweigh their pixels. The largest stride comes first, where it is cheapest to compute.
TARGET_POSITIONS = 9 * 16
POSITIONS_PENALTY = 0.1
STRIDE_CANDIDATES = (
    (5, 4, 3, 2, 2, 2),
    (5, 3, 2, 2, 2, 2),
    (5, 4, 2, 2, 2),
    (5, 3, 2, 2, 2),
    (4, 3, 2, 2, 2),
    (5, 2, 2, 2, 2),
    (3, 3, 2, 2, 2),
    (4, 2, 2, 2, 2),
    (5, 3, 2, 2),
    (3, 2, 2, 2, 2),
    (5, 2, 2, 2),
    (3, 3, 2, 2),
    (4, 2, 2, 2),
    (3, 2, 2, 2),
    (5, 2, 2),
    (4, 2, 2),
    (3, 3, 2),
    (3, 2, 2),
    (2, 2, 2),
    (3, 2),
    (2, 2),
    (2,),
)
# Frame sizes for which the authors publish strides that the general rule does not give. 640x320 is their 1280x640
# halved, with the same embedding.
AUTHORS_STRIDES = {
    (Backbone.HNERV, (1280, 640)): (5, 4, 4, 2, 2),
    (Backbone.HNERV, (640, 320)): (5, 4, 2, 2, 2),
    (Backbone.NERV, (1280, 640)): (5, 4, 2, 2),
}


@dataclass(frozen=True)
class NetworkDesign:
    """The rules from which a network of any size follows; the budget then fixes its width.

    Attributes:
        backbone: NeRV, E-NeRV, HNeRV or VAST.
        strides: upsampling factors, first to last; None chooses them from the frame size.
        max_merged_stride: when strides are chosen, neighbours after the first are merged while their product is at
            most this: fewer stages, which train faster. 1 merges none.
        min_pixels_per_position: when strides are chosen, fewer positions of the base grid than 9 x 16 are aimed at if
            each would stand for fewer pixels of the frame than this.
        kernel_min, kernel_max: stage i has the kernel min(kernel_min + 2 i, kernel_max); odd.
        reduction: each stage has its predecessor's channels divided by this (NeRV and E-NeRV: not the first stage,
            nor one with stride 1).
        lower_width: least channels of a stage; NeRV's and E-NeRV's first stage excepted.
        channel_multiple: channels of a stage are rounded to multiples of this (HNeRV, VAST).
        expansion: channels of the first stage over those of the base grid (NeRV, E-NeRV).
        head_kernel: kernel of the last convolution.
        embedding_channels: of HNeRV's and VAST's embedding.
        grid_channels: most channels of VAST's grid. It lies before the last stage that upsamples, or as near to that
            as at least half of them fit.
        grid_ratio: most parameters of the grid, relative to all others of the network.
        texture_channels: of VAST's texture, where it has one. A network with a texture has no grid.
        stem_width: hidden width of the time MLP (NeRV, E-NeRV).
        pe_levels: levels of the positional encoding (NeRV, E-NeRV); its base is 1.25.
        token_width, modulation_width, feedforward_width: E-NeRV's inner widths.
        activation: after every layer but the head.
        output_activation: after the head.
    """

    backbone: Backbone
    strides: tuple[int, ...] | None
    kernel_min: int
    kernel_max: int
    reduction: float
    lower_width: int
    head_kernel: int
    channel_multiple: int = 1
    max_merged_stride: int = 1
    min_pixels_per_position: int = 1000
    expansion: float = 1.0
    embedding_channels: int = 0
    grid_channels: int = 0
    grid_ratio: float = math.inf
    texture_channels: int = 0
    stem_width: int = 0
    pe_levels: int = 0
    token_width: int = 0
    modulation_width: int = 0
    feedforward_width: int = 0
    activation: Activation = Activation.GELU
    output_activation: OutputActivation = OutputActivation.TANH

    @classmethod
    def of_authors(cls, backbone: Backbone) -> NetworkDesign:
        """The design that the backbone's authors publish; of VAST, which is ours, the one measured to be best.

        NeRV: its README's commands for Big Buck Bunny, but with 80 levels and GELU, its code's defaults (the README
        has 40 levels and SiLU). E-NeRV: its configuration for Big Buck Bunny. HNeRV: its README's command.
        """
        if backbone == Backbone.HNERV:
            return cls(
                backbone,
                None,
                kernel_min=1,
                kernel_max=5,
                reduction=1.2,
                lower_width=12,
                head_kernel=3,
                embedding_channels=16,
            )
        if backbone == Backbone.VAST:
            return cls(
                backbone,
                None,
                kernel_min=3,
                kernel_max=3,
                reduction=1.2,
                lower_width=8,
                # A CPU's convolutions are nearly twice as fast on multiples of 8 as on the numbers between them.
                channel_multiple=8,
                head_kernel=3,
                embedding_channels=16,
                grid_channels=8,
                grid_ratio=0.4,
                texture_channels=1,
                min_pixels_per_position=2500,
            )
        nerv = cls(
            Backbone.NERV,
            None,
            kernel_min=3,
            kernel_max=3,
            reduction=2,
            lower_width=96,
            head_kernel=1,
            stem_width=512,
            pe_levels=80,
        )
        if backbone == Backbone.NERV:
            return nerv
        return dataclasses.replace(
            nerv,
            backbone=Backbone.ENERV,
            expansion=3.0,
            token_width=256,
            modulation_width=128,
            feedforward_width=128,
            output_activation=OutputActivation.SIGMOID,
        )

    def validate(self) -> None:
        """Check what :class:`NetworkSpec` does not: the knobs that leave no trace in a spec.

        Raises:
            ConfigError: a knob is out of range.
        """
        for name, value, low in (
            ("min_pixels_per_position", self.min_pixels_per_position, 1),
            ("reduction", self.reduction, 1),
            ("expansion", self.expansion, 1),
            ("lower_width", self.lower_width, 1),
            ("channel_multiple", self.channel_multiple, 1),
            ("kernel_min", self.kernel_min, 1),
            ("kernel_max", self.kernel_max, self.kernel_min),
            ("grid_channels", self.grid_channels, 0),
            ("grid_ratio", self.grid_ratio, 0),
        ):
            if value < low:
                raise ConfigError(f"{name} is {value}, it must be at least {low}", "network design")
        if self.strides is not None and (not self.strides or min(self.strides) < 1):
            raise ConfigError(
                f"strides are {self.strides}, they must be one or more and each at least 1", "network design"
            )

    def stages(self, base_channels: int, strides: tuple[int, ...]) -> tuple[Stage, ...]:
        """The upsampling stages that follow a base grid of ``base_channels``, by the authors' rules."""
        stages: list[Stage] = []
        channels = base_channels
        for idx, stride in enumerate(strides):
            channels = self._next_channels(channels, idx, stride)
            stages.append(Stage(stride, self._kernel(idx), channels))
        return tuple(stages)

    def _kernel(self, stage_idx: int) -> int:
        return min(self.kernel_min + 2 * stage_idx, self.kernel_max)

    def _next_channels(self, channels: int, stage_idx: int, stride: int) -> int:
        if self.backbone.has_embedding:
            multiple = self.channel_multiple
            return max(multiple * round(channels / self.reduction / multiple), self.lower_width)
        if stage_idx == 0:
            return int(channels * self.expansion)
        return max(int(channels // (1 if stride == 1 else self.reduction)), self.lower_width)


@dataclass(frozen=True)
class BaseGrid:
    """Where a network begins: its base grid, and the strides that lead from there to the frame."""

    strides: tuple[int, ...]
    height: int
    width: int


def base_grid(width: int, height: int, design: NetworkDesign) -> BaseGrid:
    """The base grid and the strides of a design for a frame size in pixels; the coded size covers the frame."""
    strides = choose_strides(width, height, design)
    scale = math.prod(strides) * design.backbone.block_side
    return BaseGrid(strides, math.ceil(height / scale), math.ceil(width / scale))


def choose_strides(width: int, height: int, design: NetworkDesign) -> tuple[int, ...]:
    """Choose a network's strides for a frame size; VAST's lead to half of it.

    The authors' strides where they publish some for the size (or for its transpose). Else the candidate with the
    least sum of padding (coded area / frame area - 1) and 0.1 per factor of two between the base grid's number of
    positions and 9 x 16 (or one per ``min_pixels_per_position``, if that is less); the first one of equals.
    """
    if design.strides is not None:
        return design.strides
    for size in ((width, height), (height, width)):
        if (design.backbone, size) in AUTHORS_STRIDES:
            return _merged(AUTHORS_STRIDES[design.backbone, size], design.max_merged_stride)

    target_positions = min(TARGET_POSITIONS, max(1.0, width * height / design.min_pixels_per_position))

    def cost(strides: tuple[int, ...]) -> float:
        scale = math.prod(strides) * design.backbone.block_side
        grid_width, grid_height = math.ceil(width / scale), math.ceil(height / scale)
        if max(grid_width, grid_height) > MAX_GRID_SIDE:
            return math.inf
        positions = grid_width * grid_height
        padding = positions * scale**2 / (width * height) - 1
        return padding + POSITIONS_PENALTY * abs(math.log2(positions / target_positions))

    return _merged(min(STRIDE_CANDIDATES, key=cost), design.max_merged_stride)


def _merged(strides: tuple[int, ...], max_stride: int) -> tuple[int, ...]:
    """Strides with neighbours multiplied, from the second on, while the product is at most ``max_stride``."""
    merged = list(strides[:2])
    for stride in strides[2:]:
        if merged[-1] * stride <= max_stride:
            merged[-1] *= stride
        else:
            merged.append(stride)
    return tuple(merged)
