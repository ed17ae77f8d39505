from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from imgnet.metrics.ssim import LEAST_SIDE, WINDOW, halved, ms_ssim, ssim

Pixels = NDArray[np.uint8]


def slopes(height: int, width: int) -> Pixels:
    """Draw a picture in whole numbers, so that it is the same everywhere."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [(3 * x + y) % 256, (x * y // 7) % 256, ((x // 8 + y // 8) % 2) * 180 + 30]
    return np.stack(planes, axis=2).astype(np.uint8)


def rippled(pixels: Pixels) -> Pixels:
    """Change a picture, each channel in another way."""
    y, x = np.mgrid[0 : pixels.shape[0], 0 : pixels.shape[1]]
    ripple = np.stack([(7 * x + 5 * y) % 31 - 15, (x * x + y) % 17, -(pixels[..., 2] // 3)], axis=2)
    return np.clip(pixels + ripple, 0, 255).astype(np.uint8)


# By skimage.metrics.structural_similarity (scikit-image 0.26.0) with gaussian_weights=True,
# sigma=1.5, use_sample_covariance=False, channel_axis=2 and data_range=255.
SSIM = {
    (32, 48): 0.4701869724028153,
    (11, 40): 0.4427691300571339,
    (161, 170): 0.5336978268110134,
    (176, 192): 0.5334841033728845,
}
# By pytorch_msssim 1.0.0, whose window is in single precision. It pads odd sides with zeros, unlike
# the paper's authors, so these are even at every scale.
MS_SSIM = {(176, 192): 0.6560033556845818, (256, 320): 0.6558917741257729}


@pytest.mark.parametrize("size", SSIM)
def test_ssim_agrees_with_scikit_image_as_measured_once(size: tuple[int, int]) -> None:
    a = slopes(*size)
    assert ssim(a, rippled(a)) == pytest.approx(SSIM[size], rel=1e-12)


@pytest.mark.parametrize("size", SSIM)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_ssim_agrees_with_scikit_image(
    size: tuple[int, int], dtype: type[np.unsignedinteger]
) -> None:
    metrics = pytest.importorskip("skimage.metrics")
    scale = np.iinfo(dtype).max // 255
    a = slopes(*size).astype(dtype) * dtype(scale)
    b = rippled(slopes(*size)).astype(dtype) * dtype(scale)
    theirs = metrics.structural_similarity(
        a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, channel_axis=2,
        data_range=255 * scale,
    )  # fmt: skip
    assert ssim(a, b) == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("size", MS_SSIM)
def test_ms_ssim_agrees_with_pytorch_msssim_as_measured_once(size: tuple[int, int]) -> None:
    a = slopes(*size)
    assert ms_ssim(a, rippled(a)) == pytest.approx(MS_SSIM[size], abs=2e-6)


def test_depth_does_not_matter() -> None:
    a = slopes(176, 192)
    deep = a.astype(np.uint16) * np.uint16(257), rippled(a).astype(np.uint16) * np.uint16(257)
    assert ssim(*deep) == pytest.approx(ssim(a, rippled(a)), rel=1e-9)
    assert ms_ssim(*deep) == pytest.approx(ms_ssim(a, rippled(a)), rel=1e-9)


def test_memory_is_saved_without_a_seam() -> None:
    """Strips of rows give what the picture gives when it lies on its side."""
    a = slopes(301, 40)
    b = rippled(a)
    assert ssim(a, b) == pytest.approx(ssim(a.swapaxes(0, 1), b.swapaxes(0, 1)), rel=1e-12)


def test_equal_pictures_are_alike() -> None:
    a = slopes(LEAST_SIDE, LEAST_SIDE)
    assert (ssim(a, a), ms_ssim(a, a)) == (1.0, 1.0)


def test_a_negative_is_not_alike_at_any_scale() -> None:
    a = slopes(LEAST_SIDE, LEAST_SIDE)
    assert ssim(a, 255 - a) < 0  # type: ignore[operator]
    assert ms_ssim(a, 255 - a) == 0


def test_too_small_a_picture_has_no_value() -> None:
    a = slopes(WINDOW, WINDOW - 1)
    assert ssim(a, a) is None
    a = slopes(LEAST_SIDE - 1, LEAST_SIDE)
    assert ssim(a, a) == 1
    assert ms_ssim(a, a) is None


@pytest.mark.parametrize("measure", [ssim, ms_ssim])
def test_unlike_arrays_are_refused(measure: object) -> None:
    a = slopes(20, 20)
    for b in (a[:-1], a[..., :1], a.astype(np.uint16)):
        with pytest.raises(ValueError, match="cannot compare"):
            measure(a, b)  # type: ignore[operator]


def test_odd_sides_repeat_their_last_samples() -> None:
    assert halved(np.array([[1.0, 3, 5]])).tolist() == [[2.0, 5.0]]
