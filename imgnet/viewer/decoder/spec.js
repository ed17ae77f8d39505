/** Shape of a network: its family and sizes, and the names and shapes of its parameters. */

import { latentsName, networkShapes } from "./shapes.js";

export const FAMILIES = ["grid", "gated", "mlp"];

/** @typedef {import("./shapes.js").Shapes} Shapes */

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
   * List the grids that the coarse features of a level come from, in the order of the file.
   *
   * @param {number} level
   * @returns {[number, number][]}
   */
  coarserGrids(level) {
    return this.grids().filter((grid) => grid[1] > level);
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
    const shapes = networkShapes(this);
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
    return networkShapes(this);
  }
}
