"""Every refusal a user can meet, as one tree.

    NvcodecError
    ├── ConfigError             an option or a configuration value cannot be used (exit code 2)
    ├── InputError              the source video cannot be read
    ├── OutputError             the target cannot be written
    ├── DeviceError             the device is missing or out of memory
    ├── TrainingError           the networks could not be fitted
    └── BitstreamError          the .nvst file is refused
        ├── TruncatedError      it ends before what it promises
        ├── ChecksumError       its bytes or integers differ from their checksum
        ├── MalformedError      a field contradicts the specification
        ├── LimitError          it asks for more than the reader's limits allow
        └── UnsupportedError    it needs something this reader does not know

Each carries a ``reason`` (what is wrong) and a ``place`` (where: a file, an option, a box with its byte offset).
"""

from __future__ import annotations


class NvcodecError(Exception):
    """Base of all errors that nvcodec raises on purpose.

    Args:
        reason: what is wrong, one line, with the offending value and the allowed range.
        place: where it is wrong; empty when there is no better place than the whole call.
    """

    exit_code = 1

    def __init__(self, reason: str, place: str = "") -> None:
        super().__init__(reason, place)
        self.reason = reason
        self.place = place

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}" if self.place else self.reason


class ConfigError(NvcodecError):
    """An option or a configuration value is unknown, out of range or contradicts another."""

    exit_code = 2


class InputError(NvcodecError):
    """The source video is missing, unreadable, empty or changes in a way that cannot be coded."""


class OutputError(NvcodecError):
    """The target exists, cannot be written, or the disk is full."""


class DeviceError(NvcodecError):
    """The compute device does not exist or ran out of memory."""


class TrainingError(NvcodecError):
    """The networks could not be fitted to the video."""


class BitstreamError(NvcodecError):
    """A .nvst file is refused."""


class TruncatedError(BitstreamError):
    """The file ends before what it promises."""


class ChecksumError(BitstreamError):
    """Bytes or decoded integers differ from their checksum."""


class MalformedError(BitstreamError):
    """A field contradicts the specification."""


class LimitError(BitstreamError):
    """The file asks for more than the reader's limits allow."""


class UnsupportedError(BitstreamError):
    """The file needs something this reader does not know."""
