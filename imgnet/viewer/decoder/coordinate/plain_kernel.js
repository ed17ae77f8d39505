/** Kernels of coordinate networks in JavaScript, for engines or pages without WebAssembly. */

import { HEAD, ROWS, TILE } from "./tile.js";

const C0 = Math.sqrt(2 / Math.PI);
const C1 = C0 * 0.044715;

/** @typedef {import("./kernel.js").Kernel} Kernel */
/** @typedef {(floats: Float32Array, sums: Float64Array, shift: number, output: number) => number
 *   } Finish writes the output of a group; returns the address behind it */

/**
 * The kernels of `Kernel`.
 *
 * @implements {Kernel}
 */
export class PlainKernel {
  constructor() {
    this.floats = new Float32Array(0);
    const sums = new Float64Array(ROWS * TILE);
    this._used = 0;
    /** @type {(finish: Finish) => import("./kernel.js").Product} */
    const product = (finish) => (layer, groups, input, inputs, output) => {
      const { floats } = this;
      for (let group = 0, at = layer, to = output; group < groups; group += 1) {
        multiply(floats, at, input, inputs, sums);
        to = finish(floats, sums, floats[at + ROWS], to);
        at += HEAD + ROWS * inputs;
      }
    };
    /** @type {(finish: Finish) => import("./kernel.js").Sum} */
    const sum = (finish) => (heads, groups, columns, output) => {
      const { floats } = this;
      for (let group = 0, to = output; group < groups; group += 1) {
        const at = heads + HEAD * group;
        const from = columns + ROWS * TILE * group;
        for (let i = 0; i < ROWS * TILE; i += 1) {
          sums[i] = floats[at + Math.floor(i / TILE)] + floats[from + i];
        }
        to = finish(floats, sums, floats[at + ROWS], to);
      }
    };
    this.affine = product(affine);
    this.leaky = product(leaky);
    this.leakySum = sum(leaky);
    this.gatedSum = sum(gated);
  }

  /**
   * @param {number} count
   * @returns {number}
   */
  reserve(count) {
    const address = this._used;
    this._used += count;
    if (this._used > this.floats.length) {
      const larger = new Float32Array(this._used);
      larger.set(this.floats);
      this.floats = larger;
    }
    return address;
  }

  /**
   * @param {number} rows
   * @param {number} summands
   * @param {number} factor
   * @param {number} count
   */
  addScaled(rows, summands, factor, count) {
    const { floats } = this;
    for (let i = 0; i < TILE * count; i += 1) {
      floats[rows + i] += floats[factor] * floats[summands + i];
    }
  }
}

/**
 * Sum three rows of weights over the inputs; four sums at a time stay in registers.
 *
 * @param {Float32Array} floats
 * @param {number} group address of its head
 * @param {number} input
 * @param {number} inputs
 * @param {Float64Array} sums are written
 */
function multiply(floats, group, input, inputs, sums) {
  for (let i = 0; i < ROWS * TILE; i += 4) {
    const row = Math.floor(i / TILE);
    let sum0 = floats[group + row];
    let [sum1, sum2, sum3] = [sum0, sum0, sum0];
    let weight = group + HEAD + row;
    let x = input + (i % TILE);
    for (const end = x + TILE * inputs; x < end; x += TILE) {
      const factor = floats[weight];
      sum0 += factor * floats[x];
      sum1 += factor * floats[x + 1];
      sum2 += factor * floats[x + 2];
      sum3 += factor * floats[x + 3];
      weight += ROWS;
    }
    sums[i] = sum0;
    sums[i + 1] = sum1;
    sums[i + 2] = sum2;
    sums[i + 3] = sum3;
  }
}

/** @type {Finish} */
function affine(floats, sums, _, output) {
  floats.set(sums, output);
  return output + sums.length;
}

/** @type {Finish} */
function leaky(floats, sums, _, output) {
  for (let i = 0; i < sums.length; i += 1) {
    floats[output + i] = Math.max(sums[i], 0.1 * sums[i]);
  }
  return output + sums.length;
}

/** @type {Finish} gelu(tanh(q k) v + shift) */
function gated(floats, sums, shift, output) {
  for (let i = 0; i < TILE; i += 1) {
    const t = tanh(sums[i] * sums[TILE + i]) * sums[2 * TILE + i] + shift;
    floats[output + i] = 0.5 * t * (1 + tanh(t * (C0 + C1 * t * t)));
  }
  return output + TILE;
}

/**
 * @param {number} x
 * @returns {number} tanh(x), three times as fast as that of the browser
 */
function tanh(x) {
  return 1 - 2 / (1 + Math.exp(2 * x));
}
