from __future__ import annotations

import io

import numpy as np
from PIL import Image

from nvcodec.video.stills import gray_png, jpeg
from tests import clips


def test_jpegs_are_near_what_they_show() -> None:
    planes = clips.make_planes(clips.VideoFormat(65, 47, chroma_subsampling=clips.ChromaSubsampling.RGB))
    smooth = [plane // 2 + 30 for plane in planes]
    picture = np.stack(smooth, axis=2)
    with Image.open(io.BytesIO(jpeg(picture))) as image:
        assert (image.format, image.size) == ("JPEG", (65, 47))
        shown = np.asarray(image.convert("RGB")).astype(int)
    assert np.abs(shown - picture).mean() < 3


def test_pngs_are_what_they_show() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (5, 9)).astype(np.uint8)
    with Image.open(io.BytesIO(gray_png(picture))) as image:
        np.testing.assert_array_equal(np.asarray(image), picture)
