"""HNeRV as its authors' public code has it, to be timed beside ours.

The code is github.com/haochen-rye/HNeRV; a folder with its ``model_all.py`` is given on the command line. That file
imports packages that read videos and images, in which the network has no part; they are replaced by empty ones.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nvcodec.bitstream.network_spec import NetworkSpec

# What their module imports and its network does not use.
UNUSED = {
    "timm": (),
    "timm.models": (),
    "timm.models.layers": ("DropPath",),
    "pytorchvideo": (),
    "pytorchvideo.data": (),
    "pytorchvideo.data.encoded_video": ("EncodedVideo",),
    "torchvision": (),
    "torchvision.transforms": (),
    "torchvision.transforms.functional": ("center_crop", "resize"),
    "torchvision.io": ("read_image",),
    "matplotlib": (),
    "matplotlib.path": ("Path",),
}


class AuthorsHNeRV:
    """Their network with their optimiser, at the size of one of ours; only the lines of their training loop are ours.

    Attributes:
        module: their ``HNeRV``.
        decoder: their ``HNeRVDecoder`` of it.
    """

    def __init__(self, folder: Path, spec: NetworkSpec, device: torch.device) -> None:
        """Build it by the formula of their ``train_nerv_all.py``.

        Args:
            folder: with their ``model_all.py``.
            spec: of our HNeRV by their design, whose parameters theirs has, too.
            device: where it is.
        """
        code = _load(folder / "model_all.py")
        strides = [stage.stride for stage in spec.stages]
        arguments = SimpleNamespace(
            embed="",
            ks="0_1_5",
            num_blks="1_1",
            enc_strds=strides,
            enc_dim=f"64_{spec.embedding_shape[0]}",
            conv_type=["convnext", "pshuffel"],
            norm="none",
            act="gelu",
            fc_dim=spec.base_channels,
            dec_strds=strides,
            reduce=1.2,
            lower_width=12,
            out_bias="tanh",
        )
        self.module: nn.Module = code.HNeRV(arguments).to(device)
        self.decoder: nn.Module = code.HNeRVDecoder(self.module)
        self._optimizer = torch.optim.Adam(self.module.parameters(), weight_decay=0.0)

    @property
    def num_decoder_parameters(self) -> int:
        """Parameters that a file would hold."""
        return sum(parameter.numel() for parameter in self.decoder.parameters())

    def step(self, frames: Tensor) -> float:
        """One iteration of their loop on frames (N, 3, H, W), with their squared error; returns it."""
        output, _, _ = self.module(frames)
        loss = torch.mean((output - frames) ** 2)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        return loss.item()


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("authors_hnerv", path)
    assert spec is not None
    assert spec.loader is not None
    code = importlib.util.module_from_spec(spec)
    with _unused_packages():
        spec.loader.exec_module(code)
    code.__dict__["np"] = np
    return code


@contextmanager
def _unused_packages() -> Iterator[None]:
    modules: dict[str, Any] = {name: ModuleType(name) for name in UNUSED}
    for name, attributes in UNUSED.items():
        for attribute in attributes:
            setattr(modules[name], attribute, None)
    modules["timm.models.layers"].trunc_normal_ = nn.init.trunc_normal_
    modules["decord"] = ModuleType("decord")
    modules["decord"].bridge = SimpleNamespace(set_bridge=lambda name: None)
    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
