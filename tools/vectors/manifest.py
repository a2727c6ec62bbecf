"""What the maker writes beside the streams: the manifest and the tables of the README."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Mapping
from typing import Any

from nvcodec.bitstream import Limits, NvstReader
from nvcodec.errors import BitstreamError
from tools.vectors.vector import Vector

Entry = dict[str, Any]

_TABLES = re.compile(r"(<!-- vectors: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_NO_LIMITS = Limits(*[2**62] * len(Limits.__dataclass_fields__))


def entry_of(vector: Vector, values: bytes | None) -> Entry:
    """The manifest's entry of a file; the codec has to agree with what the vector expects.

    Args:
        vector: the file.
        values: its reference values as they are stored, None without.

    Raises:
        ValueError: the codec disagrees.
    """
    entry: Entry = {"about": vector.about, "sha256": hashlib.sha256(vector.data).hexdigest()}
    if values is None and vector.limit is None:
        return {**entry, **_refusal(vector, refusal_of(vector.data))}
    with NvstReader(io.BytesIO(vector.data), _NO_LIMITS if vector.limit else None) as reader:
        format = reader.header.format
        entry |= {
            "width": format.width,
            "height": format.height,
            "bit_depth": format.bit_depth,
            "chroma_subsampling": format.chroma_subsampling.name,
            "num_frames": reader.num_frames,
            "integers": reader.integers_digest(),
        }
    if values is not None:
        entry["values_sha256"] = hashlib.sha256(values).hexdigest()
    if vector.limit is not None:
        entry["limit"] = vector.limit
    if vector.refusal is not None:
        entry["verification"] = _refusal(vector, verification_of(vector.data))
    return entry


def refusal_of(data: bytes) -> BitstreamError | None:
    """How the codec refuses a file when it decodes all integers; None if it does not."""
    try:
        with NvstReader(io.BytesIO(data)) as reader:
            reader.integers_digest()
    except BitstreamError as error:
        return error
    return None


def verification_of(data: bytes) -> BitstreamError | None:
    """How the codec refuses a file that it verifies in full; None if it does not."""
    try:
        with NvstReader(io.BytesIO(data)) as reader:
            reader.verify()
    except BitstreamError as error:
        return error
    return None


def manifest_text(entries: Mapping[str, Entry]) -> str:
    """The file ``manifest.json``."""
    return json.dumps({"files": dict(sorted(entries.items()))}, indent=1, ensure_ascii=False) + "\n"


def with_tables(readme: str, entries: Mapping[str, Entry]) -> str:
    """The README with its tables made anew."""
    return _TABLES.sub(lambda match: match[1] + _table(match[2], entries) + match[3], readme)


def _table(group: str, entries: Mapping[str, Entry]) -> str:
    rows = ["| file | what it tests | beyond that |", "|---|---|---|"]
    if group == "faulty":
        rows = ["| file | what is wrong | nvcodec's error |", "|---|---|---|"]
    for name, entry in sorted(entries.items()):
        if name.startswith(f"{group}/"):
            file = name.removeprefix(f"{group}/").removesuffix(".nvst")
            rows.append(f"| `{file}` | {entry['about']} | {_remark(entry)} |")
    return "\n".join(rows) + "\n"


def _remark(entry: Entry) -> str:
    if "error" in entry:
        return str(entry["error"])
    if "limit" in entry:
        return f"may be refused: more than {entry['limit']}"
    if "verification" in entry:
        return f"decodes; a full verification refuses: {entry['verification']['reason']}"
    return ""


def _refusal(vector: Vector, error: BitstreamError | None) -> Entry:
    found = (type(error).__name__, error.reason) if error is not None else ("none", "accepted")
    if vector.refusal is None or found[0] != vector.refusal[0] or vector.refusal[1] not in found[1]:
        raise ValueError(f"{vector.name}: expected {vector.refusal}, the codec says {found}")
    return {"error": found[0], "reason": found[1]}
