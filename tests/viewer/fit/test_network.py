"""The gradients of the fit in JavaScript are those of torch, with plain and with SIMD kernels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from imgnet.fit.coordinate.network import build
from imgnet.spec import Spec
from imgnet.viewer.bundle import FOLDER, bundle
from support.node import needs_node, run_node

pytestmark = needs_node

DRIVER = """
const { readFileSync } = require("node:fs");
const { Network } = modules["fit/network/network.js"];
const { errorGradient, pixelWriter } = modules["fit/network/colours.js"];
const { PlainKernels } = modules["fit/kernels/plain.js"];
const { SimdKernels } = modules["fit/kernels/simd.js"];
const { Spec } = modules["decoder/spec.js"];
const { everyPixel } = modules["fit/network/lattice.js"];
const { spec, kind, parameters, samples, lattice } = JSON.parse(readFileSync(0));
const network = new Network(new Spec(spec));
const Kernels = { plain: PlainKernels, simd: SimdKernels }[kind];
const kernels = new Kernels(network.layout.size);
const { at, gradient, count } = network.parameters;
network.prepare(kernels);
kernels.data.set(parameters, at);
network.refresh(kernels);
const target = { width: spec.width, channels: spec.dimOut, samples: Uint8Array.from(samples) };
const sum = { error: 0 };
network.differentiate(kernels, lattice, errorGradient(target, lattice, sum));
const pixels = new Uint8Array(samples.length);
const all = everyPixel(spec.width, spec.height);
network.render(kernels, all, pixelWriter(spec.dimOut, all, pixels));
const gradients = [...kernels.data.subarray(gradient, gradient + count)];
console.log(JSON.stringify({ error: sum.error, gradients, pixels: [...pixels] }));
"""
ENTRIES = ["network/network", "network/colours", "network/lattice", "kernels/plain", "kernels/simd"]
# The lattice of a part of a step: every third column, every second row from the fourth on.
LATTICE = {
    "x": {"start": 1, "stride": 3, "count": 9},
    "y": {"start": 3, "stride": 2, "count": 5},
}


def with_node(
    folder: Path, spec: Spec, kind: str, parameters: list[float], pixels: NDArray[np.uint8]
) -> dict[str, NDArray[np.float64]]:
    """Return the squared error of the lattice, its gradients, and the picture of a network."""
    script = folder / "gradient.js"
    paths = [FOLDER / "fit" / f"{entry}.js" for entry in ENTRIES]
    script.write_text(bundle(*paths, FOLDER / "decoder" / "spec.js") + DRIVER, "utf-8")
    sizes = {"family": spec.family, "width": spec.width, "height": spec.height,
             "dimAxis": spec.dim_axis, "dimHidden": spec.dim_hidden, "numLayers": spec.num_layers,
             "dimOut": spec.dim_out, "numLevels": 0}  # fmt: skip
    request = {"spec": sizes, "kind": kind, "parameters": parameters,
               "samples": pixels.ravel().tolist(), "lattice": LATTICE}  # fmt: skip
    found = json.loads(run_node(script, json.dumps(request)))
    return {name: np.array(value) for name, value in found.items()}


@pytest.mark.parametrize("kind", ["plain", "simd"])
@pytest.mark.parametrize(
    "spec", [Spec("mlp", 27, 13, 0, 10, 3), Spec("gated", 27, 13, 5, 7, 2)], ids=str
)
def test_gradients_are_those_of_torch(tmp_path: Path, spec: Spec, kind: str) -> None:
    torch.manual_seed(0)
    network = build(spec)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    pixels = np.random.default_rng(0).integers(0, 256, (13, 27, 3), np.uint8)
    named = dict(network.named_parameters())
    flat = torch.cat([named[name].detach().flatten() for name in spec.shapes()])
    found = with_node(tmp_path, spec, kind, flat.tolist(), pixels)
    x, y = (
        torch.arange(comb["count"]) * comb["stride"] + comb["start"] for comb in LATTICE.values()
    )
    target = torch.from_numpy(pixels)[y][:, x].flatten(0, 1).T / 255
    error = (network(x, y) - target).square().sum()
    error.backward()  # type: ignore[no-untyped-call]
    gradients = torch.cat([named[name].grad.flatten() for name in spec.shapes()])  # type: ignore[union-attr]
    assert found["error"] == pytest.approx(error.item(), rel=1e-4)
    scale = gradients.abs().max().item()
    assert np.abs(found["gradients"] - gradients.numpy()).max() < 1e-4 * scale
    every = network(torch.arange(27), torch.arange(13)).detach().mul(255).round()
    assert np.abs(found["pixels"] - every.T.flatten().numpy()).max() <= 1
