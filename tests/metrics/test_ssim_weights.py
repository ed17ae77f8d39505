from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import imgnet
from imgnet.codec.format.container import to_bytes
from imgnet.image.picture import Samples
from imgnet.metrics.psnr import psnr_db
from imgnet.metrics.ssim import ms_ssim
from imgnet.metrics.ssim_weights import error_weights
from support.grid_cases import picture
from support.paths import SAMPLES


def photo(side: int = 256) -> Samples:
    whole = np.asarray(Image.open(SAMPLES / "astronaut.png").convert("RGB"))
    return np.ascontiguousarray(whole[200 : 200 + side, 200 : 200 + side])


def test_the_geometric_mean_is_one_so_that_lmbda_keeps_its_meaning() -> None:
    for pixels in (photo(), picture(61, 43), photo().astype(np.uint16) * 257):
        weights = error_weights(pixels)
        assert weights.shape == pixels.shape[:2]
        assert np.log(weights).mean() == pytest.approx(0, abs=1e-5)


def test_depth_makes_no_difference() -> None:
    np.testing.assert_allclose(
        error_weights(photo()), error_weights(photo().astype(np.uint16) * 257)
    )


def test_masked_errors_have_no_weight() -> None:
    pixels = picture(40, 30, 4)
    mask = np.random.default_rng(1).random((30, 40)) < 0.5
    assert np.array_equal(error_weights(pixels, mask) > 0, mask)
    by_channel = np.repeat(mask[..., None], 4, axis=2)
    assert np.array_equal(error_weights(pixels, by_channel) > 0, by_channel)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 3), (200, 2)])
def test_pictures_of_any_size_have_weights(size: tuple[int, int]) -> None:
    weights = error_weights(np.full((*size, 1), 9, np.uint8))
    np.testing.assert_allclose(weights, 1, rtol=1e-6)


def test_weights_predict_where_errors_cost_ms_ssim() -> None:
    """Weak noise in one of the squares of a photograph at a time."""
    pixels, rng = photo(), np.random.default_rng(2)
    weights, lost, predicted = error_weights(pixels), [], []
    for top in range(0, 256, 64):
        for left in range(0, 256, 64):
            noisy = pixels.astype(np.int32)
            square = np.s_[top : top + 64, left : left + 64]
            noisy[square] += rng.integers(-4, 5, (64, 64, 1))
            noisy = noisy.clip(0, 255).astype(np.uint8)
            error = np.square(noisy.astype(float) - pixels).mean(2)
            similarity = ms_ssim(pixels, noisy)
            assert similarity is not None
            lost.append(1 - similarity)
            predicted.append((error * weights).sum())
    assert np.corrcoef(np.log(lost), np.log(predicted))[0, 1] > 0.9


def test_a_file_tuned_for_ms_ssim_has_more_of_it_for_its_bytes_and_less_psnr() -> None:
    pixels = photo(192)
    lost, psnrs = [], []
    for tune in ("psnr", "msssim"):
        encoded = imgnet.encode(Image.fromarray(pixels), effort=1, quality=60, tune=tune)
        x_hat = imgnet.decode(encoded)
        similarity = ms_ssim(pixels, x_hat)
        assert similarity is not None
        # Twice the bytes lose about half as much.
        lost.append((1 - similarity) * len(to_bytes(encoded)))
        psnrs.append(psnr_db(pixels, x_hat))
    assert lost[1] < 0.97 * lost[0]
    assert psnrs[1] < psnrs[0]
