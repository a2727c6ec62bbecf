"""Names of files: paths, addresses such as ``s3://…``, and patterns that stand for several of them."""

from __future__ import annotations

import glob
import os
import re
from typing import Any, BinaryIO, cast

from nvcodec.errors import InputError

_SCHEME = re.compile(r"(?:[A-Za-z][\w+.-]*::)*([A-Za-z][\w+.-]*)://")


def is_address(name: str) -> bool:
    """True for what has a scheme, as ``memory://a.nvst`` or ``simplecache::s3://bucket/a.nvst``."""
    return _SCHEME.match(name) is not None


def is_http(name: str) -> bool:
    """True for ``http://`` and ``https://``."""
    return name.lower().startswith(("http://", "https://"))


def without_secrets(name: str) -> str:
    """What to call a path or address in messages: without user, password and query, which may be secret."""
    if "://" not in name:
        return name
    address, has_query, _ = re.sub(r"(?<=://)[^/?#]*@", "", name).partition("?")
    return f"{address}?…" if has_query else address


def open_address(address: str, *, reads_ahead: bool = False) -> BinaryIO:
    """Open an address through fsspec, for reading at any position.

    Args:
        address: with a scheme that fsspec knows.
        reads_ahead: fetch more than is asked for, as for a file that is read from front to back.

    Raises:
        InputError: it cannot be opened, or fsspec or what it needs for the scheme is not installed.
    """
    file_system, path = _file_system(address)
    try:
        return cast(BinaryIO, file_system.open(path, "rb", cache_type="readahead" if reads_ahead else "none"))
    except Exception as error:  # each file system has exceptions of its own
        raise _unreadable(error, address) from error


def matching(pattern: str) -> list[str]:
    """Files that a name stands for.

    Args:
        pattern: a path or an address, or one with ``*``, ``**``, ``?`` or ``[…]``; those of ``http`` are no patterns.

    Returns:
        What the pattern matches, in order; what is no pattern, or exists as it is, itself.

    Raises:
        InputError: nothing matches, or the place cannot be listed.
    """
    if not glob.has_magic(pattern) or is_http(pattern) or os.path.exists(pattern):
        return [pattern]
    if is_address(pattern):
        file_system, path = _file_system(pattern)
        try:
            found = [str(file_system.unstrip_protocol(name)) for name in file_system.glob(path)]
        except Exception as error:  # each file system has exceptions of its own
            raise _unreadable(error, pattern) from error
    else:
        found = glob.glob(pattern, recursive=True)
    if not found:
        raise InputError("no file matches", without_secrets(pattern))
    return sorted(found)


def _file_system(address: str) -> tuple[Any, str]:
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        reason = "addresses of this kind need the package fsspec (pip install fsspec)"
        raise InputError(reason, without_secrets(address)) from error
    try:
        file_system, path = url_to_fs(address)
    except Exception as error:  # an unknown scheme, or a package for it that is missing
        raise _unreadable(error, address) from error
    return file_system, path


def _unreadable(error: Exception, address: str) -> InputError:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return InputError(reason, without_secrets(address))
