"""Coded sections that break one rule: tables, the coded stream, embeddings and durations (clauses 7 to 11)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from nvcodec.bitstream import NvstReader
from nvcodec.bitstream import headers as h
from nvcodec.bitstream.ans import encode_runs
from nvcodec.bitstream.headers import TableKind
from nvcodec.bitstream.payloads import tensor_counts
from nvcodec.bitstream.tables import Table
from tools.vectors import faulty_bases as bases
from tools.vectors.sections import (
    Int32Array,
    explicit_table,
    pack_section,
    pack_with_tables,
    section_bytes,
    single_table,
    two_parameter_table,
)
from tools.vectors.surgery import with_payload
from tools.vectors.vector import CHECKSUM, Vector, faulty


def section_faults() -> list[Vector]:
    """All of them."""
    return [*_table_faults(), *_stream_faults(), *_chunk_faults()]


def shared_groups() -> list[Int32Array]:
    """The shared symbols of the base, by tensor."""
    with NvstReader(io.BytesIO(bases.unfinished())) as reader:
        window = reader.read_window(0)
    counts = tensor_counts(window.header.network, window.mask)
    return np.split(window.shared, np.cumsum(counts)[:-1])


def with_shared(section: bytes) -> bytes:
    """The base with another section of shared symbols."""
    return with_payload(bases.unfinished(), b"SHRD", lambda payload: payload[: h.WINDOW_PART.size] + section)


def _table_faults() -> list[Vector]:
    groups = shared_groups()
    symbols = np.concatenate(groups)
    table = explicit_table(symbols)
    zeros = [0] * len(groups)
    words = encode_runs([(symbols, table)])
    two_equal = replace(two_parameter_table(symbols), low=table.high)
    unused = section_bytes(symbols, words, [table, single_table(0)], zeros)
    flat = section_bytes(symbols, words, [replace(table, codes=bytes(table.num_symbols))], zeros)
    equal = section_bytes(symbols, words, [two_equal], zeros)
    wide = [np.full_like(group, 128) for group in groups]
    single = pack_with_tables(wide, [single_table(128)], zeros)
    too_wide = np.concatenate([[-128], symbols[1:]]).astype(np.int32)
    outside = pack_section(np.split(too_wide, np.cumsum([g.size for g in groups])[:-1]), explicit_table, True)
    return [
        faulty("table-unused", "a table that no group uses (clause 7)", with_shared(unused), "table 1 is not used"),
        faulty(
            "table-no-weights", "an EXPLICIT table of codes 0 (clause 8)", with_shared(flat), "table without weights"
        ),
        faulty("table-low-is-high", "a TWO_PARAMETER table with low = high", with_shared(equal), "table from"),
        faulty(
            "table-single-outside",
            "a SINGLE table of 128 without wide_symbols (clause 7)",
            with_shared(single),
            "symbols 128..128 outside -127..127",
        ),
        faulty(
            "table-explicit-outside",
            "an EXPLICIT table from -128 without wide_symbols",
            with_shared(outside),
            "symbols -128..",
        ),
    ]


def _stream_faults() -> list[Vector]:
    """Clause 9: streams that do not end where they began."""
    groups = shared_groups()
    symbols = np.concatenate(groups)
    table = explicit_table(symbols)
    words = encode_runs([(symbols, table)])

    def coded(words: Sequence[int] | np.ndarray, tables: Sequence[Table] = (table,)) -> bytes:
        array = np.asarray(words, np.uint32)
        return with_shared(section_bytes(symbols, array, tables, [0] * len(groups)))

    ends = "the entropy decoder does not end in its initial state"
    constant = pack_with_tables([np.zeros_like(group) for group in groups], [single_table(0)], [0] * len(groups))
    head = h.SECTION.size + len(groups)
    one_word = (1).to_bytes(4, "little")
    needless = constant[:8] + one_word + constant[12 : head + 3] + one_word
    return [
        faulty(
            "stream-last-word",
            "the last word is 0 (clause 9)",
            coded([*words, 0]),
            "the last word of a coded stream is zero",
        ),
        faulty("stream-word-more", "a word too many", coded([7, *words]), ends, CHECKSUM),
        faulty("stream-word-less", "a word too few", coded(words[1:]), ends, CHECKSUM),
        faulty(
            "stream-empty",
            "no words: a decoder finds symbols and ends as it should, only symbols_crc tells (clause 7)",
            coded([]),
            "decoded symbols differ from their checksum",
            CHECKSUM,
        ),
        faulty(
            "stream-changed",
            "another word at the bottom of the stack",
            coded([words[0] ^ 1, *words[1:]]),
            ends,
            CHECKSUM,
        ),
        faulty("stream-needless", "a word where SINGLE tables need none", with_shared(needless), ends, CHECKSUM),
    ]


def _chunk_faults() -> list[Vector]:
    """Clause 11."""
    data = bases.unfinished()
    with NvstReader(io.BytesIO(data)) as reader:
        network = reader.read_window(0).header.network
    channels, height, width = network.embedding_shape
    size = height * width

    def with_embeddings(first: int, change: int) -> bytes:
        groups = [np.full(channels * size, first, np.int32), *[np.full(size, change, np.int32)] * channels]
        return with_embedding_section(pack_section(groups, explicit_table))

    def with_embedding_section(section: bytes) -> bytes:
        return with_payload(
            data, b"CHNK", lambda payload: payload[: _embeddings_start(payload, len(network.layout))] + section
        )

    def spelled_out(payload: bytes) -> bytes:
        end = h.CHUNK.size + 4
        head = payload[:20] + (2).to_bytes(4, "little") + payload[24:end]
        return head + payload[h.CHUNK.size : end] + payload[end:]

    def without_embeddings(payload: bytes) -> bytes:
        return payload[: _embeddings_start(payload, len(network.layout))]

    wide = Table(TableKind.TWO_PARAMETER, -32766, 32766, 0, 2**31, 2**31)
    constant = [np.zeros(channels * size, np.int32), *[np.zeros(size, np.int32)] * channels]
    many = pack_with_tables(constant, [wide] * len(constant), list(range(len(constant))))
    return [
        faulty(
            "tables-too-large",
            "tables of more than 2^17 symbols in a section (clause 7)",
            with_embedding_section(many),
            "symbols, allowed are 131072",
        ),
        faulty(
            "embeddings-first",
            "an embedding of 16384 in the first frame (clause 11)",
            with_embeddings(16384, 0),
            "an embedding symbol exceeds 16383",
        ),
        faulty(
            "embeddings-sum",
            "differences that add up to more than 16383",
            with_embeddings(16383, 1),
            "an embedding symbol exceeds 16383",
        ),
        faulty(
            "embeddings-negative",
            "differences that add up to less than -16383",
            with_embeddings(-16383, -1),
            "an embedding symbol exceeds 16383",
        ),
        faulty(
            "embeddings-difference",
            "a difference of 32767 (clause 7)",
            with_embeddings(-16383, 32767),
            "symbols 32767..32767 outside -32766..32766",
        ),
        faulty(
            "embeddings-missing",
            "a chunk of HNeRV without the section of embeddings",
            with_payload(data, b"CHNK", without_embeddings),
            "payload ends early",
        ),
        faulty(
            "embeddings-needless",
            "a chunk of NeRV with a section of embeddings",
            with_payload(
                bases.nerv(), b"CHNK", lambda payload: payload + pack_section([np.zeros(1, np.int32)], explicit_table)
            ),
            "bytes too many",
        ),
        faulty(
            "durations-spelled-out",
            "equal durations stored for each frame (clause 11)",
            with_payload(data, b"CHNK", spelled_out),
            "2 durations for 2 frames",
        ),
    ]


def _embeddings_start(payload: bytes, num_tensors: int) -> int:
    """Where the section of embeddings begins in a chunk with one duration."""
    own_bytes = int.from_bytes(payload[16:20], "little")
    return h.CHUNK.size + 4 + num_tensors + own_bytes
