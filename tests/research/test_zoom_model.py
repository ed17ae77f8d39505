from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from imgnet.codec.priors.loader import prior_file
from imgnet.codec.render.cosine import TERMS
from imgnet.research.zoom_model import DIM, DIM_HIDDEN, ZoomModel, enlarged, export


def test_an_untrained_model_repeats_pixels() -> None:
    pictures = torch.rand(2, 3, 5, 5)
    series = ZoomModel()(pictures, 1.0)
    assert torch.allclose(
        enlarged(pictures, series, 10), pictures.repeat_interleave(2, 2).repeat_interleave(2, 3)
    )


@pytest.mark.parametrize("side", [10, 15, 20])
def test_averages_of_whole_scales_are_the_picture(side: int) -> None:
    pictures, series = torch.rand(2, 3, 5, 5), torch.randn(2, (TERMS**2 - 1) * 3, 5, 5)
    drawn = enlarged(pictures, series, side)
    averages = torch.nn.functional.avg_pool2d(drawn, side // 5)
    assert (
        drawn - pictures.repeat_interleave(side // 5, 2).repeat_interleave(side // 5, 3)
    ).std() > 1
    assert torch.allclose(averages, pictures, atol=1e-5)


def test_a_series_is_summed_by_vertical_and_horizontal_term() -> None:
    series = torch.zeros(1, TERMS**2 - 1, 3, 1, 1)
    series[0, 2 * TERMS + 1 - 1, 1] = 1  # cos(2 pi v) cos(pi u), in green
    drawn = enlarged(torch.zeros(1, 3, 1, 1), series.flatten(1, 2), 4)
    step = np.diff(np.sin(2 * np.pi * np.arange(5) / 4)) * 4 / (2 * np.pi)
    half = np.diff(np.sin(np.pi * np.arange(5) / 4)) * 4 / np.pi
    assert np.allclose(drawn[0, 1], np.outer(step, half), atol=1e-6)
    assert drawn[0, [0, 2]].abs().max() == 0


def test_wider_models_begin_as_the_prior() -> None:
    pictures = torch.rand(1, 3, 9, 9)
    same, wider = ZoomModel(), ZoomModel(DIM + 3, DIM_HIDDEN + 5)
    for model in (same, wider):
        model.copy_prior("z4-5f2982b5")
    series = same(pictures, 1.0)
    assert series.std() > 0.01
    assert torch.allclose(wider(pictures, 1.0), series, atol=1e-5)
    wider(pictures, 1.0).square().mean().backward()
    to_new_units = wider.output.weight.grad[:, DIM_HIDDEN:]
    assert to_new_units.abs().max() > 0  # they can be learnt to be heard


def test_export_writes_every_parameter_and_names_the_file_by_them(tmp_path: Path) -> None:
    model = ZoomModel()
    name = export(model, "z9", tmp_path)
    stored = load_file(prior_file(name, tmp_path))
    assert set(stored) == {name for name, _ in model.named_parameters()}
    assert {tensor.dtype for tensor in stored.values()} == {np.dtype(np.float16)}
    weight = model.layers[1].weight.detach().numpy()
    assert np.allclose(stored["layers.1.weight"].reshape(len(weight), -1), weight, atol=1e-3)
    with torch.no_grad():
        model.output.bias += 1
    assert export(model, "z9", tmp_path) != name
