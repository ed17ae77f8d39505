"""Colours for transparent pixels are those of the package."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from imgnet.image.alpha import filled
from imgnet.viewer.bundle import FOLDER, bundle
from support.node import needs_node, run_node

pytestmark = needs_node

DRIVER = """
const { rgba, width, height } = JSON.parse(require("node:fs").readFileSync(0));
console.log(JSON.stringify([...modules["zoom/filled.js"].filled(rgba, width, height)]));
"""


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (23, 14), (16, 16)])
@pytest.mark.parametrize("visible", [0.0, 0.02, 0.5, 1.0])
def test_transparent_pixels_get_the_colour_of_visible_ones(
    tmp_path: Path, size: tuple[int, int], visible: float
) -> None:
    rng = np.random.default_rng(1)
    rgba = rng.integers(0, 256, (*size, 4))
    rgba[..., 3] = rng.integers(1, 256, size) * (rng.random(size) < visible)
    script = tmp_path / "filled.js"
    script.write_text(bundle(FOLDER / "zoom" / "filled.js") + DRIVER, "utf-8")
    request = {"rgba": rgba.ravel().tolist(), "width": size[1], "height": size[0]}
    found = np.array(json.loads(run_node(script, json.dumps(request)))).reshape(*size, 4)
    planes = rgba.astype(np.float32)
    assert found[..., :3] == pytest.approx(filled(planes[..., :3], planes[..., 3:]), abs=1e-3)
