"""Clause 10: the mask (MASK)."""

from __future__ import annotations

import math

import numpy as np

from .boxes import Box
from .fields import Cursor, require
from .layout import Layer
from .limits import Integers
from .section import read_section
from .window import KERNEL, ROW, WEIGHT, Window


def read_window_part(cursor: Cursor, window: Window) -> None:
    """'window_idx: the window this box belongs to'."""
    cursor.number("window_idx", "u32", window.window_idx, window.window_idx)


def flags_of_layer(layer: Layer, granularity: int) -> list[int]:
    """How many units have their first parameter in the layer's weight and, if there is one, in its bias.

    Units are "numbered by the first parameter of the flat vector that belongs to them".
    """
    if len(layer.shape) == 3:
        # "each parameter", "one channel of a grid", "each tensor (a grid is one)"
        return [{WEIGHT: math.prod(layer.shape), KERNEL: layer.shape[0], ROW: layer.shape[0]}.get(granularity, 1)]
    num_outputs, num_inputs = layer.shape[:2]
    is_conv = len(layer.shape) == 4
    if granularity == WEIGHT:
        # "each parameter"
        weight, bias = math.prod(layer.shape), num_outputs
    elif granularity == KERNEL:
        # "convolution: the k x k weights of one pair of output and input channel; linear layer: for each position p and
        # input i the weights [c * num_positions + p][i] of all channels c; each bias element alone"
        weight, bias = (num_outputs if is_conv else layer.num_positions) * num_inputs, num_outputs
    elif granularity == ROW:
        # "one output channel of a convolution or one output of a linear layer, together with its bias element if the
        # layer has a bias"; "with ROW the groups of all biases are empty"
        weight, bias = num_outputs, 0
    else:
        # "each tensor (a weight and its bias are two)"
        weight, bias = 1, 1
    return [weight, bias] if layer.has_bias else [weight]


def spread_over_layer(layer: Layer, granularity: int, flags: list[np.ndarray]) -> list[np.ndarray]:
    """The flag of each parameter of the layer's tensors from those of the units."""
    if len(layer.shape) == 3:
        # The units of a grid are equally large and lie one behind the other.
        return [np.repeat(flags[0], math.prod(layer.shape) // len(flags[0]))]
    num_outputs, num_inputs = layer.shape[:2]
    if granularity == KERNEL and len(layer.shape) == 4:
        weight = np.broadcast_to(flags[0].reshape(num_outputs, num_inputs, 1, 1), layer.shape)
    elif granularity == KERNEL:
        # "With KERNEL the units of a linear layer of n inputs are thereby numbered p * n + i"
        shape = (num_outputs // layer.num_positions, layer.num_positions, num_inputs)
        weight = np.broadcast_to(flags[0].reshape(1, layer.num_positions, num_inputs), shape)
    elif granularity == ROW:
        weight = np.broadcast_to(flags[0].reshape(-1, *[1] * (len(layer.shape) - 1)), layer.shape)
    else:
        weight = np.broadcast_to(flags[0].reshape(layer.shape if granularity == WEIGHT else 1), layer.shape)
    if not layer.has_bias:
        return [weight.ravel()]
    bias = flags[0] if granularity == ROW else flags[1]
    return [weight.ravel(), np.broadcast_to(bias, (num_outputs,))]


def read_mask(data: bytes, box: Box, window: Window, integers: Integers) -> np.ndarray:
    """True for each shared parameter of the flat vector."""
    cursor = box.payload(data)
    read_window_part(cursor, window)
    integers.take(window.num_parameters, box.offset)
    # "One coded section with symbols 0 (own) and 1 (shared) follows: one flag per unit, one group per tensor of the
    # layout"; "a unit's flag lies in the group of the tensor that holds this [its first] parameter"
    sizes = [size for layer in window.layers for size in flags_of_layer(layer, window.granularity)]
    groups = read_section(cursor, sizes, 0, 1, integers)
    cursor.finish("the mask's coded section")
    mask: list[np.ndarray] = []
    for layer in window.layers:
        num_tensors = 2 if layer.has_bias else 1
        mask += spread_over_layer(layer, window.granularity, groups[len(mask) : len(mask) + num_tensors])
    flat = np.concatenate(mask) == 1
    # "The number of parameters whose flag is 1 is num_shared."
    require(int(flat.sum()) == window.num_shared, f"the mask shares {int(flat.sum())} parameters", box.offset)
    return flat
