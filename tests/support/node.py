"""The decoder in JavaScript, run by Node."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgnet.viewer.bundle import FOLDER, bundle
from imgnet.viewer.embedded_priors import every_prior

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")

# Counts the bytes of all typed arrays with memory of their own, before the decoder is there.
_METER = """
let allocatedBytes = 0;
for (const kind of [Uint8Array, Int16Array, Uint16Array, Int32Array, Uint32Array, Float64Array]) {
  globalThis[kind.name] = class extends kind {
    constructor(...parts) {
      super(...parts);
      allocatedBytes += parts[0] instanceof ArrayBuffer ? 0 : this.byteLength;
    }
  };
}
"""
_ENTRIES = [
    "decoder/decode.js",
    "decoder/priors.js",
    "decoder/grids/kept_grids.js",
    "decoder/render/rate_map.js",
]
_DRIVER = """
const { readFileSync, writeFileSync } = require("node:fs");
const { decode } = modules["decoder/decode.js"];
const { Priors } = modules["decoder/priors.js"];
const { toRgba } = modules["decoder/picture/picture.js"];
const { brightest, drawRateMap, rateMap } = modules["decoder/render/rate_map.js"];
const { KeptGrids } = modules["decoder/grids/kept_grids.js"];
const { renderGrid } = modules["decoder/render/render.js"];
const request = JSON.parse(readFileSync(0));
const { folder, names, priors, neededWidth, omitted, ramp } = request;
const quiet = { onPreview() {}, onProgress() {} };
const resultOf = async (name) => {
  const previews = [];
  const progress = [];
  const listener = {
    onPreview: ({ width, height }, size) => previews.push([width, height, size.width]),
    onProgress: (done) => progress.push(done),
  };
  allocatedBytes = 0;
  const start = performance.now();
  const { heapUsed } = process.memoryUsage();
  try {
    const data = new Uint8Array(readFileSync(`${folder}/${name}`));
    const result = await decode(data, name, new Priors(priors), listener, neededWidth);
    const { encoded, parts, network } = result;
    const picture = omitted
      ? renderGrid(encoded, new KeptGrids(network, omitted), quiet, 0)
      : result.picture;
    if (ramp) {
      const bpp = rateMap(encoded.spec, network, quiet.onProgress);
      const rates = drawRateMap(bpp, brightest(bpp), Uint8Array.from(ramp.flat()));
      writeFileSync(`${folder}/${name}.bpp`, new Uint8Array(bpp.buffer));
      writeFileSync(`${folder}/${name}.rates`, rates);
    }
    const { width, height, channels, depth, samples } = picture;
    writeFileSync(`${folder}/${name}.raw`, new Uint8Array(samples.buffer));
    writeFileSync(`${folder}/${name}.rgba`, toRgba(picture));
    const shape = [height, width, channels];
    const { mode } = encoded;
    return { shape, depth, mode, parts: Object.fromEntries(parts), previews, progress };
  } catch (error) {
    const seconds = (performance.now() - start) / 1000;
    const heapBytes = process.memoryUsage().heapUsed - heapUsed;
    return { error: error.message, allocatedBytes, heapBytes, seconds };
  }
};
(async () => {
  const results = [];
  for (const name of names) {
    results.push(await resultOf(name));
  }
  console.log(JSON.stringify(results));
})();
"""


def decode_with_node(
    folder: Path, files: Iterable[bytes], *, setup: str = "", **options: Any
) -> list[dict[str, Any]]:
    """Decode files in one process of Node.

    Args:
        folder: Where the files go.
        files: Their content.
        setup: Script that runs after the modules are there and before the first file.
        **options: What the driver reads of its request.

    Returns:
        What `decode.js` returns of each: "pixels" (height, width, channel), without parts if the
        option "omitted" names some, "bpp" and "rates" if there is a "ramp", "rgba", "shape",
        "depth", "mode", "parts", "previews" and "progress"; or "error", its message, "seconds",
        "allocatedBytes" of typed arrays, and "heapBytes" by which the heap grew.
    """
    names = []
    for number, data in enumerate(files):
        names.append(f"{number}.inr")
        (folder / names[-1]).write_bytes(data)
    request = {"folder": str(folder), "names": names, "priors": every_prior(), **options}
    modules = bundle(*(FOLDER / entry for entry in _ENTRIES))
    (folder / "decode.js").write_text(_METER + modules + setup + _DRIVER, "utf-8")
    results: list[dict[str, Any]] = json.loads(run_node(folder / "decode.js", json.dumps(request)))
    for name, result in zip(names, results, strict=True):
        if "error" not in result:
            dtype = "<u2" if result["depth"] == 16 else np.uint8
            raw = np.fromfile(folder / f"{name}.raw", dtype)
            result["pixels"] = raw.reshape(result["shape"])
            result["rgba"] = np.fromfile(folder / f"{name}.rgba", np.uint8)
            if "ramp" in options:
                shape = result["shape"][:2]
                result["bpp"] = np.fromfile(folder / f"{name}.bpp").reshape(shape)
                result["rates"] = np.fromfile(folder / f"{name}.rates", np.uint8).reshape(*shape, 4)
    return results


def run_node(script: Path, request: str) -> str:
    """Run a script that reads a request from stdin; return what it prints."""
    done = subprocess.run(["node", script], input=request, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return done.stdout
