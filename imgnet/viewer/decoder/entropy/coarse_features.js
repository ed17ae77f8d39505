/** Coarse features of latents: linear maps of all coarser grids at their place. */

import { accumulate, clamp, fours, transposed } from "./fixed_point.js";
import { coarseName } from "../shapes.js";

/** @typedef {import("./fixed_point.js").Weights} Weights */
/** @typedef {import("../grids/grids.js").Grid} Grid */

const LARGEST_COARSE = 2 ** 23; // in units of 2**-8

/** The coarse features of the latents of a grid. */
export class CoarseMap {
  /**
   * @param {Float64Array} matrix (features, grids)
   * @param {Grid} grid
   * @param {Grid[]} sources
   */
  constructor(matrix, grid, sources) {
    this._count = matrix.length / sources.length;
    this._rows = fours(this._count);
    this._weights = transposed(matrix, sources.length, this._rows, 2 ** -7);
    this._sources = sources;
    this._shifts = sources.map(({ level }) => level - grid.level - 1); // from the parent
    this._values = new Float64Array(sources.length);
    this._columns = new Int32Array(sources.length);
    this._zeros = new Float64Array(this._rows);
    this._features = new Float64Array(this._rows);
  }

  /**
   * Return the features at a parent, in units of 1/256.
   *
   * @param {number} y
   * @param {number} x
   * @returns {Float64Array}
   */
  featuresAt(y, x) {
    const { _values: values, _columns: columns, _features: features, _rows: rows } = this;
    let count = 0;
    for (let i = 0; i < this._sources.length; i += 1) {
      const source = this._sources[i];
      const shift = this._shifts[i];
      const latent = source.values[source.origin + (y >> shift) * source.stride + (x >> shift)];
      if (latent !== 0) {
        values[count] = latent;
        columns[count] = i * rows;
        count += 1;
      }
    }
    accumulate(this._zeros, 0, values, columns, count, this._weights, rows, features, 0);
    for (let i = 0; i < rows; i += 1) {
      features[i] = clamp(Math.floor(features[i]), -LARGEST_COARSE, LARGEST_COARSE);
    }
    return features.subarray(0, this._count);
  }
}

/**
 * Return the coarse features of a grid.
 *
 * @param {Weights} weights
 * @param {Grid} grid
 * @param {Grid[]} earlier
 * @returns {CoarseMap | null} null if the grid has no coarse features
 */
export function coarseMap(weights, grid, earlier) {
  const matrix = weights.get(coarseName(grid.pyramid, grid.level));
  const coarser = earlier.filter(({ level }) => level > grid.level);
  return matrix ? new CoarseMap(matrix, grid, coarser) : null;
}
