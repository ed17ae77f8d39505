/** Fourier features of positions on an axis. */

import { rint } from "../entropy/fixed_point.js";
import { MLP_FREQUENCIES, numFrequencies } from "../shapes.js";

/**
 * Count the features of a position.
 *
 * @param {string} family
 * @param {number} length of the axis
 * @returns {number}
 */
export function numFeatures(family, length) {
  return family === "gated" ? numFrequencies(length) : 2 * MLP_FREQUENCIES;
}

/**
 * Return a feature of a position.
 *
 * @param {string} family
 * @param {number} i its index
 * @param {number} position in pixels
 * @param {number} length of the axis
 * @returns {number}
 */
export function featureOf(family, i, position, length) {
  return family === "gated" ? gatedFeature(i, position) : mlpFeature(i, position, length);
}

/**
 * @param {number} i
 * @param {number} position
 * @returns {number}
 */
function gatedFeature(i, position) {
  return Math.sin(position * 2 ** (1 - i));
}

/**
 * @param {number} i
 * @param {number} position
 * @param {number} length
 * @returns {number}
 */
function mlpFeature(i, position, length) {
  const octave = 2 ** ((i % MLP_FREQUENCIES) + 1) * (Math.PI / length);
  const alias = octave - 2 * Math.PI * rint(octave / (2 * Math.PI));
  return Math.sin(alias * position + (i < MLP_FREQUENCIES ? 0 : Math.PI / 2));
}
