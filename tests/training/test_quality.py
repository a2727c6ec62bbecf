"""Quality while a window is trained."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nvcodec.bitstream.network_spec import Backbone
from nvcodec.decoder.reconstruction import output_planes
from nvcodec.metrics import frame_psnr, plane_mse
from nvcodec.training.quality import luma_psnr
from nvcodec.video.format import ChromaSubsampling, VideoFormat
from tests import encodes

LENGTHS = (3, 2)


@pytest.mark.parametrize("backbone", [Backbone.VAST, Backbone.NERV])
@pytest.mark.parametrize("chroma", [ChromaSubsampling.YUV420, ChromaSubsampling.RGB, ChromaSubsampling.GRAY])
def test_it_is_the_mean_over_the_frames_as_they_would_be_shown(backbone: Backbone, chroma: ChromaSubsampling) -> None:
    video_format = VideoFormat(31, 23, chroma_subsampling=chroma)
    chunks = [encodes.chunk_frames(video_format, length, first=5 * idx) for idx, length in enumerate(LENGTHS)]
    spec = encodes.tiny_spec(backbone, 31, 23, num_outputs=backbone.num_outputs(video_format))
    model = encodes.window_model(spec, LENGTHS)
    expected = []
    for chunk_idx, chunk in enumerate(chunks):
        for position in range(len(chunk)):
            frame_idx = torch.tensor([position])
            targets = chunk.targets(frame_idx, backbone)
            with torch.no_grad():
                inputs = model.inputs(chunk_idx, frame_idx, targets)
                output = model.reconstruct(model.theta(chunk_idx), inputs, *targets.shape[2:])
            planes = [plane[0].numpy() for plane in output_planes(output, backbone, video_format)]
            measured = 3 if chroma is ChromaSubsampling.RGB else 1
            errors = [plane_mse(chunk.planes[idx][position].numpy(), planes[idx]) for idx in range(measured)]
            expected.append(frame_psnr(float(np.mean(errors)), 255, 8))
    assert luma_psnr(model, chunks, range(2)) == pytest.approx(np.mean(expected))
    assert luma_psnr(model, chunks, [1]) == pytest.approx(np.mean(expected[3:]))


def test_of_no_chunk_it_is_nothing() -> None:
    model = encodes.window_model(encodes.tiny_spec(Backbone.NERV), LENGTHS)
    assert luma_psnr(model, [], []) == 0
