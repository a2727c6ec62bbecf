"""How commands fail: one line on stderr and an exit code, never a traceback."""

from __future__ import annotations

import functools
import io
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn, ParamSpec, TypeVar

import click

from nvcodec.cli.formatting import printable
from nvcodec.errors import NvcodecError

P = ParamSpec("P")
R = TypeVar("R")

FAILURE = 1
INTERRUPTED = 130


class OneLineCommand(click.Command):
    """A command that tells a wrong use in one line, as every other error."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Read the arguments."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.UsageError as error:
            _fail(info_name, f"{error.format_message()} See --help.", error.exit_code)


def report_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Decorate the function of a click command, below ``@click.command``.

    Errors of this project and of usage are printed as ``name: place: reason`` and end the process with their exit
    code; so are exhausted memory, a reader of our output that went away (quietly), errors of the operating system and
    Ctrl-C.
    """

    @functools.wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        if isinstance(sys.stdout, io.TextIOWrapper):
            # What a file says need not fit into the terminal's encoding.
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            return command(*args, **kwargs)
        except NvcodecError as error:
            _fail(_name(), str(error), error.exit_code)
        except click.UsageError as error:
            _fail(_name(), error.format_message(), error.exit_code)
        except BrokenPipeError:
            # The interpreter flushes stdout at exit and would complain about the closed pipe again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(FAILURE)
        except MemoryError:
            _fail(_name(), "out of memory", FAILURE)
        except KeyboardInterrupt:
            _fail(_name(), "interrupted", INTERRUPTED)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            _fail(_name(), f"{where}{error.strerror or error}", FAILURE)

    return guarded


def _name() -> str | None:
    return click.get_current_context().info_name


def _fail(name: str | None, message: str, exit_code: int) -> NoReturn:
    click.echo(f"{name or 'nvcodec'}: {printable(' '.join(message.split()))}", err=True)
    sys.exit(exit_code)
