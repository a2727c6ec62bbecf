from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from nvcodec.cli.errors import report_errors
from nvcodec.errors import ConfigError, LimitError


@pytest.mark.parametrize(
    ("error", "exit_code", "message"),
    [
        (ConfigError("kappa is 2, allowed is 0..1", "--kappa"), 2, "tool: --kappa: kappa is 2, allowed is 0..1\n"),
        (LimitError("too\nlarge"), 1, "tool: too large\n"),
        (MemoryError(), 1, "tool: out of memory\n"),
        (OSError(28, "No space left on device", "out.nvst"), 1, "tool: out.nvst: No space left on device\n"),
        (KeyboardInterrupt(), 130, "tool: interrupted\n"),
    ],
)
def test_errors_are_one_line_and_an_exit_code(error: BaseException, exit_code: int, message: str) -> None:
    @click.command()
    @report_errors
    def tool() -> None:
        raise error

    result = CliRunner().invoke(tool, prog_name="tool")
    assert result.exit_code == exit_code
    assert result.stderr == message


def test_success_and_usage_errors_pass_through() -> None:
    @click.command()
    @click.option("--number", type=int)
    @report_errors
    def tool(number: int) -> None:
        click.echo(number + 1)

    assert CliRunner().invoke(tool, ["--number", "1"]).output == "2\n"
    assert CliRunner().invoke(tool, ["--number", "x"]).exit_code == 2


def test_a_closed_pipe_is_quiet() -> None:
    code = """
import click
from nvcodec.cli.errors import report_errors
@click.command()
@report_errors
def tool():
    for _ in range(100000):
        click.echo("line")
tool()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 1
