/** Axis of a lattice: from positions to the summands of the first joint layer. */

import { featureOf, numFeatures } from "../../decoder/coordinate/positions.js";
import { paddedCount } from "./lattice.js";
import { gatedLayer } from "./layers.js";

/** @typedef {import("../kernels/plain.js").Kernels} Kernels */
/** @typedef {import("./lattice.js").Comb} Comb */
/** @typedef {import("./layout.js").Layout} Layout */
/** @typedef {import("./parameters.js").Parameters} Parameters */

/** One axis of a picture; positions are its pixels here. */
export class Axis {
  /**
   * @param {Layout} layout
   * @param {Parameters} parameters
   * @param {import("../../decoder/spec.js").Spec} spec
   * @param {"x" | "y"} side of which `y` has the bias of the joint layer
   */
  constructor(layout, parameters, spec, side) {
    const isGated = spec.family === "gated";
    const length = side === "x" ? spec.width : spec.height;
    const capacity = paddedCount(length);
    const joint = isGated ? "joint" : "layers.0";
    this.family = spec.family;
    this.length = length;
    this.features = numFeatures(spec.family, length);
    this.table = layout.reserve(this.features * length);
    this.input = layout.reserve(this.features * capacity);
    this.branch = isGated ? gatedLayer(layout, parameters, `axis_${side}`, capacity) : null;
    this.half = new Half(layout, parameters, joint, side, capacity);
  }

  /** @param {Float32Array} data gets the features of all pixels */
  prepare(data) {
    const { family, length, features, table } = this;
    for (let i = 0; i < features; i += 1) {
      for (let x = 0; x < length; x += 1) {
        data[table + i * length + x] = featureOf(family, i, x, length);
      }
    }
  }

  /** @param {Kernels} kernels */
  refresh(kernels) {
    this.branch?.refresh(kernels);
    this.half.refresh(kernels);
  }

  /**
   * @param {Kernels} kernels
   * @param {Comb} comb
   * @returns {number} the place of the summands (rows, padded positions)
   */
  forward(kernels, comb) {
    const positions = paddedCount(comb.count);
    const { input, branch } = this;
    kernels.gather(this.table, this.features, this.length, comb, input, positions);
    const x = branch ? branch.forward(kernels, input, positions) : input;
    return this.half.forward(kernels, x, positions);
  }

  /**
   * @param {Kernels} kernels
   * @param {number} gradient of the summands
   * @param {Comb} comb that of `forward`
   */
  backward(kernels, gradient, comb) {
    const positions = paddedCount(comb.count);
    const toX = this.half.backward(kernels, gradient, positions);
    this.branch?.backward(kernels, toX, positions);
  }
}

/** The half of the columns of a joint matrix that belongs to one axis. */
class Half {
  /**
   * @param {Layout} layout
   * @param {Parameters} parameters
   * @param {string} name
   * @param {"x" | "y"} side
   * @param {number} capacity
   */
  constructor(layout, parameters, name, side, capacity) {
    const weight = parameters.of(`${name}.weight`);
    const [rows, both] = weight.shape;
    const inputs = both / 2;
    const first = side === "x" ? 0 : inputs;
    this.rows = rows;
    this.inputs = inputs;
    this.stride = both;
    this.weight = weight.at + first;
    this.toWeight = weight.gradient + first;
    this.bias = side === "y" ? parameters.of(`${name}.bias`) : null;
    this.transposed = layout.reserve(rows * inputs);
    this.out = layout.reserve(rows * capacity);
    this.toX = layout.reserve(inputs * capacity);
    this.x = 0;
  }

  /** @param {Kernels} kernels */
  refresh(kernels) {
    kernels.transpose(this.weight, this.stride, this.rows, this.inputs, this.transposed);
  }

  /** @type {import("./layers.js").Layer["forward"]} */
  forward(kernels, x, positions) {
    const { out, rows } = this;
    this.x = x;
    if (this.bias) {
      kernels.fillRows(this.bias.at, rows, positions, out);
    } else {
      kernels.clear(out, rows * positions);
    }
    kernels.product(this.transposed, rows, rows, this.inputs, x, out, positions);
    return out;
  }

  /** @type {import("./layers.js").Layer["backward"]} */
  backward(kernels, gradient, positions) {
    const { rows, inputs, stride, toX } = this;
    kernels.outer(gradient, rows, this.x, inputs, this.toWeight, stride, positions);
    if (this.bias) {
      kernels.rowSums(gradient, rows, positions, this.bias.gradient);
    }
    kernels.clear(toX, inputs * positions);
    kernels.product(this.weight, stride, inputs, rows, gradient, toX, positions);
    return toX;
  }
}
