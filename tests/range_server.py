"""An HTTP server on this machine that sends ranges of one file, writes down what was asked, and errs on demand."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Request:
    """What was asked, and how many bytes of the file were sent for it."""

    method: str
    path: str
    authorization: str | None
    range: tuple[int, int] | None
    sent_bytes: int


class RangeServer(ThreadingHTTPServer):
    """Serves ``data`` under every path.

    Attributes:
        requests: all requests answered so far.
        num_connections: all connections so far.
        behaviour: replaces the sound answer.
        etag: version of the file; None sends none.
        is_over: set when the test ends; a stalling answer waits for it.
    """

    daemon_threads = True

    def __init__(self, data: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.data = data
        self.requests: list[Request] = []
        self.num_connections = 0
        self.behaviour: Callable[[Handler], None] = Handler.send_range
        self.etag: str | None = '"1"'
        self.is_over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/folder/a.nvst"

    @property
    def ranges(self) -> list[tuple[int, int] | None]:
        return [request.range for request in self.requests]

    @property
    def sent_bytes(self) -> int:
        return sum(request.sent_bytes for request in self.requests)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one packet: two small ones would wait for each other's acknowledgement.
    wbufsize = -1
    server: RangeServer

    def setup(self) -> None:
        super().setup()
        self.server.num_connections += 1

    def do_GET(self) -> None:
        self.server.behaviour(self)

    def do_HEAD(self) -> None:
        self.server.behaviour(self)

    @property
    def asked(self) -> tuple[int, int] | None:
        """First byte and the one behind the last."""
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        return (int(match[1]), int(match[2]) + 1) if match else None

    def send_range(
        self, *, content_range: str | None = None, body: bytes | None = None, length: int | None = None
    ) -> None:
        """The range asked for, or with parts of the answer replaced."""
        assert self.asked is not None
        first, end = self.asked
        data, total = self.server.data[first:end], len(self.server.data)
        if not data:
            self.send_status(416, {"Content-Range": f"bytes */{total}"})
            return
        body = data if body is None else body
        headers = {"Content-Range": content_range or f"bytes {first}-{first + len(data) - 1}/{total}"}
        self.send_status(206, headers, body, length)

    def send_status(
        self, status: int, headers: dict[str, str] | None = None, body: bytes = b"", length: int | None = None
    ) -> None:
        # Written down first, for the client may look as soon as it has the answer.
        authorization = self.headers.get("Authorization")
        self.server.requests.append(Request(self.command, self.path, authorization, self.asked, len(body)))
        self.send_response(status)
        if self.server.etag is not None:
            self.send_header("ETag", self.server.etag)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@contextmanager
def serve(data: bytes) -> Iterator[RangeServer]:
    server = RangeServer(data)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.is_over.set()
        server.shutdown()
        thread.join()
        server.server_close()
