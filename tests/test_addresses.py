"""Paths, addresses and patterns."""

from __future__ import annotations

from pathlib import Path

import pytest

from nvcodec.addresses import is_address, is_http, matching, open_address, without_secrets
from nvcodec.errors import InputError


@pytest.mark.parametrize("name", ["s3://b/a.nvst", "memory://a", "simplecache::s3://b/a", "zip://a::s3://b/c.zip"])
def test_addresses(name: str) -> None:
    assert is_address(name)


@pytest.mark.parametrize("name", ["a.nvst", "/a/b", "a:b", "C:\\a", "//a", "a::b"])
def test_paths(name: str) -> None:
    assert not is_address(name)


def test_http() -> None:
    assert is_http("HTTPS://host/a") and is_http("http://host")
    assert not is_http("simplecache::http://host") and not is_http("http.nvst")


def test_secrets_are_left_out() -> None:
    assert without_secrets("https://me:secret@host:80/a.nvst?token=secret") == "https://host:80/a.nvst?…"
    assert without_secrets("odd?name@here.nvst") == "odd?name@here.nvst"


def test_patterns_of_paths(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("b.nvst", "a.nvst", "a.mp4", "deep/c.nvst", "[1].nvst"):
        (tmp_path / name).touch()
    assert matching(str(tmp_path / "?.nvst")) == [str(tmp_path / "a.nvst"), str(tmp_path / "b.nvst")]
    assert str(tmp_path / "deep" / "c.nvst") in matching(str(tmp_path / "**" / "*.nvst"))
    assert matching(str(tmp_path / "[1].nvst")) == [str(tmp_path / "[1].nvst")]
    assert matching("none.nvst") == ["none.nvst"]
    assert matching("http://host/a.nvst?b=*") == ["http://host/a.nvst?b=*"]
    with pytest.raises(InputError, match=r"\*\.mkv: no file matches"):
        matching(str(tmp_path / "*.mkv"))


def test_patterns_of_addresses() -> None:
    fsspec = pytest.importorskip("fsspec")
    for name in ("b", "a"):
        fsspec.filesystem("memory").pipe(f"/patterns/{name}.nvst", b"")
    assert matching("memory://patterns/*.nvst") == ["memory:///patterns/a.nvst", "memory:///patterns/b.nvst"]
    assert matching("memory://patterns/a.nvst") == ["memory://patterns/a.nvst"]
    with pytest.raises(InputError, match=r"memory://patterns/\*\.mkv: no file matches"):
        matching("memory://patterns/*.mkv")
    with pytest.raises(InputError, match="nothing"):
        matching("nothing://patterns/*")


def test_one_file_system_behind_another(tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    fsspec.filesystem("memory").pipe("/chained.nvst", b"content")
    with open_address("simplecache::memory://chained.nvst") as file:
        assert file.read() == b"content"
