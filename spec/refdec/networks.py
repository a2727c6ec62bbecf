"""Clause 13: the networks, in binary64."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .encoding import encode
from .layout import ENERV, HEAD_WIDTH, HEADS, NUM_BANDS, n_of_band
from .window import Spec

Parameters = dict[str, np.ndarray]
SLICE = 2**16


def erf(x: np.ndarray) -> np.ndarray:
    """erf of each element, a slice at a time, for a Python float takes four times the memory."""
    flat, result = x.ravel(), np.empty(x.size)
    for start in range(0, x.size, SLICE):
        result[start : start + SLICE] = [math.erf(value) for value in flat[start : start + SLICE].tolist()]
    return result.reshape(x.shape)


def conv(parameters: Parameters, name: str, x: np.ndarray) -> np.ndarray:
    """'cross-correlation with zero padding of k div 2 on all sides, plus bias'; x is (channel, row, column)."""
    weight = parameters[f"{name}.weight"]
    kernel = weight.shape[2]
    pad = kernel // 2
    height, width = x.shape[1:]
    padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
    result = np.zeros((weight.shape[0], height, width))
    for dy in range(kernel):
        for dx in range(kernel):
            result += np.tensordot(weight[:, :, dy, dx], padded[:, dy : dy + height, dx : dx + width], axes=1)
    return result + parameters[f"{name}.bias"][:, None, None]


def linear(parameters: Parameters, name: str, x: np.ndarray) -> np.ndarray:
    """'matrix times vector, plus bias where there is one'; x is one vector or one vector per row."""
    result = x @ parameters[f"{name}.weight"].T
    bias = parameters.get(f"{name}.bias")
    return result if bias is None else result + bias


def gelu(x: np.ndarray) -> np.ndarray:
    """'GELU, x * (1 + erf(x / √2)) / 2'."""
    return x * (1 + erf(x / math.sqrt(2))) / 2


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + e^−x), without overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def silu(x: np.ndarray) -> np.ndarray:
    """'SILU, x / (1 + e^−x)'."""
    return x * sigmoid(x)


def activation_of(spec: Spec) -> Callable[[np.ndarray], np.ndarray]:
    """'activation: 0 GELU, 1 SILU' (clause 6)."""
    return [gelu, silu][spec.activation]


def output_activation(spec: Spec, x: np.ndarray) -> np.ndarray:
    """'TANH, (tanh(x) + 1) / 2, or SIGMOID, 1 / (1 + e^−x)'; '0 TANH, 1 SIGMOID' (clause 6)."""
    return (np.tanh(x) + 1) / 2 if spec.output_activation == 0 else sigmoid(x)


def shuffle(x: np.ndarray, s: int) -> np.ndarray:
    """'out[c][y*s + a][x*s + b] = in[c*s² + a*s + b][y][x]'."""
    channels, height, width = x.shape[0] // s**2, x.shape[1], x.shape[2]
    result = np.zeros((channels, height * s, width * s))
    for a in range(s):
        for b in range(s):
            result[:, a::s, b::s] = x[a * s + b :: s**2]
    return result


def softmax(x: np.ndarray) -> np.ndarray:
    """Over the last axis."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def block(parameters: Parameters, name: str, z: np.ndarray) -> np.ndarray:
    """'A block with H heads'; z is (position, token_width)."""
    # "`qkv`(z(p)) is, in this order, H queries, H keys and H values of 64 numbers each."
    heads = HEADS[name]
    qkv = linear(parameters, f"{name}.qkv", z).reshape(-1, 3, heads, HEAD_WIDTH)
    y = np.zeros((len(z), heads, HEAD_WIDTH))
    # A few positions p at a time, for there are P² numbers a(p, p').
    rows = max(1, SLICE * 16 // len(z))
    for head in range(heads):
        # "Per head, a(p, p') = softmax over p' of (query(p) · key(p')) / 8, and y(p) = Σ a(p, p') value(p')."
        query, key, value = qkv[:, 0, head], qkv[:, 1, head], qkv[:, 2, head]
        for p in range(0, len(z), rows):
            y[p : p + rows, head] = softmax(query[p : p + rows] @ key.T / 8) @ value
    # "The heads' y(p), one behind the other, go through `out` and are added: z(p) = z(p) + `out`(y(p))"
    z = z + linear(parameters, f"{name}.out", y.reshape(len(z), -1))
    # "then z(p) = z(p) + `feedforward.1`(GELU(`feedforward.0`(z(p)))), with GELU whatever the network's activation"
    return z + linear(parameters, f"{name}.feedforward.1", gelu(linear(parameters, f"{name}.feedforward.0", z)))


def grid_encodings(spec: Spec) -> np.ndarray:
    """'the grid encodings e(p) of all P positions p = row * w + column, which are the encoding of row / h (2L values)
    followed by that of column / w'."""
    rows = [encode(row, spec.base_height, spec) for row in range(spec.base_height)]
    columns = [encode(column, spec.base_width, spec) for column in range(spec.base_width)]
    return np.array([np.concatenate([row, column]) for row in rows for column in columns])


def enerv(spec: Spec, parameters: Parameters, e: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """E-NeRV: the output of the network for a time encoding and the grid encodings."""
    act = activation_of(spec)
    # "t = act(stem_t.1(act(stem_t.0(e)))); m = act(modulation.1(act(modulation.0(e)))); z(p) = act(stem_xy(e(p)))"
    t = act(linear(parameters, "stem_t.1", act(linear(parameters, "stem_t.0", e))))
    m = act(linear(parameters, "modulation.1", act(linear(parameters, "modulation.0", e))))
    z = act(linear(parameters, "stem_xy", grid))
    # "z = trans1(z); z(p) = z(p) * t (element by element); z = trans2(z)"
    z = block(parameters, "trans1", z)
    z = block(parameters, "trans2", z * t)
    # "x[c][row][column] = act(to_base(z(p)))[c]"
    x = act(linear(parameters, "to_base", z)).T.reshape(-1, spec.base_height, spec.base_width)
    for i, stride in enumerate(spec.stage_strides):
        # "(scale, shift) = act(`modulation`(m)), the first C(i) outputs being the scales"
        modulation = act(linear(parameters, f"stages.{i}.modulation", m))[:, None, None]
        scale, shift = modulation[: x.shape[0]], modulation[x.shape[0] :]
        # "With the mean and the variance (divided by the number of values) of each channel of x over its rows and
        # columns, x = (x − mean) / √(variance + 0.00001) * scale + shift."
        mean = x.mean(axis=(1, 2), keepdims=True)
        variance = ((x - mean) ** 2).mean(axis=(1, 2), keepdims=True)
        x = (x - mean) / np.sqrt(variance + 0.00001) * scale + shift
        # "Then x = shuffle(`conv`(x)); in stage 0 x = `expand`(x); then x = act(x)."
        x = shuffle(conv(parameters, f"stages.{i}.conv", x), stride)
        if i == 0:
            x = conv(parameters, "stages.0.expand", x)
        x = act(x)
    # "Result: out(`head`(x))."
    return output_activation(spec, conv(parameters, "head", x))


def stages(spec: Spec, parameters: Parameters, x: np.ndarray, blocks: np.ndarray | None = None) -> np.ndarray:
    """NeRV, HNeRV, VAST: 'Each stage: x = act(shuffle(`conv`(x))). Result: out(`head`(x)).' blocks: of a texture."""
    act = activation_of(spec)
    for i, stride in enumerate(spec.stage_strides):
        # VAST: "if it has a grid, the channels of `grid` are put behind those of x"
        if f"stages.{i}.grid" in parameters:
            x = np.concatenate([x, parameters[f"stages.{i}.grid"]])
        x = act(shuffle(conv(parameters, f"stages.{i}.conv", x), stride))
    # VAST: "If there is a texture, the 4 * T channels of its blocks, below, are put behind those of x."
    if blocks is not None:
        x = np.concatenate([x, blocks])
    return output_activation(spec, conv(parameters, "head", x))


def clip(i: np.ndarray, n: int) -> np.ndarray:
    """'the integer of 0 … n − 1 that is nearest to i'."""
    return np.minimum(np.maximum(i, 0), n - 1)


def motion_of_pixels(u: np.ndarray, height: int, width: int) -> np.ndarray:
    """'Motion of the pixel': U for all pixels from u, or V from v."""
    h, w = u.shape
    # "r = (y + 1/2) * h / H − 1/2, j = ⌊r⌋, s = r − j and q = (x + 1/2) * w / W − 1/2, i = ⌊q⌋, t = q − i"
    r = (np.arange(height)[:, None] + 0.5) * h / height - 0.5
    q = (np.arange(width)[None, :] + 0.5) * w / width - 0.5
    j, i = np.floor(r).astype(np.int64), np.floor(q).astype(np.int64)
    s, t = r - j, q - i
    # "j0 = clip(j, h), j1 = clip(j + 1, h), i0 = clip(i, w), i1 = clip(i + 1, w)"
    j0, j1, i0, i1 = clip(j, h), clip(j + 1, h), clip(i, w), clip(i + 1, w)
    # "1/2 * ((1 − s) * ((1 − t) * u[j0][i0] + t * u[j0][i1]) + s * ((1 − t) * u[j1][i0] + t * u[j1][i1]))"
    upper = (1 - t) * u[j0, i0] + t * u[j0, i1]
    lower = (1 - t) * u[j1, i0] + t * u[j1, i1]
    return 0.5 * ((1 - s) * upper + s * lower)


def cubic(d: np.ndarray) -> np.ndarray:
    """'k(d) = 5/4 * d³ − 9/4 * d² + 1 for d ≤ 1; k(d) = −3/4 * (d³ − 5 * d² + 8 * d − 4) for 1 < d ≤ 2'."""
    return np.where(d <= 1, 1.25 * d**3 - 2.25 * d**2 + 1, -0.75 * (d**3 - 5 * d**2 + 8 * d - 4))


def cosine(f: int) -> np.ndarray:
    """a(f, y) for y = 0 … 7: 'a(0, y) = √(1/8); a(f, y) = cos(π * (2 * y + 1) * f / 16) / 2 for f > 0'."""
    y = np.arange(8)
    return np.full(8, math.sqrt(1 / 8)) if f == 0 else np.cos(math.pi * (2 * y + 1) * f / 16) / 2


def texture_of(spec: Spec, parameters: Parameters) -> np.ndarray:
    """'Texture': the samples of all channels, 'the same for all frames of a chunk'."""
    bh, bw = spec.texture_blocks
    texture = np.zeros((spec.texture_channels, bh, 8, bw, 8))
    for k in range(NUM_BANDS):
        for j in range(n_of_band(k)):
            # "Its channel c * n(k) + j, 0 ≤ j < n(k), holds the coefficients of channel c of the texture with
            # f = max(0, k − 7) + j and g = k − f." (clause 12)
            f = max(0, k - 7) + j
            g = k - f
            coefficient = parameters[f"texture.{k}"][j :: n_of_band(k)]
            # "texture[c][8 * i + y][8 * l + x] = Σ over f, g = 0 … 7 of a(f, y) * a(g, x) * coefficient(f, g)[c][i][l]"
            down, across = cosine(f)[:, None, None], cosine(g)
            texture += down * across * coefficient[:, :, None, :, None]
    return texture.reshape(spec.texture_channels, 8 * bh, 8 * bw)


def blocks_of(spec: Spec, texture: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """'Texture': the 4 * T channels that the head sees; motion is the last two channels of the embedding."""
    height, width = spec.coded_height, spec.coded_width
    # "the motion of the frame over the texture, u to the right and v down"
    u, v = motion
    # "the texture at row Y = y + M + V(y, x) and column X = x + M + U(y, x)"
    row = np.arange(height)[:, None] + spec.texture_margin + motion_of_pixels(v, height, width)
    column = np.arange(width)[None, :] + spec.texture_margin + motion_of_pixels(u, height, width)
    j, i = np.floor(row).astype(np.int64), np.floor(column).astype(np.int64)
    # "z[c][y][x] = Σ over a, b = −1 … 2 of k(|Y − J − a|) * k(|X − I − b|)
    #              * texture[c][clip(J + a, 8 * BH)][clip(I + b, 8 * BW)]"
    z = np.zeros((spec.texture_channels, height, width))
    rows, columns = spec.texture_size
    for a in range(-1, 3):
        for b in range(-1, 3):
            weight = cubic(np.abs(row - j - a)) * cubic(np.abs(column - i - b))
            z += weight * texture[:, clip(j + a, rows), clip(i + b, columns)]
    # "block[4 * c + 2 * a + b][y][x] = z[c][2 * y + a][2 * x + b], a, b = 0, 1"
    blocks = np.zeros((4 * spec.texture_channels, height // 2, width // 2))
    for a in range(2):
        for b in range(2):
            blocks[2 * a + b :: 4] = z[:, a::2, b::2]
    return blocks


def frame_at(spec: Spec, parameters: Parameters, i: int, n: int, grid: np.ndarray | None) -> np.ndarray:
    """The output of a network without embeddings at the time i / n; grid: the grid encodings of E-NeRV."""
    e = encode(i, n, spec)
    if spec.backbone == ENERV:
        return enerv(spec, parameters, e, grid)
    # "g = act(`stem.1`(act(`stem.0`(e)))), viewed as C(0) channels of h x w: value of channel c at position
    # p = row * w + column is output c * P + p."
    act = activation_of(spec)
    g = act(linear(parameters, "stem.1", act(linear(parameters, "stem.0", e))))
    return stages(spec, parameters, g.reshape(spec.base_channels, spec.base_height, spec.base_width))


def frame_of(spec: Spec, parameters: Parameters, embedding: np.ndarray, texture: np.ndarray | None) -> np.ndarray:
    """HNERV: 'x = act(`stem`(embedding))'; VAST: 'x = act(`stem`(the first F channels of the embedding))'. texture: its
    samples, if there is one."""
    x = activation_of(spec)(conv(parameters, "stem", embedding[: spec.num_features]))
    blocks = None
    if texture is not None:
        blocks = blocks_of(spec, texture, embedding[spec.num_features :])
    return stages(spec, parameters, x, blocks)
