"""Files that the fit in JavaScript writes hold what it rounded, in as few bytes as the package."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from imgnet.codec.format.container import from_bytes
from imgnet.codec.format.coordinate_stream import pack, unpack
from imgnet.codec.format.quantized import Quantized, q_index_of, q_step_of
from imgnet.spec import Spec
from imgnet.viewer.bundle import FOLDER, bundle
from support.node import needs_node, run_node

pytestmark = needs_node

DRIVER = """
const { readFileSync } = require("node:fs");
const { inrFile } = modules["fit/writer/inr_file.js"];
const { chooseQSteps } = modules["fit/writer/q_steps.js"];
const { Spec } = modules["decoder/spec.js"];
const { spec, tensors, curvatures, count, error } = JSON.parse(readFileSync(0));
const file = inrFile(new Spec(spec), tensors.map(({ qIndex, values }) => {
  return { qIndex, values: Int32Array.from(values) };
}));
const qSteps = chooseQSteps(curvatures, count, error);
console.log(JSON.stringify({ file: [...file], qSteps }));
"""
SPECS = [Spec("mlp", 27, 13, 0, 10, 3), Spec("gated", 300, 2, 5, 7, 2)]


def write(folder: Path, spec: Spec, tensors: dict[str, Quantized], **rest: object) -> bytes:
    script = folder / "write.js"
    entries = ["fit/writer/inr_file.js", "fit/writer/q_steps.js", "decoder/spec.js"]
    script.write_text(bundle(*(FOLDER / entry for entry in entries)) + DRIVER, "utf-8")
    sizes = {"family": spec.family, "width": spec.width, "height": spec.height, "prior": "",
             "dimAxis": spec.dim_axis, "dimHidden": spec.dim_hidden, "numLayers": spec.num_layers,
             "dimOut": 3, "numLevels": 0, "finest": 0, "lmbdaIndex": 0}  # fmt: skip
    coded = [{"qIndex": t.q_index, "values": t.values.ravel().tolist()} for t in tensors.values()]
    request = {"spec": sizes, "tensors": coded, "curvatures": [1], "count": 1, "error": 1, **rest}
    found = json.loads(run_node(script, json.dumps(request)))
    (folder / "q_steps.json").write_text(json.dumps(found["qSteps"]))
    return bytes(found["file"])


def integers(kind: str, shape: tuple[int, ...], number: int) -> NDArray[np.int32]:
    random = np.random.default_rng(number)
    if kind == "zeros":
        return np.zeros(shape, np.int32)
    if kind == "wide":
        return random.integers(-7513, 7514, shape, np.int32)
    values = random.laplace(0, 9, shape)
    if kind == "sparse":
        values *= 4 * (random.random(shape) < 0.3)
    return np.rint(values).astype(np.int32)


@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize("kind", ["zeros", "wide", "sparse", "usual"])
def test_a_file_holds_the_integers(tmp_path: Path, spec: Spec, kind: str) -> None:
    tensors = {
        name: Quantized(integers(kind, shape, i), 100 + i)
        for i, (name, shape) in enumerate(spec.shapes().items())
    }
    encoded = from_bytes(write(tmp_path, spec, tensors))
    assert (encoded.spec, encoded.mode) == (spec, "RGB")
    stream = encoded.tensors["w"].tobytes()
    for name, tensor in unpack(spec, stream).items():
        assert tensor.q_index == tensors[name].q_index
        assert np.array_equal(tensor.values, tensors[name].values)
    assert len(stream) <= len(pack(spec, tensors)) + 2


def test_q_steps_spread_an_error_over_all_tensors(tmp_path: Path) -> None:
    nothing = {name: Quantized(np.zeros(s, np.int32), 0) for name, s in SPECS[0].shapes().items()}
    curvatures, error = [4.0, 0.25, 0.0], 0.01
    write(tmp_path, SPECS[0], nothing, curvatures=curvatures, count=300, error=error)
    q_steps = json.loads((tmp_path / "q_steps.json").read_text())
    factor = (12 * error / 300) ** 0.5
    # Where nothing depends on a tensor, its q_step is that of a millionth of the largest curvature.
    wanted = [q_index_of(factor / root) for root in (2.0, 0.5, 0.002)]
    assert q_steps == wanted
    added = sum(100 * q_step_of(q) ** 2 / 12 * c for q, c in zip(q_steps, curvatures, strict=True))
    assert added == pytest.approx(2 / 3 * error, rel=0.1)
