"""Every header of the format, declared once; packing, parsing, the dump and the specification's tables follow it."""

from __future__ import annotations

import enum

from nvcodec.bitstream.fields import Array, Field, Record
from nvcodec.bitstream.network_spec import Activation, Backbone, OutputActivation
from nvcodec.bitstream.steps import MAX_STEP_SHIFT, MIN_STEP_SHIFT, NUM_STEPS
from nvcodec.video.format import ChromaSubsampling, ColorRange
from nvcodec.video.tracks import TrackKind

MAJOR_VERSION = 0
MINOR_VERSION = 6
"""While the major version is 0 this is the number of the draft, and a reader accepts no other."""

MAGIC = int.from_bytes(b"\x89NVST\r\n\x1a", "little")
SYNC = int.from_bytes(b"\xf7NB\x9c", "little")
END_MAGIC = int.from_bytes(b"NVSTEND\n", "little")

MAX_SYMBOL = 127
MAX_WIDE_SYMBOL = 32767
MAX_EMBEDDING_SYMBOL = 16383
MAX_EMBEDDING_VALUES = 1 << 30
"""Values of the embeddings of one chunk."""
MAX_PAYLOAD_BYTES = 1 << 30
MAX_TABLE_SYMBOLS = 1 << 17
"""Symbols of all tables of one coded section."""
MAX_WINDOW_CHUNKS = 4096
MAX_PTS = 2**62
"""Largest magnitude of a timestamp."""
NUM_LEVELS = 6
MAX_TRACKS = 64
MAX_EXTRADATA_BYTES = 1 << 20
MAX_PACKET_BYTES = 1 << 24
MAX_BOX_PACKETS = 1 << 16
MAX_CHAPTERS = 1 << 16


class BoxType(enum.IntEnum):
    """Types of boxes: four characters; a lower-case first letter marks what a reader may skip."""

    STREAM = int.from_bytes(b"STRM", "little")
    METADATA = int.from_bytes(b"meta", "little")
    TRACKS = int.from_bytes(b"trak", "little")
    CHAPTERS = int.from_bytes(b"chap", "little")
    PACKETS = int.from_bytes(b"pkts", "little")
    WINDOW = int.from_bytes(b"WNDW", "little")
    MASK = int.from_bytes(b"MASK", "little")
    SHARED = int.from_bytes(b"SHRD", "little")
    CHUNK = int.from_bytes(b"CHNK", "little")
    INDEX = int.from_bytes(b"INDX", "little")
    FRONT_INDEX = int.from_bytes(b"indx", "little")
    TRAILER = int.from_bytes(b"TRLR", "little")


class Profile(enum.IntEnum):
    """What the networks' arithmetic is done in."""

    REAL = 0


class Coder(enum.IntEnum):
    """How the words of coded sections are made."""

    ANS64 = 0


class MaskGranularity(enum.IntEnum):
    """Which parameters make one unit of a mask."""

    WEIGHT = 0
    KERNEL = 1
    ROW = 2
    TENSOR = 3


class TableKind(enum.IntEnum):
    """How a frequency table is stored."""

    SINGLE = 0
    TWO_PARAMETER = 1
    EXPLICIT = 2


FILE_HEADER = Record(
    "file header",
    (
        Field("magic", "u64", "bytes 89 4E 56 53 54 0D 0A 1A", MAGIC, MAGIC, is_text=True),
        Field("major_version", "u8", "0: draft"),
        Field("minor_version", "u8", "number of the draft while major_version is 0"),
        Field("profile", "u8", "arithmetic of the networks", labels=Profile),
        Field("reserved", "u8", "", 0, 0),
        Field("incompatible_flags", "u32", "reserved: a reader refuses any bit it does not know; none is defined"),
        Field("compatible_flags", "u32", "unused: a reader ignores the bits it does not know; none is defined"),
        Field("header_crc", "u32", "CRC-32 of the bytes before it"),
    ),
)

BOX_HEADER = Record(
    "box header",
    (
        Field("sync", "u32", "bytes F7 4E 42 9C", SYNC, SYNC),
        Field("type", "u32", "four ASCII characters, 20..7E each", is_text=True),
        Field("payload_bytes", "u32", "length of the payload that follows", 0, MAX_PAYLOAD_BYTES),
        Field("sequence", "u32", "0 for the first box, one more for each following box"),
        Field("payload_crc", "u32", "CRC-32 of the payload"),
        Field("header_crc", "u32", "CRC-32 of the 20 bytes before it"),
    ),
)

STREAM = Record(
    "stream header",
    (
        Field("width", "u32", "of a frame, pixels", 1, 16384),
        Field("height", "u32", "of a frame, pixels", 1, 16384),
        Field("bit_depth", "u8", "8, 10 or 12", 8, 12),
        Field("chroma_subsampling", "u8", "which planes there are", labels=ChromaSubsampling),
        Field("color_primaries", "u8", "H.273 code point"),
        Field("transfer_characteristics", "u8", "H.273 code point"),
        Field("matrix_coefficients", "u8", "H.273 code point"),
        Field("color_range", "u8", "range of the samples", labels=ColorRange),
        Field("chroma_location", "u8", "0 none, 1 left, 2 center, 3 top left, 4 top, 5 bottom left, 6 bottom", 0, 6),
        Field("reserved", "u8", "", 0, 0),
        Field("sample_aspect_num", "u32", "width of a pixel relative to its height; 0 unknown", 0, 2**31 - 1),
        Field("sample_aspect_den", "u32", "denominator", 1, 2**31 - 1),
        Field("time_base_num", "u32", "seconds per unit of timestamps, numerator", 1, 2**31 - 1),
        Field("time_base_den", "u32", "denominator", 1, 2**31 - 1),
        Field("num_source_frames", "u64", "frames of the source, 0 if unknown when the file was begun"),
        Field("mastering_red_x", "u16", "mastering display: chromaticity of its red, units of 0.00002"),
        Field("mastering_red_y", "u16", ""),
        Field("mastering_green_x", "u16", "of its green"),
        Field("mastering_green_y", "u16", ""),
        Field("mastering_blue_x", "u16", "of its blue"),
        Field("mastering_blue_y", "u16", ""),
        Field("mastering_white_x", "u16", "of its white"),
        Field("mastering_white_y", "u16", ""),
        Field("mastering_max_luminance", "u32", "of its white, units of 0.0001 cd/m²"),
        Field("mastering_min_luminance", "u32", "of its black"),
        Field("max_content_light", "u16", "MaxCLL, cd/m²; 0 unknown"),
        Field("max_average_light", "u16", "MaxFALL, cd/m²; 0 unknown"),
    ),
)

TRACKS = Record("tracks", (Field("num_tracks", "u8", "", 1, MAX_TRACKS),))

TRACK = Record(
    "track",
    (
        Field("kind", "u8", "what the track holds", labels=TrackKind),
        Field("codec_bytes", "u8", "", 1, 64),
        Field("layout_bytes", "u8", "", 0, 64),
        Field("language_bytes", "u8", "", 0, 64),
        Field("title_bytes", "u16", "", 0, 1024),
        Field("reserved", "u16", "", 0, 0),
        Field("time_base_num", "u32", "seconds per unit of the packets' times, numerator", 1, 2**31 - 1),
        Field("time_base_den", "u32", "denominator", 1, 2**31 - 1),
        Field("sample_rate", "u32", "samples per second; 0 for subtitles", 0, 2**31 - 1),
        Field("delay", "u32", "samples put out before the sound begins", 0, 2**31 - 1),
        Field("disposition", "u32", "FFmpeg's bits"),
        Field("extradata_bytes", "u32", "", 0, MAX_EXTRADATA_BYTES),
        Array("codec", "u8", "codec_bytes", "FFmpeg's name of the codec, UTF-8"),
        Array("channel_layout", "u8", "layout_bytes", "FFmpeg's name, UTF-8; empty for subtitles"),
        Array("language", "u8", "language_bytes", "UTF-8; empty if unknown"),
        Array("title", "u8", "title_bytes", "UTF-8"),
        Array("extradata", "u8", "extradata_bytes", "what the codec's decoder needs before the first packet"),
    ),
)

CHAPTERS = Record(
    "chapters",
    (
        Field("num_chapters", "u32", "", 1, MAX_CHAPTERS),
        Array("start_ns", "i64", "num_chapters", "when each begins, nanoseconds", -MAX_PTS, MAX_PTS),
        Array("end_ns", "i64", "num_chapters", "when each ends, not before it begins", -MAX_PTS, MAX_PTS),
        Array("title_bytes", "u16", "num_chapters", "of its title", 0, 1024),
    ),
)

CHAPTER_TITLES = Record("chapter titles", (Array("titles", "u8", "num_title_bytes", "UTF-8, one behind the other"),))

PACKETS = Record(
    "packets",
    (
        Field("track_idx", "u8", "the track, 0 for the first of trak", 0, MAX_TRACKS - 1),
        Field("reserved", "u8", "", 0, 0),
        Field("num_packets", "u32", "", 1, MAX_BOX_PACKETS),
        Field("num_durations", "u32", "1 if all packets last equally long, else num_packets", 1, MAX_BOX_PACKETS),
        Field("first_pts", "i64", "time of the first packet", -MAX_PTS, MAX_PTS),
        Array("pts_steps", "u32", "num_packets", "time since the packet before, 0 for the first"),
        Array("durations", "u32", "num_durations", "0 unknown"),
        Array("packet_bytes", "u32", "num_packets", "", 1, MAX_PACKET_BYTES),
        Array("packet_flags", "u8", "num_packets", "bit 0: decodes without those before it", 0, 1),
    ),
)

PACKET_DATA = Record("packet data", (Array("data", "u8", "num_data_bytes", "of all packets, one behind the other"),))

WINDOW = Record(
    "window header",
    (
        Field("window_idx", "u32", "0 for the first window"),
        Field("num_parameters", "u32", "S of the network spec below", 1),
        Field("first_frame", "u64", "frames of all earlier windows"),
        Field("num_shared", "u32", "K, number of shared parameters"),
        Field("num_chunks", "u16", "chunks of the window", 1, MAX_WINDOW_CHUNKS),
        Field("granularity", "u8", "of the mask", labels=MaskGranularity),
        Field("flags", "u8", "bit 0: wide_symbols", 0, 1),
        Field("time_offset", "u32", "time of the window's first frame, in frames; 0 if time_length is 0"),
        Field("time_length", "u32", "frames over which time runs; 0: over each chunk"),
        Field("level_idx", "u8", "whose bounds the window keeps; 0 none", 0, NUM_LEVELS),
        Field("coder", "u8", "of all coded sections of the window", labels=Coder),
        Field("reserved", "u16", "", 0, 0),
        Array("chunk_lengths", "u32", "num_chunks", "frames of each chunk", 1),
    ),
)

NETWORK = Record(
    "network spec",
    (
        Field("backbone", "u8", "", labels=Backbone),
        Field("activation", "u8", "after every layer but the head", labels=Activation),
        Field("output_activation", "u8", "after the head", labels=OutputActivation),
        Field("num_outputs", "u8", "channels of the head's output", 1, 12),
        Field("base_height", "u16", "grid of the first stage", 1, 1024),
        Field("base_width", "u16", "grid of the first stage", 1, 1024),
        Field("base_channels", "u16", "channels on that grid", 1, 4096),
        Field("head_kernel", "u8", "1, 3, 5 or 7", 1, 7),
        Field("num_stages", "u8", "", 1, 8),
        Field("embedding_channels", "u16", "0 if a frame's input is a function of time", 0, 256),
        Field("pe_levels", "u8", "levels of the positional encoding, L", 0, 128),
        Field("pe_base_num", "u8", "base of the positional encoding, numerator", 1),
        Field("pe_base_den", "u8", "denominator", 1),
        Field("texture_channels", "u8", "VAST: channels of the texture; 0 none", 0, 16),
        Field("stem_width", "u16", "NeRV, E-NeRV: hidden width of the time MLP", 0, 4096),
        Field("token_width", "u16", "E-NeRV: width of the transformer", 0, 4096),
        Field("modulation_width", "u16", "E-NeRV: width of the time modulation", 0, 4096),
        Field("feedforward_width", "u16", "E-NeRV: hidden width of the transformer's MLPs", 0, 4096),
        Field("texture_margin", "u16", "VAST: pixels of the texture beyond each side of the frame", 0, 1024),
        Array("stage_strides", "u8", "num_stages", "", 1, 8),
        Array("stage_kernels", "u8", "num_stages", "1, 3, 5 or 7", 1, 7),
        Array("stage_channels", "u16", "num_stages", "", 1, 4096),
        Array("stage_grid_channels", "u8", "num_stages", "VAST: channels of the grid at the stage's input"),
    ),
)

STEPS = Record(
    "steps",
    (Array("step_idx", "u8", "num_tensors", "step of each tensor's shared symbols", 0, NUM_STEPS - 1),),
)

WINDOW_PART = Record("window part", (Field("window_idx", "u32", "the window this box belongs to"),))

CHUNK = Record(
    "chunk header",
    (
        Field("window_idx", "u32", "the window this chunk belongs to"),
        Field("num_frames", "u32", "as in the window header", 1),
        Field("first_pts", "i64", "timestamp of the first frame"),
        Field("own_bytes", "u32", "bytes of the coded section of own parameters"),
        Field("num_durations", "u32", "1 if all frames last equally long, else num_frames", 1),
        Field("chunk_idx", "u16", "0 for the window's first chunk", 0, MAX_WINDOW_CHUNKS - 1),
        Field("embedding_step_idx", "u8", "step of the embeddings, 0 without embeddings", 0, NUM_STEPS - 1),
        Field("reserved", "u8", "", 0, 0),
        Array("durations", "u32", "num_durations", "of the frames, in units of the time base", 1),
    ),
)

OWN_STEPS = Record(
    "own steps",
    (
        Array(
            "own_step_shift",
            "i8",
            "num_tensors",
            "own step = shared step * 2**shift, for each tensor",
            MIN_STEP_SHIFT,
            MAX_STEP_SHIFT,
        ),
    ),
)

SECTION = Record(
    "coded section",
    (
        Field("num_symbols", "u32", "must be the number the reader expects"),
        Field("symbols_crc", "u32", "CRC-32 of all symbols in order, each as i32"),
        Field("num_words", "u32", "words of the coded stream"),
        Field("num_tables", "u16", "", 0, 256),
        Array("table_idx", "u8", "num_groups", "table of each group; 0 for a group without symbols"),
    ),
)

TABLE = Record(
    "table",
    (
        Field("kind", "u8", "how the table is stored", labels=TableKind),
        Field("low", "i16", "smallest symbol; the only one of a single-valued table"),
    ),
)

TWO_PARAMETER_TABLE = Record(
    "two-parameter table",
    (
        Field("high", "i16", "largest symbol"),
        Field("peak", "i16", "most frequent symbol"),
        Field("ratio", "u32", "weight of the peak's neighbours relative to the peak, units of 2**-32"),
        Field("decay", "u32", "factor of that ratio with every further step, units of 2**-32"),
    ),
)

EXPLICIT_TABLE = Record("explicit table", (Field("high", "i16", "largest symbol"),))

TABLE_CODES = Record(
    "table codes",
    (Array("codes", "u8", "num_table_symbols", "logarithmic weight of each symbol from low to high"),),
)

WORDS = Record("coded words", (Array("words", "u32", "num_words", "the coded stream, last written first read"),))

INDEX = Record(
    "index",
    (
        Field("num_frames", "u64", "frames of all windows"),
        Field("num_windows", "u32", ""),
        Field("num_chunks", "u32", "chunks of all windows"),
        Field("is_complete", "u8", "1 if every frame of the source is coded", 0, 1),
        Field("level_idx", "u8", "the largest of all windows; 0 if that of any window is 0", 0, NUM_LEVELS),
        Array("window_offsets", "u64", "num_windows", "offset of each window's WNDW box in the file"),
        Array("window_bytes", "u32", "num_windows", "bytes of its WNDW, MASK and SHRD boxes, headers included"),
        Array("window_chunks", "u16", "num_windows", "its number of chunks", 1, MAX_WINDOW_CHUNKS),
        Array("chunk_offsets", "u64", "num_chunks", "offset of each CHNK box in the file"),
        Array("chunk_bytes", "u32", "num_chunks", "bytes of the box, header included"),
        Array("chunk_frames", "u32", "num_chunks", "its number of frames", 1),
        Array("chunk_first_pts", "i64", "num_chunks", "timestamp of its first frame"),
        Array("chunk_end_pts", "i64", "num_chunks", "timestamp of the end of its last frame"),
    ),
)

FRONT_INDEX = Record("front index", (Field("file_bytes", "u64", "length of the file"),))

TRAILER = Record(
    "trailer",
    (
        Field("index_offset", "u64", "offset of the INDX box in the file"),
        Field("file_bytes", "u64", "length of the file, this box included"),
        Field("index_bytes", "u32", "bytes of the INDX box, header included"),
        Field("reserved", "u32", "", 0, 0),
        Field("end_magic", "u64", "bytes 4E 56 53 54 45 4E 44 0A", END_MAGIC, END_MAGIC, is_text=True),
    ),
)

RECORDS = (
    FILE_HEADER,
    BOX_HEADER,
    STREAM,
    TRACKS,
    TRACK,
    CHAPTERS,
    CHAPTER_TITLES,
    PACKETS,
    PACKET_DATA,
    WINDOW,
    NETWORK,
    STEPS,
    WINDOW_PART,
    CHUNK,
    OWN_STEPS,
    SECTION,
    TABLE,
    TWO_PARAMETER_TABLE,
    EXPLICIT_TABLE,
    TABLE_CODES,
    WORDS,
    INDEX,
    FRONT_INDEX,
    TRAILER,
)
