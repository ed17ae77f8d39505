/** Grids that were read before, some of them left out: a picture without some of its parts. */

/** @typedef {import("../entropy/fixed_point.js").Weights} Weights */
/** @typedef {import("./grids.js").Grid} Grid */

/**
 * What a file of `grid` draws from.
 *
 * @typedef {Object} Network
 * @property {Weights} weights in fixed point
 * @property {Grid[]} grids all, in the order of the file
 */

/**
 * Parts that are left out.
 *
 * @typedef {Object} Omitted
 * @property {number[]} levels whose latents are 0
 * @property {boolean} colour whether the latents of all pyramids but the first are 0
 * @property {boolean} residuals whether the 3x3 layers change nothing
 */

/** The counterpart of a `GridStream`. */
export class KeptGrids {
  /**
   * @param {Network} network
   * @param {Omitted} omitted
   */
  constructor({ weights, grids }, omitted) {
    this.weights = omitted.residuals ? withoutResiduals(weights) : weights;
    this.grids = grids.filter(
      ({ level, pyramid }) => !omitted.levels.includes(level) && !(omitted.colour && pyramid),
    );
    this.bits = new Map(); // nothing is read
    this.pixelsCrc = null; // it is another picture
  }

  /**
   * Return the grids of a level that are left.
   *
   * @param {number} level
   * @returns {Grid[]}
   */
  readLevel(level) {
    return this.grids.filter((grid) => grid.level === level);
  }

  /** Check nothing: no stream goes on. */
  finish() {}
}

/**
 * Return weights whose ReZero layers add nothing.
 *
 * @param {Weights} weights
 * @returns {Weights}
 */
function withoutResiduals(weights) {
  const isResidual = (/** @type {string} */ name) => /^residuals\.\d+\.alpha$/.test(name);
  return new Map(
    [...weights].map(([name, values]) => [name, isResidual(name) ? values.map(() => 0) : values]),
  );
}
