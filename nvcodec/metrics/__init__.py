"""How good and how small: PSNR, SSIM, MS-SSIM and bits per pixel.

The structural similarities need torch and are loaded at their first use, so that counting bits needs none.
"""

from typing import TYPE_CHECKING

from nvcodec.metrics.distortion import PsnrAccumulator, frame_psnr, plane_mse, psnr, rgb_psnr
from nvcodec.metrics.rate import bpp

if TYPE_CHECKING:
    from nvcodec.metrics.similarity import ms_ssim, ssim

__all__ = ["PsnrAccumulator", "bpp", "frame_psnr", "ms_ssim", "plane_mse", "psnr", "rgb_psnr", "ssim"]


def __getattr__(name: str) -> object:
    if name not in ("ms_ssim", "ssim"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from nvcodec.metrics import similarity

    return getattr(similarity, name)
