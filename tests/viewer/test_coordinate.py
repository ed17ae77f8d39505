"""Coordinate networks in JavaScript: kernels, their fallback, and workers that share a picture."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import imgnet
from imgnet.codec.format.container import Encoded, from_bytes, to_bytes
from imgnet.spec import Spec
from imgnet.viewer.bundle import FOLDER, bundle
from support.networks import MODE_OF
from support.node import decode_with_node, needs_node, run_node

pytestmark = needs_node

NO_WEBASSEMBLY = "globalThis.WebAssembly = undefined;"
SHAPES = [
    Spec("gated", 21, 13, 7, 10, 2, dim_out=1),
    Spec("gated", 8, 8, 3, 8, 1, dim_out=2),
    Spec("gated", 33, 9, 4, 5, 0),
    Spec("gated", 1, 1, 1, 1, 1, dim_out=4),
    Spec("mlp", 21, 13, 0, 10, 3, dim_out=1),
    Spec("mlp", 7, 40, 0, 9, 1, dim_out=2),
    Spec("mlp", 17, 16, 0, 8, 2),
    Spec("mlp", 2, 3, 0, 1, 4, dim_out=4),
]


def file_of(spec: Spec, depth: int = 8) -> bytes:
    """Return a file of random numbers whose picture is neither flat nor black and white."""
    rng = np.random.default_rng(5)
    spread = {2: lambda shape: 1.2 / np.sqrt(shape[1]), 1: lambda _: 0.3}
    tensors = {
        name: rng.normal(0, spread[len(shape)](shape), shape).astype(np.float32)
        for name, shape in spec.shapes().items()
    }
    return to_bytes(Encoded(spec, MODE_OF[spec.dim_out], tensors, depth=depth))


def check(files: list[bytes], results: list[dict[str, Any]]) -> None:
    for data, result in zip(files, results, strict=True):
        expected = imgnet.decode(data, depth=from_bytes(data).depth).astype(int)
        assert (result.get("error"), result["shape"]) == (None, list(expected.shape))
        assert np.abs(result["pixels"] - expected).max() <= 1


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("setup", ["", NO_WEBASSEMBLY], ids=["fast", "plain"])
def test_pictures_of_any_size_and_mode_are_those_of_the_package(
    tmp_path: Path, setup: str, depth: int
) -> None:
    files = [file_of(spec, depth) for spec in SHAPES]
    check(files, decode_with_node(tmp_path, files, setup=setup))


def run(folder: Path, script: str) -> Any:
    """Return what a script prints that has the modules of coordinate networks at hand."""
    path = folder / "script.js"
    head = """
    const { fastestKernel, WasmKernel } = modules["decoder/coordinate/kernel.js"];
    const { PlainKernel } = modules["decoder/coordinate/plain_kernel.js"];
    const { TILE } = modules["decoder/coordinate/tile.js"];
    const { CoordinateNetwork } = modules["decoder/coordinate/network.js"];
    const print = (value) => console.log(JSON.stringify(value));
    """
    path.write_text(bundle(FOLDER / "decoder/coordinate/network.js") + head + script, "utf-8")
    return json.loads(run_node(path, ""))


# The largest difference of a kernel from the plain one, as a part of the largest number above 1.
DIFFERENCE = """
const random = (seed) => () => {
  seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
  return seed / 2 ** 30 - 1;
};
const outputOf = (kernel, name, groups, inputs, scale) => {
  const next = random(groups + 7 * inputs);
  const layer = kernel.reserve(groups * (4 + 3 * inputs));
  const rows = kernel.reserve(TILE * Math.max(inputs, 3 * groups));
  const output = kernel.reserve(TILE * 3 * groups);
  for (let i = layer; i < output; i += 1) kernel.floats[i] = scale * next();
  if (name === "addScaled") kernel.addScaled(output, rows, layer, 3 * groups);
  else if (name.endsWith("Sum")) kernel[name](layer, groups, rows, output);
  else kernel[name](layer, groups, rows, inputs, output);
  return kernel.floats.slice(output, output + TILE * groups * (/gated/.test(name) ? 1 : 3));
};
const difference = (make, ...options) => {
  const plain = outputOf(new PlainKernel(), ...options);
  const found = outputOf(make(), ...options);
  const largest = Math.max(1, ...plain.map(Math.abs));
  return Math.max(...found.map((x, i) => Math.abs(x - plain[i]) / largest));
};
"""
KERNELS = ["affine", "leaky", "leakySum", "gatedSum", "addScaled"]


@pytest.mark.parametrize(("name", "scale"), [*product(KERNELS, [0.3, 2, 300])])
def test_kernels_agree_with_plain_ones(tmp_path: Path, name: str, scale: float) -> None:
    script = f"""
    print([[1, 2], [2, 6], [7, 64]].map(([groups, inputs]) =>
      difference(() => new WasmKernel(false), "{name}", groups, inputs, {scale})));
    """
    assert max(run(tmp_path, DIFFERENCE + script)) < 1e-6


def test_webassembly_is_used_where_it_is_allowed(tmp_path: Path) -> None:
    script = """
    const name = () => fastestKernel().constructor.name;
    const fast = name();
    WebAssembly.Module = function () { throw new WebAssembly.CompileError("forbidden"); };
    print([fast, name()]);
    """
    assert run(tmp_path, script) == ["WasmKernel", "PlainKernel"]


def test_memory_that_is_not_there_is_no_reason_for_plain_kernels(tmp_path: Path) -> None:
    script = """
    WebAssembly.Memory = function () { throw new RangeError("could not allocate memory"); };
    try { fastestKernel(); print("slow"); } catch (error) { print(error.name); }
    """
    assert run(tmp_path, script) == "RangeError"


def test_a_layer_of_a_level_has_the_samples_in_the_middle_of_its_squares(tmp_path: Path) -> None:
    spec = Spec("mlp", 48, 30, 0, 9, 2)
    tensors = dict(from_bytes(file_of(spec)).tensors)
    weights = tensors["layers.0.weight"] = 3 * tensors["layers.0.weight"]
    weights.reshape(9, 4, 16)[:, :, 2:] = 0  # a smooth picture, without high frequencies
    numbers = {name: tensor.ravel().tolist() for name, tensor in tensors.items()}
    script = f"""
    const parameters = new Map(
      Object.entries({json.dumps(numbers)}).map(([name, x]) => [name, Float64Array.from(x)]));
    const sizes = {{
      family: "mlp", width: 48, height: 30, dimAxis: 0, dimHidden: 9, numLayers: 2, dimOut: 3 }};
    const network = new CoordinateNetwork(sizes, parameters);
    const pictureAt = (level) => {{
      network.setLevel(level);
      return [...Array(network.numBands).keys()].flatMap((band) => [...network.render(band, 8)]);
    }};
    print([pictureAt(0), pictureAt(1), pictureAt(0)]);
    """
    whole, half, again = run(tmp_path, script)
    assert whole == again
    fine = imgnet.decode(to_bytes(Encoded(spec, "RGB", tensors))).astype(int)
    assert np.abs(np.reshape(whole, fine.shape) - fine).max() <= 1
    # A sample in the middle of four pixels is close to their mean.
    mean = fine.reshape(15, 2, 24, 2, 3).mean(axis=(1, 3))
    assert np.abs(mean[1:] - mean[:-1]).mean() > 5
    assert np.abs(np.reshape(half, mean.shape) - mean).mean() < 2


# A worker inside Node. Its `fault` decides whether it starts, and whether it lasts.
WORKERS = """
const { CoordinateNetwork } = modules["decoder/coordinate/network.js"];
globalThis.self = globalThis;
Object.defineProperty(globalThis, "navigator", { value: { hardwareConcurrency: 3 } });
let rendered = 0;
globalThis.Worker = class {
  constructor() {
    if (fault === "forbidden") throw new Error("no workers here");
  }
  postMessage({ kind, task, band }) {
    setTimeout(() => {
      if (this.isOver) return;
      if (fault === "never starts") return;
      if (fault === "lost" && rendered > 3) return this.onerror({ preventDefault() {} });
      if (fault === "refuses") return this.onmessage({ data: { kind: "error", message: "no" } });
      if (kind === "join") {
        this.network = new CoordinateNetwork(task.sizes, task.parameters);
        this.network.setLevel(0);
        this.depth = task.depth;
        return this.onmessage({ data: { kind: "ready" } });
      }
      const samples = this.network.render(band, this.depth);
      rendered += 1;
      this.onmessage({ data: { kind: "band", band, samples } });
    });
  }
  terminate() { this.isOver = true; }
};
process.on("exit", () => require("node:fs").writeFileSync(__filename + ".count", String(rendered)));
"""


@pytest.mark.parametrize(
    ("fault", "least"),
    [("", 4), ("lost", 4), ("refuses", 0), ("forbidden", 0), ("never starts", 0)],
)
def test_workers_share_a_large_picture(tmp_path: Path, fault: str, least: int) -> None:
    spec = Spec("gated", 40, 200, 100, 100, 2)
    file = file_of(spec, 16)
    setup = f'const fault = "{fault}";{WORKERS}'
    (result,) = decode_with_node(tmp_path, [file], setup=setup)
    check([file], [result])
    rendered = int((tmp_path / "decode.js.count").read_text())
    assert rendered >= least if least else rendered == 0
    assert rendered < 25  # bands; the worker itself renders as well
    assert result["progress"] == sorted(result["progress"])
    assert result["progress"][-1] == 1


def test_a_small_picture_is_rendered_by_one_worker(tmp_path: Path) -> None:
    file = file_of(SHAPES[0])
    (result,) = decode_with_node(tmp_path, [file], setup=f'const fault = "";{WORKERS}')
    check([file], [result])
    assert (tmp_path / "decode.js.count").read_text() == "0"
