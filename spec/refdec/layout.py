"""Clause 12: layout of the flat vector. Also the multiply-accumulates (clause 6) and activations (clause 18) of a
frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .window import Spec

NERV, ENERV, HNERV, VAST = 1, 2, 3, 4
HEAD_WIDTH = 64
HEADS = {"trans1": 1, "trans2": 8}
NUM_BANDS = 15


@dataclass(frozen=True)
class Layer:
    """A convolution, a linear layer or a grid; runs is how often its weight is used for one frame, 0 for a grid."""

    name: str
    shape: tuple[int, ...]
    runs: int
    num_positions: int = 1
    has_bias: bool = True


@dataclass(frozen=True)
class Tensor:
    """A weight or a bias in the flat vector."""

    name: str
    shape: tuple[int, ...]
    offset: int

    @property
    def end(self) -> int:
        """Index of the parameter behind the tensor."""
        return self.offset + math.prod(self.shape)


def conv(name: str, num_inputs: int, num_outputs: int, kernel: int, runs: int) -> Layer:
    """'Convolutions are (out, in, k, k)'."""
    return Layer(name, (num_outputs, num_inputs, kernel, kernel), runs)


def linear(name: str, num_inputs: int, num_outputs: int, runs: int = 1) -> Layer:
    """'linear layers (out, in)'."""
    return Layer(name, (num_outputs, num_inputs), runs)


def grid(name: str, num_channels: int, rows: int, columns: int) -> Layer:
    """'grids (channels, rows, columns)'; 'a single tensor'; 'grids and everything else count nothing' (clause 6)."""
    return Layer(name, (num_channels, rows, columns), 0, has_bias=False)


def n_of_band(k: int) -> int:
    """'Those of band k are the n(k) = min(k, 14 − k) + 1 with f + g = k.'"""
    return min(k, 14 - k) + 1


def block(name: str, spec: Spec, num_positions: int) -> list[Layer]:
    """A transformer block of ENERV; it runs at every position."""
    # "`qkv` linear token_width → 3 * 64 * H without bias; `out` linear 64 * H → token_width; `feedforward.0` linear
    # token_width → feedforward_width; `feedforward.1` linear feedforward_width → token_width"
    width = HEAD_WIDTH * HEADS[name]
    return [
        Layer(f"{name}.qkv", (3 * width, spec.token_width), num_positions, has_bias=False),
        linear(f"{name}.out", width, spec.token_width, num_positions),
        linear(f"{name}.feedforward.0", spec.token_width, spec.feedforward_width, num_positions),
        linear(f"{name}.feedforward.1", spec.feedforward_width, spec.token_width, num_positions),
    ]


def layers_before_the_stages(spec: Spec) -> list[Layer]:
    """The table of clause 12."""
    # "with h x w = base_height x base_width, P = h * w, L = pe_levels, and C(i) the channels that enter stage i"
    num_positions = spec.base_height * spec.base_width
    levels = spec.pe_levels
    if spec.backbone == NERV:
        # "stem.0 linear 2L → stem_width; stem.1 linear stem_width → C(0) * P with num_positions = P"
        shape = (spec.base_channels * num_positions, spec.stem_width)
        return [
            linear("stem.0", 2 * levels, spec.stem_width),
            Layer("stem.1", shape, 1, num_positions=num_positions),
        ]
    if spec.backbone in (HNERV, VAST):
        # "stem convolution 1 x 1, F → C(0)"
        return [conv("stem", spec.num_features, spec.base_channels, 1, num_positions)]
    # "stem_t.0 linear 2L → stem_width; stem_t.1 linear stem_width → token_width; stem_xy linear 4L → token_width; the
    # blocks trans1 (H = 1) and trans2 (H = 8); to_base linear token_width → C(0); modulation.0 linear 2L →
    # modulation_width; modulation.1 linear modulation_width → modulation_width"
    return [
        linear("stem_t.0", 2 * levels, spec.stem_width),
        linear("stem_t.1", spec.stem_width, spec.token_width),
        linear("stem_xy", 4 * levels, spec.token_width, num_positions),
        *block("trans1", spec, num_positions),
        *block("trans2", spec, num_positions),
        linear("to_base", spec.token_width, spec.base_channels, num_positions),
        linear("modulation.0", 2 * levels, spec.modulation_width),
        linear("modulation.1", spec.modulation_width, spec.modulation_width),
    ]


def layers_of(spec: Spec) -> list[Layer]:
    """All layers in the order of the vector."""
    layers = layers_before_the_stages(spec)
    # "C(0) = base_channels, C(i+1) = stage_channels[i]"
    channels = [spec.base_channels, *spec.stage_channels]
    rows, columns = spec.base_height, spec.base_width
    for i, (stride, kernel) in enumerate(zip(spec.stage_strides, spec.stage_kernels, strict=True)):
        # "The layers of stage i [...] are called `stages.i.modulation`, `stages.i.conv` and `stages.i.expand`"
        name = f"stages.{i}"
        positions = rows * columns
        # "G(i) = stage_grid_channels[i]"; "If G(i) > 0 first the grid `stages.i.grid`, a single tensor of G(i) channels
        # whose rows and columns are those of the stage's input: h and w times the strides of the stages before."
        g = spec.stage_grid_channels[i]
        if g > 0:
            layers.append(grid(f"{name}.grid", g, rows, columns))
        # "For ENERV first `modulation` linear modulation_width → 2 * C(i)"
        if spec.backbone == ENERV:
            layers.append(linear(f"{name}.modulation", spec.modulation_width, 2 * channels[i]))
        if spec.backbone == ENERV and i == 0:
            # "Then for ENERV in stage 0, with b = C(0) div 4: `conv` convolution k x k, C(0) → b * s²; `expand`
            # convolution k x k, b → C(1)." The shuffle between the two multiplies the positions by s².
            b = channels[0] // 4
            layers.append(conv(f"{name}.conv", channels[0], b * stride**2, kernel, positions))
            layers.append(conv(f"{name}.expand", b, channels[1], kernel, positions * stride**2))
        else:
            # "In all other cases `conv` convolution k x k, C(i) + G(i) → C(i+1) * s²."
            layers.append(conv(f"{name}.conv", channels[i] + g, channels[i + 1] * stride**2, kernel, positions))
        rows, columns = rows * stride, columns * stride
    # "If T > 0 then follow the 15 bands of the texture, the grids `texture.0`, `texture.1`, …, `texture.14`, each a
    # single tensor."; "`texture.k` has T * n(k) channels of BH rows and BW columns"
    t = spec.texture_channels
    if t > 0:
        layers += [grid(f"texture.{k}", t * n_of_band(k), *spec.texture_blocks) for k in range(NUM_BANDS)]
    # "Last, `head`: convolution head_kernel x head_kernel, channels of the last stage + 4 * T → num_outputs."
    layers.append(conv("head", channels[-1] + 4 * t, spec.num_outputs, spec.head_kernel, rows * columns))
    return layers


def tensors_of(layers: list[Layer]) -> list[Tensor]:
    """'its tensors one behind the other, each with its last axis running fastest [...] A weight stands before its
    bias.'"""
    tensors: list[Tensor] = []
    end = 0
    for layer in layers:
        is_grid = len(layer.shape) == 3
        tensors.append(Tensor(layer.name if is_grid else f"{layer.name}.weight", layer.shape, end))
        end = tensors[-1].end
        if layer.has_bias:
            # "biases (out)"
            tensors.append(Tensor(f"{layer.name}.bias", layer.shape[:1], end))
            end = tensors[-1].end
    return tensors


def macs_of(spec: Spec) -> int:
    """'The multiply-accumulates of one frame are the sum over all layers of clause 12 of (elements of the weight) x
    (positions at which it is evaluated), plus 2 * P² * 64 * H for each block `trans` of H heads.' (clause 6)"""
    macs = sum(layer.runs * math.prod(layer.shape) for layer in layers_of(spec))
    if spec.backbone == ENERV:
        num_positions = spec.base_height * spec.base_width
        macs += sum(2 * num_positions**2 * HEAD_WIDTH * heads for heads in HEADS.values())
    # "A texture adds 16 * texture_channels * coded_height * coded_width for its interpolation."
    return macs + 16 * spec.texture_channels * spec.coded_height * spec.coded_width


def activations_of(spec: Spec) -> list[int]:
    """'the following activations of one frame' (clause 18)."""
    num_positions = spec.base_height * spec.base_width
    # "C(0) * P"
    activations = [spec.base_channels * num_positions]
    # "for each stage i, stage_channels[i] times its positions behind the shuffle, and if G(i) > 0 (C(i) + G(i)) times
    # those of its input"
    positions, entering = num_positions, spec.base_channels
    for stride, channels, g in zip(spec.stage_strides, spec.stage_channels, spec.stage_grid_channels, strict=True):
        if g > 0:
            activations.append((entering + g) * positions)
        positions, entering = positions * stride**2, channels
        activations.append(channels * positions)
    # "if T > 0 the T * 8 * BH * 8 * BW samples of the texture, and each of 2, T and (channels of the last stage) / 4
    # + T times coded_height * coded_width"
    if spec.texture_channels > 0:
        rows, columns = spec.texture_size
        activations.append(spec.texture_channels * rows * columns)
        pixels = spec.coded_height * spec.coded_width
        activations += [2 * pixels, spec.texture_channels * pixels]
        activations.append(entering * pixels // 4 + spec.texture_channels * pixels)
    # "num_outputs * coded_height * coded_width, for VAST a quarter of this"
    quarters = 1 if spec.backbone == VAST else 4
    activations.append(spec.num_outputs * spec.coded_height * spec.coded_width * quarters // 4)
    # "and for ENERV P times the largest of 1536, 8 * P, token_width, feedforward_width and 4 * L"
    if spec.backbone == ENERV:
        widths = 1536, 8 * num_positions, spec.token_width, spec.feedforward_width, 4 * spec.pe_levels
        activations.append(num_positions * max(widths))
    return activations
