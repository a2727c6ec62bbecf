"""What a file can be read from besides HTTP."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest

from nvcodec.bitstream.source import open_byte_source, source_name
from nvcodec.errors import ConfigError, InputError, TruncatedError

DATA = bytes(range(200))


@pytest.mark.parametrize("kind", ["str", "Path", "bytes", "bytearray", "memoryview", "file"])
def test_every_kind_gives_the_same_bytes(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(DATA)
    with path.open("rb") as file:
        source = open_byte_source(
            {
                "str": str(path),
                "Path": path,
                "bytes": DATA,
                "bytearray": bytearray(DATA),
                "memoryview": memoryview(DATA),
                "file": file,
            }[kind]
        )
        assert source.size == 200
        assert source.read_start(3) == DATA[:3]
        assert source.read_start(300) == DATA
        assert source.read(50, 7, "here") == DATA[50:57]
        assert source.read(200, 0, "here") == b""
        with pytest.raises(TruncatedError, match="here: the file ends at byte 200, 2 bytes needed from 199"):
            source.read(199, 2, "here")
        source.close()
        assert not file.closed


def test_a_file_that_gives_less_than_asked_is_asked_again() -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 0, 3))

    assert open_byte_source(Slow(DATA)).read(10, 20, "here") == DATA[10:30]


def test_a_file_that_shrinks_is_truncated(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(DATA)
    source = open_byte_source(path)
    path.write_bytes(DATA[:100])
    with pytest.raises(TruncatedError, match="10 of 20 bytes could be read from 90"):
        source.read(90, 20, "here")
    source.close()


@pytest.mark.parametrize("source", [None, 5, io.StringIO("text"), ["a.nvst"]])
def test_other_things_are_refused(source: Any) -> None:
    with pytest.raises(ConfigError, match="neither a path, an address, bytes nor a binary file object"):
        open_byte_source(source)


def test_names_hold_no_secrets() -> None:
    assert source_name("https://me:secret@host:80/a.nvst?token=secret") == "https://host:80/a.nvst?…"
    assert source_name("s3://bucket/a.nvst") == "s3://bucket/a.nvst"
    assert source_name("odd?name@here.nvst") == "odd?name@here.nvst"
    assert source_name(Path("a.nvst")) == "a.nvst"
    assert source_name(b"secret") == "bytes"


def test_other_addresses_are_read_through_fsspec() -> None:
    fsspec = pytest.importorskip("fsspec")
    fsspec.filesystem("memory").pipe("/folder/a.nvst", DATA)
    source = open_byte_source("memory://folder/a.nvst")
    assert source.size == 200
    assert source.read(50, 7, "here") == DATA[50:57]
    assert source.name == "memory://folder/a.nvst"
    source.close()
    with pytest.raises(InputError, match="memory://none"):
        open_byte_source("memory://none")
    with pytest.raises(InputError, match="nothing://a"):
        open_byte_source("nothing://a")


def test_other_file_systems_read_nothing_ahead() -> None:
    """A file system with the buffer that those of fsspec share, which by default reads megabytes ahead."""
    fsspec = pytest.importorskip("fsspec")
    from fsspec.spec import AbstractBufferedFile

    ranges = []

    class CountedFile(AbstractBufferedFile):
        def _fetch_range(self, start: int, end: int) -> bytes:
            ranges.append((start, end))
            return DATA[start:end]

    class CountedFileSystem(fsspec.AbstractFileSystem):
        protocol = "counted"

        def info(self, path: str, **_: Any) -> dict[str, Any]:
            return {"name": path, "size": len(DATA), "type": "file"}

        def _open(self, path: str, mode: str = "rb", **options: Any) -> CountedFile:
            return CountedFile(self, path, mode, **options)

    fsspec.register_implementation("counted", CountedFileSystem, clobber=True)
    source = open_byte_source("counted://a.nvst")
    assert source.read_start(5) == DATA[:5]
    assert source.read(50, 7, "here") == DATA[50:57]
    source.close()
    assert ranges == [(0, 5), (50, 57)]


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(InputError, match=r"s3://host/a\.nvst: .*pip install fsspec"):
        open_byte_source("s3://me:secret@host/a.nvst")
