/** Neighbourhood of a latent: the inputs of the context model, in the order of its weights. */

/** @typedef {[number, number]} Offset (dy, dx), in latents of the grid that the neighbour is in */

/** @type {Offset[]} In the latent's own grid: with t = x + 2 y, all lie on an earlier t. */
export const CAUSAL = [
  ...offsets(0, -3, 0),
  ...offsets(-1, -3, 2),
  ...offsets(-2, -2, 3),
  ...offsets(-3, 0, 1),
];
/** @type {Offset[]} In the next coarser grid, around the parent of the latent. */
export const PARENTS = [-1, 0, 1].flatMap((dy) => offsets(dy, -1, 2));
export const NUM_NEIGHBOURS = CAUSAL.length + PARENTS.length;
export const NUM_INPUTS = NUM_NEIGHBOURS + 2; // level, and whether the pyramid is not the first
export const MARGIN = 3; // zeros around a grid, so that every neighbour exists

/**
 * @param {number} dy
 * @param {number} first
 * @param {number} stop
 * @returns {Offset[]}
 */
function offsets(dy, first, stop) {
  return Array.from({ length: stop - first }, (_, i) => [dy, first + i]);
}
