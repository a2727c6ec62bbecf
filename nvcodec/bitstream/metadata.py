"""The metadata box: descriptive text packed with zstandard, which no decoder needs (spec clause "Metadata")."""

from __future__ import annotations

from collections.abc import Mapping

import zstandard

from nvcodec.errors import LimitError, MalformedError

_FRAME_MAGIC = b"\x28\xb5\x2f\xfd"
_LEVEL = 19


def pack_metadata(metadata: Mapping[str, str]) -> bytes:
    """Keys and values, each as UTF-8 followed by a zero byte, as one zstandard frame that states its size.

    Raises:
        MalformedError: a key or value contains a zero character, or a key is empty.
    """
    for key, value in metadata.items():
        if not key or "\0" in key + value:
            raise MalformedError(f"key {key!r} is empty, or it or its value contains a zero character", "metadata")
    text = "".join(f"{key}\0{value}\0" for key, value in metadata.items())
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_content_size=True, write_checksum=False)
    return compressor.compress(text.encode("utf-8"))


def parse_metadata(payload: bytes, max_bytes: int, place: str) -> dict[str, str]:
    """Invert :func:`pack_metadata`.

    Args:
        max_bytes: refuse more than this once unpacked; checked before memory is taken.

    Raises:
        LimitError: the text is longer than ``max_bytes``.
        MalformedError: the payload is not exactly one frame that states its size, or not pairs of UTF-8 texts.
    """
    data = _decompress(payload, max_bytes, place)
    try:
        texts = data.decode("utf-8").split("\0")
    except UnicodeDecodeError as error:
        raise MalformedError("metadata is not UTF-8", place) from error
    keys, values = texts[:-1:2], texts[1:-1:2]
    if texts[-1] or len(keys) != len(values) or len(set(keys)) != len(keys) or "" in keys:
        raise MalformedError("metadata is not a list of distinct keys with values", place)
    return dict(zip(keys, values, strict=True))


def _decompress(payload: bytes, max_bytes: int, place: str) -> bytes:
    if payload[:4] != _FRAME_MAGIC:
        raise MalformedError("metadata is not a zstandard frame", place)
    try:
        size = zstandard.get_frame_parameters(payload).content_size
        # The library ignores max_output_size where a frame states its size, so the statement is checked instead.
        if size == zstandard.CONTENTSIZE_UNKNOWN:
            raise MalformedError("metadata does not state its size", place)
        if size > max_bytes:
            raise LimitError(f"metadata: {size} bytes are above the limit of {max_bytes}", place)
        data = zstandard.ZstdDecompressor().decompress(payload, read_across_frames=False, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise MalformedError(f"metadata cannot be unpacked: {error}", place) from error
    if len(data) != size:
        raise MalformedError(f"metadata has {len(data)} bytes and states {size}", place)
    return data
