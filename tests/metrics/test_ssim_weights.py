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
from support.paths import SAMPLES
from support.pictures import picture


def photo(side: int = 256) -> Samples:
    whole = np.asarray(Image.open(SAMPLES / "astronaut.png").convert("RGB"))
    return np.ascontiguousarray(whole[200 : 200 + side, 200 : 200 + side])


def test_the_geometric_mean_is_one_so_that_prices_keep_their_meaning() -> None:
    for pixels in (photo(), picture(61, 43), photo().astype(np.uint16) * 257):
        counts = error_weights(pixels)
        assert counts.shape == pixels.shape[:2]
        assert np.log(counts).mean() == pytest.approx(0, abs=1e-5)


def test_depth_makes_no_difference() -> None:
    np.testing.assert_allclose(
        error_weights(photo()), error_weights(photo().astype(np.uint16) * 257)
    )


def test_what_is_not_seen_does_not_count() -> None:
    pixels = picture(40, 30, 4)
    seen = np.random.default_rng(1).random((30, 40)) < 0.5
    assert np.array_equal(error_weights(pixels, seen) > 0, seen)
    by_channel = np.repeat(seen[..., None], 4, axis=2)
    assert np.array_equal(error_weights(pixels, by_channel) > 0, by_channel)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 3), (200, 2)])
def test_pictures_of_any_size_have_an_importance(size: tuple[int, int]) -> None:
    counts = error_weights(np.full((*size, 1), 9, np.uint8))
    np.testing.assert_allclose(counts, 1, rtol=1e-6)


def test_it_foretells_where_errors_cost_ms_ssim() -> None:
    """Weak noise in one of the squares of a photograph at a time."""
    pixels, rng = photo(), np.random.default_rng(2)
    counts, lost, foretold = error_weights(pixels), [], []
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
            foretold.append((error * counts).sum())
    assert np.corrcoef(np.log(lost), np.log(foretold))[0, 1] > 0.9


def test_a_file_tuned_for_ms_ssim_has_more_of_it_for_its_bytes_and_less_psnr() -> None:
    pixels = photo(192)
    lost, psnrs = [], []
    for tune in ("psnr", "msssim"):
        encoded = imgnet.encode(Image.fromarray(pixels), effort=1, quality=60, tune=tune)
        drawn = imgnet.decode(encoded)
        similarity = ms_ssim(pixels, drawn)
        assert similarity is not None
        # Twice the bytes lose about half as much.
        lost.append((1 - similarity) * len(to_bytes(encoded)))
        psnrs.append(psnr_db(pixels, drawn))
    assert lost[1] < 0.97 * lost[0]
    assert psnrs[1] < psnrs[0]
