"""Files with one field of one record out of its range, or in contradiction to another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nvcodec.bitstream import headers as h
from nvcodec.bitstream.fields import Record
from tools.vectors import faulty_bases as bases
from tools.vectors.surgery import with_field
from tools.vectors.vector import Vector

_BASES: dict[Record, tuple[Callable[[], bytes], bytes]] = {
    h.STREAM: (bases.finished, b"STRM"),
    h.WINDOW: (bases.unfinished, b"WNDW"),
    h.NETWORK: (bases.unfinished, b"WNDW"),
    h.CHUNK: (bases.unfinished, b"CHNK"),
    h.OWN_STEPS: (bases.unfinished, b"CHNK"),
    h.INDEX: (bases.two, b"INDX"),
    h.TRAILER: (bases.finished, b"TRLR"),
    h.SECTION: (bases.unfinished, b"SHRD"),
    h.TABLE: (bases.unfinished, b"SHRD"),
    h.EXPLICIT_TABLE: (bases.unfinished, b"SHRD"),
    h.TWO_PARAMETER_TABLE: (bases.bell, b"SHRD"),
}
_CLAUSES = {
    h.STREAM: 4,
    h.WINDOW: 6,
    h.NETWORK: 6,
    h.CHUNK: 11,
    h.OWN_STEPS: 11,
    h.INDEX: 16,
    h.TRAILER: 16,
    h.SECTION: 7,
    h.TABLE: 8,
    h.EXPLICIT_TABLE: 8,
    h.TWO_PARAMETER_TABLE: 8,
    h.WINDOW_PART: 10,
}


@dataclass(frozen=True)
class _Fault:
    """One field and what the codec says of it; ``base``, ``box``, ``which`` and ``element`` where not the usual."""

    record: Record
    field: str
    value: int
    reason: str
    base: Callable[[], bytes] | None = None
    box: bytes | None = None
    which: int = 0
    element: int = 0
    error: str = ""
    note: str = ""

    def vector(self) -> Vector:
        """The file."""
        base, box = _BASES.get(self.record, (bases.unfinished, b""))
        base, box = self.base or base, self.box or box
        data = with_field(base(), box, self.record, self.field, self.value, which=self.which, element=self.element)
        record = self.record.name.split()[0] if self.record in (h.NETWORK, h.SECTION) else ""
        parts = [
            box.decode().lower(),
            *([record] if record else []),
            *([base.__name__] if self.base else []),
            self.field.replace("_", "-"),
        ]
        name = "-".join([*parts, str(self.value)])
        error = self.error or ("UnsupportedError" if self.reason.endswith("is unknown") else "MalformedError")
        note = self.note or self.reason
        about = (
            f"{box.decode()}, {self.record.name}, {self.field} = {self.value}: {note} (clause {_CLAUSES[self.record]})"
        )
        return Vector(name, about, data, (error, self.reason))


def field_faults() -> list[Vector]:
    """All of them."""
    return [fault.vector() for fault in _FAULTS]


_FAULTS = (
    _Fault(h.STREAM, "width", 0, "width is 0"),
    _Fault(h.STREAM, "width", 16385, "width is 16385"),
    _Fault(h.STREAM, "height", 0, "height is 0"),
    _Fault(h.STREAM, "height", 16385, "height is 16385"),
    _Fault(h.STREAM, "bit_depth", 7, "bit_depth is 7"),
    _Fault(h.STREAM, "bit_depth", 9, "bit_depth is 9, allowed is 8, 10 or 12"),
    _Fault(h.STREAM, "bit_depth", 11, "bit_depth is 11, allowed is 8, 10 or 12"),
    _Fault(h.STREAM, "bit_depth", 14, "bit_depth is 14"),
    _Fault(h.STREAM, "chroma_subsampling", 5, "chroma_subsampling 5 is unknown"),
    _Fault(h.STREAM, "color_range", 2, "color_range 2 is unknown"),
    _Fault(h.STREAM, "chroma_location", 7, "chroma_location is 7"),
    _Fault(h.STREAM, "reserved", 1, "reserved is 1"),
    _Fault(h.STREAM, "sample_aspect_num", 2**31, "sample_aspect_num is 2147483648"),
    _Fault(h.STREAM, "sample_aspect_den", 0, "sample_aspect_den is 0"),
    _Fault(h.STREAM, "time_base_num", 0, "time_base_num is 0"),
    _Fault(h.STREAM, "time_base_num", 2, "the time base is not in lowest terms"),
    _Fault(h.STREAM, "time_base_den", 0, "time_base_den is 0"),
    _Fault(h.STREAM, "time_base_den", 2**31, "time_base_den is 2147483648"),
    _Fault(h.STREAM, "num_source_frames", 2**63, "num_source_frames is 9223372036854775808"),
    _Fault(h.WINDOW, "window_idx", 1, "window 1 in the place of window 0"),
    _Fault(h.WINDOW, "window_idx", 1, "window 1 in the place of window 0", bases.finished),
    _Fault(h.WINDOW, "num_parameters", 0, "num_parameters is 0"),
    _Fault(h.WINDOW, "num_parameters", 7, "num_parameters is 7, not"),
    _Fault(h.WINDOW, "first_frame", 1, "first_frame is 1, expected 0"),
    _Fault(h.WINDOW, "first_frame", 2**63 - 1, "first_frame is 9223372036854775807"),
    _Fault(h.WINDOW, "num_shared", 2**30, "num_shared is 1073741824"),
    _Fault(h.WINDOW, "num_shared", 3, "parameters, not 3"),
    _Fault(h.WINDOW, "num_chunks", 0, "num_chunks is 0"),
    _Fault(h.WINDOW, "num_chunks", 4097, "num_chunks is 4097"),
    _Fault(h.WINDOW, "granularity", 4, "granularity 4 is unknown"),
    _Fault(
        h.WINDOW, "granularity", 0, "num_symbols is", note="the mask's section has the symbols of another granularity"
    ),
    _Fault(h.WINDOW, "flags", 2, "flags is 2"),
    _Fault(h.WINDOW, "time_offset", 1, "time_offset is 1 without time_length"),
    _Fault(h.WINDOW, "time_length", 99, "time_length with embeddings"),
    _Fault(h.WINDOW, "time_length", 3, "4 frames from time_offset 0 exceed time_length 3", bases.nerv),
    _Fault(h.WINDOW, "level_idx", 7, "level_idx is 7"),
    _Fault(h.WINDOW, "coder", 1, "coder 1 is unknown"),
    _Fault(h.WINDOW, "reserved", 1, "reserved is 1"),
    _Fault(h.WINDOW, "chunk_lengths", 0, "chunk_lengths contains 0"),
    _Fault(h.NETWORK, "backbone", 0, "backbone 0 is unknown"),
    _Fault(h.NETWORK, "backbone", 4, "num_outputs is 3, allowed is 4, 6, 8 or 12", note="HNeRV taken for VAST"),
    _Fault(h.NETWORK, "backbone", 5, "backbone 5 is unknown"),
    _Fault(h.NETWORK, "activation", 2, "activation 2 is unknown"),
    _Fault(h.NETWORK, "output_activation", 2, "output_activation 2 is unknown"),
    _Fault(h.NETWORK, "num_outputs", 0, "num_outputs is 0"),
    _Fault(h.NETWORK, "num_outputs", 2, "num_outputs is 2, allowed is 1 or 3"),
    _Fault(h.NETWORK, "num_outputs", 6, "num_outputs is 6, allowed is 1 or 3", note="as for VAST"),
    _Fault(h.NETWORK, "num_outputs", 13, "num_outputs is 13, allowed is 1..12"),
    _Fault(h.NETWORK, "num_outputs", 3, "num_outputs is 3, allowed is 4, 6, 8 or 12", bases.vast),
    _Fault(h.NETWORK, "base_height", 0, "base_height is 0"),
    _Fault(h.NETWORK, "base_height", 1025, "base_height is 1025"),
    _Fault(h.NETWORK, "base_width", 0, "base_width is 0"),
    _Fault(h.NETWORK, "base_width", 1025, "base_width is 1025"),
    _Fault(h.NETWORK, "base_channels", 0, "base_channels is 0"),
    _Fault(h.NETWORK, "base_channels", 4097, "base_channels is 4097"),
    _Fault(h.NETWORK, "base_channels", 3, "base_channels is 3, allowed is 4..4", bases.enerv),
    _Fault(h.NETWORK, "base_channels", 5, "base_channels is 5, allowed is 4..4", bases.enerv),
    _Fault(h.NETWORK, "head_kernel", 0, "head_kernel is 0"),
    _Fault(h.NETWORK, "head_kernel", 2, "head_kernel is 2, allowed is 1, 3, 5 or 7"),
    _Fault(h.NETWORK, "head_kernel", 9, "head_kernel is 9"),
    _Fault(h.NETWORK, "num_stages", 0, "num_stages is 0"),
    _Fault(h.NETWORK, "num_stages", 9, "num_stages is 9"),
    _Fault(h.NETWORK, "embedding_channels", 257, "embedding_channels is 257"),
    _Fault(h.NETWORK, "embedding_channels", 0, "embedding_channels is 0, allowed is 1..256"),
    _Fault(h.NETWORK, "embedding_channels", 0, "embedding_channels is 0, allowed is 1..256", bases.vast),
    _Fault(h.NETWORK, "embedding_channels", 1, "embedding_channels is 1, allowed is 0 for NERV", bases.nerv),
    _Fault(h.NETWORK, "pe_levels", 129, "pe_levels is 129"),
    _Fault(h.NETWORK, "pe_levels", 1, "pe_levels is 1, allowed is 0 for HNERV"),
    _Fault(h.NETWORK, "pe_levels", 1, "pe_levels is 1, allowed is 0 for VAST", bases.vast),
    _Fault(h.NETWORK, "pe_levels", 0, "pe_levels is 0, allowed is 1..128", bases.nerv),
    _Fault(h.NETWORK, "pe_base_num", 0, "pe_base_num is 0"),
    _Fault(h.NETWORK, "pe_base_den", 0, "pe_base_den is 0"),
    _Fault(h.NETWORK, "pe_base_num", 3, "pe_base is 0.75", bases.nerv, note="a base below 1"),
    _Fault(h.NETWORK, "pe_base_num", 9, "pe_base is 2.25", bases.nerv, note="a base above 2"),
    _Fault(h.NETWORK, "embedding_channels", 2, "embedding_channels less motion is 0", bases.texture),
    _Fault(h.NETWORK, "texture_channels", 17, "texture_channels is 17", bases.texture),
    _Fault(h.NETWORK, "texture_channels", 2, "num_parameters is", bases.texture, note="a texture of more channels"),
    _Fault(h.NETWORK, "texture_channels", 0, "texture_margin is 1, allowed is 0..0", bases.texture),
    _Fault(h.NETWORK, "texture_channels", 1, "embedding_channels less motion is 0", bases.vast),
    _Fault(h.NETWORK, "texture_channels", 1, "texture_channels is 1, allowed is 0..0", bases.nerv),
    _Fault(h.NETWORK, "texture_channels", 1, "texture_channels is 1, allowed is 0..0", bases.enerv),
    _Fault(h.NETWORK, "texture_margin", 1025, "texture_margin is 1025", bases.texture),
    _Fault(h.NETWORK, "texture_margin", 0, "num_parameters is", bases.texture, note="a texture of fewer blocks"),
    _Fault(h.NETWORK, "texture_margin", 3, "num_parameters is", bases.texture, note="a texture of more blocks"),
    _Fault(h.NETWORK, "texture_margin", 1, "texture_margin is 1, allowed is 0..0", bases.vast),
    _Fault(h.NETWORK, "texture_margin", 1, "texture_margin is 1, allowed is 0..0"),
    _Fault(h.NETWORK, "stem_width", 4097, "stem_width is 4097"),
    _Fault(h.NETWORK, "stem_width", 1, "stem_width is 1, allowed is 0 for HNERV"),
    _Fault(h.NETWORK, "stem_width", 0, "stem_width is 0, allowed is 1..4096", bases.nerv),
    _Fault(h.NETWORK, "token_width", 4097, "token_width is 4097"),
    _Fault(h.NETWORK, "token_width", 1, "token_width is 1, allowed is 0 for HNERV"),
    _Fault(h.NETWORK, "token_width", 0, "token_width is 0, allowed is 1..4096", bases.enerv),
    _Fault(h.NETWORK, "modulation_width", 4097, "modulation_width is 4097"),
    _Fault(h.NETWORK, "modulation_width", 1, "modulation_width is 1, allowed is 0 for NERV", bases.nerv),
    _Fault(h.NETWORK, "modulation_width", 0, "modulation_width is 0, allowed is 1..4096", bases.enerv),
    _Fault(h.NETWORK, "feedforward_width", 4097, "feedforward_width is 4097"),
    _Fault(h.NETWORK, "feedforward_width", 0, "feedforward_width is 0, allowed is 1..4096", bases.enerv),
    _Fault(h.NETWORK, "stage_strides", 0, "stage_strides contains 0"),
    _Fault(h.NETWORK, "stage_strides", 9, "stage_strides contains 9"),
    _Fault(h.NETWORK, "stage_kernels", 0, "stage_kernels contains 0"),
    _Fault(h.NETWORK, "stage_kernels", 4, "stage kernel is 4, allowed is 1, 3, 5 or 7"),
    _Fault(h.NETWORK, "stage_kernels", 9, "stage_kernels contains 9"),
    _Fault(h.NETWORK, "stage_channels", 0, "stage_channels contains 0"),
    _Fault(h.NETWORK, "stage_channels", 4097, "stage_channels contains 4097"),
    _Fault(h.NETWORK, "stage_grid_channels", 1, "stage grid channels is 1, allowed is 0 for HNERV"),
    _Fault(h.NETWORK, "stage_grid_channels", 1, "stage grid channels is 1, allowed is 0 for NERV", bases.nerv),
    _Fault(h.NETWORK, "stage_grid_channels", 1, "stage grid channels is 1, allowed is 0 for ENERV", bases.enerv),
    _Fault(h.NETWORK, "stage_grid_channels", 2, "num_parameters is", bases.vast, note="a grid of another size"),
    _Fault(h.WINDOW_PART, "window_idx", 5, "belongs to window 5, not 0", box=b"MASK"),
    _Fault(h.WINDOW_PART, "window_idx", 5, "belongs to window 5, not 0", box=b"SHRD"),
    _Fault(h.CHUNK, "window_idx", 5, "belongs to window 5, not 0"),
    _Fault(h.CHUNK, "num_frames", 0, "num_frames is 0"),
    _Fault(h.CHUNK, "num_frames", 3, "chunk 0 of 3 frames is not in the window header"),
    _Fault(h.CHUNK, "first_pts", 2**62, "a timestamp exceeds 2**62"),
    _Fault(h.CHUNK, "first_pts", -(2**62) - 1, "a timestamp exceeds 2**62"),
    _Fault(h.CHUNK, "first_pts", 79, "timestamps do not increase", which=1),
    _Fault(h.CHUNK, "first_pts", 79, "timestamps do not increase", bases.two_unfinished, which=2),
    _Fault(h.CHUNK, "first_pts", 1, "timestamps differ from the index", bases.finished),
    _Fault(h.CHUNK, "own_bytes", 3, "own_bytes is 3, the section ends elsewhere"),
    _Fault(h.CHUNK, "num_durations", 0, "num_durations is 0"),
    _Fault(h.CHUNK, "num_durations", 2, "2 durations for 3 frames", bases.nerv),
    _Fault(h.CHUNK, "chunk_idx", 4096, "chunk_idx is 4096"),
    _Fault(h.CHUNK, "chunk_idx", 2, "chunk 2 of 2 frames is not in the window header"),
    _Fault(h.CHUNK, "chunk_idx", 1, "chunk 1 in the place of 0", bases.two_unfinished),
    _Fault(h.CHUNK, "chunk_idx", 1, "chunk 1 in the place of 0", bases.two),
    _Fault(h.CHUNK, "embedding_step_idx", 1, "embedding_step_idx without embeddings", bases.nerv),
    _Fault(h.CHUNK, "reserved", 1, "reserved is 1"),
    _Fault(h.CHUNK, "durations", 0, "durations contains 0"),
    _Fault(h.OWN_STEPS, "own_step_shift", 17, "own_step_shift contains 17"),
    _Fault(h.OWN_STEPS, "own_step_shift", -17, "own_step_shift contains -17"),
    _Fault(h.INDEX, "num_frames", 5, "num_frames is not the sum over the chunks"),
    _Fault(h.INDEX, "num_windows", 2**32 - 1, "payload ends early"),
    _Fault(h.INDEX, "num_chunks", 2**32 - 1, "payload ends early"),
    _Fault(h.INDEX, "is_complete", 2, "is_complete is 2"),
    _Fault(h.INDEX, "level_idx", 7, "level_idx is 7"),
    _Fault(h.INDEX, "level_idx", 1, "level 0 in a file of level 1"),
    _Fault(h.INDEX, "window_offsets", 3, "window at byte 3 lies before byte"),
    _Fault(h.INDEX, "window_bytes", 2**32 - 1, "lies before byte"),
    _Fault(h.INDEX, "window_chunks", 0, "window_chunks contains 0"),
    _Fault(h.INDEX, "window_chunks", 4097, "window_chunks contains 4097"),
    _Fault(h.INDEX, "window_chunks", 3, "num_chunks is not the sum over the windows"),
    _Fault(h.INDEX, "chunk_offsets", 3, "chunk at byte 3 lies before byte"),
    _Fault(h.INDEX, "chunk_offsets", 2**40, "chunk at byte 1099511627776 does not follow byte", element=1),
    _Fault(h.INDEX, "chunk_bytes", 2**31, "a box ends at byte", element=3),
    _Fault(h.INDEX, "chunk_frames", 0, "chunk_frames contains 0"),
    _Fault(h.INDEX, "chunk_first_pts", 39, "timestamps do not increase", element=1),
    _Fault(h.INDEX, "chunk_first_pts", -(2**62) - 1, "a timestamp exceeds 2**62"),
    _Fault(h.INDEX, "chunk_end_pts", 0, "timestamps do not increase", note="an end before the frames' own"),
    _Fault(h.INDEX, "chunk_end_pts", 2**62 + 1, "a timestamp exceeds 2**62", element=3),
    _Fault(h.INDEX, "chunk_end_pts", 39, "timestamps differ from the index"),
    _Fault(h.TRAILER, "index_offset", 5, "the index does not end where the trailer begins"),
    _Fault(h.TRAILER, "file_bytes", 5, "its trailer says 5"),
    _Fault(h.TRAILER, "index_bytes", 5, "the index does not end where the trailer begins"),
    _Fault(h.TRAILER, "reserved", 1, "reserved is 1"),
    _Fault(h.TRAILER, "end_magic", 5, "end_magic is 5"),
    _Fault(h.SECTION, "num_symbols", 1, "num_symbols is 1, expected"),
    _Fault(h.SECTION, "symbols_crc", 1, "decoded symbols differ from their checksum", error="ChecksumError"),
    _Fault(h.SECTION, "num_words", 2**32 - 1, "payload ends early"),
    _Fault(h.SECTION, "num_tables", 257, "num_tables is 257"),
    _Fault(h.SECTION, "table_idx", 255, "table_idx is 255, there are"),
    _Fault(h.SECTION, "table_idx", 1, "a group without symbols has a table", bases.own),
    _Fault(h.TABLE, "kind", 3, "kind 3 is unknown"),
    _Fault(h.TABLE, "low", -128, "symbols -128..", box=b"SHRD", base=bases.bell),
    _Fault(h.TABLE, "low", -1, "outside 0..1", box=b"MASK", note="the flags of a mask are 0 and 1"),
    _Fault(h.EXPLICIT_TABLE, "high", -300, "table from", note="high below low"),
    _Fault(h.TWO_PARAMETER_TABLE, "high", -128, "table from", note="high below low"),
    _Fault(h.TWO_PARAMETER_TABLE, "high", 128, "..128 outside -127..127"),
    _Fault(h.TWO_PARAMETER_TABLE, "peak", 127, "peak 127 outside its table"),
    _Fault(h.TWO_PARAMETER_TABLE, "peak", -127, "peak -127 outside its table"),
)
