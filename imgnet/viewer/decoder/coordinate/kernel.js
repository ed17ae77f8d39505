/** Kernels of coordinate networks in WebAssembly, or in JavaScript where that is not allowed. */

import { kernelCode } from "./kernel_code.js";
import { PlainKernel } from "./plain_kernel.js";

/**
 * Kernels and the memory that they work on. Addresses count float32 numbers.
 *
 * A row has the numbers of TILE positions. A layer is groups of three rows of weights: a head and
 * then three weights for each input. The head is the biases of the rows and the shift of a gate.
 * Of a group, `affine` writes three rows, `leaky` and `leakySum` their leaky ReLU, and `gatedSum`
 * one row: gelu(tanh(q k) v + shift) of the three. Gates of many groups beside each other take
 * less time than each behind its products.
 *
 * @typedef {Object} Kernel
 * @property {Float32Array} floats the memory, until more is reserved
 * @property {(count: number) => number} reserve memory, which begins as 0; returns its address
 * @property {Product} affine
 * @property {Product} leaky
 * @property {Sum} leakySum
 * @property {Sum} gatedSum
 * @property {(rows: number, summands: number, factor: number, count: number) => void} addScaled
 */

/**
 * @typedef {(layer: number, groups: number, input: number, inputs: number, output: number) => void
 *   } Product of a layer and rows, whose number is a multiple of INPUTS
 */

/**
 * @typedef {(heads: number, groups: number, columns: number, output: number) => void} Sum of
 *   the heads and of three rows a group
 */

const PAGE_FLOATS = 2 ** 14;

/** @returns {Kernel} the fastest that this engine and the policy of the page allow */
export function fastestKernel() {
  const kinds = [() => new WasmKernel(true), () => new WasmKernel(false)];
  for (const make of kinds) {
    try {
      return make();
    } catch (error) {
      if (error instanceof RangeError) {
        throw error; // there is no memory
      }
    }
  }
  return new PlainKernel();
}

/**
 * Kernels in WebAssembly.
 *
 * @implements {Kernel}
 */
export class WasmKernel {
  /**
   * @param {boolean} isFused whether it multiplies and adds by one instruction
   * @throws {Error} The engine lacks the instructions, or the page forbids WebAssembly.
   */
  constructor(isFused) {
    const { bytes, constants } = kernelCode(isFused);
    const module = new WebAssembly.Module(bytes);
    this._memory = new WebAssembly.Memory({ initial: 1 });
    const { exports } = new WebAssembly.Instance(module, { js: { memory: this._memory } });
    this.floats = new Float32Array(this._memory.buffer);
    this.floats.set(constants);
    this._used = constants.length;
    const call = (/** @type {string} */ name) => /** @type {Function} */ (exports[name]);
    const product = (/** @type {string} */ name) => {
      const run = call(name);
      /** @type {Product} */
      return (layer, groups, input, inputs, output) =>
        run(4 * layer, groups, 4 * input, inputs, 4 * output);
    };
    const sum = (/** @type {string} */ name) => {
      const run = call(name);
      /** @type {Sum} */
      return (heads, groups, columns, output) => run(4 * heads, groups, 4 * columns, 4 * output);
    };
    const addScaled = call("addScaled");
    this.affine = product("affine");
    this.leaky = product("leaky");
    this.leakySum = sum("leakySum");
    this.gatedSum = sum("gatedSum");
    /** @type {Kernel["addScaled"]} */
    this.addScaled = (rows, summands, factor, count) =>
      addScaled(4 * rows, 4 * summands, 4 * factor, count);
  }

  /**
   * @param {number} count
   * @returns {number}
   */
  reserve(count) {
    const address = this._used;
    this._used += count;
    const missing = this._used - this.floats.length;
    if (missing > 0) {
      this._memory.grow(Math.ceil(missing / PAGE_FLOATS));
      this.floats = new Float32Array(this._memory.buffer);
    }
    return address;
  }
}
