"""zstandard frames (RFC 8878) put together by hand, since what a compressor makes changes with its version."""

from __future__ import annotations

from collections.abc import Mapping

_MAGIC = b"\x28\xb5\x2f\xfd"
_SINGLE_SEGMENT = 0x20
_RAW, _RUN = 0, 1

COMPRESSED = bytes.fromhex(
    "28b52ffd20574501000402656e636f6465720062792068616e64006e6f746500616761696e20616e6420000100b3677102"
)
"""Two pairs in one compressed block."""


def stored(metadata: Mapping[str, str]) -> bytes:
    """Metadata in one raw block."""
    return frame(text_of(metadata))


def text_of(metadata: Mapping[str, str]) -> bytes:
    """Keys and values, each followed by a zero byte."""
    return "".join(f"{key}\0{value}\0" for key, value in metadata.items()).encode()


def frame(content: bytes, states_size: bool = True) -> bytes:
    """A frame of one raw block that states its content size, or does not."""
    # Content sizes below 256 take one byte in a single segment; otherwise a window descriptor (1 KiB) is needed.
    head = bytes([_SINGLE_SEGMENT, len(content)]) if states_size else bytes([0, 0])
    return _MAGIC + head + _block(_RAW, len(content)) + content


def run_frame(byte: bytes, count: int) -> bytes:
    """A frame of blocks that repeat one byte, its size in four bytes."""
    blocks = [128 * 1024] * (count // (128 * 1024)) + [count % (128 * 1024)]
    data = b"".join(_block(_RUN, size, idx == len(blocks) - 1) + byte for idx, size in enumerate(blocks))
    # Frame header: content size of four bytes, window of 128 KiB.
    return _MAGIC + bytes([0x80, 0x38]) + count.to_bytes(4, "little") + data


def _block(kind: int, size: int, is_last: bool = True) -> bytes:
    return (is_last + 2 * kind + 8 * size).to_bytes(3, "little")
