/** Lattices of pixels: all crossings of evenly spaced columns and rows. */

/**
 * Evenly spaced positions on an axis.
 *
 * @typedef {Object} Comb
 * @property {number} start
 * @property {number} stride
 * @property {number} count
 */

/** @typedef {{x: Comb, y: Comb}} Lattice */

const LANES = 8; // kernels take so many pixels at a time

/**
 * Return the comb of the positions start, start + stride, ... below a length.
 *
 * @param {number} start
 * @param {number} stride
 * @param {number} length
 * @returns {Comb}
 */
export function comb(start, stride, length) {
  return { start, stride, count: Math.ceil((length - start) / stride) };
}

/**
 * Return the lattice of all pixels.
 *
 * @param {number} width
 * @param {number} height
 * @returns {Lattice}
 */
export function everyPixel(width, height) {
  return { x: comb(0, 1, width), y: comb(0, 1, height) };
}

/**
 * Cut a lattice into bands of rows, nearly equally high.
 *
 * @param {Lattice} lattice
 * @param {number} parts
 * @returns {Lattice[]} at most so many; none is empty
 */
export function bands({ x, y }, parts) {
  const edges = Array.from({ length: parts + 1 }, (_, i) => Math.round((y.count * i) / parts));
  return edges
    .slice(1)
    .map((end, i) => ({
      x,
      y: { start: y.start + edges[i] * y.stride, stride: y.stride, count: end - edges[i] },
    }))
    .filter((band) => band.y.count > 0);
}

/**
 * @param {number} count
 * @returns {number} the next count that kernels take
 */
export function paddedCount(count) {
  return LANES * Math.ceil(count / LANES);
}
