"""Valid files that are rare: extreme sizes, beyond what a general-purpose reader has to take, or damaged elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from nvcodec.bitstream import MaskGranularity
from nvcodec.bitstream import headers as h
from nvcodec.bitstream.headers import BOX_HEADER, MAX_PTS, TableKind
from nvcodec.bitstream.network_spec import Stage
from nvcodec.bitstream.tables import Table
from nvcodec.video.format import ChromaSubsampling
from tools.vectors import faulty_bases as bases
from tools.vectors import metadata, tracks
from tools.vectors.building import build
from tools.vectors.faulty_sections import shared_groups, with_shared
from tools.vectors.faulty_windows import stated
from tools.vectors.networks import HNERV, NERV, TINY, TINY_NERV, TINY_VAST, gray
from tools.vectors.recipes import FORMAT, StreamRecipe, WindowRecipe
from tools.vectors.sections import pack_with_tables, two_parameter_table
from tools.vectors.surgery import mend, offset_of, take_apart, with_fields, with_payload
from tools.vectors.vector import CHECKSUM, LIMIT, MALFORMED, UNSUPPORTED, Vector

GRAY, YUV420 = ChromaSubsampling.GRAY, ChromaSubsampling.YUV420
TENSOR = MaskGranularity.TENSOR
DOT = replace(gray(TINY_NERV), base_width=1, stages=(Stage(1, 1, 2),))
"""Draws one pixel."""


def vectors() -> list[Vector]:
    """All of them."""
    return [*_extremes(), *_tables(), *_beyond_limits(), *_damaged_elsewhere(), *_damaged_texts(), *tracks.damaged()]


def _one(width: int, height: int, window: WindowRecipe, chroma: ChromaSubsampling = GRAY) -> bytes:
    return build(StreamRecipe((window,), format=replace(FORMAT, width=width, height=height, chroma_subsampling=chroma)))


def _extremes() -> Iterator[Vector]:
    """Within what a general-purpose reader takes."""
    line = replace(DOT, base_channels=1, pe_levels=1, stem_width=1)
    row = replace(line, base_width=1024, stages=(Stage(4, 1, 2), Stage(4, 1, 2)))
    column = replace(line, base_height=1024, stages=(Stage(2, 1, 2), Stage(2, 1, 2)))
    tall = replace(TINY_NERV, base_width=1, base_height=90, stages=(Stage(8, 1, 2),))
    broad = replace(gray(TINY), base_width=1, embedding_channels=255)
    steep = replace(TINY, stages=(Stage(8, 1, 1), Stage(8, 1, 2)))
    wide = replace(NERV, base_channels=40, stages=(Stage(2, 3, 24), Stage(2, 3, 8)))
    constant = WindowRecipe(wide, TENSOR, (1,), is_constant=True, spread=1, shifts=(0, 0))
    most = _one(1, 1, WindowRecipe(DOT, TENSOR, (1,) * 4096, shared_pct=100, duration=1))
    far = StreamRecipe(
        (
            WindowRecipe(HNERV, lengths=(1,), first_pts=-MAX_PTS),
            WindowRecipe(NERV, lengths=(1,), first_pts=MAX_PTS - 2**32 + 1, duration=2**32 - 1),
        )
    )
    bell = {"make_table": two_parameter_table, "is_table_shared": True}
    for name, about, data in (
        (
            "frame-16384x1",
            "the widest frame, one row (clause 4)",
            _one(16384, 1, WindowRecipe(row, lengths=(1,), **bell)),
        ),
        ("frame-1x4096", "one column, coded 4 wide", _one(1, 4096, WindowRecipe(column, lengths=(1,), **bell))),
        (
            "frame-1x1",
            "one pixel of YUV420: chroma over one pixel",
            _one(1, 1, WindowRecipe(replace(DOT, num_outputs=3)), YUV420),
        ),
        (
            "frame-1x1-vast",
            "one pixel of YUV420 by VAST: most of the block lies outside (clause 15)",
            _one(1, 1, WindowRecipe(replace(TINY_VAST, base_width=1)), YUV420),
        ),
        (
            "matrix-720",
            "720 rows: without a known matrix the coefficients are those of 1 (clause 15)",
            _one(1, 720, WindowRecipe(tall, lengths=(1,), **bell), YUV420),
        ),
        (
            "matrix-719",
            "719 rows: they are those of 6",
            _one(1, 719, WindowRecipe(tall, lengths=(1,), **bell), YUV420),
        ),
        (
            "tables-256",
            "256 tables in one section (clause 7)",
            _one(2, 2, WindowRecipe(broad, lengths=(3,), embedding_range=(20, 4))),
        ),
        (
            "chunks-260",
            "chunk_idx above 255",
            _one(1, 1, WindowRecipe(DOT, TENSOR, (1,) * 260, shared_pct=100, duration=1)),
        ),
        (
            "chunks-4096",
            "a window of 4096 chunks, cut in the second: no whole window (clause 6)",
            most[: offset_of(most, b"CHNK", 1) + 40],
        ),
        (
            "frames-1000",
            "1000 frames in a chunk",
            _one(2, 2, WindowRecipe(replace(DOT, base_width=2, base_height=2), lengths=(1000,))),
        ),
        (
            "coded-larger",
            "a coded size of 128 x 64 for a frame of 3 x 2 (clause 6)",
            _one(3, 2, WindowRecipe(gray(steep))),
        ),
        ("parameters-cheap", "thousands of parameters in SINGLE tables", _one(12, 11, constant, YUV420)),
        ("far-apart", "two windows at both ends of time, a duration of 2^32 - 1 (clause 11)", build(far)),
    ):
        yield Vector(name, about, data)


def _tables() -> Iterator[Vector]:
    """Clause 8, at the ends of what tables can hold."""
    groups = shared_groups()
    zeros = [0] * len(groups)
    symbols = np.concatenate(groups)
    low, high = int(symbols.min()), int(symbols.max())
    codes = bytearray([1] * (high - low + 1))
    codes[0], codes[-1] = 255, 0
    for name, about, table in (
        (
            "table-codes",
            "an EXPLICIT table of codes 0, 1 and 255: weights 0, 8 and 14 * 2^31",
            Table(TableKind.EXPLICIT, low, high, codes=bytes(codes)),
        ),
        (
            "table-range",
            "an EXPLICIT table of all 255 symbols",
            Table(TableKind.EXPLICIT, -127, 127, codes=bytes(range(1, 256))),
        ),
        (
            "table-ratio-0",
            "ratio 0: all symbols but the peak have the frequency 1",
            Table(TableKind.TWO_PARAMETER, -127, 127, 1, 0, 0),
        ),
        (
            "table-ratio-largest",
            "ratio and decay 2^32 - 1, the peak at the end",
            Table(TableKind.TWO_PARAMETER, -127, 127, -127, 2**32 - 1, 2**32 - 1),
        ),
    ):
        yield Vector(name, f"{about} (clause 8)", with_shared(pack_with_tables(groups, [table], zeros)))


def _beyond_limits() -> Iterator[Vector]:
    """Clause 1: more than a general-purpose reader takes."""
    square = replace(DOT, stages=(Stage(8, 1, 1),) * 5)
    yield Vector(
        "beyond-pixels",
        "the largest coded size, 32768 x 32768",
        _one(2, 2, WindowRecipe(square, lengths=(1,))),
        limit="2^26 pixels of a network's coded size",
    )
    long = _one(1, 1, WindowRecipe(DOT, lengths=(2**16 + 1,)))
    yield Vector("beyond-chunk-frames", "2^16 + 1 frames in a chunk", long, limit="2^16 frames of a chunk")
    deep = replace(DOT, base_width=128, base_height=128, base_channels=1, stages=(Stage(8, 1, 4096),))
    memory = WindowRecipe(deep, TENSOR, (1,), spread=0)
    yield Vector("beyond-memory", "activations of 50 GB, as clause 18 counts them", _one(2, 2, memory), limit="memory")
    many = replace(
        TINY_NERV, base_width=16, base_height=16, base_channels=256, stem_width=2049, stages=(Stage(8, 1, 1),)
    )
    yield Vector(
        "beyond-parameters",
        "a WNDW box of 2^27 parameters and more, where the file ends",
        stated(many),
        limit="2^27 parameters of a network",
    )
    one = _one(1, 1, WindowRecipe(DOT, lengths=(1,), duration=1))
    count = 2**24 + 1
    more = with_fields(one, b"WNDW", h.WINDOW, [("chunk_lengths", 0, count)])
    end = [("num_frames", 0, count), ("chunk_frames", 0, count), ("chunk_end_pts", 0, count)]
    index = take_apart(with_fields(one, b"INDX", h.INDEX, end))[1][-2].payload
    more = with_payload(
        with_payload(more, b"INDX", lambda _: index), b"CHNK", lambda p: p[:4] + count.to_bytes(4, "little") + p[8:]
    )
    yield Vector("beyond-frames", "2^24 + 1 frames in a file", more, limit="2^24 frames of a file")


def _damaged_elsewhere() -> Iterator[Vector]:
    """Clause 17: damage to what a reader with an index does not read; a full verification refuses these."""
    two, front = bases.two(), bases.front()
    gap = offset_of(two, b"note")
    behind = two[gap + BOX_HEADER.size :]

    def with_header(position: int, value: bytes) -> bytes:
        return mend(two[: gap + position] + value + two[gap + position + len(value) :], gap, BOX_HEADER.size)

    no_box = two[:gap] + bytes(BOX_HEADER.size) + behind
    longer = with_fields(front, b"indx", h.FRONT_INDEX, [("file_bytes", 0, len(front) + 1)])
    different = with_fields(front, b"indx", h.INDEX, [("is_complete", 0, 0)])
    indx = offset_of(front, b"indx")
    damaged = front[: indx + BOX_HEADER.size + 9] + b"\xff" + front[indx + BOX_HEADER.size + 10 :]
    hidden = with_header(8, (2**30).to_bytes(4, "little"))
    for name, about, data, error, reason in (
        (
            "elsewhere-payload",
            "damage to an unknown box between windows",
            two[: gap + BOX_HEADER.size] + b"B" + behind[1:],
            CHECKSUM,
            "payload differs",
        ),
        ("elsewhere-no-box", "no box between windows", no_box, MALFORMED, "no box begins here"),
        ("elsewhere-sequence", "a wrong sequence", with_header(12, b"\x09"), MALFORMED, "box 9 in the place of box 6"),
        (
            "elsewhere-critical",
            "an unknown critical box between windows",
            with_header(4, b"Note"),
            UNSUPPORTED,
            "box type Note is unknown",
        ),
        (
            "elsewhere-too-long",
            "a box between windows that claims to reach beyond the end",
            hidden,
            MALFORMED,
            "the index differs from the boxes",
        ),
        (
            "elsewhere-indx-crc",
            "damage to indx: as if the box were not there (clause 16)",
            damaged,
            CHECKSUM,
            "payload differs",
        ),
        (
            "elsewhere-indx-length",
            "indx of a file of another length: as if it were not there (clause 16)",
            longer,
            MALFORMED,
            "the front index is that of a file of another length",
        ),
        (
            "elsewhere-indx-complete",
            "indx that differs from INDX in is_complete",
            different,
            MALFORMED,
            "the index differs from the front index",
        ),
    ):
        yield Vector(name, about if "(" in about else f"{about} (clause 17)", data, (error, reason))


def _damaged_texts() -> Iterator[Vector]:
    """Clause 5: the text is refused, the frames stay readable."""
    pair = b"a\0b\0"
    whole = metadata.frame(pair)
    for name, about, payload, error, reason in (
        ("magic", "a payload that is no zstandard frame", b"text", MALFORMED, "metadata is not a zstandard frame"),
        (
            "skippable",
            "a skippable frame",
            b"\x50\x2a\x4d\x18\x01\0\0\0a",
            MALFORMED,
            "metadata is not a zstandard frame",
        ),
        ("trailing", "bytes behind the frame", whole + b"x", MALFORMED, "metadata cannot be unpacked"),
        ("two-frames", "two frames", whole * 2, MALFORMED, "metadata cannot be unpacked"),
        ("cut", "a frame that is cut off", whole[:-1], MALFORMED, "metadata"),
        (
            "no-size",
            "a frame that does not state its size",
            metadata.frame(pair, states_size=False),
            MALFORMED,
            "metadata does not state its size",
        ),
        ("wrong-size", "a frame that states another size", whole[:5] + b"\x05" + whole[6:], MALFORMED, "metadata"),
        ("utf-8", "text that is not UTF-8", metadata.frame(b"\xff\0b\0"), MALFORMED, "metadata is not UTF-8"),
        ("key-twice", "a key twice", metadata.frame(pair * 2), MALFORMED, "distinct keys"),
        ("key-empty", "an empty key", metadata.frame(b"\0b\0"), MALFORMED, "distinct keys"),
        ("no-value", "a key without a value", metadata.frame(b"a\0"), MALFORMED, "distinct keys"),
        ("no-end", "a value without its zero byte", metadata.frame(b"a\0b"), MALFORMED, "distinct keys"),
        ("large", "more than 2^20 bytes of text", metadata.run_frame(b"a", 2**20 + 1), LIMIT, "above the limit"),
    ):
        recipe = StreamRecipe((WindowRecipe(TINY, lengths=(1,)),), format=bases.SMALL, metadata=payload)
        yield Vector(f"text-{name}", f"metadata: {about} (clause 5)", build(recipe), (error, reason))
