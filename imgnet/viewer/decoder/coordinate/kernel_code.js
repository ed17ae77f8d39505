/** Code of the kernels of coordinate networks: float32 in lanes, twelve positions at a time. */

import { EACH_ROW, EACH_VECTOR, Group, TILE_BYTES, VECTOR_BYTES } from "./group.js";
import { doWhile, f32x4, i32, increase, v128 } from "./instructions.js";
import { INPUTS, ROWS } from "./tile.js";
import { I32, Module, V128 } from "./wasm.js";

/** @typedef {import("./wasm.js").Code} Code */
/** @typedef {import("./wasm.js").Local} Local */
/** @typedef {import("./group.js").Finish} Finish */
/** @typedef {import("./group.js").MultiplyAdd} MultiplyAdd */

const LEAK = 0.1;

/** @type {Finish} */
const AFFINE = { rows: 3, of: (_, sums) => sums };
/** @type {Finish} */
const LEAKY = {
  rows: 3,
  of: (group, sums) => sums.map((x) => f32x4.pmax(x, group.scaled(x, LEAK))),
};
/** @type {Finish} */
const GATED = { rows: 1, of: (group, sums, shift) => [group.gate(sums, shift)] };

/**
 * Return the binary module, and what its memory begins with. Its functions are those of `Kernel`,
 * with addresses in bytes.
 *
 * @param {boolean} isFused whether it multiplies and adds by one instruction, which is relaxed SIMD
 * @returns {{bytes: Uint8Array<ArrayBuffer>, constants: number[]}}
 */
export function kernelCode(isFused) {
  const module = new Module();
  module.importMemory("js", "memory", 1);
  /** @type {MultiplyAdd} */
  const fused = (factor, other, summand) => f32x4.relaxed_madd(factor, other, summand);
  /** @type {MultiplyAdd} */
  const separate = (factor, other, summand) => f32x4.add(f32x4.mul(factor, other), summand);
  const multiplyAdd = isFused ? fused : separate;
  /** @type {number[]} */
  const constants = [];
  /** @type {(name: string, count: number, write: (group: Group, of: Local[]) => Code) => void} */
  const add = (name, count, write) => {
    module.exportFunction(name, Array(count).fill(I32), [], (builder, ...parameters) =>
      write(new Group(builder, multiplyAdd, constants), parameters),
    );
  };
  add("affine", 5, (group, parameters) => product(group, AFFINE, parameters));
  add("leaky", 5, (group, parameters) => product(group, LEAKY, parameters));
  add("leakySum", 4, (group, parameters) => sum(group, LEAKY, parameters));
  add("gatedSum", 4, (group, parameters) => sum(group, GATED, parameters));
  add("addScaled", 4, addScaled);
  return { bytes: module.bytes(), constants };
}

/**
 * Multiply the inputs by groups of three rows of weights.
 *
 * @param {Group} group
 * @param {Finish} finish
 * @param {Local[]} parameters
 * @returns {Code}
 */
function product(group, finish, [layer, groups, input, inputs, output]) {
  const [at, end] = group.builder.locals(I32, 2);
  const weights = group.builder.locals(V128, ROWS);
  const x = group.builder.local(V128);
  const productsOf = (/** @type {number} */ i) => [
    EACH_ROW.map((row) => weights[row].set(v128.load32_splat(layer.get, 4 * (ROWS * i + row)))),
    EACH_VECTOR.map((column) => [
      x.set(v128.load(at.get, TILE_BYTES * i + VECTOR_BYTES * column)),
      EACH_ROW.map((row) => group.accumulate(row, column, x.get, weights[row].get)),
    ]),
  ];
  const products = [
    Array.from({ length: INPUTS }, (_, i) => productsOf(i)),
    increase(layer, 4 * ROWS * INPUTS),
    increase(at, TILE_BYTES * INPUTS),
  ];
  return [
    end.set(i32.add(input.get, i32.mul(inputs.get, i32.const(TILE_BYTES)))),
    group.forGroups(groups, [
      group.readHead(layer),
      at.set(input.get),
      doWhile(products, i32.ne(at.get, end.get)),
      group.write(finish, output),
    ]),
  ];
}

/**
 * Add the heads of groups to what the columns contribute.
 *
 * @param {Group} group
 * @param {Finish} finish
 * @param {Local[]} parameters
 * @returns {Code}
 */
function sum(group, finish, [heads, groups, columns, output]) {
  return group.forGroups(groups, [
    group.readHead(heads),
    group.sums.map((sums, row) =>
      sums.map((total, column) => {
        const summand = v128.load(columns.get, TILE_BYTES * row + VECTOR_BYTES * column);
        return total.set(f32x4.add(total.get, summand));
      }),
    ),
    increase(columns, TILE_BYTES * ROWS),
    group.write(finish, output),
  ]);
}

/**
 * Add rows times a factor to other rows.
 *
 * @param {Group} group
 * @param {Local[]} parameters
 * @returns {Code}
 */
function addScaled(group, [rows, summands, factor, count]) {
  const scale = group.builder.local(V128);
  const added = EACH_VECTOR.map((column) => {
    const offset = VECTOR_BYTES * column;
    const [x, y] = [summands, rows].map((at) => v128.load(at.get, offset));
    return v128.store(rows.get, group.multiplyAdd(x, scale.get, y), offset);
  });
  return [
    scale.set(v128.load32_splat(factor.get)),
    group.forGroups(count, [added, increase(rows, TILE_BYTES), increase(summands, TILE_BYTES)]),
  ];
}
