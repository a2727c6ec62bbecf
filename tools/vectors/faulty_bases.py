"""Small sound files that the faulty ones are made from."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from tools.vectors.building import build
from tools.vectors.networks import TINY, TINY_ENERV, TINY_NERV, TINY_TEXTURE, TINY_VAST
from tools.vectors.recipes import FORMAT, StreamRecipe, WindowRecipe
from tools.vectors.sections import two_parameter_table
from tools.vectors.surgery import offset_of

SMALL = replace(FORMAT, width=8, height=4)
_HNERV = WindowRecipe(TINY, spread=8, gap=5, is_table_shared=True, embedding_range=(20, 8))


def of(*windows: WindowRecipe, **fields: object) -> bytes:
    """A finished file of frames of 8 x 4."""
    return build(StreamRecipe(windows, format=SMALL, **fields))  # type: ignore[arg-type]


def cut(data: bytes) -> bytes:
    """The file without index and trailer."""
    return data[: offset_of(data, b"INDX")]


@cache
def finished() -> bytes:
    """One window of HNeRV, chunks of two frames and one."""
    return of(_HNERV)


@cache
def unfinished() -> bytes:
    """The same without index and trailer, so that lengths may change."""
    return cut(finished())


@cache
def nerv() -> bytes:
    """Unfinished: one window of NeRV, chunks of three frames and one, the durations of the first all different."""
    return cut(of(WindowRecipe(TINY_NERV, spread=8, lengths=(3, 1), duration=0, is_table_shared=True)))


@cache
def enerv() -> bytes:
    """Unfinished: one window of E-NeRV."""
    return cut(of(WindowRecipe(TINY_ENERV, lengths=(1,), make_table=two_parameter_table, is_table_shared=True)))


@cache
def vast() -> bytes:
    """Unfinished: one window of VAST."""
    return cut(of(replace(_HNERV, network=TINY_VAST, lengths=(1,))))


@cache
def texture() -> bytes:
    """Unfinished: one window of VAST with a texture."""
    return cut(of(replace(_HNERV, network=TINY_TEXTURE, lengths=(1,))))


@cache
def bell() -> bytes:
    """Unfinished: one two-parameter table for all parameters."""
    return cut(of(replace(_HNERV, make_table=two_parameter_table, is_table_shared=True)))


@cache
def own() -> bytes:
    """Unfinished: nothing shared."""
    return cut(of(replace(_HNERV, shared_pct=0)))


@cache
def two() -> bytes:
    """Finished: two windows of two chunks of one frame with an unknown box between them."""
    first = replace(_HNERV, lengths=(1, 1))
    second = WindowRecipe(TINY_NERV, spread=8, lengths=(1, 1), first_pts=None, is_table_shared=True)
    return of(first, second, extra={1: b"between"})


@cache
def two_unfinished() -> bytes:
    """The same without index and trailer."""
    return cut(two())


@cache
def front() -> bytes:
    """Finished: with a front index and metadata."""
    return of(_HNERV, has_front_index=True, metadata=b"")
