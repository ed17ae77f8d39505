/**
 * Layers of a fit, forward and backward, on chunks of pixels.
 *
 * A layer knows the places of its parameters, of their gradients and of its activations.
 * `forward` takes the place of its input (units, pixels) and returns that of its output. After it,
 * `backward` takes the place of the gradient of the output, adds to the gradients of the
 * parameters, and returns the place of the gradient of the input.
 */

/** @typedef {import("../kernels/plain.js").Kernels} Kernels */
/** @typedef {import("./layout.js").Layout} Layout */
/** @typedef {import("./parameters.js").Parameters} Parameters */

/**
 * @typedef {Object} Layer
 * @property {() => Gate[]} gates in the order of the computation
 * @property {(kernels: Kernels) => void} refresh called when parameters have changed
 * @property {(kernels: Kernels, x: number, pixels: number) => number} forward
 * @property {(kernels: Kernels, gradient: number, pixels: number) => number} backward
 */

/** weight x + bias. */
export class Affine {
  /**
   * @param {Layout} layout
   * @param {Parameters} parameters
   * @param {string} name
   * @param {number} capacity most pixels of a chunk
   */
  constructor(layout, parameters, name, capacity) {
    const weight = parameters.of(`${name}.weight`);
    const bias = parameters.of(`${name}.bias`);
    this.rows = weight.shape[0];
    this.inputs = weight.shape[1];
    this.weight = weight;
    this.bias = bias;
    this.transposed = layout.reserve(this.rows * this.inputs);
    this.out = layout.reserve(this.rows * capacity);
    this.toX = layout.reserve(this.inputs * capacity);
    this.x = 0;
  }

  /** @type {Layer["gates"]} */
  gates() {
    return [];
  }

  /** @type {Layer["refresh"]} */
  refresh(kernels) {
    const { weight, transposed, rows, inputs } = this;
    kernels.transpose(weight.at, inputs, rows, inputs, transposed);
  }

  /** @type {Layer["forward"]} */
  forward(kernels, x, pixels) {
    const { out, rows, inputs } = this;
    this.x = x;
    kernels.fillRows(this.bias.at, rows, pixels, out);
    kernels.product(this.transposed, rows, rows, inputs, x, out, pixels);
    return out;
  }

  /** @type {Layer["backward"]} */
  backward(kernels, gradient, pixels) {
    const { x, toX, rows, inputs } = this;
    kernels.outer(gradient, rows, x, inputs, this.weight.gradient, inputs, pixels);
    kernels.rowSums(gradient, rows, pixels, this.bias.gradient);
    kernels.clear(toX, inputs * pixels);
    kernels.product(this.weight.at, inputs, inputs, rows, gradient, toX, pixels);
    return toX;
  }
}

/** LeakyReLU, in place. */
export class Leaky {
  /** @param {number} units */
  constructor(units) {
    this.units = units;
    this.out = 0;
  }

  /** @type {Layer["gates"]} */
  gates() {
    return [];
  }

  /** @type {Layer["refresh"]} */
  refresh() {}

  /** @type {Layer["forward"]} */
  forward(kernels, x, pixels) {
    this.out = x;
    kernels.leaky(x, this.units * pixels);
    return x;
  }

  /** @type {Layer["backward"]} */
  backward(kernels, gradient, pixels) {
    kernels.leakyBack(this.out, gradient, this.units * pixels);
    return gradient;
  }
}

/** The gate gelu(tanh(q k) v + shift) of q, k and v one behind the other. */
export class Gate {
  /**
   * @param {Layout} layout
   * @param {Parameters} parameters
   * @param {string} name of the gated layer
   * @param {number} capacity
   */
  constructor(layout, parameters, name, capacity) {
    const shift = parameters.of(`${name}.shift`);
    this.name = name;
    this.shift = shift;
    this.units = shift.size;
    this.kept = layout.reserve(3 * this.units * capacity);
    this.out = layout.reserve(this.units * capacity);
    this.toStacked = layout.reserve(3 * this.units * capacity);
    this.stacked = 0;
    this.pixels = 0;
  }

  /** @type {Layer["gates"]} */
  gates() {
    return [this];
  }

  /** @type {Layer["refresh"]} */
  refresh() {}

  /** @type {Layer["forward"]} */
  forward(kernels, stacked, pixels) {
    this.stacked = stacked;
    this.pixels = pixels;
    kernels.gate(stacked, this.shift.at, this.units, pixels, this.kept, this.out);
    return this.out;
  }

  /** @type {Layer["backward"]} */
  backward(kernels, gradient, pixels) {
    const { stacked, kept, units, toStacked } = this;
    kernels.gateBack(stacked, kept, units, pixels, gradient, toStacked);
    kernels.rowSums(gradient, units, pixels, this.shift.gradient);
    return toStacked;
  }
}

/** Layers one behind the other. */
export class Chain {
  /** @param {Layer[]} layers */
  constructor(layers) {
    this.layers = layers;
  }

  /** @type {Layer["gates"]} */
  gates() {
    return this.layers.flatMap((layer) => layer.gates());
  }

  /** @type {Layer["refresh"]} */
  refresh(kernels) {
    this.layers.forEach((layer) => layer.refresh(kernels));
  }

  /** @type {Layer["forward"]} */
  forward(kernels, x, pixels) {
    return this.layers.reduce((at, layer) => layer.forward(kernels, at, pixels), x);
  }

  /** @type {Layer["backward"]} */
  backward(kernels, gradient, pixels) {
    return this.layers.reduceRight((at, layer) => layer.backward(kernels, at, pixels), gradient);
  }
}

/** The residual block x + alpha f(x). */
export class ReZero {
  /**
   * @param {Layout} layout
   * @param {Parameters} parameters
   * @param {string} name
   * @param {Chain} inner f
   * @param {number} units
   * @param {number} capacity
   */
  constructor(layout, parameters, name, inner, units, capacity) {
    this.alpha = parameters.of(`${name}.alpha`);
    this.inner = inner;
    this.units = units;
    this.out = layout.reserve(units * capacity);
    this.toInner = layout.reserve(units * capacity);
    this.residual = 0;
  }

  /** @type {Layer["gates"]} */
  gates() {
    return this.inner.gates();
  }

  /** @type {Layer["refresh"]} */
  refresh(kernels) {
    this.inner.refresh(kernels);
  }

  /** @type {Layer["forward"]} */
  forward(kernels, x, pixels) {
    const count = this.units * pixels;
    this.residual = this.inner.forward(kernels, x, pixels);
    kernels.copy(x, this.out, count);
    kernels.addTimes(this.residual, this.alpha.at, this.out, count);
    return this.out;
  }

  /** @type {Layer["backward"]} */
  backward(kernels, gradient, pixels) {
    const count = this.units * pixels;
    kernels.addDot(gradient, this.residual, count, this.alpha.gradient);
    kernels.clear(this.toInner, count);
    kernels.addTimes(gradient, this.alpha.at, this.toInner, count);
    const toX = this.inner.backward(kernels, this.toInner, pixels);
    kernels.add(gradient, toX, count);
    return toX;
  }
}

/**
 * Return a gated layer.
 *
 * @param {Layout} layout
 * @param {Parameters} parameters
 * @param {string} name
 * @param {number} capacity
 * @returns {Chain}
 */
export function gatedLayer(layout, parameters, name, capacity) {
  return new Chain([
    new Affine(layout, parameters, name, capacity),
    new Gate(layout, parameters, name, capacity),
  ]);
}
