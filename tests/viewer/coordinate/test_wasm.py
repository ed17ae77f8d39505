"""The assembler of WebAssembly: engines take its modules, and instructions do what they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from imgnet.viewer.bundle import FOLDER, bundle
from support.node import needs_node, run_node

pytestmark = needs_node

_HEAD = """
const { F32, I32, Module, V128 } = modules["decoder/coordinate/wasm.js"];
const { countUp, f32, f32x4, i32, i32x4, v128, whileTrue, when } =
  modules["decoder/coordinate/instructions.js"];
const exportsOf = (module, imports = {}) =>
  new WebAssembly.Instance(new WebAssembly.Module(module.bytes()), imports).exports;
const print = (value) => console.log(JSON.stringify(value));
"""


def run(folder: Path, script: str) -> Any:
    """Return what a script prints that has the assembler at hand."""
    path = folder / "script.js"
    path.write_text(bundle(FOLDER / "decoder/coordinate/instructions.js") + _HEAD + script, "utf-8")
    return json.loads(run_node(path, ""))


def test_integers_of_any_size_are_constants_and_offsets(tmp_path: Path) -> None:
    values = [0, 1, 63, 64, -64, -65, 127, 128, -8193, 624485, 2**31 - 1, -(2**31)]
    script = f"""
    const module = new Module();
    module.exportMemory("memory", 3);
    {values}.forEach((value, i) => module.exportFunction(`f${{i}}`, [], [I32], () => [
      i32.store(i32.const(8), i32.const(value), 130000), i32.load(i32.const(130000), 8),
    ]));
    const functions = exportsOf(module);
    print({values}.map((_, i) => functions[`f${{i}}`]()));
    """
    assert run(tmp_path, script) == values


def test_functions_have_variables_loops_and_branches_and_call_each_other(tmp_path: Path) -> None:
    script = """
    const module = new Module();
    const isOdd = module.addFunction([I32], [I32], (_, n) => i32.and(n.get, i32.const(1)));
    // How many steps n takes to 1, if an odd number goes to 3 n + 1 and an even one to its half.
    module.exportFunction("steps", [I32], [I32], (builder, n) => {
      const steps = builder.local(I32);
      return [
        whileTrue(i32.ne(n.get, i32.const(1)), [
          when(
            isOdd.call(n.get),
            n.set(i32.add(i32.mul(n.get, i32.const(3)), i32.const(1))),
            n.set(i32.shr_u(n.get, i32.const(1))),
          ),
          steps.set(i32.add(steps.get, i32.const(1))),
        ]),
        steps.get,
      ];
    });
    module.exportFunction("sum", [I32, I32], [I32], (builder, at, end) => {
      const [sum, unused] = builder.locals(I32, 2);
      return [countUp(at, end.get, 3, sum.set(i32.add(sum.get, at.get))), sum.get];
    });
    const { steps, sum } = exportsOf(module);
    print([steps(1), steps(6), steps(27), sum(2, 12), sum(9, 1)]);
    """
    assert run(tmp_path, script) == [0, 8, 111, 2 + 5 + 8 + 11, 9]


def test_memory_can_come_from_outside(tmp_path: Path) -> None:
    script = """
    const module = new Module();
    module.importMemory("js", "memory", 1);
    module.exportFunction("dot", [I32, I32, I32], [F32], (builder, one, other, bytes) => {
      const [sum, i] = [builder.local(V128), builder.local(I32)];
      const operands = [one, other].map((at) => v128.load(i32.add(at.get, i.get)));
      return [
        countUp(i, bytes.get, 16, sum.set(f32x4.add(sum.get, f32x4.mul(...operands)))),
        [0, 1, 2, 3]
          .map((lane) => f32x4.extract_lane(sum.get, lane))
          .reduce((total, lane) => f32.add(total, lane)),
      ];
    });
    const memory = new WebAssembly.Memory({ initial: 1 });
    const { dot } = exportsOf(module, { js: { memory } });
    new Float32Array(memory.buffer, 64, 16).set([...Array(16).keys()]);
    print(dot(64, 96, 32));
    """
    assert run(tmp_path, script) == sum(i * (i + 8) for i in range(8))


# Expressions of the lanes a, b and c of the operands, by the name of the instruction.
VECTOR = {
    "f32x4.add": "a + b",
    "f32x4.sub": "a - b",
    "f32x4.mul": "a * b",
    "f32x4.div": "a / b",
    "f32x4.min": "Math.min(a, b)",
    "f32x4.max": "Math.max(a, b)",
    "f32x4.pmin": "b < a ? b : a",
    "f32x4.pmax": "a < b ? b : a",
    "f32x4.abs": "Math.abs(a)",
    "f32x4.neg": "-a",
    "f32x4.sqrt": "Math.sqrt(a)",
    "f32x4.nearest": "rint(a)",
    "f32x4.lt": "mask(a < b)",
    "f32x4.gt": "mask(a > b)",
    "f32x4.le": "mask(a <= b)",
    "f32x4.ge": "mask(a >= b)",
    "f32x4.convert_i32x4_s": "ints(a)",
    "i32x4.trunc_sat_f32x4_s": "floats(Math.trunc(a) | 0)",
    "i32x4.add": "floats(ints(a) + ints(b))",
    "i32x4.sub": "floats(ints(a) - ints(b))",
    "i32x4.mul": "floats(Math.imul(ints(a), ints(b)))",
    "v128.and": "floats(ints(a) & ints(b))",
    "v128.andnot": "floats(ints(a) & ~ints(b))",
    "v128.or": "floats(ints(a) | ints(b))",
    "v128.xor": "floats(ints(a) ^ ints(b))",
    "v128.bitselect": "floats((ints(a) & ints(c)) | (ints(b) & ~ints(c)))",
}


def test_vector_instructions_work_lane_by_lane(tmp_path: Path) -> None:
    script = f"""
    const ints = (x) => new Int32Array(Float32Array.of(x).buffer)[0];
    const floats = (bits) => ({{ bits: bits | 0 }});
    const mask = (condition) => floats(condition ? -1 : 0);
    const bitsOf = (result) => result.bits ?? ints(result);
    const {{ rint }} = modules["decoder/entropy/fixed_point.js"];
    const lanes = [[1.5, -0.75, 300, 2.5], [1.5, 7, -0.125, 3], [5, -3.5, 1e-3, 0.5]];
    const wrong = [];
    const tables = {{ f32x4, i32x4, v128 }};
    for (const [name, expression] of Object.entries({json.dumps(VECTOR)})) {{
      const [table, instruction] = name.split(".");
      const count = /\\bc\\b/.test(expression) ? 3 : /\\bb\\b/.test(expression) ? 2 : 1;
      const module = new Module();
      module.exportMemory("memory", 1);
      module.exportFunction("apply", [], [], () => {{
        const operands = lanes.slice(0, count).map((_, i) => v128.load(i32.const(16 * i)));
        return v128.store(i32.const(64), tables[table][instruction](...operands));
      }});
      const {{ memory, apply }} = exportsOf(module);
      const values = new Float32Array(memory.buffer);
      values.set(lanes.flat());
      apply();
      const expected = [0, 1, 2, 3].map((lane) =>
        bitsOf(Function("a", "b", "c", "ints", "floats", "mask", "rint", `return ${{expression}}`)(
          ...lanes.map((x) => x[lane]), ints, floats, mask, rint)));
      const found = new Int32Array(memory.buffer, 64, 4);
      if (String(found) !== String(expected)) wrong.push([name, ...found, ...expected]);
    }}
    print(wrong);
    """
    fixed_point = bundle(FOLDER / "decoder/entropy/fixed_point.js").removeprefix(
        "const modules = {};"
    )
    assert run(tmp_path, fixed_point + script) == []


SCALAR = {
    "i32": {
        "add": 13, "sub": -7, "mul": 30, "and": 2, "or": 11, "xor": 9, "shl": 3072,
        "shr_s": 0, "shr_u": 0, "eq": 0, "ne": 1, "lt_s": 1, "gt_s": 0, "le_s": 1, "ge_s": 0,
    },
    "f32": {
        "add": 1.25, "sub": -4.25, "mul": -4.125, "div": -0.5454545617103577, "min": -1.5,
        "max": 2.75, "lt": 1, "gt": 0, "abs": 1.5, "neg": 1.5, "floor": -2, "nearest": -2,
    },
}  # fmt: skip


@pytest.mark.parametrize("table", SCALAR)
def test_scalar_instructions(tmp_path: Path, table: str) -> None:
    script = f"""
    const [table, operands] = {{
      i32: [i32, [i32.const(3), i32.const(10)]], f32: [f32, [f32.const(-1.5), f32.const(2.75)]],
    }}["{table}"];
    const unary = ["abs", "neg", "floor", "nearest"];
    const result = (name) => "{table}" === "i32" || ["lt", "gt"].includes(name) ? I32 : F32;
    print({json.dumps(list(SCALAR[table]))}.map((name) => {{
      const module = new Module();
      const used = operands.slice(0, unary.includes(name) ? 1 : 2);
      module.exportFunction("apply", [], [result(name)], () => table[name](...used));
      return exportsOf(module).apply();
    }}));
    """
    assert run(tmp_path, script) == list(SCALAR[table].values())


def test_bytes_and_lanes_and_conversions(tmp_path: Path) -> None:
    script = """
    const module = new Module();
    module.exportMemory("memory", 1);
    module.exportFunction("apply", [], [], (builder) => {
      const vector = builder.local(V128);
      return [
        i32.store8(i32.const(0), i32.const(511)), i32.store16(i32.const(2), i32.const(-2)),
        i32.store(i32.const(4), i32.load8_u(i32.const(0))),
        i32.store(i32.const(8), i32.load16_u(i32.const(2))),
        i32.store(i32.const(12), i32.trunc_f32_s(f32.sqrt(f32.const(50)))),
        f32.store(i32.const(16), f32.convert_i32_s(i32.const(-3))),
        f32.store(i32.const(20), f32.load(i32.const(0), 16)),
        vector.set(v128.load32_splat(i32.const(20))),
        v128.store(i32.const(32), vector.get),
        v128.store(i32.const(48), f32x4.splat(f32.const(6))),
        v128.store(i32.const(64), f32x4.const(0.5)),
        ["shl", "shr_s", "shr_u"].map((name, i) => {
          const shifted = i32x4[name](i32x4.splat(i32.const(-8)), i32.const(28 - i));
          return i32.store(i32.const(80 + 4 * i), i32x4.extract_lane(shifted, i));
        }),
      ];
    });
    const { memory, apply } = exportsOf(module);
    apply();
    const ints = new Int32Array(memory.buffer);
    const floats = new Float32Array(memory.buffer, 16, 16);
    print([[1, 2, 3, 20, 21, 22].map((i) => ints[i]), [...floats]]);
    """
    ints, floats = run(tmp_path, script)
    assert ints == [255, 65534, 7, -(2**31), -1, 63]
    assert floats == [-3, -3, 0, 0] + 4 * [-3] + 4 * [6] + 4 * [0.5]
