"""Bytes of a file on an HTTP server: one range request for each read, over one connection kept alive."""

from __future__ import annotations

import base64
import re
import ssl
from contextlib import closing
from dataclasses import dataclass, replace
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from nvcodec.bitstream.source import ByteSource, reason_of, source_name
from nvcodec.errors import InputError

TIMEOUT_S = 30.0
"""How long the server may be silent."""

_MAX_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_GONE = (401, 403, 404, 410)
_PORTS = {"http": 80, "https": 443}


class HttpSource(ByteSource):
    """Bytes of a file on an HTTP server that supports ranges.

    Every read is one GET of exactly those bytes; nothing else is asked for, and nothing before the first read.

    Args:
        url: ``http://`` or ``https://``; a user and password in it are sent as basic authentication.

    Raises:
        InputError: the address is malformed.
    """

    def __init__(self, url: str) -> None:
        super().__init__(source_name(url))
        self._address = self._target = self._parse_url(url)
        self._connection: HTTPConnection | None = None
        self._size: int | None = None
        self._version: str | None = None

    @property
    def size(self) -> int:
        """Number of bytes, as the first answer says."""
        if self._size is None:
            self.read_start(1)
        assert self._size is not None
        return self._size

    def read_start(self, size: int) -> bytes:
        """The first ``size`` bytes, or all if there are fewer."""
        return self._read_range(0, size)

    def close(self) -> None:
        """Close the connection; a later read opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _read_range(self, offset: int, size: int) -> bytes:
        try:
            with closing(self._request(offset, size)) as response:
                data = self._check_answer(response, offset, size)
        except BaseException as error:
            # What is left of a refused answer must not be taken for the next one.
            self.close()
            if isinstance(error, HTTPException) and not isinstance(error, OSError):
                # Its text may be the server's, which is not for the terminal.
                raise self._error(f"the server does not speak HTTP ({type(error).__name__})") from error
            if isinstance(error, (OSError, ValueError)):
                raise self._error(reason_of(error) or type(error).__name__) from error
            raise
        return data

    def _request(self, offset: int, size: int) -> HTTPResponse:
        """The answer to a request for a range, redirects followed."""
        was_redirected = self._target != self._address
        for _ in range(_MAX_REDIRECTS + 1):
            response = self._get(offset, size)
            if response.status in _REDIRECTS:
                self._redirect(response)
            elif response.status in _GONE and was_redirected:
                # An address that a redirect led to may be valid for a while only.
                self._target, was_redirected = self._address, False
            else:
                return response
            response.close()
            self.close()
        raise self._error(f"more than {_MAX_REDIRECTS} redirects")

    def _get(self, offset: int, size: int) -> HTTPResponse:
        is_kept = self._connection is not None
        try:
            return self._send(offset, size)
        except ConnectionError:
            self.close()
            if not is_kept:
                raise
        # A server closes a connection that is idle for long.
        return self._send(offset, size)

    def _send(self, offset: int, size: int) -> HTTPResponse:
        if self._connection is None:
            self._connection = self._target.connect()
        headers = {"Range": f"bytes={offset}-{offset + size - 1}", "User-Agent": "nvcodec"}
        if self._target.authorization:
            headers["Authorization"] = self._target.authorization
        self._connection.request("GET", self._target.path, headers=headers)
        return self._connection.getresponse()

    def _redirect(self, response: HTTPResponse) -> None:
        before = self._target
        self._target = self._parse_url(urljoin(before.url, response.headers.get("Location", "")))
        if before.scheme == "https" and self._target.scheme != "https":
            raise self._error("redirected from https to http")
        if before.origin == self._target.origin and not self._target.authorization:
            self._target = replace(self._target, authorization=before.authorization)

    def _check_answer(self, response: HTTPResponse, offset: int, size: int) -> bytes:
        """The bytes of an answer that is what was asked for; sets or compares the file's size and version."""
        content_range = response.headers.get("Content-Range", "")
        if response.status == 416 and content_range == "bytes */0" and offset == 0:
            self._check_version(response, 0)
            return b""
        if response.status == 200:
            raise self._error("the server does not support range requests")
        if response.status != 206:
            raise self._error(_describe(response.status))
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise self._error("the server sends the file compressed")
        match = re.fullmatch(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})", content_range)
        if match is None:
            raise self._error("the server does not say which bytes of how many it sends")
        first, last, total = map(int, match.groups())
        self._check_version(response, total)
        end = min(offset + size, total)
        if (first, last + 1) != (offset, end):
            raise self._error(f"asked for bytes {offset}-{end - 1}, the server sends {first}-{last}")
        data = response.read(end - offset + 1)
        if len(data) != end - offset:
            amount = "more" if len(data) > end - offset else f"{len(data)}"
            raise self._error(f"asked for {end - offset} bytes from {offset}, the server sends {amount}")
        return data

    def _check_version(self, response: HTTPResponse, total: int) -> None:
        version = response.headers.get("ETag") or response.headers.get("Last-Modified")
        if self._size is None:
            self._size, self._version = total, version
        elif (self._size, self._version) != (total, version):
            raise self._error("the file changed while it was read")

    def _parse_url(self, url: str) -> _Target:
        try:
            parts = urlsplit(url)
            port, path, authorization = parts.port, _request_path(parts), _authorization(parts)
        except ValueError as error:
            raise self._error(f"not an address: {error}") from error
        if parts.scheme not in _PORTS or not parts.hostname:
            raise self._error("not an http or https address with a host")
        return _Target(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], path, authorization)

    def _error(self, reason: str) -> InputError:
        return InputError(reason, self.name)


@dataclass(frozen=True)
class _Target:
    """Where requests go."""

    scheme: str
    host: str
    port: int
    path: str
    authorization: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """What may see the authorization."""
        return self.scheme, self.host, self.port

    @property
    def url(self) -> str:
        """Without user and password; relative redirects start from it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"

    def connect(self) -> HTTPConnection:
        """A connection, which opens with its first request."""
        if self.scheme == "https":
            return HTTPSConnection(self.host, self.port, timeout=TIMEOUT_S, context=ssl.create_default_context())
        return HTTPConnection(self.host, self.port, timeout=TIMEOUT_S)


def _request_path(parts: SplitResult) -> str:
    """Path and query, with whatever may not stand in a request escaped."""
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~?")
    return f"{path}?{query}" if query else path


def _authorization(parts: SplitResult) -> str:
    if parts.username is None:
        return ""
    credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"Basic {base64.b64encode(credentials.encode()).decode()}"


def _describe(status: int) -> str:
    try:
        return f"HTTP status {status} ({HTTPStatus(status).phrase})"
    except ValueError:
        return f"HTTP status {status}"
