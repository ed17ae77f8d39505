from __future__ import annotations

import pytest

from imgnet.errors import UsageError
from imgnet.image.geometry import MAX_PIXELS, MAX_SIDE, Crop, Size, max_pixels, resolve_size


@pytest.mark.parametrize(
    ("native", "size", "expected"),
    [
        ((768, 512), None, (768, 512)),
        ((768, 512), "1024", (1024, 683)),
        ((512, 768), 1024, (683, 1024)),
        ((768, 512), " 800x600 ", (800, 600)),
        ((768, 512), (3, 5), (3, 5)),
        ((768, 512), "50%", (384, 256)),
        ((768, 512), "33.3%", (256, 170)),
        ((768, 512), "400%", (3072, 2048)),
        ((1000, 1), "10", (10, 1)),
        ((1, 1), "1%", (1, 1)),
        ((768, 512), "300x300>", (300, 200)),
        ((768, 512), "3000x100>", (150, 100)),
        ((768, 512), "769x3000>", (768, 512)),
        ((768, 512), "767x512>", (767, 511)),
        ((5000, 1), "10x10>", (10, 1)),
    ],
)
def test_resolve_size(native: tuple[int, int], size: Size, expected: tuple[int, int]) -> None:
    assert resolve_size(native, size) == expected


@pytest.mark.parametrize(
    "size",
    [
        *("", "0", "0x9", "9x0", "0%", "-3", "-50%", "big", "3x", "1.5", "9x9x9", "1e9", "4x"),
        *("0x5>", "5x0>", "5>", "5x>", ">"),
        *("99999999999999999999", f"{MAX_SIDE + 1}x1", f"{MAX_SIDE}x{MAX_SIDE}"),
        *(0, -1, (0, 4), (4, -1)),
    ],
)
def test_sizes_that_make_no_sense(size: Size) -> None:
    with pytest.raises(UsageError) as error:
        resolve_size((768, 512), size)
    assert "\n" not in str(error.value)
    assert str(size) in str(error.value)


def test_limits_are_allowed() -> None:
    assert resolve_size((8, 8), (MAX_SIDE, 1)) == (MAX_SIDE, 1)
    side = MAX_PIXELS // MAX_SIDE
    assert resolve_size((8, 8), (MAX_SIDE, side)) == (MAX_SIDE, side)
    with pytest.raises(UsageError):
        resolve_size((8, 8), (MAX_SIDE, side + 1))


@pytest.mark.parametrize("text", ["10,20,300,200", " 10 , 20,300, 200"])
def test_crop_is_read(text: str) -> None:
    assert Crop.parse(text) == Crop(x=10, y=20, width=300, height=200)


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,4,5", "1,2,-3,4", "a,b,c,d", "1.5,2,3,4"])
def test_crop_that_is_no_crop(text: str) -> None:
    with pytest.raises(UsageError, match="X,Y,W,H"):
        Crop.parse(text)


@pytest.mark.parametrize(
    "crop", [Crop(0, 0, 8, 5), Crop(7, 4, 1, 1), Crop(2, 0, 6, 5), Crop(0, 3, 8, 2)]
)
def test_crops_inside_the_picture(crop: Crop) -> None:
    crop.check(8, 5)


@pytest.mark.parametrize(
    "crop",
    [Crop(0, 0, 9, 5), Crop(0, 0, 8, 6), Crop(8, 0, 1, 1), Crop(1, 1, 0, 2), Crop(1, 1, 2, 0)],
)
def test_crops_outside_the_picture(crop: Crop) -> None:
    with pytest.raises(UsageError, match="8x5"):
        crop.check(8, 5)


def test_the_environment_lowers_the_limit_of_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    assert max_pixels() == MAX_PIXELS
    for text, most in (("", MAX_PIXELS), ("99", 99), (str(10 * MAX_PIXELS), MAX_PIXELS)):
        monkeypatch.setenv("IMGNET_MAX_PIXELS", text)
        assert max_pixels() == most
    monkeypatch.setenv("IMGNET_MAX_PIXELS", "99")
    assert resolve_size((9, 11), None) == (9, 11)
    with pytest.raises(UsageError, match="at most 99 pixels"):
        resolve_size((10, 10), None)


@pytest.mark.parametrize("text", ["many", "-5", "1e6"])
def test_a_limit_that_is_no_number_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMGNET_MAX_PIXELS", text)
    with pytest.raises(UsageError, match="IMGNET_MAX_PIXELS"):
        max_pixels()
