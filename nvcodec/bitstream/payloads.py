"""Payloads of the boxes: content records to bytes and back (spec clauses "Stream" to "Chunk")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from nvcodec.bitstream import headers
from nvcodec.bitstream.content import ChunkContent, StreamHeader, WindowContent, WindowHeader
from nvcodec.bitstream.embeddings import pack_embeddings, parse_embeddings
from nvcodec.bitstream.fields import Cursor, PackValues, Values
from nvcodec.bitstream.headers import Coder, MaskGranularity
from nvcodec.bitstream.limits import Limits
from nvcodec.bitstream.masks import pack_mask, parse_mask
from nvcodec.bitstream.network_spec import Activation, Backbone, NetworkSpec, OutputActivation, Stage
from nvcodec.bitstream.sections import pack_section, parse_section
from nvcodec.errors import MalformedError
from nvcodec.video.format import ChromaSubsampling, ColorRange, LightMetadata, VideoFormat

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

_WIDE_SYMBOLS = 1


def pack_stream(header: StreamHeader) -> bytes:
    """Payload of the STRM box."""
    return headers.STREAM.pack(
        {
            **asdict(header.format),
            **asdict(header.format.light),
            "reserved": 0,
            "time_base_num": header.time_base.numerator,
            "time_base_den": header.time_base.denominator,
            "num_source_frames": header.num_source_frames,
        }
    )


def parse_stream(cursor: Cursor, limits: Limits) -> StreamHeader:
    """Read the STRM payload.

    Raises:
        BitstreamError: a field is out of range or over a limit.
    """
    values = headers.STREAM.parse(cursor)
    cursor.finish()
    light = LightMetadata(**{name: values[name] for name in LightMetadata.__dataclass_fields__})
    fields: dict[str, Any] = {name: values[name] for name in VideoFormat.__dataclass_fields__ if name != "light"}
    fields["chroma_subsampling"] = ChromaSubsampling(fields["chroma_subsampling"])
    fields["color_range"] = ColorRange(fields["color_range"])
    time_base = Fraction(values["time_base_num"], values["time_base_den"])
    if time_base.numerator != values["time_base_num"]:
        raise MalformedError("the time base is not in lowest terms", cursor.place)
    header = StreamHeader(VideoFormat(**fields, light=light), time_base, values["num_source_frames"])
    header.validate()
    limits.check_frame(header.format.width, header.format.height, cursor.place)
    return header


def pack_window(header: WindowHeader, num_shared: int) -> bytes:
    """Payload of the WNDW box; ``num_shared`` is K, the number of shared parameters."""
    fields: PackValues = {
        "window_idx": header.window_idx,
        "num_parameters": header.network.num_parameters,
        "first_frame": header.first_frame,
        "num_shared": num_shared,
        "num_chunks": len(header.chunk_lengths),
        "granularity": header.granularity,
        "flags": _WIDE_SYMBOLS * header.wide_symbols,
        "time_offset": header.time_offset,
        "time_length": header.time_length,
        "level_idx": header.level_idx,
        "coder": Coder.ANS64,
        "reserved": 0,
        "chunk_lengths": header.chunk_lengths,
    }
    steps = headers.STEPS.pack({"step_idx": header.step_idx})
    return headers.WINDOW.pack(fields) + pack_network(header.network) + steps


def parse_window(cursor: Cursor, limits: Limits) -> tuple[WindowHeader, int]:
    """Read the WNDW payload.

    Returns:
        The header, and K, the number of shared parameters.

    Raises:
        BitstreamError: a field is out of range, contradicts another or is over a limit.
    """
    values = headers.WINDOW.parse(cursor)
    network = parse_network(cursor, limits)
    num_parameters = network.num_parameters
    if values["num_parameters"] != num_parameters:
        raise MalformedError(f"num_parameters is {values['num_parameters']}, not {num_parameters}", cursor.place)
    if values["num_shared"] > num_parameters:
        raise MalformedError(f"num_shared is {values['num_shared']} of {num_parameters}", cursor.place)
    step_idx = headers.STEPS.parse(cursor, num_tensors=len(network.layout)).array("step_idx")
    cursor.finish()
    header = WindowHeader(
        window_idx=values["window_idx"],
        first_frame=values["first_frame"],
        chunk_lengths=tuple(values.array("chunk_lengths").tolist()),
        network=network,
        granularity=MaskGranularity(values["granularity"]),
        step_idx=tuple(step_idx.tolist()),
        wide_symbols=bool(values["flags"] & _WIDE_SYMBOLS),
        time_offset=values["time_offset"],
        time_length=values["time_length"],
        level_idx=values["level_idx"],
    )
    header.validate()
    limits.check_chunk(network, max(header.chunk_lengths), cursor.place)
    return header, values["num_shared"]


def pack_network(network: NetworkSpec) -> bytes:
    """The network spec's record."""
    fields = {part.name: getattr(network, part.name, 0) for part in headers.NETWORK.parts}
    fields["num_stages"] = len(network.stages)
    fields["stage_strides"] = tuple(stage.stride for stage in network.stages)
    fields["stage_kernels"] = tuple(stage.kernel for stage in network.stages)
    fields["stage_channels"] = tuple(stage.channels for stage in network.stages)
    fields["stage_grid_channels"] = tuple(stage.grid_channels for stage in network.stages)
    return headers.NETWORK.pack(fields)


def parse_network(cursor: Cursor, limits: Limits) -> NetworkSpec:
    """Read a network spec and hold it against the limits.

    Raises:
        BitstreamError: a field is out of range, contradicts another or is over a limit.
    """
    values = headers.NETWORK.parse(cursor)
    names = ("stage_strides", "stage_kernels", "stage_channels", "stage_grid_channels")
    columns = [values.array(name).tolist() for name in names]
    own_names = NetworkSpec.__dataclass_fields__.keys() & values.fields.keys()
    fields: dict[str, Any] = {name: values[name] for name in own_names}
    fields["backbone"] = Backbone(fields["backbone"])
    fields["activation"] = Activation(fields["activation"])
    fields["output_activation"] = OutputActivation(fields["output_activation"])
    network = NetworkSpec(stages=tuple(Stage(*stage) for stage in zip(*columns, strict=True)), **fields)
    network.validate()
    limits.check_network(network, cursor.place)
    return network


def pack_window_mask(window: WindowContent) -> bytes:
    """Payload of the MASK box."""
    header = window.header
    part = headers.WINDOW_PART.pack({"window_idx": header.window_idx})
    return part + pack_mask(window.mask, header.network, header.granularity)


def parse_window_mask(cursor: Cursor, header: WindowHeader, num_shared: int) -> BoolArray:
    """Read the MASK payload: bool (S,).

    Raises:
        BitstreamError: it is damaged, or shares another number of parameters than ``num_shared``.
    """
    parse_window_part(cursor, header)
    mask = parse_mask(cursor, header.network, header.granularity)
    cursor.finish()
    count = int(np.count_nonzero(mask))
    if count != num_shared:
        raise MalformedError(f"the mask shares {count} parameters, not {num_shared}", cursor.place)
    return mask


def parse_window_part(cursor: Cursor, header: WindowHeader) -> None:
    """Read the front of a MASK or SHRD payload.

    Raises:
        MalformedError: it belongs to another window.
    """
    window_idx = headers.WINDOW_PART.parse(cursor)["window_idx"]
    if window_idx != header.window_idx:
        raise MalformedError(f"belongs to window {window_idx}, not {header.window_idx}", cursor.place)


def pack_shared(window: WindowContent) -> bytes:
    """Payload of the SHRD box."""
    part = headers.WINDOW_PART.pack({"window_idx": window.header.window_idx})
    return part + pack_section(_by_tensor(window.shared, tensor_counts(window.header.network, window.mask)))


def parse_shared(cursor: Cursor, header: WindowHeader, mask: BoolArray) -> WindowContent:
    """Read the SHRD payload, which makes the window whole.

    Raises:
        BitstreamError: it is damaged.
    """
    parse_window_part(cursor, header)
    bound = header.max_symbol
    shared = parse_section(cursor, tensor_counts(header.network, mask), -bound, bound)
    cursor.finish()
    return WindowContent(header, mask, shared)


def pack_chunk(window: WindowContent, chunk: ChunkContent) -> tuple[bytes, int, int]:
    """Payload of a CHNK box.

    Returns:
        The payload, the bytes of its own parameters and the bytes of its embeddings.
    """
    is_constant = bool((chunk.durations == chunk.durations[0]).all())
    durations = chunk.durations[:1] if is_constant else chunk.durations
    own = pack_section(_by_tensor(chunk.own, tensor_counts(window.header.network, ~window.mask)))
    embeddings = b"" if chunk.embeddings is None else pack_embeddings(chunk.embeddings)
    fields: PackValues = {
        "window_idx": window.header.window_idx,
        "num_frames": chunk.num_frames,
        "first_pts": int(chunk.pts[0]),
        "own_bytes": len(own),
        "num_durations": durations.size,
        "chunk_idx": chunk.chunk_idx,
        "embedding_step_idx": chunk.embedding_step_idx,
        "reserved": 0,
        "durations": durations,
    }
    header = headers.CHUNK.pack(fields) + headers.OWN_STEPS.pack({"own_step_shift": chunk.own_step_shift})
    return header + own + embeddings, len(own), len(embeddings)


def parse_chunk(cursor: Cursor, window: WindowContent) -> ChunkContent:
    """Read a CHNK payload.

    Args:
        window: the window it belongs to.

    Raises:
        BitstreamError: it is damaged or contradicts its window.
    """
    header, network = window.header, window.header.network
    values, pts, durations = parse_chunk_times(cursor, header)
    shifts = headers.OWN_STEPS.parse(cursor, num_tensors=len(network.layout)).array("own_step_shift")
    own_end = cursor.position + values["own_bytes"]
    bound = header.max_symbol
    own = parse_section(cursor, tensor_counts(network, ~window.mask), -bound, bound)
    if cursor.position != own_end:
        raise MalformedError(f"own_bytes is {values['own_bytes']}, the section ends elsewhere", cursor.place)
    embeddings = None
    if network.has_embedding:
        embeddings = parse_embeddings(cursor, values["num_frames"], network.embedding_shape)
    cursor.finish()
    shift = tuple(shifts.tolist())
    return ChunkContent(values["chunk_idx"], pts, durations, shift, own, values["embedding_step_idx"], embeddings)


def parse_chunk_times(cursor: Cursor, window: WindowHeader) -> tuple[Values, Int64Array, Int64Array]:
    """Read a chunk's header: its fields, pts and durations, int64 (n,) both.

    Raises:
        MalformedError: it contradicts the window header or itself.
    """
    values = headers.CHUNK.parse(cursor)
    chunk_idx, num_frames = values["chunk_idx"], values["num_frames"]
    if values["window_idx"] != window.window_idx:
        raise MalformedError(f"belongs to window {values['window_idx']}, not {window.window_idx}", cursor.place)
    if chunk_idx >= len(window.chunk_lengths) or num_frames != window.chunk_lengths[chunk_idx]:
        raise MalformedError(f"chunk {chunk_idx} of {num_frames} frames is not in the window header", cursor.place)
    if values["embedding_step_idx"] and not window.network.has_embedding:
        raise MalformedError("embedding_step_idx without embeddings", cursor.place)
    stored = values.array("durations").astype(np.int64)
    is_constant = bool((stored == stored[0]).all())
    if stored.size != (1 if is_constant else num_frames):
        raise MalformedError(f"{stored.size} durations for {num_frames} frames", cursor.place)
    durations = np.full(num_frames, stored[0]) if is_constant else stored
    first_pts = values["first_pts"]
    if not -headers.MAX_PTS <= first_pts <= headers.MAX_PTS - int(durations.sum()):
        raise MalformedError("a timestamp exceeds 2**62", cursor.place)
    pts = first_pts + np.concatenate([np.zeros(1, np.int64), np.cumsum(durations[:-1])])
    return values, pts, durations


def tensor_counts(network: NetworkSpec, chosen: BoolArray) -> list[int]:
    """How many parameters of each tensor are chosen.

    Args:
        chosen: bool (S,).
    """
    return [int(np.count_nonzero(chosen[t.offset : t.offset + t.size])) for t in network.layout]


def _by_tensor(symbols: Int32Array, counts: Sequence[int]) -> list[Int32Array]:
    ends = np.cumsum(counts)
    return [symbols[end - count : end] for end, count in zip(ends, counts, strict=True)]
