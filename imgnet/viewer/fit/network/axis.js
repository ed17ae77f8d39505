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
    /** Values of each feature at all pixels. */
    this.features = Array.from({ length: numFeatures(spec.family, length) }, (_, i) =>
      Float32Array.from({ length }, (_unused, x) => featureOf(spec.family, i, x, length)),
    );
    this.input = layout.reserve(this.features.length * capacity);
    this.branch = isGated ? gatedLayer(layout, parameters, `axis_${side}`, capacity) : null;
    this.half = new Half(layout, parameters, joint, side, capacity);
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
    const { input, features, branch } = this;
    kernels.data.fill(0, input, input + features.length * positions);
    features.forEach((values, feature) => {
      for (let i = 0; i < comb.count; i += 1) {
        kernels.data[input + feature * positions + i] = values[comb.start + i * comb.stride];
      }
    });
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
    this.matrix = layout.reserve(rows * inputs);
    this.transposed = layout.reserve(rows * inputs);
    this.toMatrix = layout.reserve(rows * inputs);
    this.out = layout.reserve(rows * capacity);
    this.toX = layout.reserve(inputs * capacity);
    this.x = 0;
  }

  /** @param {Kernels} kernels */
  refresh({ data }) {
    const { rows, inputs, stride, weight, matrix, transposed } = this;
    for (let row = 0; row < rows; row += 1) {
      for (let input = 0; input < inputs; input += 1) {
        const value = data[weight + row * stride + input];
        data[matrix + row * inputs + input] = value;
        data[transposed + input * rows + row] = value;
      }
    }
  }

  /** @type {import("./layers.js").Layer["forward"]} */
  forward(kernels, x, positions) {
    const { out, rows } = this;
    this.x = x;
    for (let row = 0; row < rows; row += 1) {
      const start = this.bias ? kernels.data[this.bias.at + row] : 0;
      kernels.data.fill(start, out + row * positions, out + (row + 1) * positions);
    }
    kernels.product(this.transposed, rows, this.inputs, x, out, positions);
    return out;
  }

  /** @type {import("./layers.js").Layer["backward"]} */
  backward(kernels, gradient, positions) {
    const { data } = kernels;
    const { rows, inputs, stride, toMatrix, toX } = this;
    data.fill(0, toMatrix, toMatrix + rows * inputs);
    kernels.outer(gradient, rows, this.x, inputs, toMatrix, positions);
    for (let row = 0; row < rows; row += 1) {
      for (let input = 0; input < inputs; input += 1) {
        data[this.toWeight + row * stride + input] += data[toMatrix + row * inputs + input];
      }
    }
    if (this.bias) {
      kernels.rowSums(gradient, rows, positions, this.bias.gradient);
    }
    data.fill(0, toX, toX + inputs * positions);
    kernels.product(this.matrix, inputs, rows, gradient, toX, positions);
    return toX;
  }
}
