"""Designs solved for a parameter budget: the spec of a network."""

from __future__ import annotations

import bisect
import dataclasses
import math

from nvcodec.bitstream.network_spec import ENERV_BOTTLENECK, MOTION_CHANNELS, Backbone, NetworkSpec
from nvcodec.errors import ConfigError, MalformedError
from nvcodec.networks.design import MAX_CHANNELS, NetworkDesign, base_grid
from nvcodec.video.format import VideoFormat


def solve_network(
    design: NetworkDesign,
    width: int,
    height: int,
    num_frames: int,
    num_parameters: int,
    num_outputs: int | None = None,
    texture_margin: int | None = None,
) -> NetworkSpec:
    """Solve a design for a chunk's parameter budget.

    HNeRV: the width is its authors' solution, which counts the embeddings into the budget and ignores biases, head
    and ``lower_width``. The others have no such rule: the base width whose number of parameters, embeddings and grids
    included, is nearest.

    Args:
        design: the rules.
        width, height: of the frames, in pixels.
        num_frames: frames of the chunk, each with an embedding (HNeRV, VAST).
        num_parameters: budget of one chunk: network parameters and embeddings.
        num_outputs: ``Backbone.num_outputs`` of the frames' format; None: of YUV420.
        texture_margin: pixels of the texture beyond each side of the frame; None: without a texture.

    Returns:
        A valid spec whose coded size covers the frame.

    Raises:
        ConfigError: the budget is too small or too large (the message says the limit), or the design is not valid.
    """
    design.validate()
    solver = _Solver(design, width, height, num_frames, num_outputs, texture_margin)
    return solver.solve(num_parameters)


def budget_of_width(
    design: NetworkDesign,
    width: int,
    height: int,
    num_frames: int,
    base_channels: int,
    num_outputs: int | None = None,
    texture_margin: int | None = None,
) -> int:
    """Parameters of one chunk, embeddings included, of the design's network with ``base_channels``.

    The other way round than :func:`solve_network`, whose arguments these are.
    """
    design.validate()
    solver = _Solver(design, width, height, num_frames, num_outputs, texture_margin)
    return solver.total_parameters(base_channels)


class _Solver:
    """Specs of one design, frame size and chunk length, by their base width."""

    def __init__(
        self,
        design: NetworkDesign,
        width: int,
        height: int,
        num_frames: int,
        num_outputs: int | None,
        texture_margin: int | None,
    ) -> None:
        self._design = design
        self._num_outputs = num_outputs or design.backbone.num_outputs(VideoFormat(width, height))
        self._base = base_grid(width, height, design)
        self._texture_margin = texture_margin
        self._embedding_channels = design.embedding_channels + (0 if texture_margin is None else MOTION_CHANNELS)
        self._embedding_parameters = self._embedding_channels * self._base.height * self._base.width * num_frames
        # E-NeRV's first stage narrows to a quarter of the base width, so there must be a quarter.
        self._min_channels = ENERV_BOTTLENECK if design.backbone == Backbone.ENERV else 1
        self._max_channels = int(MAX_CHANNELS / design.expansion)

    def solve(self, budget: int) -> NetworkSpec:
        minimum = self.total_parameters(self._min_channels)
        maximum = self.total_parameters(self._max_channels)
        if not minimum <= budget <= maximum:
            embeddings = f", {self._embedding_parameters} of them embeddings" if self._embedding_parameters else ""
            limit = f"smallest network has {minimum}" if budget < minimum else f"largest network has {maximum}"
            raise ConfigError(f"{budget} parameters per chunk: the {limit}{embeddings}", "parameter budget")
        is_hnerv = self._design.backbone == Backbone.HNERV
        spec = self._spec(self._hnerv_channels(budget) if is_hnerv else self._nearest(budget))
        try:
            spec.validate()
        except MalformedError as error:
            raise ConfigError(error.reason, "network design") from error
        return spec

    def _hnerv_channels(self, budget: int) -> int:
        """HNeRV's rule: the root of a x^2 + b x = budget less embeddings, rounded down."""
        design, strides = self._design, self._base.strides
        stage_weights = sum(
            (stride * stage.kernel) ** 2 * design.reduction ** (-2 * idx - 1)
            for idx, (stride, stage) in enumerate(zip(strides, design.stages(1, strides), strict=True))
        )
        # The authors count 9 weights per embedding channel and base channel, although the kernel is 1 x 1.
        stem_weights = 9 * design.embedding_channels
        decoder_budget = budget - self._embedding_parameters
        root = math.sqrt(stem_weights**2 + 4 * stage_weights * decoder_budget)
        channels = int((root - stem_weights) / (2 * stage_weights))
        return min(max(channels, self._min_channels), self._max_channels)

    def _nearest(self, budget: int) -> int:
        """The base width whose total is nearest to the budget, the smaller of two equally near."""
        widths = range(self._min_channels, self._max_channels + 1)
        above = widths[bisect.bisect_left(widths, budget, key=self.total_parameters)]
        below = max(above - 1, self._min_channels)
        return min((below, above), key=lambda channels: abs(self.total_parameters(channels) - budget))

    def total_parameters(self, base_channels: int) -> int:
        return self._embedding_parameters + self._spec(base_channels).num_parameters

    def _spec(self, base_channels: int) -> NetworkSpec:
        design = self._design
        spec = NetworkSpec(
            backbone=design.backbone,
            base_height=self._base.height,
            base_width=self._base.width,
            base_channels=base_channels,
            stages=design.stages(base_channels, self._base.strides),
            head_kernel=design.head_kernel,
            activation=design.activation,
            output_activation=design.output_activation,
            num_outputs=self._num_outputs,
            embedding_channels=self._embedding_channels,
            pe_levels=design.pe_levels,
            stem_width=design.stem_width,
            token_width=design.token_width,
            modulation_width=design.modulation_width,
            feedforward_width=design.feedforward_width,
        )
        if self._texture_margin is not None:
            return dataclasses.replace(
                spec, texture_channels=design.texture_channels, texture_margin=self._texture_margin
            )
        return self._with_grid(spec) if design.grid_channels else spec

    def _with_grid(self, spec: NetworkSpec) -> NetworkSpec:
        design = self._design
        most = design.grid_ratio * spec.num_parameters
        last_upsampling = max((idx for idx, stage in enumerate(spec.stages) if stage.stride > 1), default=0)
        for idx in range(last_upsampling, -1, -1):
            positions = spec.base_height * spec.base_width * math.prod(stage.stride for stage in spec.stages[:idx]) ** 2
            channels = int(min(design.grid_channels, most / positions))
            if 2 * channels >= design.grid_channels:
                stage = dataclasses.replace(spec.stages[idx], grid_channels=channels)
                return dataclasses.replace(spec, stages=(*spec.stages[:idx], stage, *spec.stages[idx + 1 :]))
        return spec
