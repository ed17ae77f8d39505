/**
 * Kernels of a fit in plain JavaScript: the arithmetic of layers, forward and backward.
 *
 * An array of activations is (units, pixels), and the number of pixels is a multiple of 8. These
 * kernels are the specification of those in `simd.js`, and run where there is no SIMD.
 */

import { Memory } from "./memory.js";

const C0 = 2 * Math.sqrt(2 / Math.PI); // GELU in its tanh form is h sigmoid(C0 h + C1 h^3)
const C1 = C0 * 0.044715;
const SLOPE = 0.1; // of LeakyReLU below 0

/**
 * Arithmetic besides what `Memory` moves. A matrix has `stride` floats from row to row.
 *
 * @typedef {Object} Arithmetic
 * @property {(matrix: number, stride: number, rows: number, inputs: number, x: number, out: number,
 *   pixels: number) => void} product adds the transpose of matrix (inputs, rows) times x to out
 * @property {(gradient: number, rows: number, x: number, inputs: number, sum: number,
 *   stride: number, pixels: number) => void} outer adds gradient times the transpose of x to the
 *   matrix sum (rows, inputs)
 * @property {(x: number, rows: number, pixels: number, sum: number) => void} rowSums adds the sum
 *   of each row of x to sum (rows)
 * @property {(x: number, count: number) => void} leaky is LeakyReLU, in place
 * @property {(out: number, gradient: number, count: number) => void} leakyBack turns the gradient
 *   of its output into that of its input
 * @property {(stacked: number, shift: number, units: number, pixels: number, kept: number,
 *   out: number) => void} gate maps q, k and v to gelu(tanh(q k) v + shift), and keeps s, h and t
 *   of (units, pixels) each
 * @property {(stacked: number, kept: number, units: number, pixels: number, gradient: number,
 *   toStacked: number) => void} gateBack writes the gradient of `stacked`, and that of h in place
 *   of the gradient
 * @property {(x: number, out: number, count: number) => void} add adds x to out
 * @property {(x: number, factor: number, out: number, count: number) => void} addTimes adds x times
 *   the float at `factor` to out
 * @property {(one: number, other: number, count: number, sum: number) => void} addDot adds the sum
 *   of products to the float at `sum`
 * @property {(columns: number, width: number, rows: number, stride: number, units: number,
 *   height: number, out: number) => void} spread writes the sum of each column (units, width) and
 *   each row, of which a unit has the next `stride` floats, to out (units, height, width)
 * @property {(gradient: number, units: number, height: number, toColumns: number, width: number,
 *   toRows: number, stride: number) => void} collect adds the gradient of what `spread` wrote to
 *   those of columns and rows
 */

/** @typedef {Memory & Arithmetic} Kernels */

/** @implements {Arithmetic} */
export class PlainKernels extends Memory {
  /** @param {number} size of the memory in floats */
  constructor(size) {
    super(new Float32Array(size));
  }

  /** @type {Kernels["product"]} */
  product(matrix, stride, rows, inputs, x, out, pixels) {
    for (let row = 0; row < rows; row += 1) {
      for (let input = 0; input < inputs; input += 1) {
        const to = out + row * pixels;
        this.addTimes(x + input * pixels, matrix + input * stride + row, to, pixels);
      }
    }
  }

  /** @type {Kernels["outer"]} */
  outer(gradient, rows, x, inputs, sum, stride, pixels) {
    for (let row = 0; row < rows; row += 1) {
      for (let input = 0; input < inputs; input += 1) {
        const to = sum + row * stride + input;
        this.addDot(gradient + row * pixels, x + input * pixels, pixels, to);
      }
    }
  }

  /** @type {Kernels["rowSums"]} */
  rowSums(x, rows, pixels, sum) {
    const { data } = this;
    for (let row = 0; row < rows; row += 1) {
      let total = 0;
      for (let i = x + row * pixels; i < x + (row + 1) * pixels; i += 1) {
        total += data[i];
      }
      data[sum + row] += total;
    }
  }

  /** @type {Kernels["leaky"]} */
  leaky(x, count) {
    const { data } = this;
    for (let i = x; i < x + count; i += 1) {
      data[i] = Math.max(data[i], SLOPE * data[i]);
    }
  }

  /** @type {Kernels["leakyBack"]} */
  leakyBack(out, gradient, count) {
    const { data } = this;
    for (let i = 0; i < count; i += 1) {
      data[gradient + i] *= data[out + i] > 0 ? 1 : SLOPE;
    }
  }

  /** @type {Kernels["gate"]} */
  gate(stacked, shift, units, pixels, kept, out) {
    const { data } = this;
    const count = units * pixels;
    for (let i = 0; i < count; i += 1) {
      const [q, k, v] = [stacked + i, stacked + count + i, stacked + 2 * count + i];
      const s = sigmoid(2 * data[q] * data[k]); // tanh(z) is 2 sigmoid(2 z) - 1
      const h = (2 * s - 1) * data[v] + data[shift + Math.floor(i / pixels)];
      const t = sigmoid(h * (C0 + C1 * h * h));
      data[kept + i] = s;
      data[kept + count + i] = h;
      data[kept + 2 * count + i] = t;
      data[out + i] = h * t;
    }
  }

  /** @type {Kernels["gateBack"]} */
  gateBack(stacked, kept, units, pixels, gradient, toStacked) {
    const { data } = this;
    const count = units * pixels;
    for (let i = 0; i < count; i += 1) {
      const [s, h, t] = [data[kept + i], data[kept + count + i], data[kept + 2 * count + i]];
      const toH = data[gradient + i] * (t + h * t * (1 - t) * (C0 + 3 * C1 * h * h));
      const toProduct = toH * data[stacked + 2 * count + i] * 4 * s * (1 - s);
      data[toStacked + i] = toProduct * data[stacked + count + i];
      data[toStacked + count + i] = toProduct * data[stacked + i];
      data[toStacked + 2 * count + i] = toH * (2 * s - 1);
      data[gradient + i] = toH;
    }
  }

  /** @type {Kernels["add"]} */
  add(x, out, count) {
    const { data } = this;
    for (let i = 0; i < count; i += 1) {
      data[out + i] += data[x + i];
    }
  }

  /** @type {Kernels["addTimes"]} */
  addTimes(x, factor, out, count) {
    const { data } = this;
    const times = data[factor];
    for (let i = 0; i < count; i += 1) {
      data[out + i] += times * data[x + i];
    }
  }

  /** @type {Kernels["addDot"]} */
  addDot(one, other, count, sum) {
    const { data } = this;
    let total = 0;
    for (let i = 0; i < count; i += 1) {
      total += data[one + i] * data[other + i];
    }
    data[sum] += total;
  }

  /** @type {Kernels["spread"]} */
  spread(columns, width, rows, stride, units, height, out) {
    const { data } = this;
    for (let unit = 0; unit < units; unit += 1) {
      for (let y = 0; y < height; y += 1) {
        const row = data[rows + unit * stride + y];
        const to = out + (unit * height + y) * width;
        for (let x = 0; x < width; x += 1) {
          data[to + x] = data[columns + unit * width + x] + row;
        }
      }
    }
  }

  /** @type {Kernels["collect"]} */
  collect(gradient, units, height, toColumns, width, toRows, stride) {
    for (let unit = 0; unit < units; unit += 1) {
      for (let y = 0; y < height; y += 1) {
        const row = gradient + (unit * height + y) * width;
        this.add(row, toColumns + unit * width, width);
        this.rowSums(row, 1, width, toRows + unit * stride + y);
      }
    }
  }
}

/**
 * @param {number} x
 * @returns {number}
 */
function sigmoid(x) {
  return 1 / (1 + Math.exp(-x));
}
