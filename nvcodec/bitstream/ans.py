"""The entropy coder: asymmetric numeral systems with 24-bit integer tables (spec clause "Entropy coder").

constriction does the work; its models are built so that its real arithmetic reproduces the integer tables exactly.
A truncated or exchanged stream decodes to something without an error, so a stream is accepted only if the decoder
ends in the state the encoder started from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import constriction
import numpy as np
import numpy.typing as npt

from nvcodec.bitstream.tables import Table
from nvcodec.errors import ChecksumError, MalformedError

Int32Array = npt.NDArray[np.int32]
WordArray = npt.NDArray[np.uint32]


def encode_runs(runs: Sequence[tuple[Int32Array, Table]]) -> WordArray:
    """Code runs of symbols, each with its own table, into one stream.

    Args:
        runs: symbols int32 (n,) within the table's range, and the table.

    Returns:
        uint32 (words,), the last one not zero; empty if nothing needs bits.
    """
    coder = constriction.stream.stack.AnsCoder()
    for symbols, table in reversed(runs):
        if symbols.size and not table.is_single:
            coder.encode_reverse((symbols - np.int32(table.low)).astype(np.int32), _model(table))
    words: WordArray = coder.get_compressed()
    return words


class Decoder:
    """Takes runs of symbols from a stream that :func:`encode_runs` made; use :func:`decoding` to make one."""

    def __init__(self, words: WordArray) -> None:
        self._coder = constriction.stream.stack.AnsCoder(np.ascontiguousarray(words, np.uint32))

    def run(self, num_symbols: int, table: Table) -> Int32Array:
        """The next run: int32 (num_symbols,), a number that the caller has bounded."""
        if table.is_single or num_symbols == 0:
            return np.full(num_symbols, table.low, np.int32)
        symbols: Int32Array = self._coder.decode(_model(table), num_symbols)
        symbols += np.int32(table.low)
        return symbols

    @property
    def is_at_end(self) -> bool:
        """True in the state from which the encoder started."""
        return bool(self._coder.is_empty())


@contextmanager
def decoding(words: WordArray, place: str) -> Iterator[Decoder]:
    """A decoder of a stream, which has to be at the stream's end when the context ends.

    Args:
        words: uint32 (words,).
        place: what to name in errors.

    Raises:
        MalformedError: the last word is zero.
        ChecksumError: the stream does not end where it began.
    """
    if words.size and words[-1] == 0:
        raise MalformedError("the last word of a coded stream is zero", place)
    with _panics_as_errors(place):
        decoder = Decoder(words)
        yield decoder
        if not decoder.is_at_end:
            raise ChecksumError("the entropy decoder does not end in its initial state", place)


def _model(table: Table) -> constriction.stream.model.Categorical:
    # The library gives every symbol a count of 1 and spreads the rest in proportion: with counts that are one too
    # small the rest is their exact sum, the scale is 1.0 and the library's table is this table.
    return constriction.stream.model.Categorical((table.frequencies - 1).astype(np.float64), perfect=False, lazy=False)


@contextmanager
def _panics_as_errors(place: str) -> Iterator[None]:
    """A panic inside the library is no ``Exception`` and would escape every ordinary handler."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise MalformedError("the entropy decoder refuses the stream", place) from error
