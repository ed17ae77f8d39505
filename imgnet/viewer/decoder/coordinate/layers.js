/** Layers of coordinate networks, as the kernels read them. */

import { tensorOf } from "../entropy/fixed_point.js";
import { HEAD, INPUTS, ROWS, TILE } from "./tile.js";

/** @typedef {import("./kernel.js").Kernel} Kernel */
/** @typedef {import("../format/container.js").Parameters} Parameters */
/** @typedef {{weights: Float64Array, bias: ArrayLike<number>, shift: ArrayLike<number>}} Numbers */

/** A layer in the memory of a kernel. */
export class Layer {
  /**
   * @param {Kernel} kernel
   * @param {"affine" | "leaky" | "gated"} kind
   * @param {Numbers} numbers of the layer; its rows are Q, K and V where it is gated
   * @param {number[][]} [groups] the three rows of each
   */
  constructor(kernel, kind, { weights, bias, shift }, groups = groupsOf(kind, bias.length)) {
    const inputs = weights.length / bias.length;
    this._kernel = kernel;
    this._kind = kind;
    this._groups = groups.length;
    this._inputs = INPUTS * Math.ceil(inputs / INPUTS);
    const size = HEAD + ROWS * this._inputs;
    this._address = kernel.reserve(size * groups.length);
    this._heads = kind === "gated" ? kernel.reserve(HEAD * groups.length) : 0;
    /** Rows that it writes. */
    this.outputs = (kind === "gated" ? 1 : ROWS) * groups.length;
    groups.forEach((rows, group) => {
      const { floats } = kernel;
      const address = this._address + size * group;
      const head = kind === "gated" ? this._heads + HEAD * group : address;
      rows.forEach((row, i) => {
        floats[head + i] = bias[row] ?? 0; // rows that fill the last group are 0
        for (let input = 0; input < inputs; input += 1) {
          floats[address + HEAD + ROWS * input + i] = weights[row * inputs + input] ?? 0;
        }
      });
      floats[head + ROWS] = shift[group] ?? 0;
    });
  }

  /**
   * @param {number} input address of rows
   * @param {number} output address of rows, which are written
   * @param {number} sums address of three rows a group, for the sums of a gated layer
   */
  run(input, output, sums) {
    const { _kernel: kernel, _kind: kind, _address: layer, _groups: groups } = this;
    if (kind === "gated") {
      kernel.affine(layer, groups, input, this._inputs, sums);
      kernel.gatedSum(this._heads, groups, sums, output);
    } else {
      kernel[kind](layer, groups, input, this._inputs, output);
    }
  }
}

/**
 * Return the rows of each group of a layer.
 *
 * @param {"affine" | "leaky" | "gated"} kind
 * @param {number} rows
 * @returns {number[][]}
 */
export function groupsOf(kind, rows) {
  const count = Math.ceil(rows / ROWS);
  return Array.from({ length: count }, (_, i) =>
    kind === "gated" ? [i, count + i, 2 * count + i] : [3 * i, 3 * i + 1, 3 * i + 2],
  );
}

/**
 * Return the tensors of a layer.
 *
 * @param {Parameters} parameters
 * @param {string} name
 * @returns {Numbers}
 */
export function numbersOf(parameters, name) {
  return {
    weights: tensorOf(parameters, `${name}.weight`),
    bias: tensorOf(parameters, `${name}.bias`),
    shift: parameters.get(`${name}.shift`) ?? [],
  };
}

/**
 * Reserve rows of a tile for layers to write and read, which fill the last ones with zeros.
 *
 * @param {Kernel} kernel
 * @param {number} count
 * @returns {number} their address
 */
export function reserveRows(kernel, count) {
  const filled = ROWS * INPUTS;
  return kernel.reserve(TILE * filled * Math.ceil(count / filled));
}
