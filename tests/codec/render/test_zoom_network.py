from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch

from imgnet.codec.priors.loader import COLOURS, HASH_DIGITS
from imgnet.codec.render.cosine import TERMS
from imgnet.codec.render.zoom_network import CURRENT, FOLDER, load_network
from imgnet.research.zoom_model import ZoomModel, export

RELEASED: list[str] = []  # names of zoom priors that were released; they are never removed
MOST_BYTES = 200_000


def test_names_hold_the_hash_of_the_content() -> None:
    names = {path.stem for path in FOLDER.glob("*.safetensors")}
    assert {CURRENT, *RELEASED} <= names
    for name in names:
        digest = sha256((FOLDER / f"{name}.safetensors").read_bytes()).hexdigest()
        assert name.rpartition("-")[2] == digest[:HASH_DIGITS]


def test_a_prior_is_small() -> None:
    for path in FOLDER.glob("*.safetensors"):
        assert path.stat().st_size <= MOST_BYTES


@pytest.mark.parametrize("log_scale", [0.0, 1.3])
def test_it_computes_what_was_trained(log_scale: float, tmp_path: Path) -> None:
    torch.manual_seed(5)
    model = ZoomModel()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_((parameter + 0.1 * torch.randn(parameter.shape)).half().float())
        network = load_network(export(model, "t", tmp_path), tmp_path)
        picture = torch.rand(1, COLOURS, 21, 26)
        expected = model(picture, log_scale)[0].permute(1, 0, 2).numpy()
    reach = network.reach  # within which the model, unlike the network, sees beyond the edge
    series = network.series(picture[0].permute(1, 0, 2).numpy(), log_scale)
    assert series.shape == (21 - 2 * reach, (TERMS**2 - 1) * COLOURS, 26 - 2 * reach)
    assert np.abs(expected).max() > 0.5
    assert np.allclose(series, expected[reach:-reach, :, reach:-reach], atol=1e-4)


def test_even_pictures_stay_nearly_even() -> None:
    network = load_network()
    side = 2 * network.reach + 1
    for grey in (0.0, 0.3, 1.0):
        even = np.full((side, COLOURS, side), grey, np.float32)
        assert np.abs(network.series(even, 1.0)).max() < 2 / 255
