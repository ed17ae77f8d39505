from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from imgnet.fit.engine.network import GridNetwork
from imgnet.request.request import Request
from imgnet.research.ablation import (
    FORMS,
    HEIGHT,
    WIDTH,
    PixelGate,
    QueryGate,
    RegionGate,
    main,
    middle,
)
from imgnet.spec import Spec

SPEC = Request("grid", quality=50).spec((WIDTH, HEIGHT), 3)


def multiplications(spec: Spec, matrices: int, width: int) -> int:
    return (matrices * spec.num_features + spec.dim_out) * width


def test_forms_of_the_hidden_layer_multiply_as_often() -> None:
    usual = multiplications(SPEC, 1, SPEC.dim_hidden)
    for network, matrices in ((PixelGate(SPEC), 2), (QueryGate(SPEC), 3)):
        width = network.output.weight.shape[1]
        assert len(network.hidden.weight) == matrices * width
        assert abs(multiplications(SPEC, matrices, width) / usual - 1) < 0.05


def features() -> torch.Tensor:
    return torch.randn(SPEC.num_features, 50)


def test_a_gate_of_the_region_is_open_at_first() -> None:
    network, x = RegionGate(SPEC), features()
    with torch.no_grad():
        network.output.weight.normal_()
        torch.testing.assert_close(network.mixed(x), GridNetwork.mixed(network, x))
        network.opening.fill_(1.0)
        network.gate.bias.fill_(-1.0)
        network.gate.weight.zero_()
        linear = network.linear.project(x)
        torch.testing.assert_close(network.mixed(x), linear)  # closed


def test_a_gate_of_the_region_sees_coarse_levels_only() -> None:
    network, x = RegionGate(SPEC), features()
    with torch.no_grad():
        network.output.weight.normal_()
        network.opening.fill_(1.0)
        network.hidden.weight.zero_()
        network.linear.weight.zero_()
        network.hidden.bias.fill_(1.0)
        before = network.mixed(x)
        x[: RegionGate(SPEC).first] += 1
        x[-2:] += 1
        torch.testing.assert_close(network.mixed(x), before)
        x[RegionGate(SPEC).first] += 1
        assert (network.mixed(x) - before).abs().max() > 0.01


def test_the_middle_is_cut_out() -> None:
    pixels = np.arange(200 * 300 * 3).reshape(200, 300, 3)
    assert np.array_equal(middle(pixels), pixels[36:164, 54:246])
    assert middle(pixels[:50, :60]).shape == (50, 60, 3)


def test_every_form_is_fitted_and_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (6, 8, 3), np.uint8)
    image = tmp_path / "small.png"
    Image.fromarray(small).resize((96, 64), Image.Resampling.BICUBIC).save(image)
    out = tmp_path / "out.json"
    main([str(image), "--qualities", "50", "--steps", "12", "--out", str(out)])
    points = json.loads(out.read_text())
    assert [point["form"] for point in points] == list(FORMS)
    costs = [point["cost"] for point in points]
    assert len(set(costs)) == len(costs)
    assert all(0 < cost < 0.5 for cost in costs)
    rows = capsys.readouterr().out.splitlines()[-len(FORMS) :]
    assert rows[0].startswith("| ReLU | ")
    assert rows[0].endswith(" | |")
    assert all("%" in row for row in rows[1:])
