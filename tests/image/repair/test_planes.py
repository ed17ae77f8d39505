from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from imgnet.image.files import read_photo
from imgnet.image.repair.planes import read_planes
from support.picture_files import as_image, stored, tiff
from support.pictures import deep_noise, ramp

ASSOCIATED, UNASSOCIATED = 1, 2


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(("channels", "bits"), [(2, 8), (3, 8), (4, 8), (3, 16), (4, 16)])
def test_planes_are_read_in_full(channels: int, bits: int, compressed: bool, order: str) -> None:
    samples = deep_noise(channels) if bits == 16 else deep_noise(channels).astype(np.uint8)
    extra = None if channels == 3 else UNASSOCIATED
    data = tiff(samples, order, compressed, extra, planes=True)
    pixels, profile = read_photo(BytesIO(data))
    assert pixels.dtype == samples.dtype
    assert np.array_equal(pixels, samples)
    assert profile.notes == ()


def test_planes_of_associated_alpha_are_divided_by_it() -> None:
    samples = np.array([[[20, 51], [0, 0], [255, 255]]], np.uint8)
    pixels, _ = read_photo(BytesIO(tiff(samples, extra_samples=ASSOCIATED, planes=True)))
    assert pixels.tolist() == [[[100, 51], [0, 0], [255, 255]]]


def test_a_plane_that_is_no_alpha_is_left_out() -> None:
    samples = deep_noise(4)
    pixels, _ = read_photo(BytesIO(tiff(samples, extra_samples=0, planes=True)))
    assert np.array_equal(pixels, samples[..., :3])


def test_planes_become_upright() -> None:
    samples = deep_noise(3)
    pixels, _ = read_photo(BytesIO(tiff(samples, planes=True, orientation=6)))
    assert np.array_equal(pixels, np.rot90(samples, -1))


@pytest.mark.parametrize(
    "data",
    [
        stored(as_image(ramp(3))),
        tiff(ramp(3)),
        tiff(ramp(1).astype("f4"), planes=True),
        tiff(ramp(4), planes=True, photometric=5),  # CMYK
    ],
    ids=["PNG", "interleaved", "floats", "CMYK"],
)
def test_other_images_are_left_to_pillow(data: bytes) -> None:
    assert read_planes(data, Image.open(BytesIO(data))) is None
