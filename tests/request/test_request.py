from __future__ import annotations

from itertools import pairwise

import pytest

from imgnet.errors import UsageError
from imgnet.request.rate_control import LEAST_LMBDA
from imgnet.request.request import (
    BITS_PER_WEIGHT,
    Request,
    Shape,
    lmbda_of_quality,
    quality_bpp,
    quality_near,
    quality_near_psnr,
)
from imgnet.request.target import PsnrTarget, SizeTarget

KODAK = (768, 512)


def test_twenty_points_of_quality_double_the_bits() -> None:
    for quality in range(0, 81, 10):
        assert quality_bpp(quality + 20) == pytest.approx(2 * quality_bpp(quality))


@pytest.mark.parametrize("model", ["gated", "mlp"])
@pytest.mark.parametrize("weights", list(BITS_PER_WEIGHT))
def test_the_network_grows_with_the_bytes(model: str, weights: str) -> None:
    sizes = [1000, 4000, 16000, 64000]
    specs = [Request(model, weights, target=SizeTarget(size)).spec(KODAK, 3) for size in sizes]
    numbers = [spec.num_parameters for spec in specs]
    assert numbers == sorted(numbers)
    assert numbers[0] < numbers[1] < numbers[-1]
    assert all((spec.width, spec.height, spec.dim_out) == (*KODAK, 3) for spec in specs)


@pytest.mark.parametrize("weights", ["float16", "float32"])
def test_plain_weights_of_the_chosen_network_fit_the_target(weights: str) -> None:
    for size in (4000, 16000, 64000):
        spec = Request("gated", weights, target=SizeTarget(size)).spec(KODAK, 3)
        assert spec.num_parameters * BITS_PER_WEIGHT[weights] / 8 < size


def test_the_next_wider_network_would_not_fit() -> None:
    request = Request("mlp", "float32", target=SizeTarget(40_000))
    spec = request.spec(KODAK, 3)
    wider = Shape(dim_hidden=spec.dim_hidden + 1).spec("mlp", KODAK, 3)
    assert 4 * wider.num_parameters > 40_000 - 4096  # however long the header is


def test_better_quality_means_a_larger_network() -> None:
    low, high = (Request("gated", quality=q).spec(KODAK, 3) for q in (20, 90))
    assert low.num_parameters < high.num_parameters / 4


def test_a_target_leaves_room_for_the_rest_of_the_file() -> None:
    request = Request("gated", target=SizeTarget(5000))
    spec = request.spec(KODAK, 3)
    assert request.weight_bytes(spec, overhead=200) == 4800


@pytest.mark.parametrize("weights", ["float16", "float32"])
def test_plain_weights_have_no_coded_budget(weights: str) -> None:
    request = Request("gated", weights, target=SizeTarget(50_000))
    assert request.weight_bytes(request.spec(KODAK, 3), overhead=200) is None


def test_a_network_set_by_hand_gets_bytes_for_its_weights() -> None:
    small, large = (Request("gated", shape=Shape(dim_hidden=d)) for d in (10, 100))
    budgets = [request.weight_bytes(request.spec(KODAK, 3), 200) for request in (small, large)]
    assert budgets[0] is not None
    assert budgets[1] is not None
    assert 20 * budgets[0] < budgets[1]


def test_published_shapes_stay_reachable() -> None:
    gated = Request("gated", shape=Shape(dim_hidden=100)).spec((512, 512), 3)
    assert (gated.dim_axis, gated.dim_hidden, gated.num_layers) == (100, 100, 2)
    mlp = Request("mlp", shape=Shape(num_layers=3)).spec((512, 512), 3)
    assert (mlp.dim_axis, mlp.dim_hidden, mlp.num_layers) == (0, 64, 3)


def test_sizes_set_by_hand_are_kept() -> None:
    spec = Request("gated", shape=Shape(7, 9, 4)).spec((20, 10), 1)
    assert (spec.dim_axis, spec.dim_hidden, spec.num_layers, spec.dim_out) == (7, 9, 4, 1)
    assert Request("mlp", shape=Shape(7, 9, 4)).spec((20, 10), 1).dim_axis == 0


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"model": "cubic"}, "cubic"),
        ({"weights": "int3"}, "int3"),
        ({"quality": -1}, "quality -1"),
        ({"quality": 100.5}, "quality 100.5"),
        ({"quality": float("nan")}, "quality nan"),
        ({"model": "gated", "weights": "float32", "target": PsnrTarget(30.0)}, "coded weights"),
        ({"model": "grid", "weights": "float16", "target": PsnrTarget(30.0)}, "coded weights"),
        ({"tune": "ssim"}, "known are psnr, msssim"),
        ({"tune": "msssim"}, "needs grid"),
        ({"model": "grid", "tune": "msssim", "target": PsnrTarget(30.0)}, "contradicts"),
    ],
)
def test_requests_that_make_no_sense(options: dict[str, object], word: str) -> None:
    with pytest.raises(UsageError, match=word):
        Request(**({"model": "gated"} | options))  # type: ignore[arg-type]


@pytest.mark.parametrize("sizes", [(0, 8, 1), (8, 0, 1), (8, -2, 1), (8, 8, -1), (8, 10**6, 1)])
def test_networks_that_no_file_may_hold(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(UsageError):
        Request("gated", shape=Shape(*sizes)).spec((20, 10), 3)


def test_mlp_needs_a_hidden_layer() -> None:
    with pytest.raises(UsageError):
        Request("mlp", shape=Shape(num_layers=0)).spec((20, 10), 3)


def test_better_quality_makes_bits_of_grid_cheaper() -> None:
    prices = [lmbda_of_quality(quality) for quality in range(0, 101)]
    ratios = [before / after for before, after in pairwise(prices)]
    assert ratios[:80] == pytest.approx([2**0.09] * 80)
    assert ratios[80:] == pytest.approx([2**0.363] * 20)


def test_more_bits_a_pixel_of_grid_need_better_quality() -> None:
    qualities = [quality_near(bpp) for bpp in (1e-6, 0.05, 0.1, 0.3, 1.0, 1e6)]
    assert qualities == sorted(qualities)
    assert (qualities[0], qualities[-1]) == (0, 110)
    assert len(set(qualities)) > 4
    # Beyond what users may ask for, and yet not beyond the prices that a fit may have.
    assert lmbda_of_quality(110) > LEAST_LMBDA


def test_a_better_psnr_of_grid_needs_better_quality() -> None:
    qualities = [quality_near_psnr(psnr_db) for psnr_db in (1.0, 25.0, 35.0, 36.0, 45.0, 99.0)]
    assert qualities == sorted(qualities)
    assert (qualities[0], qualities[-1]) == (0, 110)
    assert len(set(qualities)) > 4


def test_grid_starts_at_its_quality_or_at_that_of_its_target() -> None:
    assert Request("grid", quality=33).grid_quality(1000) == 33
    by_size = Request("grid", quality=33, target=SizeTarget(24576)).grid_quality(768 * 512)
    # Without the part of the file that holds nothing of the picture.
    assert by_size == quality_near(0.5 - 8 * 224 / (768 * 512))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (17, 5), (48, 40), KODAK, (6000, 4000)])
@pytest.mark.parametrize("quality", [0, 75, 100])
def test_grid_has_a_network_for_every_picture(size: tuple[int, int], quality: float) -> None:
    spec = Request("grid", quality=quality).spec(size, 3)
    assert (spec.family, spec.width, spec.height, spec.dim_out) == ("grid", *size, 3)
    assert spec.finest <= spec.chroma_level < spec.num_levels
    assert min(spec.grid_size(spec.num_levels - 1)) <= 16
    assert spec.grids()


def test_colour_of_grid_gets_finer_as_bits_get_cheaper() -> None:
    colours = [
        Request("grid", quality=quality).spec(KODAK, 3).chroma_level for quality in range(101)
    ]
    assert colours == sorted(colours, reverse=True)
    assert set(colours) == {0, 1, 2}
    assert (colours[80], colours[95]) == (2, 0)


def test_sizes_of_grid_set_by_hand_are_kept() -> None:
    spec = Request("grid", shape=Shape(dim_hidden=7, num_layers=0)).spec(KODAK, 3)
    assert (spec.dim_hidden, spec.num_layers) == (7, 0)
    for shape in (Shape(dim_hidden=0), Shape(num_layers=-1), Shape(dim_hidden=10**6)):
        with pytest.raises(UsageError):
            Request("grid", shape=shape).spec(KODAK, 3)


def test_grid_has_no_axis_branches() -> None:
    with pytest.raises(UsageError, match="--dim-axis"):
        Request("grid", shape=Shape(dim_axis=8)).spec(KODAK, 3)
