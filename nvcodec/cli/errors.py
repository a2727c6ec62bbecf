"""How commands fail: one line on stderr and an exit code, never a traceback."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import NoReturn, ParamSpec, TypeVar

import click

from nvcodec.errors import NvcodecError

P = ParamSpec("P")
R = TypeVar("R")

FAILURE = 1
INTERRUPTED = 130


def report_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Decorate the function of a click command, below ``@click.command``.

    Errors of this project are printed as ``name: place: reason`` and end the process with their exit code; so are
    exhausted memory, a reader of our output that went away (quietly), errors of the operating system and Ctrl-C.
    """

    @functools.wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except NvcodecError as error:
            _fail(str(error), error.exit_code)
        except BrokenPipeError:
            # The interpreter flushes stdout at exit and would complain about the closed pipe again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(FAILURE)
        except MemoryError:
            _fail("out of memory", FAILURE)
        except KeyboardInterrupt:
            _fail("interrupted", INTERRUPTED)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            _fail(f"{where}{error.strerror or error}", FAILURE)

    return guarded


def _fail(message: str, exit_code: int) -> NoReturn:
    name = click.get_current_context().info_name or "nvcodec"
    click.echo(f"{name}: {' '.join(message.split())}", err=True)
    sys.exit(exit_code)
