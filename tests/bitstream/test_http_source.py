"""Reading over HTTP: exactly the ranges asked for, and no answer taken on trust."""

from __future__ import annotations

import base64
import socket
from collections.abc import Callable, Iterator

import pytest

from nvcodec.bitstream import http_source
from nvcodec.bitstream.http_source import HttpSource
from nvcodec.bitstream.source import ByteSource, open_byte_source
from nvcodec.errors import InputError, TruncatedError
from tests.range_server import Handler, RangeServer, serve

DATA = bytes(range(256)) * 4


@pytest.fixture
def server() -> Iterator[RangeServer]:
    with serve(DATA) as running:
        yield running


@pytest.fixture
def source(server: RangeServer) -> Iterator[ByteSource]:
    opened = open_byte_source(server.url)
    yield opened
    opened.close()


def test_each_read_is_one_request_on_one_connection(server: RangeServer, source: ByteSource) -> None:
    assert isinstance(source, HttpSource)
    assert not server.requests
    assert source.read_start(10) == DATA[:10]
    assert source.size == len(DATA)
    assert source.read(500, 24, "here") == DATA[500:524]
    assert source.read(1000, 24, "here") == DATA[1000:]
    assert source.read(1024, 0, "here") == b""
    assert server.ranges == [(0, 10), (500, 524), (1000, 1024)]
    assert {request.method for request in server.requests} == {"GET"}
    assert server.num_connections == 1


def test_the_end_of_the_file_is_known_without_asking(server: RangeServer, source: ByteSource) -> None:
    source.read_start(10)
    with pytest.raises(TruncatedError, match="here: the file ends at byte 1024, 2 bytes needed from 1023"):
        source.read(1023, 2, "here")
    assert len(server.requests) == 1


def test_the_size_alone_costs_one_byte(server: RangeServer, source: ByteSource) -> None:
    assert source.size == 1024
    assert server.ranges == [(0, 1)]


@pytest.mark.parametrize("data", [b"", b"abc"])
def test_a_file_shorter_than_its_start(data: bytes) -> None:
    with serve(data) as server:
        source = open_byte_source(server.url)
        assert source.read_start(10) == data
        assert source.size == len(data)
        source.close()


def test_a_chunked_answer_is_as_good(server: RangeServer, source: ByteSource) -> None:
    def chunked(handler: Handler) -> None:
        first, end = handler.asked or (0, 0)
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {first}-{end - 1}/1024")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for idx in range(first, end):
            handler.wfile.write(b"1\r\n" + DATA[idx : idx + 1] + b"\r\n")
        handler.wfile.write(b"0\r\n\r\n")

    server.behaviour = chunked
    assert source.read_start(3) == DATA[:3]
    assert source.read(700, 9, "here") == DATA[700:709]
    assert server.num_connections == 1


BAD_ANSWERS: dict[str, tuple[Callable[[Handler], None], str]] = {
    "ignores ranges": (lambda handler: handler.send_status(200, body=DATA), "does not support range requests"),
    "not found": (lambda handler: handler.send_status(404), r"HTTP status 404 \(Not Found\)"),
    "failed": (lambda handler: handler.send_status(500), "HTTP status 500"),
    "unknown status": (lambda handler: handler.send_status(599), "HTTP status 599"),
    "no range": (lambda handler: handler.send_status(416), "HTTP status 416"),
    "no Content-Range": (lambda handler: handler.send_status(206, body=b"1234567890"), "does not say which bytes"),
    "unknown size": (lambda handler: handler.send_range(content_range="bytes 100-109/*"), "does not say which bytes"),
    "other range": (lambda handler: handler.send_range(content_range="bytes 0-9/1024"), "100-109.*sends 0-9"),
    "longer range": (lambda handler: handler.send_range(content_range="bytes 100-110/1024"), "sends 100-110"),
    "shorter range": (lambda handler: handler.send_range(content_range="bytes 100-108/1024"), "sends 100-108"),
    "short body": (lambda handler: handler.send_range(body=DATA[100:105]), "10 bytes from 100, the server sends 5"),
    "long body": (lambda handler: handler.send_range(body=DATA[100:111]), "the server sends more"),
    "compressed": (
        lambda handler: handler.send_status(
            206, {"Content-Range": "bytes 100-109/1024", "Content-Encoding": "gzip"}, DATA[100:110]
        ),
        "compressed",
    ),
    "no HTTP": (lambda handler: handler.wfile.write(b"\x1b[31mSSH-2.0\r\n"), r"does not speak HTTP \(BadStatusLine\)"),
    "other size": (lambda handler: handler.send_range(content_range="bytes 100-109/2000"), "changed while it was read"),
    "circle": (lambda handler: handler.send_status(302, {"Location": "/again"}), "more than 5 redirects"),
    "leads elsewhere": (lambda handler: handler.send_status(302, {"Location": "file:///etc/passwd"}), "not an http"),
    "leads nowhere": (lambda handler: handler.send_status(302, {"Location": "http://host:bad/"}), "[Pp]ort"),
}


@pytest.mark.parametrize("kind", BAD_ANSWERS)
def test_a_bad_answer_is_an_input_error_and_the_next_good_one_is_read(
    server: RangeServer, source: ByteSource, kind: str
) -> None:
    source.read_start(10)
    server.behaviour, reason = BAD_ANSWERS[kind]
    with pytest.raises(InputError, match=reason) as caught:
        source.read(100, 10, "here")
    assert caught.value.place == server.url
    assert "\x1b" not in str(caught.value)
    if "redirect" not in reason:
        server.behaviour = Handler.send_range
        assert source.read(200, 10, "here") == DATA[200:210]


def test_an_answer_that_breaks_off(server: RangeServer, source: ByteSource) -> None:
    def break_off(handler: Handler) -> None:
        handler.send_range(body=DATA[:5], length=10)
        handler.close_connection = True

    server.behaviour = break_off
    with pytest.raises(InputError, match="asked for 10 bytes from 0, the server sends 5"):
        source.read_start(10)


@pytest.mark.parametrize("first", ["ETag", "Last-Modified"])
def test_a_file_that_changes_between_requests(server: RangeServer, source: ByteSource, first: str) -> None:
    version = iter("1123")
    server.etag = None

    def versioned(handler: Handler) -> None:
        range_header = {"Content-Range": f"bytes 0-9/{len(DATA)}"}
        handler.send_status(206, {**range_header, first: next(version)}, DATA[:10])

    server.behaviour = versioned
    source.read_start(10)
    source.read_start(10)
    with pytest.raises(InputError, match="the file changed while it was read"):
        source.read_start(10)


def test_a_silent_server(server: RangeServer, source: ByteSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_source, "TIMEOUT_S", 0.05)
    server.behaviour = lambda handler: handler.server.is_over.wait()
    with pytest.raises(InputError, match="timed out"):
        source.read_start(10)


def test_no_server() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/a.nvst"
        with pytest.raises(InputError, match="refused") as caught:
            open_byte_source(url).read_start(10)
    assert caught.value.place == url


@pytest.mark.parametrize("url", ["http://", "http:///a.nvst", "http://host:port/a.nvst", "http://[::1/a.nvst"])
def test_a_malformed_address(url: str) -> None:
    with pytest.raises(InputError):
        open_byte_source(url)


def test_an_idle_connection_that_was_closed_is_opened_again(server: RangeServer, source: ByteSource) -> None:
    def last_answer(handler: Handler) -> None:
        handler.send_range()
        handler.close_connection = True

    server.behaviour = last_answer
    source.read_start(10)
    assert source.read(100, 10, "here") == DATA[100:110]
    assert server.num_connections == 2
    assert len(server.requests) == 2


@pytest.mark.parametrize("location", ["../b.nvst?x=1", "absolute"])
def test_a_redirect_is_followed_and_remembered(server: RangeServer, source: ByteSource, location: str) -> None:
    target = server.url.replace("/folder/a.nvst", "/b.nvst?x=1") if location == "absolute" else location

    def redirect(handler: Handler) -> None:
        if handler.path.startswith("/folder/"):
            handler.send_status(302, {"Location": target})
        else:
            handler.send_range()

    server.behaviour = redirect
    assert source.read_start(10) == DATA[:10]
    assert source.read(100, 10, "here") == DATA[100:110]
    assert [request.path for request in server.requests] == ["/folder/a.nvst", "/b.nvst?x=1", "/b.nvst?x=1"]


def test_a_redirect_that_has_run_out_is_asked_for_again(server: RangeServer, source: ByteSource) -> None:
    valid = "/1"

    def redirect(handler: Handler) -> None:
        if handler.path == valid:
            handler.send_range()
        elif handler.path.startswith("/folder/"):
            handler.send_status(307, {"Location": valid})
        else:
            handler.send_status(403)

    server.behaviour = redirect
    source.read_start(10)
    valid = "/2"
    assert source.read(100, 10, "here") == DATA[100:110]
    valid = "/none"
    server.behaviour = lambda handler: handler.send_status(403)
    with pytest.raises(InputError, match="HTTP status 403"):
        source.read(100, 10, "here")
    assert [request.path for request in server.requests[2:]] == ["/1", "/folder/a.nvst", "/2", "/2", "/folder/a.nvst"]


def test_a_password_goes_to_its_server_only(server: RangeServer) -> None:
    with serve(DATA) as other:
        source = open_byte_source(server.url.replace("//", "//me:se%20cret@"))
        server.behaviour = lambda handler: handler.send_status(302, {"Location": other.url})
        assert source.read_start(10) == DATA[:10]
        expected = "Basic " + base64.b64encode(b"me:se cret").decode()
        assert [request.authorization for request in server.requests] == [expected]
        assert [request.authorization for request in other.requests] == [None]
        other.behaviour = server.behaviour = lambda handler: handler.send_status(401)
        with pytest.raises(InputError, match="HTTP status 401") as caught:
            source.read(100, 10, "here")
        source.close()
    assert caught.value.place == server.url


def test_a_redirect_within_a_server_keeps_the_password(server: RangeServer) -> None:
    source = open_byte_source(server.url.replace("//", "//me:secret@"))

    def redirect(handler: Handler) -> None:
        if handler.path.startswith("/folder/"):
            handler.send_status(301, {"Location": server.url.replace("/folder", "")})
        else:
            handler.send_range()

    server.behaviour = redirect
    source.read_start(10)
    source.close()
    assert server.requests[1].authorization == server.requests[0].authorization is not None


def test_odd_characters_are_escaped(server: RangeServer) -> None:
    source = open_byte_source(f"{server.url}/ä b%20c?q=ü d#part")
    source.read_start(1)
    source.close()
    assert server.requests[0].path == "/folder/a.nvst/%C3%A4%20b%20c?q=%C3%BC%20d"
