/** Grids of latents, each with a margin of zeros, so that every neighbour exists. */

import { MARGIN } from "../neighbourhood.js";

/**
 * @typedef {Object} Grid
 * @property {number} pyramid
 * @property {number} level
 * @property {number} height
 * @property {number} width
 * @property {number} stride of a row
 * @property {number} origin index of the first latent
 * @property {Int16Array} values
 */

/**
 * Return a grid of zeros.
 *
 * @param {number} pyramid
 * @param {number} level
 * @param {[number, number]} size height and width
 * @returns {Grid}
 */
export function emptyGrid(pyramid, level, [height, width]) {
  const stride = width + 2 * MARGIN;
  const values = new Int16Array((height + 2 * MARGIN) * stride);
  return { pyramid, level, height, width, stride, origin: MARGIN * (stride + 1), values };
}

/**
 * Return a grid with the numbers of a plain file.
 *
 * @param {number} pyramid
 * @param {number} level
 * @param {[number, number]} size height and width
 * @param {Float64Array} latents integers, row by row
 * @returns {Grid}
 */
export function gridOf(pyramid, level, size, latents) {
  const grid = emptyGrid(pyramid, level, size);
  for (let y = 0; y < grid.height; y += 1) {
    const row = latents.subarray(y * grid.width, (y + 1) * grid.width);
    grid.values.set(row, grid.origin + y * grid.stride);
  }
  return grid;
}
