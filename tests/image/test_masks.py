from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgnet.errors import InputError, UsageError
from imgnet.image.masks import fit_mask, read_mask, sample_mask
from support.picture_files import stored

PIXELS = np.zeros((24, 32, 3), np.uint8)
CHECKS = np.indices((24, 32)).sum(0) % 2 == 0


def test_nothing_asked_for_is_everything() -> None:
    assert fit_mask(PIXELS, None, None, 0) is None


def test_keep_follows_the_seed_and_takes_its_fraction() -> None:
    first, again, other = (fit_mask(PIXELS, None, 0.1, seed) for seed in (0, 0, 1))
    assert first is not None
    assert first.shape == (24, 32)
    assert first.sum() == 77
    assert np.array_equal(first, again)  # type: ignore[arg-type]
    assert not np.array_equal(first, other)  # type: ignore[arg-type]


def test_a_tiny_fraction_keeps_a_pixel() -> None:
    seen = fit_mask(PIXELS, None, 1e-9, 0)
    assert seen is not None
    assert seen.sum() == 1


def test_arrays_and_files_say_the_same(tmp_path: Path) -> None:
    Image.fromarray(CHECKS.astype(np.uint8) * 255).save(tmp_path / "mask.png")
    for mask in (CHECKS, tmp_path / "mask.png", str(tmp_path / "mask.png")):
        assert np.array_equal(fit_mask(PIXELS, mask, None, 0), CHECKS)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "mask", [CHECKS[1:], CHECKS.astype(np.uint8), np.zeros_like(CHECKS)], ids=["size", "type", "0"]
)
def test_arrays_that_are_no_masks_are_refused(mask: np.ndarray) -> None:
    with pytest.raises(UsageError, match="a mask is a bool array"):
        fit_mask(PIXELS, mask, None, 0)


@pytest.mark.parametrize("keep", [0.0, -1.0, 1.5])
def test_fractions_out_of_range_are_refused(keep: float) -> None:
    with pytest.raises(UsageError, match="is not a fraction"):
        fit_mask(PIXELS, None, keep, 0)


def test_both_at_once_are_refused() -> None:
    with pytest.raises(UsageError, match="--mask and --keep"):
        fit_mask(PIXELS, CHECKS, 0.5, 0)


def test_a_missing_mask_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.png"):
        fit_mask(PIXELS, tmp_path / "gone.png", None, 0)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [2, 4])
def test_colours_of_what_is_transparent_are_free(channels: int, dtype: type) -> None:
    pixels = np.ones((24, 32, channels), dtype)
    pixels[3, 4, -1] = 0
    counted = sample_mask(pixels, None)
    assert counted is not None
    assert np.argwhere(~counted).tolist() == [[3, 4, i] for i in range(channels - 1)]
    both = sample_mask(pixels, CHECKS)
    assert np.array_equal(both, counted & CHECKS[..., None])  # type: ignore[arg-type]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_without_transparency_a_mask_stays_what_it_is(channels: int) -> None:
    pixels = np.zeros((24, 32, channels), np.uint8)
    pixels[..., -1] += channels in (2, 4)
    assert sample_mask(pixels, None) is None
    assert sample_mask(pixels, CHECKS) is CHECKS


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "I;16"])
def test_mask_is_white_from_half_brightness(mode: str) -> None:
    grey = np.array([[0, 127, 128, 255]], np.uint8)
    image = Image.fromarray(grey)
    if mode == "1":
        image = image.point(lambda level: 255 * (level >= 128), "1")
    elif mode == "I;16":
        image = Image.fromarray(grey.astype(np.uint16) * 257)
    else:
        image = image.convert(mode)
    assert read_mask(BytesIO(stored(image)), (4, 1)).tolist() == [[False, False, True, True]]


def test_transparent_parts_of_a_mask_are_not_white() -> None:
    image = Image.new("RGBA", (2, 1), (255, 255, 255, 255))
    image.putpixel((1, 0), (255, 255, 255, 0))
    assert read_mask(image, (2, 1)).tolist() == [[True, False]]


def test_mask_must_fit_and_select_something(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    Image.new("L", (4, 3), 127).save(path)
    with pytest.raises(InputError, match=r"mask\.png: .*4x3.*3x4"):
        read_mask(path, (3, 4))
    with pytest.raises(InputError, match=r"mask\.png: .*no white"):
        read_mask(path, (4, 3))
