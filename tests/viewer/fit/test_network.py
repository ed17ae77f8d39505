"""The gradients of the fit in JavaScript are those of torch, with all kinds of kernels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from imgnet.codec.render.coordinate import render
from imgnet.fit.coordinate.network import build
from imgnet.spec import Spec
from imgnet.viewer.bundle import FOLDER, bundle
from support.browser import EMULATED_GPU, Browser, browser, needs_browser
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
GPU_DRIVER = """
const { GpuGradients } = modules["fit/gpu/gradients.js"];
const { Spec } = modules["decoder/spec.js"];
async function gradients({ spec, parameters, samples, lattice }) {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) {
    return null;
  }
  const target = { width: spec.width, channels: spec.dimOut, samples: Uint8Array.from(samples) };
  const gpu = new GpuGradients(await adapter.requestDevice(), new Spec(spec), target);
  const order = { weights: Float32Array.from(parameters), lattice };
  await gpu.compute(order);
  const { gradient, error } = await gpu.compute(order);
  return { gradients: [...gradient], error };
}
"""
SPECS = [Spec("mlp", 27, 13, 0, 10, 3), Spec("gated", 27, 13, 5, 7, 2)]
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
    request = request_of(spec, parameters, pixels)
    found = json.loads(run_node(script, json.dumps({**request, "kind": kind})))
    return {name: np.array(value) for name, value in found.items()}


def request_of(spec: Spec, parameters: list[float], pixels: NDArray[np.uint8]) -> dict[str, Any]:
    sizes = {"family": spec.family, "width": spec.width, "height": spec.height,
             "dimAxis": spec.dim_axis, "dimHidden": spec.dim_hidden, "numLayers": spec.num_layers,
             "dimOut": spec.dim_out, "numLevels": 0}  # fmt: skip
    return {"spec": sizes, "parameters": parameters, "samples": pixels.ravel().tolist(),
            "lattice": LATTICE}  # fmt: skip


def differentiated(spec: Spec) -> tuple[list[float], NDArray[np.uint8], float, NDArray[np.float32]]:
    """Return parameters, a picture, and the error and the gradients of the lattice by torch."""
    torch.manual_seed(0)
    network = build(spec)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    pixels = np.random.default_rng(0).integers(0, 256, (13, 27, 3), np.uint8)
    named = dict(network.named_parameters())
    flat = torch.cat([named[name].detach().flatten() for name in spec.shapes()])
    x, y = (
        torch.arange(comb["count"]) * comb["stride"] + comb["start"] for comb in LATTICE.values()
    )
    target = torch.from_numpy(pixels)[y][:, x].flatten(0, 1).T / 255
    error = (network(x, y) - target).square().sum()
    found = torch.autograd.grad(error, [named[name] for name in spec.shapes()])
    gradients = torch.cat([gradient.flatten() for gradient in found]).numpy()
    return flat.tolist(), pixels, error.item(), gradients


def check(found: dict[str, NDArray[np.float64]], error: float, gradients: NDArray[Any]) -> None:
    assert found["error"] == pytest.approx(error, rel=1e-4)
    scale = np.abs(gradients).max()
    assert np.abs(found["gradients"] - gradients).max() < 1e-4 * scale


@pytest.mark.parametrize("kind", ["plain", "simd"])
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_gradients_are_those_of_torch(tmp_path: Path, spec: Spec, kind: str) -> None:
    parameters, pixels, *expected = differentiated(spec)
    found = with_node(tmp_path, spec, kind, parameters, pixels)
    check(found, *expected)
    tensors, start = {}, 0
    for name, shape in spec.shapes().items():
        end = start + prod(shape)
        tensors[name] = np.array(parameters[start:end], np.float32).reshape(shape)
        start = end
    difference = found["pixels"].reshape(13, 27, 3) - render(spec, tensors)
    assert np.abs(difference).max() <= 1


@pytest.fixture(scope="module")
def with_gpu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser that emulates a GPU; its page has `gradients`."""
    folder = tmp_path_factory.mktemp("gpu")
    paths = [FOLDER / "fit" / "gpu" / "gradients.js", FOLDER / "decoder" / "spec.js"]
    page = folder / "page.html"
    page.write_text(f"<script>{bundle(*paths)}\n{GPU_DRIVER}</script>", "utf-8")
    with browser(folder / "profile", EMULATED_GPU) as running:
        running.open(page.as_uri(), "window.gradients")
        yield running


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_gradients_of_a_gpu_are_those_of_torch(with_gpu: Browser, spec: Spec) -> None:
    parameters, pixels, *expected = differentiated(spec)
    found = with_gpu.run(f"gradients({json.dumps(request_of(spec, parameters, pixels))})")
    if found is None:
        pytest.skip("this browser emulates no GPU")
    check({name: np.array(value) for name, value in found.items()}, *expected)
