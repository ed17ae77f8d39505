/** Kernels of a fit in WebAssembly: those of `plain.js`, four floats at a time. */

import { Module } from "../../decoder/coordinate/wasm.js";
import { addElementwise } from "./elementwise.js";
import { Memory } from "./memory.js";
import { addProducts } from "./products.js";
import { addSums } from "./sums.js";

/** @typedef {import("./plain.js").Arithmetic} Arithmetic */
/** @typedef {import("./plain.js").Kernels} Kernels */
/** @typedef {Record<string, (...numbers: number[]) => number>} Functions */

const FLOAT = 4; // bytes
const PAGE = 2 ** 16;

/** @implements {Arithmetic} */
export class SimdKernels extends Memory {
  /** @param {number} size of the memory in floats */
  constructor(size) {
    const pages = Math.ceil((FLOAT * size) / PAGE);
    const exports = instance(pages).exports;
    const memory = /** @type {WebAssembly.Memory} */ (exports.memory);
    super(new Float32Array(memory.buffer, 0, size));
    this._functions = /** @type {Functions} */ (/** @type {unknown} */ (exports));
  }

  /** @returns {boolean} whether this machine runs them */
  static get isThere() {
    return typeof WebAssembly === "object" && WebAssembly.validate(moduleBytes(1, false));
  }

  /** @type {Kernels["product"]} */
  product(matrix, stride, rows, inputs, x, out, pixels) {
    const shape = [FLOAT * stride, rows, inputs];
    this._functions.product(FLOAT * matrix, ...shape, FLOAT * x, FLOAT * out, pixels);
  }

  /** @type {Kernels["outer"]} */
  outer(gradient, rows, x, inputs, sum, stride, pixels) {
    const to = [FLOAT * sum, FLOAT * stride];
    this._functions.outer(FLOAT * gradient, rows, FLOAT * x, inputs, ...to, pixels);
  }

  /** @type {Kernels["rowSums"]} */
  rowSums(x, rows, pixels, sum) {
    this._functions.rowSums(FLOAT * x, rows, pixels, FLOAT * sum);
  }

  /** @type {Kernels["leaky"]} */
  leaky(x, count) {
    this._functions.leaky(FLOAT * x, count);
  }

  /** @type {Kernels["leakyBack"]} */
  leakyBack(out, gradient, count) {
    this._functions.leakyBack(FLOAT * out, FLOAT * gradient, count);
  }

  /** @type {Kernels["gate"]} */
  gate(stacked, shift, units, pixels, kept, out) {
    const places = [FLOAT * kept, FLOAT * out];
    this._functions.gate(FLOAT * stacked, FLOAT * shift, units, pixels, ...places);
  }

  /** @type {Kernels["gateBack"]} */
  gateBack(stacked, kept, units, pixels, gradient, toStacked) {
    const places = [FLOAT * gradient, FLOAT * toStacked];
    this._functions.gateBack(FLOAT * stacked, FLOAT * kept, units * pixels, ...places);
  }

  /** @type {Kernels["add"]} */
  add(x, out, count) {
    this._functions.add(FLOAT * x, FLOAT * out, count);
  }

  /** @type {Kernels["addTimes"]} */
  addTimes(x, factor, out, count) {
    this._functions.addTimes(FLOAT * x, FLOAT * factor, FLOAT * out, count);
  }

  /** @type {Kernels["addDot"]} */
  addDot(one, other, count, sum) {
    this._functions.addDot(FLOAT * one, FLOAT * other, count, FLOAT * sum);
  }

  /** @type {Kernels["spread"]} */
  spread(columns, width, rows, stride, units, height, out) {
    const axes = [FLOAT * columns, width, FLOAT * rows, FLOAT * stride];
    this._functions.spread(...axes, units, height, FLOAT * out);
  }

  /** @type {Kernels["collect"]} */
  collect(gradient, units, height, toColumns, width, toRows, stride) {
    const axes = [FLOAT * toColumns, width, FLOAT * toRows, FLOAT * stride];
    this._functions.collect(FLOAT * gradient, units, height, ...axes);
  }
}

/**
 * @param {number} pages of its memory
 * @returns {WebAssembly.Instance} with fused products and sums where this machine has them
 */
function instance(pages) {
  const fused = moduleBytes(pages, true);
  const bytes = WebAssembly.validate(fused) ? fused : moduleBytes(pages, false);
  return new WebAssembly.Instance(new WebAssembly.Module(bytes));
}

/**
 * @param {number} pages
 * @param {boolean} isFused
 * @returns {Uint8Array<ArrayBuffer>}
 */
function moduleBytes(pages, isFused) {
  const module = new Module();
  module.exportMemory("memory", pages);
  addProducts(module, isFused);
  addSums(module, isFused);
  addElementwise(module, isFused);
  return module.bytes();
}
