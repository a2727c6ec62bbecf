"""The functional networks against references written with torch.nn, and what every backbone must keep."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import vector_to_parameters

from nvcodec.bitstream.layout import TensorKind
from nvcodec.bitstream.network_spec import Activation, Backbone, NetworkSpec, OutputActivation
from nvcodec.errors import MalformedError
from nvcodec.networks import NetworkDesign, build_network, solve_network, time_encoding
from nvcodec.networks.network import shuffled_convolution
from nvcodec.networks.positional import grid_encoding
from nvcodec.networks.texture import Texture
from nvcodec.video.format import ChromaSubsampling, VideoFormat

SMALL = {
    Backbone.NERV: {"lower_width": 5, "stem_width": 12, "pe_levels": 6},
    Backbone.ENERV: {
        "lower_width": 5,
        "stem_width": 12,
        "pe_levels": 6,
        "token_width": 10,
        "modulation_width": 9,
        "feedforward_width": 11,
    },
    Backbone.HNERV: {"lower_width": 5, "embedding_channels": 3},
    Backbone.VAST: {"lower_width": 5, "embedding_channels": 3, "grid_channels": 2},
}
BUDGETS = {Backbone.NERV: 9_000, Backbone.ENERV: 45_000, Backbone.HNERV: 9_000, Backbone.VAST: 9_000}
SILU_GRAY = {"activation": Activation.SILU, "output_activation": OutputActivation.SIGMOID}
GRAY = VideoFormat(30, 23, chroma_subsampling=ChromaSubsampling.GRAY)
GELU_TANH = {"activation": Activation.GELU, "output_activation": OutputActivation.TANH}


def small_spec(backbone: Backbone, **changes: object) -> NetworkSpec:
    design = dataclasses.replace(NetworkDesign.of_authors(backbone), strides=(3, 2), **SMALL[backbone])
    return dataclasses.replace(solve_network(design, 30, 23, 4, BUDGETS[backbone]), **changes)


def random_theta(spec: NetworkSpec, dtype: torch.dtype = torch.float32) -> Tensor:
    return build_network(spec).initial_parameters(torch.Generator().manual_seed(1)).to(dtype)


def some_inputs(spec: NetworkSpec, dtype: torch.dtype = torch.float32) -> Tensor:
    if spec.has_embedding:
        return torch.randn(3, *spec.embedding_shape, generator=torch.Generator().manual_seed(2)).to(dtype)
    return torch.from_numpy(time_encoding([0, 2, 3], 4, spec)).to(dtype)


def activation(spec: NetworkSpec) -> nn.Module:
    return nn.GELU() if spec.activation == Activation.GELU else nn.SiLU()


def output_activation(spec: NetworkSpec) -> nn.Module:
    return nn.Sigmoid() if spec.output_activation == OutputActivation.SIGMOID else HalfTanh()


class HalfTanh(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return (torch.tanh(x) + 1) / 2


def conv(channels_in: int, channels_out: int, kernel: int) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, kernel, padding="same")


def reference_stages(spec: NetworkSpec) -> list[nn.Module]:
    modules: list[nn.Module] = []
    channels = spec.base_channels
    for stage in spec.stages:
        channels += stage.grid_channels
        modules.append(conv(channels, stage.channels * stage.stride**2, stage.kernel))
        modules += [nn.PixelShuffle(stage.stride), activation(spec)]
        channels = stage.channels
    return [*modules, conv(channels, spec.num_outputs, spec.head_kernel), output_activation(spec)]


def hnerv_reference(spec: NetworkSpec) -> nn.Sequential:
    stem = [conv(spec.embedding_channels, spec.base_channels, 1), activation(spec)]
    return nn.Sequential(*stem, *reference_stages(spec))


class Grid(nn.Module):
    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.grid = nn.Parameter(torch.empty(channels, height, width))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, torch.stack([self.grid] * len(x))], dim=1)


def vast_reference(spec: NetworkSpec) -> nn.Module:
    """HNeRV's with a grid before the second of its two stages."""
    modules = list(hnerv_reference(spec))
    assert [stage.grid_channels for stage in spec.stages] == [0, 2]
    scale = spec.stages[0].stride
    modules.insert(5, Grid(2, scale * spec.base_height, scale * spec.base_width))
    return nn.Sequential(*modules)


def nerv_reference(spec: NetworkSpec) -> nn.Module:
    positions = spec.base_height * spec.base_width
    return nn.Sequential(
        nn.Linear(2 * spec.pe_levels, spec.stem_width),
        activation(spec),
        nn.Linear(spec.stem_width, spec.base_channels * positions),
        activation(spec),
        nn.Unflatten(1, (spec.base_channels, spec.base_height, spec.base_width)),
        *reference_stages(spec),
    )


class TransformerReference(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * heads * 64, bias=False)
        self.out = nn.Linear(heads * 64, width)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, x: Tensor) -> Tensor:
        batch, length, _ = x.shape
        q, k, v = (part.reshape(batch, length, self.heads, 64).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=-1))
        mixed = nn.functional.scaled_dot_product_attention(q, k, v)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, -1))
        return x + self.mlp(x)


class ENeRVReference(nn.Module):
    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        self.spec = spec
        self.act = activation(spec)
        width, length = spec.token_width, 2 * spec.pe_levels
        self.stem_t = nn.Sequential(
            nn.Linear(length, spec.stem_width), self.act, nn.Linear(spec.stem_width, width), self.act
        )
        self.stem_xy = nn.Sequential(nn.Linear(2 * length, width), self.act)
        self.trans1 = TransformerReference(width, 1, spec.feedforward_width)
        self.trans2 = TransformerReference(width, 8, spec.feedforward_width)
        self.to_base = nn.Sequential(nn.Linear(width, spec.base_channels), self.act)
        time_width = spec.modulation_width
        self.time = nn.Sequential(nn.Linear(length, time_width), self.act, nn.Linear(time_width, time_width), self.act)
        self.stages = nn.ModuleList()
        channels = spec.base_channels
        for idx, stage in enumerate(spec.stages):
            modulation = nn.Sequential(nn.Linear(time_width, 2 * channels), self.act)
            if idx == 0:
                up = nn.Sequential(
                    conv(channels, channels // 4 * stage.stride**2, 3),
                    nn.PixelShuffle(stage.stride),
                    conv(channels // 4, stage.channels, 3),
                )
            else:
                up = nn.Sequential(conv(channels, stage.channels * stage.stride**2, 3), nn.PixelShuffle(stage.stride))
            self.stages.append(nn.ModuleList([modulation, nn.InstanceNorm2d(channels), up]))
            channels = stage.channels
        self.head = nn.Sequential(conv(channels, spec.num_outputs, 1), output_activation(spec))

    def forward(self, times: Tensor) -> Tensor:
        spec = self.spec
        tokens = self.trans1(self.stem_xy(torch.from_numpy(grid_encoding(spec))).expand(len(times), -1, -1))
        tokens = self.trans2(torch.einsum("nlw,nw->nlw", tokens, self.stem_t(times)))
        x = self.to_base(tokens).reshape(-1, spec.base_height, spec.base_width, spec.base_channels).permute(0, 3, 1, 2)
        time = self.time(times)
        for modulation, norm, up in self.stages:
            scale, shift = modulation(time).unsqueeze(-1).unsqueeze(-1).chunk(2, dim=1)
            x = self.act(up(norm(x) * scale + shift))
        return self.head(x)


REFERENCES = {
    Backbone.NERV: nerv_reference,
    Backbone.ENERV: ENeRVReference,
    Backbone.HNERV: hnerv_reference,
    Backbone.VAST: vast_reference,
}


@pytest.mark.parametrize("changes", [GELU_TANH, SILU_GRAY], ids=["gelu-tanh", "silu-sigmoid-gray"])
@pytest.mark.parametrize("backbone", list(Backbone))
def test_equals_its_reference(backbone: Backbone, changes: dict[str, object]) -> None:
    num_outputs = backbone.num_outputs(GRAY if changes is SILU_GRAY else VideoFormat(30, 23))
    spec = small_spec(backbone, num_outputs=num_outputs, **changes)
    theta = 2 * random_theta(spec)  # wider than at the start, so that nothing is near zero
    for tensor in spec.layout:
        if tensor.kind == TensorKind.GRID:
            theta[tensor.offset : tensor.offset + tensor.size] = torch.linspace(-1, 1, tensor.size)
    reference = REFERENCES[backbone](spec)
    assert sum(parameter.numel() for parameter in reference.parameters()) == spec.num_parameters
    vector_to_parameters(theta, reference.parameters())
    inputs = some_inputs(spec)
    with torch.no_grad():
        expected = reference(inputs)
    frames = build_network(spec)(theta, inputs)
    assert frames.shape == (3, *spec.output_shape)
    assert expected.std() > 0.01
    torch.testing.assert_close(frames, expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("backbone", list(Backbone))
def test_float64_and_float32_agree(backbone: Backbone) -> None:
    spec = small_spec(backbone)
    network = build_network(spec)
    precise = network.to(dtype=torch.float64)(random_theta(spec, torch.float64), some_inputs(spec, torch.float64))
    assert precise.dtype == torch.float64
    single = network(random_theta(spec), some_inputs(spec))
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), precise, rtol=0, atol=1e-5)


@pytest.mark.parametrize("backbone", list(Backbone))
def test_gradient_reaches_every_tensor_as_one_vector(backbone: Backbone) -> None:
    spec = small_spec(backbone)
    theta = random_theta(spec).requires_grad_()
    inputs = some_inputs(spec).requires_grad_()
    weights = torch.linspace(-1, 1, spec.output_shape[2])
    (build_network(spec)(theta, inputs) * weights).sum().backward()
    assert theta.grad is not None
    assert theta.grad.shape == (spec.num_parameters,)
    for tensor in spec.layout:
        assert theta.grad[tensor.offset : tensor.offset + tensor.size].abs().max() > 0, tensor.name
    assert inputs.grad is not None
    assert inputs.grad.abs().max() > 0


@pytest.mark.parametrize("backbone", list(Backbone))
def test_gradient_is_the_slope_of_the_output(backbone: Backbone) -> None:
    spec = small_spec(backbone)
    network = build_network(spec)
    theta = random_theta(spec, torch.float64).requires_grad_()
    inputs = some_inputs(spec, torch.float64)
    direction = torch.randn(theta.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    network(theta, inputs).square().sum().backward()
    with torch.no_grad():
        above, below = (network(theta + step * direction, inputs).square().sum() for step in (1e-6, -1e-6))
    assert theta.grad is not None
    assert torch.dot(theta.grad, direction).item() == pytest.approx(((above - below) / 2e-6).item(), rel=1e-6)


@pytest.mark.parametrize("backbone", list(Backbone))
def test_frames_do_not_depend_on_their_batch_or_on_inference_mode(backbone: Backbone) -> None:
    spec = small_spec(backbone)
    network = build_network(spec)
    theta, inputs = random_theta(spec), some_inputs(spec)
    batch = network(theta, inputs)
    with torch.inference_mode():
        alone = torch.cat([network(theta, frame_input) for frame_input in inputs.split(1)])
    torch.testing.assert_close(alone, batch, rtol=0, atol=1e-6)
    assert not torch.equal(batch[0], batch[1])


@pytest.mark.parametrize("backbone", list(Backbone))
def test_one_position_grids_work(backbone: Backbone) -> None:
    design = dataclasses.replace(NetworkDesign.of_authors(backbone), strides=(2,), **SMALL[backbone])
    spec = solve_network(design, 2 * backbone.block_side, 1, 4, BUDGETS[backbone])
    frames = build_network(spec)(random_theta(spec), some_inputs(spec))
    assert frames.shape == (3, spec.num_outputs, 2, 2)
    assert frames.isfinite().all()


def test_an_invalid_spec_is_refused() -> None:
    with pytest.raises(MalformedError, match="head_kernel"):
        build_network(small_spec(Backbone.NERV, head_kernel=2))


@pytest.mark.parametrize("backbone", list(Backbone))
def test_initial_parameters_are_distributed_as_pytorch_starts(backbone: Backbone) -> None:
    spec = solve_network(NetworkDesign.of_authors(backbone), 320, 180, 30, 3_000_000)
    theta = build_network(spec).initial_parameters(torch.Generator().manual_seed(0))
    assert theta.dtype == torch.float32
    for weight, bias in zip(spec.layout, spec.layout[1:], strict=False):
        if weight.size < 1000 or not weight.name.endswith("weight"):
            continue
        out_width, in_width, *kernel = weight.shape
        layer = nn.Conv2d(in_width, out_width, kernel[0]) if kernel else nn.Linear(in_width, out_width)
        drawn = theta[weight.offset : weight.offset + weight.size]
        assert drawn.std().item() == pytest.approx(layer.weight.std().item(), rel=0.1), weight.name
        assert drawn.abs().max().item() == pytest.approx(layer.weight.abs().max().item(), rel=0.05), weight.name
        if bias.name.endswith("bias") and bias.size > 50:
            drawn = theta[bias.offset : bias.offset + bias.size]
            assert layer.bias is not None
            assert drawn.abs().max().item() == pytest.approx(layer.bias.abs().max().item(), rel=0.2), bias.name


def test_initial_parameters_follow_from_the_generator_alone() -> None:
    spec = small_spec(Backbone.HNERV)
    first, second = (build_network(spec).initial_parameters(torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, build_network(spec).initial_parameters(torch.Generator().manual_seed(8)))


def test_a_network_begins_as_if_it_had_no_grid() -> None:
    spec = small_spec(Backbone.VAST)
    theta = build_network(spec).initial_parameters(torch.Generator().manual_seed(7))
    grids = [tensor for tensor in spec.layout if tensor.kind == TensorKind.GRID]
    assert [tensor.name for tensor in grids] == ["stages.1.grid"]
    assert [bool(theta[tensor.offset : tensor.offset + tensor.size].any()) for tensor in grids] == [False]


# Its head has one output for each channel of the texture's blocks of 2 x 2.
TEXTURED = small_spec(Backbone.VAST, num_outputs=8, embedding_channels=5, texture_channels=2, texture_margin=3)


def with_texture(theta: Tensor, spec: NetworkSpec) -> Tensor:
    """The same parameters with coefficients of a texture of noise."""
    bands = [tensor for tensor in spec.layout if tensor.is_texture]
    values = torch.randn(sum(tensor.size for tensor in bands), generator=torch.Generator().manual_seed(4))
    start, end = bands[0].offset, bands[-1].offset + bands[-1].size
    return torch.cat((theta[:start], values.to(theta), theta[end:]))


def test_the_head_sees_the_blocks_of_the_moved_texture_behind_the_last_stage() -> None:
    theta = with_texture(torch.zeros(TEXTURED.num_parameters, dtype=torch.float64), TEXTURED)
    weights = {
        tensor.name: theta[tensor.offset : tensor.offset + tensor.size].view(tensor.shape) for tensor in TEXTURED.layout
    }
    kernel, channels = TEXTURED.head_kernel // 2, TEXTURED.stages[-1].channels
    weights["head.weight"][:, channels:, kernel, kernel] = torch.eye(8)
    inputs = some_inputs(TEXTURED, torch.float64)
    texture = Texture(TEXTURED)
    expected = texture.moved(texture.samples(weights), inputs[:, 3:])
    network = build_network(TEXTURED)
    shown = network.logits(network.weights(theta), inputs)
    torch.testing.assert_close(shown, expected, rtol=0, atol=1e-12)
    assert shown.std() > 0.1


@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize(("num_frames", "stride"), [(1, 2), (3, 5), (2, 1)])
def test_a_shuffled_convolution_is_one_with_a_pixel_shuffle_behind_it(
    num_frames: int, stride: int, memory_format: torch.memory_format
) -> None:
    generator = torch.Generator().manual_seed(3)
    shapes = (num_frames, 4, 5, 7), (3 * stride**2, 4, 3, 3), (3 * stride**2,)
    x, weight, bias = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes)
    shuffled = shuffled_convolution(x.contiguous(memory_format=memory_format), weight, bias, stride)
    expected = nn.functional.pixel_shuffle(nn.functional.conv2d(x, weight, bias, padding=1), stride)
    torch.testing.assert_close(shuffled, expected, rtol=0, atol=1e-12)
    assert memory_format is torch.contiguous_format or shuffled.is_contiguous(memory_format=memory_format)


@pytest.mark.parametrize("spec", [small_spec(Backbone.HNERV), small_spec(Backbone.VAST), TEXTURED])
def test_the_head_is_less_precise_in_training_alone(spec: NetworkSpec) -> None:
    theta, inputs = random_theta(spec), some_inputs(spec)
    if spec is TEXTURED:
        theta = with_texture(theta, spec)
    network = build_network(spec)

    def logits(theta: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return network.logits(network.weights(theta), inputs)

    with torch.no_grad():
        shown, precise = logits(theta), network.logits(network.weights(theta), inputs)
    trained = logits(theta.requires_grad_())
    assert shown.dtype == trained.dtype == torch.float32
    assert not torch.equal(shown, shown.bfloat16().float())
    # A texture comes on top, in full.
    assert torch.equal(trained, trained.bfloat16().float()) == (spec is not TEXTURED)
    scale = precise.abs().max()
    assert 0 < (shown - precise).abs().max() < 0.05 * scale
    assert 0 < (trained - shown).abs().max() < 0.05 * scale


def test_motion_enters_by_the_texture_alone() -> None:
    theta = random_theta(TEXTURED)
    inputs = some_inputs(TEXTURED)
    still = torch.cat((inputs[:, :3], torch.zeros_like(inputs[:, 3:])), dim=1)
    network = build_network(TEXTURED)
    torch.testing.assert_close(network(theta, inputs), network(theta, still), rtol=0, atol=0)
    theta = with_texture(theta, TEXTURED)
    assert (network(theta, inputs) - network(theta, still)).abs().max() > 0.01


def test_the_gradient_reaches_texture_and_motion() -> None:
    theta = with_texture(random_theta(TEXTURED), TEXTURED).requires_grad_()
    inputs = some_inputs(TEXTURED).requires_grad_()
    build_network(TEXTURED)(theta, inputs).square().sum().backward()
    assert theta.grad is not None and inputs.grad is not None
    for tensor in TEXTURED.layout:
        assert theta.grad[tensor.offset : tensor.offset + tensor.size].abs().max() > 0, tensor.name
    assert torch.all(inputs.grad.abs().amax(dim=(0, 2, 3)) > 0)
