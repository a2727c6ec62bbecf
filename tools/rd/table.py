"""Tables of finished work, CSV files to which rows are only added; and what a row of the bench is."""

from __future__ import annotations

import csv
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Generic, TypeVar

from nvcodec.errors import InputError


@dataclass(frozen=True)
class Row:
    """A finished point. PSNRs and MS-SSIM as in :class:`tools.rd.measuring.Quality`.

    Attributes:
        key: clip, samples and operating point.
        clip: name of the clip.
        clip_md5: of the y4m file that was encoded.
        width, height, num_frames: of the clip.
        curve: codec, preset and interval.
        interval: most frames between keyframes, or frames of a chunk; "default" if that is the codec's own.
        setting: place on the curve.
        video_bytes: all that is needed to decode, and no audio, subtitles and attachments.
        bpp: bits per pixel.
        num_keyframes: frames, or chunks, at which a decode can begin.
        encode_s, decode_s: seconds; a decode ends with a y4m file.
        device: that encoded.
        encoder: name and version.
        machine: processor, operating system and Python.
    """

    key: str
    clip: str
    clip_md5: str
    width: int
    height: int
    num_frames: int
    curve: str
    interval: str
    setting: str
    video_bytes: int
    bpp: float
    psnr_y: float
    psnr_u: float
    psnr_v: float
    psnr_611: float
    psnr_rgb: float
    rgb_conversion: str
    ms_ssim: float
    num_keyframes: int
    encode_s: float
    decode_s: float
    device: str
    encoder: str
    machine: str


_TYPES = {"bool": "True".__eq__, "int": int, "float": float, "str": str}
AnyRow = TypeVar("AnyRow", bound=Any)


class Table(Generic[AnyRow]):
    """Rows in a file.

    Args:
        path: of the CSV file; a missing one is made with the first row.
        row_type: a dataclass of numbers and texts, one of them ``key``.

    Raises:
        InputError: the file's columns are not the fields of ``row_type``.
    """

    def __init__(self, path: Path, row_type: type[AnyRow]) -> None:
        self._path = path
        self._columns = [field.name for field in fields(row_type)]
        self.rows: list[AnyRow] = _read(path, row_type) if path.exists() else []

    def __contains__(self, key: str) -> bool:
        return any(row.key == key for row in self.rows)

    def append(self, row: AnyRow) -> None:
        """Add a row and bring it to the disk."""
        text = self._path.read_bytes() if self._path.exists() else b""
        with open(self._path, "a", newline="", encoding="utf-8") as file:
            # What a killed run left of a row.
            file.truncate(text.rfind(b"\n") + 1)
            writer = csv.DictWriter(file, self._columns, lineterminator="\n")
            if not self.rows:
                file.truncate(0)
                writer.writeheader()
            writer.writerow({name: _as_text(value) for name, value in asdict(row).items()})
            file.flush()
            os.fsync(file.fileno())
        self.rows.append(row)


def _read(path: Path, row_type: type[AnyRow]) -> list[AnyRow]:
    text = path.read_bytes()
    whole = text[: text.rfind(b"\n") + 1].decode()
    reader = csv.DictReader(whole.splitlines())
    types = {field.name: _TYPES[str(field.type)] for field in fields(row_type)}
    if whole and reader.fieldnames != list(types):
        raise InputError(f"the columns are not {', '.join(types)}", str(path))
    return [row_type(**{name: of_text(values[name]) for name, of_text in types.items()}) for values in reader]


def _as_text(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
