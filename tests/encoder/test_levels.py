from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

import imgnet
from imgnet.codec.format.container import from_bytes, to_bytes
from imgnet.codec.format.usual_sizes import usual_grid_sizes
from imgnet.encoder.levels import LITTLE, detail, with_needed_levels, without_finest
from imgnet.request.request import Request
from imgnet.spec import Spec
from support.pictures import picture

NOISE = np.random.default_rng(1).integers(0, 256, (64, 96, 3)).astype(np.uint8)
SMOOTH = np.broadcast_to(np.linspace(0, 255, 96)[:, None], (64, 96, 3)).astype(np.uint8)


def usual(width: int, height: int, **changes: int) -> Spec:
    return Spec("grid", width, height, dim_axis=0, **{**usual_grid_sizes(width, height), **changes})


def test_detail_is_what_bits_are_worth() -> None:
    pixels = picture(96, 64)
    found = [detail(pixels, price) for price in (1e-1, 1e-3, 1e-5)]
    assert found == sorted(found)
    assert found[0] == 0 < found[-1]


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (8, 1), (5, 3)])
@pytest.mark.parametrize("channels", [1, 4])
def test_pictures_of_any_size_and_depth_have_a_detail(size: tuple[int, int], channels: int) -> None:
    eight = NOISE[: size[0], : size[1], :1].repeat(channels, axis=2)
    sixteen = eight.astype(np.uint16) * 257
    assert detail(eight, 1e-4) == pytest.approx(detail(sixteen, 1e-4))
    assert detail(np.zeros_like(eight), 1e-4) == 0


def test_pictures_of_little_detail_need_no_finest_level() -> None:
    spec = usual(96, 64)
    some = SMOOTH.copy()
    some[0, 0] ^= 128
    assert 0 == detail(SMOOTH, 5e-3) < detail(some, 5e-3) < LITTLE * 5e-3 < detail(NOISE, 5e-3)
    for price, pixels, finest in (
        (5e-3, NOISE, 0),
        (5e-3, SMOOTH, 1),
        (5e-3, some, 1),
        (1e-3, some, 0),
    ):
        needed = with_needed_levels(spec, detail(pixels, price), price)
        assert needed == replace(spec, finest=finest)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (17, 5), (48, 40)])
@pytest.mark.parametrize("quality", [0, 75, 100])
def test_levels_remain_and_none_is_finer(size: tuple[int, int], quality: float) -> None:
    spec = without_finest(Request("grid", quality=quality).spec(size, 3))
    assert spec.finest == min(1, spec.num_levels - 1, spec.chroma_level)
    assert spec.grids()


@pytest.mark.parametrize(("pixels", "finest"), [(NOISE, 0), (SMOOTH, 1)])
@pytest.mark.parametrize("weights", ["coded", "float16"])
def test_files_hold_the_levels_that_a_picture_needs(
    pixels: NDArray[np.uint8], finest: int, weights: str
) -> None:
    encoded = imgnet.encode(pixels, quality=20, effort=1, weights=weights)
    assert encoded.spec.finest == finest
    read = from_bytes(to_bytes(encoded))
    assert read.spec == encoded.spec
    assert imgnet.decode(read).shape == pixels.shape
