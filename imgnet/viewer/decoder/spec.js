/** Shape of a network: its family and sizes, and the names and shapes of its parameters. */

import { NUM_INPUTS } from "./neighbourhood.js";

export const FAMILIES = ["grid", "gated", "mlp"];
export const MLP_FREQUENCIES = 16;

/** @typedef {Map<string, number[]>} Shapes by the name of a tensor, in the order of the file */

/**
 * @typedef {Object} Sizes
 * @property {string} family "grid", "gated" or "mlp"
 * @property {number} width
 * @property {number} height
 * @property {number} dimAxis
 * @property {number} dimHidden
 * @property {number} numLayers
 * @property {number} dimOut channels, 1..4
 * @property {number} numLevels
 * @property {number} finest finest level of the first pyramid
 * @property {number} chromaLevel finest level of the others
 * @property {number} dimContext
 * @property {number} dimCoarse
 * @property {string} prior name of the prior; "" for none
 * @property {number} lmbdaIndex index of its network
 */

/** @type {Record<string, Partial<Record<keyof Sizes, [number, number]>>>} least and most */
export const RANGES = {
  grid: {
    dimAxis: [0, 0],
    dimHidden: [1, 256],
    numLayers: [0, 64],
    numLevels: [1, 12],
    finest: [0, 11],
    chromaLevel: [0, 11],
    dimContext: [1, 256],
    dimCoarse: [0, 32],
  },
  gated: { dimAxis: [1, 4096], dimHidden: [1, 4096], numLayers: [0, 64] },
  mlp: { dimAxis: [0, 0], dimHidden: [1, 4096], numLayers: [1, 64] },
};

/** The shape of one network. */
export class Spec {
  /** @param {Sizes} sizes */
  constructor(sizes) {
    this.family = sizes.family;
    this.width = sizes.width;
    this.height = sizes.height;
    this.dimAxis = sizes.dimAxis;
    this.dimHidden = sizes.dimHidden;
    this.numLayers = sizes.numLayers;
    this.dimOut = sizes.dimOut;
    this.numLevels = sizes.numLevels;
    this.finest = sizes.finest;
    this.chromaLevel = sizes.chromaLevel;
    this.dimContext = sizes.dimContext;
    this.dimCoarse = sizes.dimCoarse;
    this.prior = sizes.prior;
    this.lmbdaIndex = sizes.lmbdaIndex;
  }

  /**
   * List the levels that have grids, coarsest first.
   *
   * @returns {number[]}
   */
  levels() {
    const count = this.numLevels - this.finest;
    return Array.from({ length: count }, (_, i) => this.numLevels - 1 - i);
  }

  /**
   * Count the pyramids that have a grid on one of `levels`.
   *
   * @param {number} level
   * @returns {number}
   */
  numPyramids(level) {
    return level >= this.chromaLevel ? this.dimOut : 1;
  }

  /**
   * List the latent grids as [pyramid, level], in the order of the file: coarsest first.
   *
   * @returns {[number, number][]}
   */
  grids() {
    /** @type {[number, number][]} */
    const grids = [];
    for (const level of this.levels()) {
      for (let pyramid = 0; pyramid < this.numPyramids(level); pyramid += 1) {
        grids.push([pyramid, level]);
      }
    }
    return grids;
  }

  /**
   * Return [height, width] of a level.
   *
   * @param {number} level
   * @returns {[number, number]}
   */
  gridSize(level) {
    const side = 2 ** level;
    return [Math.ceil(this.height / side), Math.ceil(this.width / side)];
  }

  /**
   * Count the features of a pixel in `grid`.
   *
   * @returns {number}
   */
  get numFeatures() {
    return this.numLevels - this.finest + this.dimOut - 1;
  }

  /**
   * Map the name of each tensor to its shape; `grid` also has its latents.
   *
   * @returns {Shapes}
   */
  shapes() {
    const shapes = this.networkShapes();
    for (const [pyramid, level] of this.family === "grid" ? this.grids() : []) {
      shapes.set(latentsName(pyramid, level), this.gridSize(level));
    }
    return shapes;
  }

  /**
   * Map the name of each tensor except latent grids to its shape.
   *
   * @returns {Shapes}
   */
  networkShapes() {
    return new Map(NETWORK_SHAPES[this.family](this));
  }
}

/**
 * Count the octaves of the Fourier features of `gated` on an axis.
 *
 * @param {number} length in pixels
 * @returns {number}
 */
export function numFrequencies(length) {
  return 33 - Math.clz32(length);
}

/**
 * @param {number} pyramid
 * @param {number} level
 * @returns {string}
 */
export function latentsName(pyramid, level) {
  return `latents.${pyramid}.${level}`;
}

/**
 * @param {number} pyramid
 * @param {number} level
 * @returns {string}
 */
export function coarseName(pyramid, level) {
  return `context.coarse.${pyramid}.${level}`;
}

/**
 * @param {number[]} shape
 * @returns {number}
 */
export function sizeOf(shape) {
  return shape.reduce((product, side) => product * side, 1);
}

/** @typedef {[string, number[]][]} Named */

/**
 * @param {Spec} spec
 * @returns {Named}
 */
function gridShapes(spec) {
  const { dimHidden, dimOut, numFeatures } = spec;
  return [
    .../** @type {Named} */ (
      Array.from({ length: spec.numLevels - 1 }, (_, level) => [`upsample.${level}`, [4]])
    ),
    ["hidden.weight", [dimHidden, numFeatures]],
    ["hidden.bias", [dimHidden]],
    ["output.weight", [dimOut, dimHidden]],
    ["linear.weight", [dimOut, numFeatures]],
    ["linear.bias", [dimOut]],
    ...repeated(spec.numLayers, (i) => [
      [`residuals.${i}.weight`, [dimOut, 9 * dimOut]],
      [`residuals.${i}.bias`, [dimOut]],
      [`residuals.${i}.alpha`, [dimOut]],
    ]),
    ...contextShapes(spec),
  ];
}

/**
 * @param {Spec} spec
 * @returns {Named}
 */
function contextShapes(spec) {
  const { dimContext, dimCoarse } = spec;
  const grids = spec.grids();
  /** @type {Named} */
  const coarse = grids
    .filter(([, level]) => dimCoarse && level < spec.numLevels - 1)
    .sort((one, other) => one[0] - other[0] || other[1] - one[1])
    .map(([pyramid, level]) => [
      coarseName(pyramid, level),
      [dimCoarse, grids.filter((grid) => grid[1] > level).length],
    ]);
  return [
    ["context.first.weight", [dimContext + 2, NUM_INPUTS + dimCoarse]],
    ["context.first.bias", [dimContext]],
    ["context.second.weight", [dimContext, dimContext]],
    ["context.second.bias", [dimContext]],
    ["context.last.weight", [2, dimContext]],
    ["context.last.bias", [grids.length, 2]],
    ...coarse,
  ];
}

/**
 * @param {Spec} spec
 * @returns {Named}
 */
function gatedShapes(spec) {
  const { dimAxis, dimHidden } = spec;
  return [
    ...gatedLayer("axis_x", numFrequencies(spec.width), dimAxis),
    ...gatedLayer("axis_y", numFrequencies(spec.height), dimAxis),
    ...gatedLayer("joint", 2 * dimAxis, dimHidden),
    ...repeated(spec.numLayers, (i) => [
      ...gatedLayer(`blocks.${i}.0`, dimHidden, dimHidden),
      ...gatedLayer(`blocks.${i}.1`, dimHidden, dimHidden),
      [`blocks.${i}.alpha`, [1]],
    ]),
    ...outputLayer(spec),
  ];
}

/**
 * @param {Spec} spec
 * @returns {Named}
 */
function mlpShapes(spec) {
  const { dimHidden } = spec;
  return [
    ...repeated(spec.numLayers, (i) => [
      [`layers.${i}.weight`, [dimHidden, i ? dimHidden : 4 * MLP_FREQUENCIES]],
      [`layers.${i}.bias`, [dimHidden]],
    ]),
    ...outputLayer(spec),
  ];
}

/**
 * Return the tensors of a gated layer; rows 0..d of its matrix are Q, then follow K and V.
 *
 * @param {string} name
 * @param {number} dimIn
 * @param {number} dimOut
 * @returns {Named}
 */
function gatedLayer(name, dimIn, dimOut) {
  return [
    [`${name}.weight`, [3 * dimOut, dimIn]],
    [`${name}.bias`, [3 * dimOut]],
    [`${name}.shift`, [dimOut]],
  ];
}

/**
 * @param {Spec} spec
 * @returns {Named}
 */
function outputLayer(spec) {
  return [
    ["output.weight", [spec.dimOut, spec.dimHidden]],
    ["output.bias", [spec.dimOut]],
  ];
}

/**
 * @param {number} count
 * @param {(i: number) => Named} shapesOf
 * @returns {Named}
 */
function repeated(count, shapesOf) {
  return Array.from({ length: count }, (_, i) => shapesOf(i)).flat();
}

/** @type {Record<string, (spec: Spec) => Named>} */
const NETWORK_SHAPES = { grid: gridShapes, gated: gatedShapes, mlp: mlpShapes };
