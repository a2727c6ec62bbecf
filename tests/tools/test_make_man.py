"""The manual pages that are kept with the sources: of every command, and of what it takes today."""

from __future__ import annotations

import importlib
import tomllib
from pathlib import Path

import click
import pytest

from nvcodec import __version__

ROOT = Path(__file__).parents[2]
COMMANDS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_page_tells_every_option_with_its_help(name: str) -> None:
    page = (ROOT / "man" / f"{name}.1").read_text(encoding="utf-8")
    text = page.replace("\\-", "-").replace("\\fB", "").replace("\\fP", "")
    command = importlib.import_module(f"nvcodec.cli.{name}").main
    context = click.Context(command, info_name=name)
    assert f"{name} - {command.short_help}\n" in text
    assert f'"{__version__}"' in text
    for option in (param for param in command.params if isinstance(param, click.Option)):
        record = option.get_help_record(context)
        assert record is not None
        assert "\n".join(record) in text, f"man/{name}.1 does not tell {option.name}: run make man"


def test_pages_are_those_that_would_be_made_now(tmp_path: Path) -> None:
    pytest.importorskip("click_man")
    from tools.make_man import write_pages

    write_pages(tmp_path)
    made = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    kept = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "man").iterdir()}
    assert made == kept, "run make man"
    assert made.keys() == {f"{name}.1" for name in COMMANDS}
