"""What a shell is offered while a command is typed."""

from __future__ import annotations

import importlib

import pytest
from click.shell_completion import CompletionItem, ShellComplete

from nvcodec.encoder.presets import PRESETS
from tests import encodes

SHELL = {"bash": "complete -o nosort -F", "zsh": "#compdef nvinfo", "fish": "complete --no-files --command nvinfo"}


def offers(name: str, *typed: str, begun: str = "") -> list[CompletionItem]:
    main = importlib.import_module(f"nvcodec.cli.{name}").main
    return ShellComplete(main, {}, name, f"_{name.upper()}_COMPLETE").get_completions(list(typed), begun)


@pytest.mark.parametrize("shell", SHELL)
def test_the_script_for_a_shell(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_NVINFO_COMPLETE", f"{shell}_source")
    result = encodes.run_command("nvinfo")
    assert result.returncode == 0, result.stderr
    assert SHELL[shell] in result.stdout.decode()


def test_options_and_their_values() -> None:
    assert {"--preset", "--max-time", "--resume"} <= {item.value for item in offers("nvenc", begun="--")}
    assert {item.value for item in offers("nvenc", "in.mp4", "--preset")} == set(PRESETS)
    assert [item.value for item in offers("nvenc", "--backbone", begun="v")] == ["vast"]
    assert {item.value for item in offers("nvdec", "--device")} == {"auto", "cpu", "cuda"}


@pytest.mark.parametrize("name", ["nvenc", "nvdec", "nvinfo", "nvcut", "nvcat"])
def test_sources_and_outputs_are_files(name: str) -> None:
    assert [item.type for item in offers(name, begun="in")] == ["file"]
    if name != "nvinfo":
        assert [item.type for item in offers(name, "in", "-o", begun="out")] == ["file"]
