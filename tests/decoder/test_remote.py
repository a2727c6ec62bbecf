"""Decoding over HTTP: how many requests and bytes the first frame costs, and that the frames are the local file's."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from nvcodec import VideoDecoder, decode
from nvcodec.bitstream import NvstReader
from nvcodec.bitstream.front_index import write_with_front_index
from nvcodec.bitstream.headers import BOX_HEADER, FILE_HEADER, STREAM, TRAILER
from nvcodec.bitstream.scan import FRONT_BYTES
from nvcodec.errors import InputError
from tests import encodes
from tests.range_server import Handler, RangeServer, serve

TRAILER_BYTES = BOX_HEADER.size + TRAILER.size


@pytest.fixture
def server(two_windows: Path) -> Iterator[RangeServer]:
    with serve(two_windows.read_bytes()) as running:
        yield running


@pytest.fixture
def local(two_windows: Path) -> VideoDecoder:
    return VideoDecoder(two_windows)


def test_the_first_frame_costs_five_requests_and_only_the_bytes_it_needs(
    server: RangeServer, local: VideoDecoder, two_windows: Path
) -> None:
    frame = VideoDecoder(server.url)[8]
    assert torch.equal(frame, local[8])
    with NvstReader(two_windows) as reader:
        window = reader.windows[1]
    chunk = window.chunks[0]
    end = len(server.data)
    last = local_last_box_end(two_windows)
    expected = [
        (0, FILE_HEADER.size + BOX_HEADER.size + STREAM.size + BOX_HEADER.size),
        (end - TRAILER_BYTES, end),
        (last, end - TRAILER_BYTES),
        (window.offset, window.offset + window.run_bytes),
        (chunk.offset, chunk.offset + chunk.box_bytes),
    ]
    assert server.ranges == expected
    assert [request.method for request in server.requests] == ["GET"] * 5
    assert server.sent_bytes == sum(stop - start for start, stop in expected)
    assert server.num_connections == 1


def test_with_a_front_index_the_first_frame_costs_four_requests(local: VideoDecoder, two_windows: Path) -> None:
    file = io.BytesIO()
    with NvstReader(two_windows) as reader:
        write_with_front_index(reader, file)
    with serve(file.getvalue()) as server:
        assert torch.equal(VideoDecoder(server.url)[8], local[8])
        front = server.ranges[1]
        assert len(server.requests) == 4
        assert front is not None and front[0] == FRONT_BYTES + BOX_HEADER.size


def local_last_box_end(path: Path) -> int:
    """Where the last chunk ends and the index begins."""
    with NvstReader(path) as reader:
        chunk = reader.windows[-1].chunks[-1]
        return chunk.offset + chunk.box_bytes


def test_later_frames_cost_what_is_not_known_yet(server: RangeServer, local: VideoDecoder) -> None:
    decoder = VideoDecoder(server.url)
    for frame_idx, num_requests in ((0, 5), (2, 5), (3, 6), (4, 6), (11, 8), (9, 8), (8, 9)):
        assert torch.equal(decoder[frame_idx], local[frame_idx])
        assert len(server.requests) == num_requests
    assert decoder.metadata == local.metadata


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_worker_processes_open_connections_of_their_own(
    server: RangeServer, local: VideoDecoder, context: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "OMP_NUM_THREADS", "1")
    decoder = VideoDecoder(server.url)
    first = decoder[0]
    loader = DataLoader(decoder, batch_size=6, num_workers=2, multiprocessing_context=context)
    assert torch.equal(torch.cat(list(loader)), local[:])
    assert torch.equal(decoder[0], first)
    assert server.num_connections == 3


def test_a_pickled_decoder_opens_the_address_again(server: RangeServer, local: VideoDecoder) -> None:
    assert torch.equal(pickle.loads(pickle.dumps(VideoDecoder(server.url)))[5], local[5])


def test_a_whole_decode(server: RangeServer, two_windows: Path, tmp_path: Path) -> None:
    decode(server.url, tmp_path / "remote.y4m", device="cpu")
    decode(two_windows, tmp_path / "local.y4m", device="cpu")
    encodes.assert_same_frames(
        encodes.read_frames(tmp_path / "remote.y4m"), encodes.read_frames(tmp_path / "local.y4m")
    )
    # The text and the header behind it, where tracks might be, come before the windows and chunks.
    assert len(server.requests) == 3 + 2 + 2 + 4


def test_a_file_that_changes_or_vanishes_between_frames(server: RangeServer) -> None:
    decoder = VideoDecoder(server.url)
    decoder[0]
    server.etag = '"2"'
    with pytest.raises(InputError, match="the file changed while it was read"):
        decoder[11]
    server.behaviour = lambda handler: handler.send_status(404)
    with pytest.raises(InputError, match="404"):
        decoder[11]
    with pytest.raises(InputError, match="404"):
        VideoDecoder(server.url)
    server.behaviour, server.etag = Handler.send_range, '"1"'
    assert decoder[11].shape == (3, 48, 64)


def test_a_short_answer_for_the_trailer_is_no_unfinished_file(server: RangeServer) -> None:
    def short(handler: Handler) -> None:
        handler.send_range(body=b"short" if handler.asked[0] else None)

    server.behaviour = short
    with pytest.raises(InputError, match="the server sends 5"):
        VideoDecoder(server.url)


def test_a_file_behind_fsspec(two_windows: Path, local: VideoDecoder) -> None:
    fsspec = pytest.importorskip("fsspec")
    fsspec.filesystem("memory").pipe("/a.nvst", two_windows.read_bytes())
    assert torch.equal(VideoDecoder("memory://a.nvst")[8], local[8])
    with fsspec.open("memory://a.nvst") as file:
        assert torch.equal(VideoDecoder(file)[8], local[8])
