"""The rooms of the package and who may know whom, held by walking the imports of every module."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests import encodes

PACKAGE = Path(__file__).parents[1] / "nvcodec"
MODULES = sorted(PACKAGE.rglob("*.py"))
# From the top down: a room may import its own modules and those of the rooms behind it.
ROOMS = [
    "cli",
    "report",
    "encoder",
    "training",
    "sharing",
    "decoder",
    "networks",
    "metrics",
    "bitstream",
    "video",
    "addresses",
    "prefetch",
    "errors",
]
# The package itself names its public parts, which load when they are used.
PACKAGE_ITSELF = {"nvcodec", "nvcodec.__version__"}


def dotted_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else None


def imports_of(path: Path) -> set[str]:
    """Absolute names of everything that a module imports anywhere in it, ``from a import b`` as ``a.b``."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def imports_package(names: set[str], package: str) -> bool:
    return any(name.split(".")[0] == package for name in names)


def ids(path: Path) -> str:
    return dotted_name(path)


def test_every_room_is_known() -> None:
    rooms = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in MODULES}
    assert rooms - {"__init__"} == set(ROOMS)


@pytest.mark.parametrize("path", [path for path in MODULES if path != PACKAGE / "__init__.py"], ids=ids)
def test_imports_point_downwards(path: Path) -> None:
    own = room_of(dotted_name(path))
    assert own is not None
    allowed = set(ROOMS[ROOMS.index(own) :])
    for name in imports_of(path):
        if name.split(".")[0] == "nvcodec" and name not in PACKAGE_ITSELF:
            assert room_of(name) in allowed, f"{dotted_name(path)} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_only_video_imports_av_and_bitstream_no_torch(path: Path) -> None:
    room, names = room_of(dotted_name(path)), imports_of(path)
    assert room == "video" or not imports_package(names, "av")
    if room == "bitstream":
        assert not imports_package(names, "torch")
    if room != "cli":
        assert not imports_package(names, "click")
        assert not imports_package(names, "rich")


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_nothing_in_a_file_can_run_as_code(path: Path) -> None:
    names = imports_of(path)
    for forbidden in ("pickle", "marshal", "shelve", "dill", "joblib"):
        assert not imports_package(names, forbidden)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        assert called not in ("eval", "exec", "compile", "__import__", "torch.load", "np.load", "numpy.load"), called


@pytest.mark.parametrize("path", [path for path in MODULES if room_of(dotted_name(path)) != "cli"], ids=ids)
def test_the_library_neither_prints_nor_exits(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in ("print", "sys.exit", "exit", "quit", "os._exit")


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_modules_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < 400


LOADS = {
    "nvcodec": ["torch", "av", "numpy"],
    "nvcodec.bitstream": ["torch", "av"],
    "nvcodec.cli.nvinfo": [
        "torch",
        "av",
        "http.client",
        "fsspec",
        "nvcodec.networks",
        "nvcodec.decoder",
        "nvcodec.encoder",
    ],
    "nvcodec.cli.nvcut": ["torch", "av", "rich", "nvcodec.networks", "nvcodec.decoder", "nvcodec.encoder"],
    "nvcodec.cli.nvcat": ["torch", "av", "rich", "nvcodec.networks", "nvcodec.decoder", "nvcodec.encoder"],
    "nvcodec.cli.nvdec": ["torch", "av", "rich", "nvcodec.encoder", "nvcodec.training", "nvcodec.sharing"],
    "nvcodec.cli.nvcompare": ["torch", "av", "rich", "nvcodec.report", "nvcodec.encoder", "nvcodec.training"],
    "nvcodec.cli.nvreport": ["torch", "av", "rich", "jinja2", "nvcodec.report", "nvcodec.encoder", "nvcodec.training"],
    "nvcodec.report.page": ["nvcodec.cli", "nvcodec.encoder", "nvcodec.training"],
    "nvcodec.decoder.video_decoder": ["nvcodec.cli", "nvcodec.encoder", "nvcodec.training", "nvcodec.sharing"],
}


def test_what_importing_a_module_does_not_load() -> None:
    """In a process of its own each, all at once: an import is checked with everything that it pulls in."""
    processes = []
    for module, unwanted in LOADS.items():
        code = f"import {module}, sys; print([name for name in {unwanted} if name in sys.modules])"
        command = [sys.executable, "-c", code]
        processes.append(
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=encodes.environment())
        )
    for module, process in zip(LOADS, processes, strict=True):
        stdout, stderr = process.communicate()
        assert process.returncode == 0, stderr
        assert stdout.decode().strip() == "[]", module


def test_public_names_load_when_they_are_used() -> None:
    import nvcodec

    for name in nvcodec.__all__:
        assert getattr(nvcodec, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = nvcodec.nothing
