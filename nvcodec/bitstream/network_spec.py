"""What a chunk's network is, as integers: the record in the file, and the flat parameter layout derived from it.

Everything that needs to know how many parameters there are and where they lie (parser, mask, quantiser, network
module, ``nvinfo``) asks :meth:`NetworkSpec.layout`; nothing else states it.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from functools import cached_property

from nvcodec.bitstream.layout import LayoutBuilder, TensorKind, TensorSpec
from nvcodec.errors import MalformedError
from nvcodec.video.format import VideoFormat

ENERV_FIRST_HEADS = 1
ENERV_SECOND_HEADS = 8
ENERV_HEAD_WIDTH = 64
ENERV_BOTTLENECK = 4
MAX_CODED_SIDE = 1 << 15
MAX_PARAMETERS = 1 << 30
MAX_MACS_PER_PIXEL = 256 * 1024
"""Multiply-accumulates per pixel of the coded size."""
VAST_BLOCK = 2
"""Side, in pixels, of the block whose samples VAST gives at one position."""
VAST_OUTPUTS = (4, 6, 8, 12)
MOTION_CHANNELS = 2
"""Channels of an embedding, its last, that move the texture: to the right and down."""
TEXTURE_BLOCK = 8
"""Side, in samples, of the square blocks whose cosine transform is coded of a texture."""
TEXTURE_BANDS = 2 * TEXTURE_BLOCK - 1
"""Tensors of a texture: coefficients of a block are of one band if their two frequencies have the same sum."""
MAX_TEXTURE_MARGIN = 1024
TEXTURE_TAPS = 16
"""Samples of the texture that one sample of it, moved, is interpolated from."""


class Backbone(enum.IntEnum):
    """The architecture of a chunk's network."""

    NERV = 1
    ENERV = 2
    HNERV = 3
    VAST = 4

    @property
    def has_embedding(self) -> bool:
        """True if each frame's input is coded in the file, False if it is a function of time."""
        return self in (Backbone.HNERV, Backbone.VAST)

    @property
    def block_side(self) -> int:
        """Pixels along each axis that one position of the head's output stands for."""
        return VAST_BLOCK if self == Backbone.VAST else 1

    def num_outputs(self, video_format: VideoFormat) -> int:
        """Channels of the head for frames of a format."""
        return video_format.samples_per_block if self == Backbone.VAST else video_format.num_planes


class Activation(enum.IntEnum):
    """Pointwise function after every layer but the head."""

    GELU = 0
    SILU = 1


class OutputActivation(enum.IntEnum):
    """Function that maps the head's output to 0..1: ``(tanh(x) + 1) / 2`` or the logistic function."""

    TANH = 0
    SIGMOID = 1


@dataclass(frozen=True)
class Stage:
    """An upsampling stage: convolution to ``channels * stride**2`` channels, pixel shuffle, activation.

    With ``grid_channels`` (VAST) a grid of parameters, as large as the stage's input and the same for all frames, is
    put behind the input's channels first.
    """

    stride: int
    kernel: int
    channels: int
    grid_channels: int = 0


@dataclass(frozen=True)
class NetworkSpec:
    """A chunk's decoder network: two equal specs describe the same function of the flat parameters.

    Attributes:
        backbone: NeRV, E-NeRV, HNeRV or VAST.
        activation: after every layer but the head.
        output_activation: after the head.
        num_outputs: channels of the head: 3 (R, G, B) or 1 (gray); VAST: samples of a block of 2 x 2 pixels.
        base_height, base_width: grid on which the first stage works.
        base_channels: channels on that grid (NeRV's and HNeRV's ``fc_dim``).
        stages: the upsampling stages, first to last.
        head_kernel: kernel of the last convolution.
        embedding_channels: channels of the coded per-frame embedding; 0 for functions of time.
        pe_levels, pe_base_num, pe_base_den: positional encoding: number of levels and its base as a fraction.
        stem_width: hidden width of the time MLP (NeRV, E-NeRV).
        token_width: width of E-NeRV's transformer.
        modulation_width: width of E-NeRV's time modulation.
        feedforward_width: hidden width of E-NeRV's transformer MLPs.
        texture_channels: channels of VAST's texture, which each frame shows moved; 0 if there is none. With one, the
            last two channels of the embedding are its motion.
        texture_margin: pixels by which the texture exceeds the coded size on each side, or more to fill its blocks.
    """

    backbone: Backbone
    base_height: int
    base_width: int
    base_channels: int
    stages: tuple[Stage, ...]
    head_kernel: int
    activation: Activation = Activation.GELU
    output_activation: OutputActivation = OutputActivation.TANH
    num_outputs: int = 3
    embedding_channels: int = 0
    pe_levels: int = 0
    pe_base_num: int = 5
    pe_base_den: int = 4
    stem_width: int = 0
    token_width: int = 0
    modulation_width: int = 0
    feedforward_width: int = 0
    texture_channels: int = 0
    texture_margin: int = 0

    def validate(self) -> None:
        """Check every field against the specification; the only place that does.

        Raises:
            MalformedError: a field is out of range or contradicts the backbone.
        """
        if self.backbone == Backbone.VAST:
            self._require(self.num_outputs in VAST_OUTPUTS, "num_outputs", self.num_outputs, "4, 6, 8 or 12")
        else:
            self._require(self.num_outputs in (1, 3), "num_outputs", self.num_outputs, "1 or 3")
        for name in ("base_height", "base_width"):
            self._require_range(name, getattr(self, name), 1, 1024)
        self._require_range("base_channels", self.base_channels, 1, 4096)
        self._require_range("number of stages", len(self.stages), 1, 8)
        for stage in self.stages:
            self._require_range("stage stride", stage.stride, 1, 8)
            self._require_range("stage channels", stage.channels, 1, 4096)
            self._require(stage.kernel in (1, 3, 5, 7), "stage kernel", stage.kernel, "1, 3, 5 or 7")
            self._require_range("stage grid channels", stage.grid_channels, 0, 255)
            if self.backbone != Backbone.VAST:
                self._require(stage.grid_channels == 0, "stage grid channels", stage.grid_channels, self._unused)
        self._require(self.head_kernel in (1, 3, 5, 7), "head_kernel", self.head_kernel, "1, 3, 5 or 7")
        self._require_range("texture_channels", self.texture_channels, 0, 16 if self.backbone == Backbone.VAST else 0)
        self._require_range(
            "texture_margin", self.texture_margin, 0, MAX_TEXTURE_MARGIN if self.texture_channels else 0
        )
        if self.backbone.has_embedding:
            self._require_range("embedding_channels", self.embedding_channels, 1, 256)
            self._require_unused("pe_levels", "stem_width")
            self._require_range("embedding_channels less motion", self.num_features, 1, 256)
        else:
            self._require_unused("embedding_channels")
            self._require_range("pe_levels", self.pe_levels, 1, 128)
            self._require_range("pe_base_num", self.pe_base_num, 1, 255)
            self._require_range("pe_base_den", self.pe_base_den, 1, 255)
            base = self.pe_base_num / self.pe_base_den
            self._require(1 <= base <= 2, "pe_base", base, "1..2")
            self._require_range("stem_width", self.stem_width, 1, 4096)
        if self.backbone == Backbone.ENERV:
            for name in ("token_width", "modulation_width", "feedforward_width"):
                self._require_range(name, getattr(self, name), 1, 4096)
            self._require_range("base_channels", self.base_channels, ENERV_BOTTLENECK, self.stages[0].channels)
        else:
            self._require_unused("token_width", "modulation_width", "feedforward_width")
        for name in ("coded_height", "coded_width"):
            self._require_range(name, getattr(self, name), 1, MAX_CODED_SIDE)
        self._require_range("num_parameters", self.num_parameters, 1, MAX_PARAMETERS)
        macs_per_pixel = -(-self.macs_per_frame // (self.coded_height * self.coded_width))
        self._require_range("multiply-accumulates per pixel", macs_per_pixel, 0, MAX_MACS_PER_PIXEL)

    @property
    def has_embedding(self) -> bool:
        """True if each frame's input is coded in the file, False if it is a function of time."""
        return self.embedding_channels > 0

    @property
    def embedding_shape(self) -> tuple[int, int, int]:
        """Shape (channels, height, width) of one frame's embedding."""
        return self.embedding_channels, self.base_height, self.base_width

    @property
    def num_features(self) -> int:
        """Channels of the embedding that the stem sees: all but motion."""
        return self.embedding_channels - (MOTION_CHANNELS if self.texture_channels else 0)

    @property
    def texture_blocks(self) -> tuple[int, int]:
        """Blocks of the texture from top to bottom and from left to right: enough for the coded size with margins."""
        margins = 2 * self.texture_margin
        return -(-(self.coded_height + margins) // TEXTURE_BLOCK), -(-(self.coded_width + margins) // TEXTURE_BLOCK)

    @property
    def texture_shape(self) -> tuple[int, int, int]:
        """Shape (channels, height, width) of the texture."""
        down, across = self.texture_blocks
        return self.texture_channels, TEXTURE_BLOCK * down, TEXTURE_BLOCK * across

    @property
    def scale(self) -> int:
        """Product of the strides: output positions per base grid position, along each axis."""
        return math.prod(stage.stride for stage in self.stages)

    @property
    def coded_height(self) -> int:
        """Height of what the network draws, in pixels, at least the frame's."""
        return self.base_height * self.scale * self.backbone.block_side

    @property
    def coded_width(self) -> int:
        """Width of what the network draws, in pixels, at least the frame's."""
        return self.base_width * self.scale * self.backbone.block_side

    @property
    def output_shape(self) -> tuple[int, int, int]:
        """Shape (num_outputs, height, width) of the head's output for one frame."""
        return self.num_outputs, self.base_height * self.scale, self.base_width * self.scale

    @property
    def num_parameters(self) -> int:
        """S, the length of the flat parameter vector, embeddings not counted."""
        last = self.layout[-1]
        return last.offset + last.size

    @cached_property
    def layout(self) -> tuple[TensorSpec, ...]:
        """The tensors of the flat parameter vector: in order of evaluation, a weight before its bias."""
        tensors = LayoutBuilder()
        _LAYOUTS[self.backbone](self, tensors)
        return tuple(tensors.tensors)

    @cached_property
    def macs_per_frame(self) -> int:
        """Multiply-accumulates to reconstruct one frame.

        Of convolutions, linear layers, attention products and the interpolation of the moved texture.
        """
        height, width = self.base_height, self.base_width
        positions = height * width
        evaluations = {"trans1": positions, "trans2": positions, "stem_xy": positions, "to_base": positions}
        macs = 0
        for tensor in self.layout:
            room = tensor.name.split(".")[0]
            if room not in ("stages", "head") and tensor.kind.is_weight:
                grid = positions if tensor.kind == TensorKind.CONV else evaluations.get(room, 1)
                macs += tensor.size * grid
        if self.backbone == Backbone.ENERV:
            macs += 2 * positions**2 * ENERV_HEAD_WIDTH * (ENERV_FIRST_HEADS + ENERV_SECOND_HEADS)
        for idx, stage in enumerate(self.stages):
            for tensor in self.layout:
                if not tensor.name.startswith(f"stages.{idx}.") or not tensor.kind.is_weight:
                    continue
                after_shuffle = tensor.name.endswith("expand.weight")
                grid = height * width * (stage.stride**2 if after_shuffle else 1)
                macs += tensor.size * (grid if tensor.kind == TensorKind.CONV else 1)
            height, width = height * stage.stride, width * stage.stride
        head = next(tensor for tensor in self.layout if tensor.name == "head.weight")
        macs += TEXTURE_TAPS * self.texture_channels * self.coded_height * self.coded_width
        return macs + head.size * height * width

    def _require(self, condition: bool, name: str, value: object, allowed: str) -> None:
        if not condition:
            raise MalformedError(f"{name} is {value}, allowed is {allowed}", "network spec")

    def _require_range(self, name: str, value: int, low: int, high: int) -> None:
        self._require(low <= value <= high, name, value, f"{low}..{high}")

    def _require_unused(self, *names: str) -> None:
        for name in names:
            self._require(getattr(self, name) == 0, name, getattr(self, name), self._unused)

    @property
    def _unused(self) -> str:
        return f"0 for {self.backbone.name}"


def coefficients_of_band(band: int) -> int:
    """How many coefficients of a block are of a band of a texture, from 0."""
    return min(band, TEXTURE_BANDS - 1 - band) + 1


def _nerv_layout(spec: NetworkSpec, tensors: LayoutBuilder) -> None:
    positions = spec.base_height * spec.base_width
    tensors.linear("stem.0", 2 * spec.pe_levels, spec.stem_width)
    tensors.linear("stem.1", spec.stem_width, spec.base_channels * positions, num_positions=positions)
    _stages_and_head(spec, tensors)


def _hnerv_layout(spec: NetworkSpec, tensors: LayoutBuilder) -> None:
    tensors.conv("stem", spec.num_features, spec.base_channels, kernel=1)
    _stages_and_head(spec, tensors)


def _enerv_layout(spec: NetworkSpec, tensors: LayoutBuilder) -> None:
    tensors.linear("stem_t.0", 2 * spec.pe_levels, spec.stem_width)
    tensors.linear("stem_t.1", spec.stem_width, spec.token_width)
    tensors.linear("stem_xy", 4 * spec.pe_levels, spec.token_width)
    for name, heads in (("trans1", ENERV_FIRST_HEADS), ("trans2", ENERV_SECOND_HEADS)):
        inner = heads * ENERV_HEAD_WIDTH
        tensors.linear(f"{name}.qkv", spec.token_width, 3 * inner, bias=False)
        tensors.linear(f"{name}.out", inner, spec.token_width)
        tensors.linear(f"{name}.feedforward.0", spec.token_width, spec.feedforward_width)
        tensors.linear(f"{name}.feedforward.1", spec.feedforward_width, spec.token_width)
    tensors.linear("to_base", spec.token_width, spec.base_channels)
    tensors.linear("modulation.0", 2 * spec.pe_levels, spec.modulation_width)
    tensors.linear("modulation.1", spec.modulation_width, spec.modulation_width)
    _stages_and_head(spec, tensors)


def _stages_and_head(spec: NetworkSpec, tensors: LayoutBuilder) -> None:
    channels, height, width = spec.base_channels, spec.base_height, spec.base_width
    for idx, stage in enumerate(spec.stages):
        if stage.grid_channels:
            tensors.grid(f"stages.{idx}.grid", stage.grid_channels, height, width)
            channels += stage.grid_channels
        if spec.backbone == Backbone.ENERV:
            tensors.linear(f"stages.{idx}.modulation", spec.modulation_width, 2 * channels)
        if spec.backbone == Backbone.ENERV and idx == 0:
            bottleneck = channels // ENERV_BOTTLENECK
            tensors.conv(f"stages.{idx}.conv", channels, bottleneck * stage.stride**2, stage.kernel)
            tensors.conv(f"stages.{idx}.expand", bottleneck, stage.channels, stage.kernel)
        else:
            tensors.conv(f"stages.{idx}.conv", channels, stage.channels * stage.stride**2, stage.kernel)
        channels, height, width = stage.channels, height * stage.stride, width * stage.stride
    if spec.texture_channels:
        for band in range(TEXTURE_BANDS):
            tensors.grid(f"texture.{band}", spec.texture_channels * coefficients_of_band(band), *spec.texture_blocks)
        channels += spec.texture_channels * VAST_BLOCK**2
    tensors.conv("head", channels, spec.num_outputs, spec.head_kernel)


_LAYOUTS = {
    Backbone.NERV: _nerv_layout,
    Backbone.ENERV: _enerv_layout,
    Backbone.HNERV: _hnerv_layout,
    Backbone.VAST: _hnerv_layout,
}
