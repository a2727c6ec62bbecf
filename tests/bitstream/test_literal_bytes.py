"""Files byte for byte, so that a change of the format cannot go unnoticed."""

from __future__ import annotations

import numpy as np

from nvcodec.bitstream import ChunkContent, MaskGranularity, WindowContent, WindowHeader
from nvcodec.bitstream.boxes import pack_file_header
from nvcodec.bitstream.network_spec import Backbone, NetworkSpec, Stage
from tests.bitstream.nvst_samples import STREAM, make_file, open_bytes

NETWORK = NetworkSpec(Backbone.HNERV, 1, 2, 1, (Stage(4, 1, 1),), 1, embedding_channels=1)


def test_file_header() -> None:
    assert pack_file_header() == bytes.fromhex("894e5653540d0a1a 00 06 00 00 00000000 00000000 d0dd8e92")


def tiny_file() -> bytes:
    mask = np.zeros(NETWORK.num_parameters, np.bool_)
    mask[:2] = True
    header = WindowHeader(0, 0, (1,), NETWORK, MaskGranularity.WEIGHT, (0, 1, 2, 3, 4, 5))
    own = np.array([5] * 31 + [-3] * 7, np.int32)
    embeddings = np.full((1, 1, 1, 2), 9, np.int32)
    time = np.array([100]), np.array([40])
    chunk = ChunkContent(0, *time, (0, 0, -1, -1, 2, 3), own, 7, embeddings)
    return make_file([(WindowContent(header, mask, np.array([1, -1], np.int32)), [chunk])])


EXPECTED = """
894e5653540d0a1a000600000000000000000000d0dd8e92
f74e429c5354524d4400000000000000dc2943feadcad124
08000000040000000801020202000000000000000100000001000000190000000000000000000000
00000000000000000000000000000000000000000000000000000000
f74e429c574e44574f00000001000000e94f22f5aa4b061e
0000000028000000000000000000000002000000010000000000000000000000000000000100000003000003010002
0001000101010000050400000000000000000000000401010000000102030405
f74e429c4d41534b1e00000002000000a9b54065d2a00ad8
0000000028000000c7a60e54000000000200010100000000000000000100
f74e429c534852441e000000030000006878b672d904bb88
000000000200000014ff337700000000020000010000000000010000ffff
f74e429c43484e4b5f00000004000000e2038bb5f67e0011
00000000010000006400000000000000260000000100000000000700280000000000ffff020326000000f38e2de601
000000010000000000000002fdff0500170000000000000029539262de02000000c88b650700000000010000000009
00
f74e429c494e44584000000005000000f4c3d8c48aa3dcfc
0100000000000000010000000100000001007400000000000000d30000000100470100000000000077000000010000
0064000000000000008c00000000000000
f74e429c54524c522000000006000000273e33fbf30bec3f
be010000000000004e0200000000000058000000000000004e565354454e440a
"""


def test_tiny_file() -> None:
    assert tiny_file() == bytes.fromhex(EXPECTED)


def test_tiny_file_can_be_read() -> None:
    reader = open_bytes(bytes.fromhex(EXPECTED))
    reader.verify()
    assert reader.header == STREAM
    window = reader.read_window(0)
    chunk = reader.read_chunk(0, 0, window)
    assert window.header.network == NETWORK
    assert window.shared.tolist() == [1, -1]
    assert chunk.own.tolist() == [5] * 31 + [-3] * 7
    assert chunk.embeddings is not None and chunk.embeddings.ravel().tolist() == [9, 9]
    assert (chunk.pts.tolist(), chunk.durations.tolist()) == ([100], [40])
