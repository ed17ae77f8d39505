from __future__ import annotations

import numpy as np
import pytest
import torch

from imgnet.codec.format.quantized import Quantized, q_index_of, q_index_of_bits
from imgnet.codec.render.grid import render
from imgnet.encoder.prior import FOR_DETAIL, with_prior
from imgnet.fit.device import picture_of
from imgnet.fit.engine.latents import LatentGrids
from imgnet.fit.engine.network import GridNetwork
from imgnet.fit.grid import start
from imgnet.fit.grid.start import laplacian_pyramids, set_linear_path, start_cold, warm_start
from imgnet.fit.rounding import quantize
from imgnet.metrics.psnr import psnr_db
from imgnet.spec import Spec, latents_name
from support.networks import SPECS
from support.pictures import picture

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")


def grids(spec: Spec) -> LatentGrids:
    return LatentGrids(spec, CPU, torch.Generator().manual_seed(1))


def first_picture(pixels: np.ndarray, spec: Spec, step: float) -> np.ndarray:
    """Draw what a fit begins with, its latents rounded."""
    latents, network = grids(spec), GridNetwork(spec)
    planes = torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
    start_cold(planes, step, network, latents)
    parameters = dict(network.named_parameters())
    fine = dict.fromkeys(parameters, q_index_of_bits(15))
    stored = quantize(parameters, fine)
    for i, grid in enumerate(latents.grids):
        values = latents.grid(latents.values, i).round().int().numpy()
        stored[latents_name(*grid)] = Quantized(values, q_index_of(1.0))
    return render(spec, {name: tensor.dequantize() for name, tensor in stored.items()})


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_fit_begins_near_the_picture(channels: int) -> None:
    spec = Spec(
        "grid", 61, 43, 0, 6, 2, dim_out=channels, num_levels=4, chroma_level=1, dim_context=4
    )  # fmt: skip
    pixels = picture(61, 43, channels)
    flat = np.broadcast_to(pixels.mean(axis=(0, 1)), pixels.shape)
    fine, coarse = (psnr_db(pixels, first_picture(pixels, spec, step)) for step in (0.03, 0.3))
    assert fine > 30
    assert fine > coarse + 5
    assert coarse > psnr_db(pixels, flat.round().astype(np.uint8)) + 3


def test_the_first_pyramid_holds_the_liveliest_colour() -> None:
    spec = SPECS[0]
    y, x = np.mgrid[0 : spec.height, 0 : spec.width]
    green = np.stack([0 * x, 255 * ((x // 8 + y // 8) % 2), 0 * x], axis=2)
    latents, network = grids(spec), GridNetwork(spec)
    start_cold(torch.from_numpy(green).permute(2, 0, 1) / 255, 0.1, network, latents)
    for i, (pyramid, _) in enumerate(latents.grids):
        # One step of the first pyramid is one step of green; the others have nothing to say.
        assert bool(latents.grid(latents.values, i).abs().max() > 0.5) == (pyramid == 0)
    torch.testing.assert_close(network.linear.weight[:, 0], torch.tensor([0.0, 0.1, 0.0]))


@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_a_flat_picture_begins_flat_and_finite(spec: Spec, value: int) -> None:
    pixels = np.full((spec.height, spec.width, spec.dim_out), value, np.uint8)
    assert np.array_equal(first_picture(pixels, spec, 0.1), pixels)


def test_a_graded_pyramid_is_finer_the_coarser_its_level() -> None:
    spec = Spec("grid", 64, 64, 0, 6, 2, dim_out=1, num_levels=5, chroma_level=4, dim_context=4)
    network = GridNetwork(spec)
    hidden = network.hidden.weight.detach().clone()
    set_linear_path(network, torch.ones(1, 1), 0.1, is_level_weighted=True)
    for weight, first in ((network.linear.weight[0], 0.1), (network.hidden.weight, hidden)):
        for level in range(5):
            wanted = torch.as_tensor(first)[..., level] if first is hidden else torch.tensor(first)
            torch.testing.assert_close(weight[..., level], wanted / 2 ** (level / 2))


def test_grading_changes_the_scale_of_the_first_pyramid_alone() -> None:
    planes = torch.rand(2, 32, 32, generator=torch.Generator().manual_seed(1)) * 100
    graded, plain = (
        laplacian_pyramids(planes, 4, is_level_weighted=flag) for flag in (True, False)
    )
    for pyramid, level in plain:
        # Dead zones are of the same width in other units, so that small latents differ.
        ratio = graded[pyramid, level].abs().mean() / plain[pyramid, level].abs().mean()
        assert ratio == pytest.approx(1.0 if pyramid else 2 ** (level / 2), rel=0.05)


def test_tiles_give_the_first_latents_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """But for coarse latents, which depend on what is far away, a little."""
    spec = with_prior(
        Spec("grid", 301, 250, 0, 24, 2, num_levels=6, chroma_level=2, dim_context=20),
        FOR_DETAIL,
        5,
    )
    transform = warm_start(FOR_DETAIL, 5, torch.device("cpu"))
    colours = picture_of(picture(301, 250), torch.device("cpu"))
    whole = transform.pyramids(colours, 0.1, spec)
    monkeypatch.setattr(start, "TILE", 128)
    tiled = transform.pyramids(colours, 0.1, spec)
    for grid in spec.grids():
        assert tiled[grid].shape == whole[grid].shape
        difference = (tiled[grid] - whole[grid]).abs()
        assert difference.mean() < 0.03
        if grid[1] <= 2:
            assert difference.max() < 0.02


@pytest.mark.parametrize("chroma_level", [0, 2, 4])
def test_colours_may_begin_at_any_level(chroma_level: int) -> None:
    spec = Spec("grid", 70, 50, 0, 24, 2, num_levels=6, chroma_level=chroma_level, dim_context=20)
    transform = warm_start(FOR_DETAIL, 5, torch.device("cpu"))
    colours = picture_of(picture(70, 50), torch.device("cpu"))
    assert transform.pyramids(colours, 0.1, spec).keys() >= set(spec.grids())
