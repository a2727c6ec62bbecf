"""One conformance vector: a file and what is expected of a decoder."""

from __future__ import annotations

from dataclasses import dataclass

CHECKSUM, LIMIT, MALFORMED = "ChecksumError", "LimitError", "MalformedError"
TRUNCATED, UNSUPPORTED = "TruncatedError", "UnsupportedError"


@dataclass(frozen=True)
class Vector:
    """One file.

    Attributes:
        name: of the file, without suffix.
        about: what it tests, with the clause.
        data: the file.
        refusal: for ``faulty`` the error and a part of the codec's reason. For the others None, unless the frames
            decode while a full verification refuses the file.
        limit: what of the bounds that a general-purpose reader keeps (clause 1) the file exceeds; such a file has no
            reference values.
    """

    name: str
    about: str
    data: bytes
    refusal: tuple[str, str] | None = None
    limit: str | None = None


def faulty(name: str, about: str, data: bytes, reason: str, error: str = MALFORMED) -> Vector:
    """A file that the codec refuses with this error and reason, or a part of it."""
    return Vector(name, about, data, (error, reason))
