"""What a reader is willing to decode, checked from the headers before any memory is taken."""

from __future__ import annotations

from dataclasses import dataclass

from nvcodec.bitstream.levels import window_memory
from nvcodec.bitstream.network_spec import MAX_MACS_PER_PIXEL, NetworkSpec
from nvcodec.errors import LimitError


@dataclass(frozen=True)
class Limits:
    """Upper bounds of a reader; a file that asks for more is refused with LimitError.

    Attributes:
        max_pixels: pixels of a frame, and of the coded size.
        max_frames: frames of the file.
        max_chunk_frames: frames of one chunk.
        max_chunks: chunks of the file.
        max_parameters: parameters of one network.
        max_macs_per_pixel: multiply-accumulates per pixel of the coded size.
        max_memory: bytes for one chunk as the levels count them (``window_memory``); also the largest box.
        max_metadata_bytes: bytes of the metadata once unpacked.
        max_packets: packets of audio and subtitles of one window.
    """

    max_pixels: int = 1 << 26
    max_frames: int = 1 << 24
    max_chunk_frames: int = 1 << 16
    max_chunks: int = 1 << 20
    max_parameters: int = 1 << 27
    max_macs_per_pixel: int = MAX_MACS_PER_PIXEL
    max_memory: int = 8 << 30
    max_metadata_bytes: int = 1 << 20
    max_packets: int = 1 << 20

    def check_frame(self, width: int, height: int, place: str) -> None:
        """Check the size of a frame or a coded size in pixels."""
        _check("pixels of a frame", width * height, self.max_pixels, place)

    def check_frames(self, num_frames: int, num_chunks: int, place: str) -> None:
        """Check the size of the whole file."""
        _check("number of frames", num_frames, self.max_frames, place)
        _check("number of chunks", num_chunks, self.max_chunks, place)

    def check_box(self, num_bytes: int, place: str) -> None:
        """Check the bytes of a box, before they are read."""
        _check("bytes of a box", num_bytes, self.max_memory, place)

    def check_packets(self, num_packets: int, place: str) -> None:
        """Check the packets of one window."""
        _check("packets of a window", num_packets, self.max_packets, place)

    def check_network(self, network: NetworkSpec, place: str) -> None:
        """Check parameters and multiply-accumulates of a valid network spec."""
        self.check_frame(network.coded_width, network.coded_height, place)
        _check("number of parameters", network.num_parameters, self.max_parameters, place)
        pixels = network.coded_width * network.coded_height
        macs_per_pixel = -(-network.macs_per_frame // pixels)
        _check("multiply-accumulates per pixel", macs_per_pixel, self.max_macs_per_pixel, place)

    def check_chunk(self, network: NetworkSpec, num_frames: int, place: str) -> None:
        """Check the frames of one chunk, and the memory that it takes with its network."""
        _check("frames of a chunk", num_frames, self.max_chunk_frames, place)
        _check("bytes of memory", window_memory(network, num_frames), self.max_memory, place)


def _check(what: str, value: int, limit: int, place: str) -> None:
    if value > limit:
        raise LimitError(f"{what}: {value} is above the limit of {limit}", place)
