/**
 * Products of matrices in WebAssembly.
 *
 * A block of sums stays in registers: four rows by eight pixels forward, four by two entries of the
 * matrix backward. What is left over goes row by row and column by column.
 */

import { f32, f32x4, i32, v128, whileTrue } from "../../decoder/coordinate/instructions.js";
import { I32, V128 } from "../../decoder/coordinate/wasm.js";

/** @typedef {import("../../decoder/coordinate/wasm.js").Code} Code */
/** @typedef {import("../../decoder/coordinate/wasm.js").FunctionBuilder} FunctionBuilder */
/** @typedef {import("../../decoder/coordinate/wasm.js").Local} Local */
/** @typedef {import("../../decoder/coordinate/wasm.js").Module} Module */
/** @typedef {(one: Code, other: Code, sum: Code) => Code} MultiplyAdd */

const FLOAT = 4;
const VECTOR = 16;
const ROWS = 4;
const COLUMNS = 2; // vectors of pixels forward, entries of a row backward

/**
 * @param {boolean} isFused
 * @returns {MultiplyAdd}
 */
export function multiplyAdd(isFused) {
  return isFused ? f32x4.relaxed_madd : (one, other, sum) => f32x4.add(f32x4.mul(one, other), sum);
}

/**
 * Add `product` and `outer`.
 *
 * @param {Module} module
 * @param {boolean} isFused
 */
export function addProducts(module, isFused) {
  const madd = multiplyAdd(isFused);
  const numbers = Array(7).fill(I32);
  module.exportFunction("product", numbers, [], (builder, ...parameters) =>
    product(builder, madd, ...parameters),
  );
  module.exportFunction("outer", numbers, [], (builder, ...parameters) =>
    outer(builder, madd, ...parameters),
  );
}

/**
 * @param {FunctionBuilder} builder
 * @param {MultiplyAdd} madd
 * @param {...Local} given parameters of `Kernels.product`, addresses and the stride in bytes
 * @returns {Code}
 */
function product(builder, madd, ...given) {
  const [matrix, rowBytes, rows, inputs, x, out, pixels] = given;
  const [row, end, stride, at, entry, to, left] = builder.locals(I32, 7);
  const [splat, ...vectors] = builder.locals(V128, 1 + COLUMNS);
  const sums = builder.locals(V128, ROWS * COLUMNS);

  /** @type {(count: number, act: (sum: Local, offset: number) => Code) => Code} */
  const forEachSum = (count, act) => [
    to.set(i32.add(out.get, i32.mul(row.get, stride.get))),
    upTo(count).map((i) => [
      upTo(COLUMNS).map((j) => act(sums[COLUMNS * i + j], VECTOR * j)),
      step(to, stride.get),
    ]),
  ];
  /** @type {(count: number) => Code} of a block of rows and two vectors of pixels */
  const block = (count) => [
    forEachSum(count, (sum, offset) => sum.set(v128.load(to.get, offset))),
    entry.set(i32.add(matrix.get, times(row.get, FLOAT))),
    at.set(x.get),
    left.set(inputs.get),
    whileTrue(i32.gt_s(left.get, i32.const(0)), [
      upTo(COLUMNS).map((j) => vectors[j].set(v128.load(at.get, VECTOR * j))),
      upTo(count).map((i) => [
        splat.set(v128.load32_splat(entry.get, FLOAT * i)),
        upTo(COLUMNS).map((j) => accumulate(sums[COLUMNS * i + j], madd, splat, vectors[j])),
      ]),
      step(at, stride.get),
      step(entry, rowBytes.get),
      step(left, i32.const(-1)),
    ]),
    forEachSum(count, (sum, offset) => v128.store(to.get, sum.get, offset)),
  ];
  return [
    stride.set(times(pixels.get, FLOAT)),
    end.set(i32.add(out.get, stride.get)),
    whileTrue(i32.lt_s(out.get, end.get), [
      row.set(i32.const(0)),
      inBlocks(row, rows, ROWS, block),
      step(out, i32.const(VECTOR * COLUMNS)),
      step(x, i32.const(VECTOR * COLUMNS)),
    ]),
  ];
}

/**
 * @param {FunctionBuilder} builder
 * @param {MultiplyAdd} madd
 * @param {...Local} given parameters of `Kernels.outer`, addresses and the stride in bytes
 * @returns {Code}
 */
function outer(builder, madd, ...given) {
  const [gradient, rows, x, inputs, sum, rowBytes, pixels] = given;
  const [row, column, stride, at, to] = builder.locals(I32, 5);
  const lefts = builder.locals(I32, ROWS);
  const rights = builder.locals(I32, COLUMNS);
  const vectors = builder.locals(V128, COLUMNS);
  const sums = builder.locals(V128, ROWS * COLUMNS);
  const left = builder.local(V128);

  /** @type {(height: number, width: number) => Code} of a block of entries */
  const block = (height, width) => [
    place(lefts.slice(0, height), gradient, row, stride),
    place(rights.slice(0, width), x, column, stride),
    upTo(height * width).map((i) => sums[i].set(f32x4.const(0))),
    at.set(i32.const(0)),
    whileTrue(i32.lt_s(at.get, stride.get), [
      upTo(width).map((j) => vectors[j].set(v128.load(i32.add(rights[j].get, at.get)))),
      upTo(height).map((i) => [
        left.set(v128.load(i32.add(lefts[i].get, at.get))),
        upTo(width).map((j) => accumulate(sums[width * i + j], madd, left, vectors[j])),
      ]),
      step(at, i32.const(VECTOR)),
    ]),
    to.set(i32.add(i32.mul(row.get, rowBytes.get), times(column.get, FLOAT))),
    step(to, sum.get),
    upTo(height).map((i) => [
      upTo(width).map((j) => addTo(to, sums[width * i + j], FLOAT * j)),
      step(to, rowBytes.get),
    ]),
  ];
  return [
    stride.set(times(pixels.get, FLOAT)),
    row.set(i32.const(0)),
    inBlocks(row, rows, ROWS, (height) => [
      column.set(i32.const(0)),
      inBlocks(column, inputs, COLUMNS, (width) => block(height, width)),
    ]),
  ];
}

/**
 * @param {Local} sum
 * @param {MultiplyAdd} madd
 * @param {Local} one
 * @param {Local} other
 * @returns {Code} that adds a product to a sum
 */
function accumulate(sum, madd, one, other) {
  return sum.set(madd(one.get, other.get, sum.get));
}

/**
 * Set addresses of consecutive rows.
 *
 * @param {Local[]} addresses
 * @param {Local} start address of row 0
 * @param {Local} first row
 * @param {Local} stride in bytes
 * @returns {Code}
 */
function place(addresses, start, first, stride) {
  const at = (/** @type {number} */ i) => i32.mul(i32.add(first.get, i32.const(i)), stride.get);
  return addresses.map((address, i) => address.set(i32.add(start.get, at(i))));
}

/**
 * Go from where a variable is to an end, in blocks as long as they fit, then one by one.
 *
 * @param {Local} variable
 * @param {Local} end
 * @param {number} size of a block
 * @param {(size: number) => Code} body
 * @returns {Code}
 */
function inBlocks(variable, end, size, body) {
  return [size, 1].map((count) => {
    const fits = i32.le_s(i32.add(variable.get, i32.const(count)), end.get);
    return whileTrue(fits, [body(count), step(variable, i32.const(count))]);
  });
}

/**
 * Add the lanes of a vector to a float of the memory.
 *
 * @param {Local} address
 * @param {Local} vector
 * @param {number} [offset] in bytes
 * @returns {Code}
 */
export function addTo(address, vector, offset = 0) {
  const lane = (/** @type {number} */ i) => f32x4.extract_lane(vector.get, i);
  const lanes = f32.add(f32.add(lane(0), lane(1)), f32.add(lane(2), lane(3)));
  return f32.store(address.get, f32.add(f32.load(address.get, offset), lanes), offset);
}

/**
 * @param {Local} variable
 * @param {Code} by
 * @returns {Code}
 */
export function step(variable, by) {
  return variable.set(i32.add(variable.get, by));
}

/**
 * @param {Code} value
 * @param {number} factor
 * @returns {Code}
 */
export function times(value, factor) {
  return i32.mul(value, i32.const(factor));
}

/**
 * @param {number} count
 * @returns {number[]} 0, 1, ..., count - 1
 */
function upTo(count) {
  return Array.from({ length: count }, (_, i) => i);
}
